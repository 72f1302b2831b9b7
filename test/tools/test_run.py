"""tools/run, from its flags to its table."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

from conftest import BUILD, FILES, ROOT, SMALL, finished, wait_until

RUN = ROOT / "tools/run"

needs_its_build = pytest.mark.skipif(
    BUILD != ROOT / "build/release", reason="tools/run uses build/release, which is not tested here"
)


def run(*flags):
    return finished(RUN, *flags)


@needs_its_build
def test_ends_with_the_table_and_the_paths_of_the_json_and_of_the_report(scratch):
    out = scratch / "made/run.json"
    done = run(
        *SMALL, f"--data_dir={scratch / 'data'}", f"--benchmark_out={out}",
        "--benchmark_repetitions=2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert f"of {FILES} files" in lines[0]
    assert [line.split()[:2] for line in lines[5:15]] == [
        [executor, source]
        for executor in ("seq", "threads", "async", "async_seq")
        for source in (["mmap", "mmap,", "read"] if "async" in executor else ["mmap", "read"])
    ]
    assert "stall  blocked" in done.stdout
    assert "Serialisation index" in done.stdout
    assert lines[-2:] == [f"Every repetition: {out}", f"Report: {out.with_suffix('.html')}"]
    assert len(json.loads(out.read_text())["benchmarks"]) > 32
    assert sorted(path.name for path in out.parent.iterdir()) == ["run.html", "run.json"]
    assert "</html>" in out.with_suffix(".html").read_text()


@needs_its_build
def test_experiment_is_the_first_argument(scratch):
    out = scratch / "run.json"
    done = run(
        "remedies", *SMALL, f"--data_dir={scratch / 'data'}", f"--benchmark_out={out}",
        "--benchmark_repetitions=1", "--benchmark_filter=io:(mmap|mmap_pool)/",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line.split()[:2] for line in done.stdout.splitlines() if " mmap" in line[:16]]
    assert lines[:2] == [["async", "mmap"], ["threads", "mmap"]]
    assert sorted(lines[2:]) == [["async", "mmap,"], ["async", "mmap_pool"]]
    assert "No advice for this machine: it takes 5 repetitions" in " ".join(done.stdout.split())
    assert json.loads(out.read_text())["context"]["executable"].endswith("remedies_bench")
    listed = run("remedies", "--benchmark_list_tests").stdout
    assert listed == (ROOT / "test/bench/remedies_bench.rows").read_text()


@contextlib.contextmanager
def endless(scratch, data):
    """A run that has no end of its own, of repetitions in which a signal finds it, once it has its
    dataset."""
    process = subprocess.Popen(
        [RUN, *SMALL, f"--data_dir={data}", f"--benchmark_out={scratch / 'run.json'}",
         "--benchmark_filter=exec:seq/io:read/cache:warm", "--benchmark_repetitions=10000",
         "--slow_down=read:1000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    binary = None
    try:
        wait_until((data / "pagestall.manifest").exists, process)
        binary = int(children.read_text())
        yield process
    finally:
        process.kill()
        if binary is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(binary, signal.SIGKILL)
        process.communicate()


def twice(process, number):
    """As timeout(1) does, or the kernel and the shell when a terminal is closed."""
    os.kill(process, number)
    time.sleep(0.02)
    os.killpg(process, number)


def interrupted(scratch, number, send):
    """A run that was sent a signal when it had measured something: (code, stdout, stderr)."""
    for seconds in (0.2, 0.5, 1, 2, 5, 10, 20):
        data = scratch / f"data-{seconds}"
        with endless(scratch, data) as process:
            time.sleep(seconds)
            send(process.pid, number)
            stdout, stderr = process.communicate(timeout=120)  # when the binary has ended as well
        shutil.rmtree(data)
        if not re.search("interrupted: [01] of", stderr):
            return process.returncode, stdout, stderr
    raise AssertionError(stderr)


@needs_its_build
@pytest.mark.parametrize(
    ("number", "send"),
    [(signal.SIGINT, os.killpg), (signal.SIGTERM, os.kill), (signal.SIGTERM, twice),
     (signal.SIGHUP, twice), (signal.SIGQUIT, os.killpg)],
    ids=["Ctrl-C", "kill", "timeout", "closed terminal", "Ctrl-\\"],
)  # fmt: skip
def test_what_was_measured_before_a_signal_is_shown(scratch, number, send):
    code, stdout, stderr = interrupted(scratch, number, send)
    dies = 128 + number if number == signal.SIGQUIT else -number
    assert code == dies, "who has started it is to know"
    ran = int(re.search(r"^interrupted: (\d+) of 10000 repetitions were run$", stderr, re.M)[1])
    out = scratch / "run.json"
    assert stdout.splitlines()[-2:] == [
        f"Every repetition: {out}", f"Report: {out.with_suffix('.html')}"
    ]  # fmt: skip
    runs = json.loads(out.read_text())["benchmarks"]
    assert len([run for run in runs if run["run_type"] == "iteration"]) == ran
    assert sorted(path.name for path in scratch.iterdir()) == ["run.html", "run.json"]


@needs_its_build
def test_suspended_run_measures_nothing(scratch):
    def states():
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        return {
            pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            for pid in [process.pid, *children.split()]
        }

    with endless(scratch, scratch / "data") as process:
        process.send_signal(signal.SIGTSTP)
        wait_until(lambda: states() == {"T"}, process)
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: "T" not in states(), process)
        process.terminate()
        process.communicate(timeout=120)
    assert process.returncode == -signal.SIGTERM


@needs_its_build
def test_binary_ends_with_a_run_that_is_killed(scratch):
    with endless(scratch, scratch / "data") as process:
        process.kill()
        _, stderr = process.communicate(timeout=120)
    assert "interrupted: " in stderr


def test_unknown_experiment_is_refused_before_anything_is_installed():
    done = run("remedy", "--files=1")
    assert done.returncode == 1
    assert done.stderr == "tools/run: remedy: no such experiment; there are: article remedies\n"
    assert done.stdout == ""


@needs_its_build
def test_refused_flag_leaves_nothing_behind(scratch):
    done = run("--files=0", f"--benchmark_out={scratch / 'run.json'}")
    assert done.returncode == 1
    assert done.stderr == "--files=0: must be from 1 to 4096\n"
    assert done.stdout == ""
    assert not list(scratch.iterdir())


@needs_its_build
@pytest.mark.parametrize("flag", ["--benchmark_out=", "--benchmark_out_format=csv"])
def test_output_without_a_table_is_refused(scratch, flag):
    done = run(*SMALL, f"--data_dir={scratch / 'data'}", flag)
    assert done.returncode == 1
    assert flag in done.stderr
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("command", [["run", "--files=0"], ["filesystems", "--", "--files=0"]])
@pytest.mark.parametrize(
    ("make", "slash", "why"),
    [
        (os.mkfifo, "", "is not a regular file, and would be replaced by one; name another"),
        (lambda path: path.symlink_to("/dev/null"), "",
         "is not a regular file, and would be replaced by one; name another"),
        (os.mkdir, "", "is a directory; name a file in it"),
        (lambda path: path.symlink_to("/"), "", "is a directory; name a file in it"),
        (lambda path: None, "/", "is a directory; name a file in it"),
    ],
    ids=["pipe", "link to a device", "directory", "link to a directory", "directory to be"],
)  # fmt: skip
def test_what_is_no_file_is_refused_before_anything_is_installed(
    scratch, command, make, slash, why
):
    out = scratch / "out"
    make(out)
    before = [unchanging(path) for path in scratch.iterdir()]
    tool, *flags = command
    done = finished(ROOT / "tools" / tool, *flags, f"--benchmark_out={out}{slash}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"tools/{tool}: write '{out}{slash}': {why}\n"
    assert [unchanging(path) for path in scratch.iterdir()] == before


def unchanging(path):
    """What writing a file or making it anew changes, and looking at it does not, as it does the
    time of the last access."""
    status = path.lstat()
    return path, status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns


@needs_its_build
def test_link_stays_and_its_file_is_replaced(scratch):
    link, there = scratch / "link.json", scratch / "there/run.json"
    link.symlink_to("there/run.json")
    for _ in ("made", "replaced"):
        done = run(
            *SMALL, f"--data_dir={scratch / 'data'}", f"--benchmark_out={link}",
            "--benchmark_repetitions=1", "--benchmark_filter=exec:seq/io:read/cache:warm",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-2:] == [
            f"Every repetition: {link}", f"Report: {link.with_suffix('.html')}"
        ]  # fmt: skip
        assert link.is_symlink()
        assert json.loads(there.read_text())["benchmarks"]
        assert [path.name for path in there.parent.iterdir()] == ["run.json"]
        there.write_text("")

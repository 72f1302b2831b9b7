"""tools/run, from its flags to its table."""

import json
import os
import signal
import subprocess
import time

import pytest

from conftest import BUILD, FILES, ROOT, SMALL, wait_until

RUN = ROOT / "tools/run"

needs_its_build = pytest.mark.skipif(
    BUILD != ROOT / "build/release", reason="tools/run uses build/release, which is not tested here"
)


def run(*flags):
    return subprocess.run([RUN, *flags], capture_output=True, text=True, check=False, timeout=300)


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


@needs_its_build
def test_ctrl_c_shows_what_was_measured(scratch):
    out = scratch / "run.json"
    process = subprocess.Popen(
        [RUN, *SMALL, f"--data_dir={scratch / 'data'}", f"--benchmark_out={out}",
         "--benchmark_filter=exec:seq/io:read/cache:warm", "--benchmark_repetitions=10000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        wait_until((scratch / "data/pagestall.manifest").exists, process)
        time.sleep(5)  # more than a repetition takes
        os.killpg(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 128 + signal.SIGINT
    assert "of 10000 repetitions were run" in stderr
    assert stdout.splitlines()[-2:] == [
        f"Every repetition: {out}", f"Report: {out.with_suffix('.html')}"
    ]  # fmt: skip


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
    before = [path.lstat() for path in scratch.iterdir()]
    tool, *flags = command
    done = subprocess.run(
        [ROOT / "tools" / tool, *flags, f"--benchmark_out={out}{slash}"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"tools/{tool}: write '{out}{slash}': {why}\n"
    assert [path.lstat() for path in scratch.iterdir()] == before


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


def test_help_works_before_anything_is_installed():
    done = run("--help")
    assert done.returncode == 0
    assert "--benchmark_repetitions=100" in done.stdout


@pytest.mark.parametrize("tool", ["test", "setup"])
def test_other_tools_explain_themselves(tool):
    done = subprocess.run(
        [ROOT / "tools" / tool, "--help"], capture_output=True, text=True, check=False
    )
    assert f"usage: tools/{tool}" in done.stdout + done.stderr

"""--row_timeout: storage that hangs ends a row with an error, and the process can be left."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

from conftest import Binary, slow_mount, wait_until

# What one of a process's threads does that waits for FUSE (proc_pid_wchan(5)).
WAITS = {"request_wait_answer", "folio_wait_bit_common", "fuse_wait_on_page_writeback"}

SHAPE = ["--files=2", "--file_mib=1"]


def errors(report):
    return {
        run["run_name"]: run["error_message"]
        for run in report["benchmarks"]
        if run.get("error_occurred")
    }


def waits_for_fuse(pid):
    for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # it has ended
            if (thread / "wchan").read_text() in WAITS:
                return True
    return False


@contextlib.contextmanager
def hanging_at(scratch, offset):
    """A dataset in whose second file a page is never served."""
    data, mounted = scratch / "data", scratch / "mounted"
    made = Binary("article_bench", scratch, [f"--data_dir={data}", *SHAPE])
    assert made.run("--benchmark_filter=exec:seq/io:read/cache:cold").returncode == 0
    with slow_mount(data, mounted, f"--hang_at=pagestall-1.bin:{offset}"):
        yield Binary("article_bench", scratch, [f"--data_dir={mounted}", *SHAPE])


@pytest.fixture
def hanging(scratch):
    """Where opening does not look."""
    with hanging_at(scratch, 36864) as binary:
        yield binary


def gives_up(seconds, phase):
    return (
        f"--row_timeout: not over after {seconds} s, still {phase}; the storage may never answer"
    )


def run_hanging(phase, hanging, *flags):
    """Runs rows with a limit that lets the first get to that phase: (process, its runs)."""
    for seconds in (2, 10, 50):
        done = hanging.run(f"--row_timeout={seconds}", "--benchmark_format=json", *flags)
        if done.stderr == gives_up(seconds, "preparing") + "\n":
            continue
        runs = json.loads(done.stdout)["benchmarks"]
        said = runs[0]["error_message"]
        if said == gives_up(seconds, phase):
            return done, runs
        assert said == gives_up(seconds, "setting up")
    raise AssertionError(said)


@pytest.mark.parametrize("row", ["exec:threads/io:read", "exec:async/io:read"])
def test_row_that_hangs_fails_and_what_follows_is_not_run(hanging, row):
    done, runs = run_hanging(
        "in its window", hanging,
        f"--benchmark_filter={row}/cache:cold|exec:async_seq/io:read/cache:cold",
        "--benchmark_enable_random_interleaving=false", "--benchmark_repetitions=2",
    )  # fmt: skip
    assert done.returncode == 1
    name = runs[0]["run_name"].removesuffix("/iterations:1/real_time")
    assert [run["error_message"] for run in runs[1:]] == [f"not run: {name} hangs"] * 3


def test_row_that_hangs_before_its_window_fails(hanging):
    done, (_, second) = run_hanging(
        "setting up", hanging,
        "--benchmark_filter=exec:seq/io:read/cache:warm", "--benchmark_repetitions=2",
    )  # fmt: skip
    assert done.returncode == 1
    assert second["error_message"].startswith("not run: ")


def test_dataset_that_hangs_where_it_is_opened_is_a_line(scratch):
    with hanging_at(scratch, 0) as binary:
        done = binary.run("--row_timeout=1", f"--benchmark_out={scratch / 'run.json'}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == gives_up(1, "preparing") + "\n"
    assert not (scratch / "run.json").exists()


def test_storage_that_answers_nothing_is_a_line(scratch):
    data, mounted = scratch / "data", scratch / "mounted"
    data.mkdir()
    (data / "one").write_text("1")
    with slow_mount(data, mounted) as server:
        server.send_signal(signal.SIGSTOP)
        try:
            binary = Binary("article_bench", scratch, [f"--data_dir={mounted}", *SHAPE])
            done = binary.run("--row_timeout=1")
        finally:
            server.send_signal(signal.SIGCONT)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == gives_up(1, "preparing") + "\n"


def interrupt_what_waits(binary, out, seconds):
    """Ends a run by SIGTERM when it has waited for the same answer for so long."""
    with subprocess.Popen(
        [binary.path, *binary.flags, f"--row_timeout={4 + 2 * int(seconds)}",
         "--benchmark_repetitions=3", "--benchmark_filter=exec:seq/io:read/cache:cold",
         f"--benchmark_out={out}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        since = time.monotonic()

        def has_waited():
            nonlocal since
            if not waits_for_fuse(process.pid):
                since = time.monotonic()
            return time.monotonic() > since + seconds

        wait_until(has_waited, process)
        process.send_signal(signal.SIGTERM)
        return process, process.communicate(timeout=120)[1]


def test_signal_while_a_row_hangs_is_what_ends_the_process(hanging, scratch):
    for seconds in (0.25, 1, 4, 16):
        process, stderr = interrupt_what_waits(hanging, scratch / "run.json", seconds)
        assert process.returncode == -signal.SIGTERM
        if "repetitions were run" in stderr:  # else it was still preparing
            break
    assert stderr.endswith("interrupted: 0 of 3 repetitions were run\n")
    (row,) = json.loads((scratch / "run.json").read_text())["benchmarks"]
    assert row["error_message"].startswith("--row_timeout: not over after ")


def test_read_ahead_is_put_back_though_a_row_hangs(hanging):
    if os.geteuid() != 0:
        pytest.skip("changing a read-ahead takes root")
    mounted = hanging.directory / "mounted"
    device = mounted.stat().st_dev
    setting = pathlib.Path(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb")
    before = setting.read_text()
    assert int(before) != 64
    run_hanging(
        "in its window", hanging,
        "--benchmark_filter=exec:seq/io:read/cache:cold", "--read_ahead_kib=64",
    )  # fmt: skip
    assert setting.read_text() == before


def test_row_that_ends_in_time_is_measured(article):
    done, report = article.run_to_json("--row_timeout=100", "--benchmark_filter=cache:warm")
    assert done.returncode == 0
    assert len(report["benchmarks"]) == 10 and not errors(report)


@pytest.mark.parametrize("seconds", ["-1", "x", "99999999999"])
def test_limit_that_is_no_number_of_seconds_is_refused(article, seconds):
    done = article.run(f"--row_timeout={seconds}")
    assert done.returncode == 1
    assert "row_timeout" in done.stderr and not list(article.directory.iterdir())

"""Signals: what was measured is kept, nothing half made is left or trusted."""

import itertools
import json
import os
import random
import re
import signal
import subprocess
import time

import pytest

from conftest import BUILD, SMALL, finished, wait_until

ONE_ROW = "--benchmark_filter=exec:seq/io:read/cache:warm"
FORMER = '{"former": 1}'
SAID = "interrupted: ends after what is under way; once more ends at once\n"
SHAPE = ["--files=2", "--file_mib=8"]
INTERRUPTING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGXCPU]


@pytest.fixture
def start(scratch):
    """Starts a binary, whose stderr goes to a file; kills it at the end."""
    started = []

    def run(*flags, binary="article_bench"):
        with open(scratch / "stderr", "w", encoding="utf-8") as stderr:
            process = subprocess.Popen(
                [BUILD / "bench" / binary, f"--data_dir={scratch / 'data'}",
                 f"--benchmark_out={scratch / 'run.json'}", *flags],
                stdout=subprocess.PIPE, stderr=stderr, text=True,
            )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def interrupted(start, scratch, number, *flags):
    """Interrupts a run when it has measured something: (code, stdout, stderr)."""
    for seconds in (0.2, 0.5, 1, 2, 5, 10, 20):
        process = start(*flags)
        wait_until((scratch / "data/pagestall.manifest").exists, process)
        time.sleep(seconds)
        process.send_signal(number)
        stdout, _ = process.communicate(timeout=120)
        stderr = (scratch / "stderr").read_text()
        ran = re.search(r"interrupted: (\d+) of", stderr)
        if ran and int(ran[1]) > 1:  # two, for a median
            return process.returncode, stdout, stderr
    raise AssertionError(stderr)


@pytest.mark.parametrize("number", INTERRUPTING)
def test_first_signal_reports_what_was_measured(start, scratch, number):
    code, stdout, stderr = interrupted(
        start, scratch, number, *SMALL, ONE_ROW, "--benchmark_repetitions=10000"
    )
    assert code == -number, "who has started it is to know"
    ran = int(re.fullmatch(
        rf"\n{SAID}interrupted: (\d+) of 10000 repetitions were run\n", stderr
    )[1])  # fmt: skip
    runs = json.loads((scratch / "run.json").read_text())["benchmarks"]
    raw = [run for run in runs if run["run_type"] == "iteration"]
    assert len(raw) == ran
    assert not any(run.get("error_occurred") for run in raw)
    assert {run["iterations"] for run in runs if run["run_type"] == "aggregate"} == {ran}
    assert "_median" in stdout
    assert sorted(path.name for path in scratch.iterdir()) == ["data", "run.json", "stderr"]


def test_row_that_was_not_run_says_so_once(start, scratch):
    """In order, nothing of the second row is run before the first has ended."""
    interrupted(
        start, scratch, signal.SIGINT, *SMALL, "--benchmark_filter=exec:seq/io:read",
        "--benchmark_repetitions=10000", "--benchmark_enable_random_interleaving=false",
    )  # fmt: skip
    runs = json.loads((scratch / "run.json").read_text())["benchmarks"]
    failed = [run for run in runs if run.get("error_occurred")]
    assert [(run["run_name"].split("/files:")[0], run["error_message"]) for run in failed] == [
        ("scan/exec:seq/io:read/cache:warm/buffer_kib:64", "not run: interrupted")
    ]


def test_second_signal_ends_at_once_and_keeps_the_former_report(start, scratch):
    (scratch / "run.json").write_text(FORMER)
    process = start(
        *SMALL, "--baseline_ms=600000", "--benchmark_filter=^stall_max/.*idle", binary="stall_bench"
    )
    wait_until((scratch / "data/pagestall.manifest").exists, process)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    wait_until(lambda: SAID in (scratch / "stderr").read_text(), process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == -signal.SIGINT
    assert (scratch / "run.json").read_text() == FORMER
    assert sorted(path.name for path in scratch.iterdir()) == ["data", "run.json", "stderr"]


def test_limit_of_cpu_time_is_met_once(start, scratch):
    """Of which the kernel tells again each second until the hard one."""
    process = start(
        *SMALL, "--baseline_ms=3000", "--benchmark_filter=^stall_max/.*idle", binary="stall_bench"
    )
    wait_until((scratch / "data/pagestall.manifest").exists, process)
    time.sleep(0.2)
    for _ in range(3):
        process.send_signal(signal.SIGXCPU)
        time.sleep(0.2)
    assert process.wait(timeout=60) == -signal.SIGXCPU
    assert (scratch / "stderr").read_text().count(SAID) == 1


def test_signal_that_was_ignored_stays_so(start, scratch):
    """As nohup(1) has it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = start(*SMALL, ONE_ROW, "--benchmark_repetitions=50")
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    wait_until((scratch / "data/pagestall.manifest").exists, process)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=120) == 0
    assert (scratch / "stderr").read_text() == ""


def is_creating(scratch, _):
    return any((scratch / "data").glob("*.bin.tmp"))


def is_mapping(_, process):
    """In the set-up or the window of a repetition."""
    with open(f"/proc/{process.pid}/maps", encoding="utf-8") as maps:
        return "/pagestall-0.bin" in maps.read()


def is_reporting(scratch, process):
    try:
        return (scratch / f"run.json.{process.pid}.part").stat().st_size > 0
    except FileNotFoundError:
        return False


def stop_when(condition, scratch, process):
    """Stops a process where the condition holds of it: whether it came to that."""
    while process.poll() is None:
        if condition(scratch, process):
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            if condition(scratch, process):
                return True
            process.send_signal(signal.SIGCONT)
    return False


@pytest.fixture
def start_rows(start, scratch):
    """Starts rows on a dataset of another seed each time, which has to be made."""
    seeds = itertools.count()

    def run():
        (scratch / "run.json").write_text(FORMER)
        return start(*SHAPE, f"--seed={next(seeds)}",
                     "--benchmark_filter=exec:(seq|async)/io:mmap")  # fmt: skip

    return run


def expect_nothing_half_made(start, scratch, process, number):
    """Of a process that got that signal. Returns whether it left the former report."""
    report = (scratch / "run.json").read_text()
    assert report == FORMER or json.loads(report)["benchmarks"]
    if number != signal.SIGKILL:
        assert not list((scratch / "data").glob("*.tmp"))
        assert not list(scratch.glob("*.part"))
    seed = next(flag for flag in process.args if str(flag).startswith("--seed="))
    after = start(*SHAPE, seed, "--benchmark_filter=exec:seq/io:read/cache:cold")
    assert after.wait(timeout=120) == 0, (scratch / "stderr").read_text()
    return report == FORMER


@pytest.mark.parametrize("number", [*INTERRUPTING, signal.SIGKILL])
@pytest.mark.parametrize("moment", [is_creating, is_mapping, is_reporting])
def test_nothing_half_made_is_trusted(start, start_rows, scratch, moment, number):
    for _ in range(100):
        process = start_rows()
        if stop_when(moment, scratch, process):
            break
        assert process.wait(timeout=120) == 0, (scratch / "stderr").read_text()
    else:
        pytest.fail("always over before it could be stopped")
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    assert process.wait(timeout=120) == -number
    kept = expect_nothing_half_made(start, scratch, process, number)
    if moment != is_mapping:  # of no repetition, or of one that ends
        assert kept == (moment == is_creating or number == signal.SIGKILL)


@pytest.mark.parametrize("number", [*INTERRUPTING, signal.SIGKILL])
def test_at_any_moment_nothing_half_made_is_trusted(start, start_rows, scratch, number):
    moments = random.Random(number.value)
    for _ in range(3):
        process = start_rows()
        time.sleep(moments.uniform(0, 0.25))
        process.send_signal(number)
        assert process.wait(timeout=120) in (-number, 0)
        expect_nothing_half_made(start, scratch, process, number)


def test_who_waits_for_a_dataset_can_be_interrupted(start, scratch):
    holder = start(*SMALL, "--baseline_ms=600000", "--benchmark_filter=idle", binary="stall_bench")
    wait_until((scratch / "data/pagestall.manifest").exists, holder)
    waiting = start(*SMALL, ONE_ROW)
    said = f"waiting: process {holder.pid} uses this dataset\n"
    wait_until(lambda: (scratch / "stderr").read_text() == said, waiting)
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait(timeout=60) == -signal.SIGINT
    assert (scratch / "stderr").read_text() == f"{said}\n{SAID}"
    assert holder.poll() is None
    assert not (scratch / "run.json").exists()


def test_first_process_of_a_container_ends_as_well(scratch):
    """Its default of a signal is to ignore it (pid_namespaces(7))."""
    if os.geteuid() != 0:
        pytest.skip("a process namespace takes root")
    stderr = scratch / "stderr"
    command = ["unshare", "--pid", "--fork", "--kill-child", BUILD / "bench/article_bench"]
    with open(stderr, "w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [*command, f"--data_dir={scratch / 'data'}", *SMALL, ONE_ROW,
             "--benchmark_repetitions=10000"], stdout=subprocess.DEVNULL, stderr=file,
        )  # fmt: skip
    try:
        wait_until((scratch / "data/pagestall.manifest").exists, process)
        time.sleep(0.2)
        children = finished("pgrep", "-P", str(process.pid), check=True)
        os.kill(int(children.stdout), signal.SIGTERM)
        assert process.wait(timeout=120) == 128 + signal.SIGTERM, stderr.read_text()
    finally:
        process.kill()
        process.wait()

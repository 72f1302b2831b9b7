"""article_bench as a user meets it: rows, results, exit codes, refusals."""

import mmap
import os
import pty
import re
import subprocess

import pytest

from conftest import BUILD, FILES, MIB, NOTHING_MEASURED, ROOT, SMALL, Binary, alter_unseen
from conftest import finished, iterations, page_that_stays

ROWS = 20
SUFFIX = "/iterations:1/real_time"


@pytest.mark.parametrize("flag", ["", "=true", "=1", "=yes", "=on"])
def test_rows_are_the_golden_ones(scratch, flag):
    listed = finished(
        BUILD / "bench/article_bench", "--benchmark_list_tests" + flag, check=True, cwd=scratch
    ).stdout
    assert listed == (ROOT / "test/bench/article_bench.rows").read_text()
    assert not list(scratch.iterdir()), "listing must not make a dataset"


def test_every_repetition_is_there_with_its_evidence(article):
    done, report = article.run_to_json("--benchmark_repetitions=3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == "", "stays silent where stderr is no terminal"
    runs = iterations(report)
    assert len(runs) == 3 * ROWS
    for run in runs:
        assert run["name"].endswith(f"files:{FILES}/mib:{MIB}/stride:512{SUFFIX}")
        assert run["iterations"] == 1
        assert run["real_time"] > 0
        assert run["bytes_per_second"] > 0
        assert run["resident_before_pct"] == (0 if "cache:cold" in run["name"] else 100)
        assert 0 < run["resident_after_pct"] <= 100
        for counter in ("major_faults", "minor_faults", "voluntary_switches"):
            assert run[counter] >= 0
        if os.access("/proc/self/io", os.R_OK):
            cold_mib = FILES * MIB if "cache:cold" in run["name"] else 0
            assert run["device_read_mib"] >= cold_mib
    aggregates = {run["aggregate_name"] for run in report["benchmarks"] if run not in runs}
    assert {"mean", "median", "stddev", "min"} <= aggregates
    for run in report["benchmarks"]:
        if run.get("aggregate_name") == "min":
            times = [one["real_time"] for one in runs if one["run_name"] == run["run_name"]]
            assert run["real_time"] == pytest.approx(min(times))


def test_async_rows_carry_what_the_probe_saw(article):
    _, report = article.run_to_json("--benchmark_repetitions=2")
    counters = "stall_p50_us stall_p99_us stall_max_us stalled_pct blocked_ms steal_pct".split()
    for run in iterations(report):
        if "exec:async" not in run["run_name"]:
            assert "stall_max_us" not in run
            continue
        assert not set(counters) - {"steal_pct"} - set(run), run["run_name"]
        assert run["stall_p50_us"] <= run["stall_p99_us"] <= run["stall_max_us"]
        assert run["stall_max_us"] <= run["real_time"] * 1e3
        assert 0 <= run["stalled_pct"] <= 100
        assert 0 <= run["blocked_ms"] <= run["blocked_most_ms"] <= run["real_time"]


def test_context_describes_the_machine(article):
    _, report = article.run_to_json("--benchmark_filter=exec:seq/io:read/cache:warm")
    context = report["context"]
    for key in (
        "kernel filesystem mount_options device device_model device_rotational device_scheduler "
        "device_read_ahead_kib num_cpus cpu_model memory_mib hypervisor page_bytes compiler "
        "compiler_flags build_type google_benchmark_version abseil_version asio_version commit"
    ).split():
        assert context[key] != "", key
    assert context["kernel"].split()[1] == os.uname().release
    assert context["page_bytes"] == str(mmap.PAGESIZE)
    assert context["executable"].endswith("article_bench")


def test_context_describes_the_dataset(article):
    for flags, told in (([], ("1", "fadvise")), (["--seed=7", "--evict=auto"], ("7", "fadvise"))):
        _, report = article.run_to_json("--benchmark_filter=exec:seq/io:read/cache:warm", *flags)
        assert (report["context"]["seed"], report["context"]["evict"]) == told


def test_rows_are_interleaved_unless_told_otherwise(article):
    """In order, all repetitions of the first row end before the second's begin."""

    def order(*flags):
        done = article.run("--benchmark_filter=exec:seq", "--benchmark_repetitions=8", *flags)
        return re.findall(r"^(scan/\S+cache:\S+)_median ", done.stdout, re.MULTILINE)

    in_order = order("--benchmark_enable_random_interleaving=false")
    assert len(in_order) == 4
    assert any(order() != in_order for _ in range(5))


@pytest.mark.parametrize(
    "flag",
    [
        "--files=0",
        "--files=-1",
        "--files=1000000000",
        "--file_mib=0",
        "--file_mib=9000000000000",
        "--stride=0",
        "--stride=-512",
        "--stride=half",
        "--buffer_kib=0",
        "--chunk_kib=3",
        "--yield_kib=-1",
        "--slow_down=read",
        "--slow_down=read:",
        "--slow_down=read:0",
        "--slow_down=read:1001",
        "--slow_down=read:-20",
        "--slow_down=read:1.5",
        "--slow_down=read:20:20",
        "--slow_down=:20",
        "--seed=-1",
        "--evict=sometimes",
        "--data_dir=",
        "--no_such_flag=1",
        "--benchmark_repetitions=many",
        "--benchmark_repetitions=0",
        "--benchmark_repetitions=-1",
        "no_flag",
    ],
)
def test_flags_that_make_no_sense_are_refused(scratch, flag):
    done = finished(BUILD / "bench/article_bench", flag, cwd=scratch)
    assert done.returncode == 1
    assert done.stdout == ""
    name = flag.split("=")[0].lstrip("-")
    assert name in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert not list(scratch.iterdir()), "refused before anything was made"


def test_source_to_slow_down_that_is_none_is_refused_with_those_there_are(article):
    done = article.run("--slow_down=reed:20")
    assert done.returncode == 1
    assert done.stderr.startswith(
        "--slow_down='reed:20': no such source; there are mmap, read, read_nowait, uring, "
    )
    assert len(done.stderr.splitlines()) == 1
    assert not list(article.directory.iterdir())


def test_slow_down_is_in_the_context_and_in_no_name(article):
    """A gate compares rows of one name; the context keeps them from being taken for real."""
    names = []
    for flags in ([], ["--slow_down=read:20"]):
        done, report = article.run_to_json("--benchmark_filter=exec:seq/.*cache:warm", *flags)
        assert done.returncode == 0, done.stderr
        assert report["context"].get("slow_down") == ("read:20" if flags else None)
        names.append(sorted(run["name"] for run in report["benchmarks"]))
    assert names[0] == names[1]


def test_slow_down_is_of_the_named_source_only(article):
    """By 1000 %, which keeps the CPU busy as well: ten scans' time in each window. The shortest
    of several is compared, as anything but the flag may lengthen one."""

    def shortest(*flags):
        _, report = article.run_to_json(
            "--benchmark_filter=exec:seq/.*cache:warm", "--benchmark_repetitions=5",
            "--file_mib=16", *flags,
        )  # fmt: skip
        return {
            source: min(run["real_time"] for run in iterations(report) if f"/io:{source}/" in run["name"])
            for source in ("mmap", "read")
        }

    plain, slowed = shortest(), shortest("--slow_down=read:1000")
    assert slowed["read"] > 3 * plain["read"]
    assert slowed["mmap"] < 3 * plain["mmap"]


def test_repetitions_say_in_which_order_they_ran(article):
    done, report = article.run_to_json("--benchmark_repetitions=4")
    assert done.returncode == 0, done.stderr
    runs = iterations(report)
    assert all(run["cpu_reference_us"] > 0 for run in runs)
    begins = [run["window_begin_s"] for run in runs]
    assert min(begins) > 0
    by_time = sorted(runs, key=lambda run: run["window_begin_s"])
    for one, after in zip(by_time, by_time[1:]):
        assert one["window_begin_s"] + one["real_time"] / 1e3 <= after["window_begin_s"]
    of_rows = {}
    for run in by_time:
        of_rows.setdefault(run["name"], []).append(run["repetition_index"])
    assert list(of_rows.values()) == [[0, 1, 2, 3]] * ROWS
    assert [run["name"] for run in by_time] != [run["name"] for run in runs], "interleaved"


def test_size_that_overflows_is_refused(article):
    done = article.run("--files=4096", "--file_mib=8000000000")
    assert done.returncode == 1
    assert done.stderr == "--files=4096 --file_mib=8000000000: the dataset's size overflows 63 bits\n"


def test_filter_that_matches_nothing_fails_before_the_dataset_is_made(article):
    done = article.run("--benchmark_filter=exec:none")
    assert done.returncode == 1
    assert "exec:none" in done.stderr
    assert not list(article.directory.iterdir())


def test_help_explains_both_kinds_of_flags(article):
    done = article.run("--help")
    assert done.returncode == 0
    for flag in (
        "data_dir files file_mib stride buffer_kib seed evict read_ahead_kib slow_down"
    ).split():
        assert f"--{flag}=" in done.stdout
    assert "--benchmark_filter" in done.stdout


def test_buffer_is_in_the_names_of_reads_only(article):
    listed = article.run("--benchmark_list_tests", "--buffer_kib=128").stdout.splitlines()
    assert len(listed) == ROWS
    for name in listed:
        assert ("/buffer_kib:128/" in name) == ("/io:read/" in name)


def test_yield_is_in_the_names_of_async_mmap_only(article):
    listed = article.run("--benchmark_list_tests", "--yield_kib=128").stdout.splitlines()
    yields = [name for name in listed if "/yield_kib:128/" in name]
    assert len(yields) == 4
    assert all("exec:async" in name and "/io:mmap/" in name for name in yields)
    assert "yield_kib" not in article.run("--benchmark_list_tests", "--yield_kib=0").stdout


def test_wrong_sum_is_an_error_that_names_the_file(article):
    """A byte altered where neither the manifest nor the sample of blocks shows it."""
    article.run("--benchmark_filter=exec:seq/io:read/cache:warm")
    data = article.directory / "data"
    alter_unseen(data, 512 * 100)
    done, report = article.run_to_json()
    assert done.returncode == 1
    assert done.stderr == "", "the forged manifest must have been believed"
    assert len(iterations(report)) == ROWS
    for run in iterations(report):
        assert run["error_occurred"]
        assert "wrong sum of '" in run["error_message"]
        assert "pagestall-1.bin" in run["error_message"]
        assert run["real_time"] == 0
        assert "bytes_per_second" not in run


def test_page_that_stays_makes_cold_rows_errors(article):
    article.run("--benchmark_filter=exec:seq/io:read/cache:warm")
    with page_that_stays(article.directory / "data"):
        done, report = article.run_to_json("--benchmark_filter=exec:seq/.*cache:cold")
        unseen = article.run(
            "--benchmark_filter=exec:seq/.*cache:cold", "--benchmark_repetitions=2",
            "--benchmark_report_aggregates_only=true",
        )  # fmt: skip
    assert unseen.returncode == 1, "an error that no reporter is told of"
    assert done.returncode == 1
    assert len(iterations(report)) == 2
    for run in iterations(report):
        assert re.match(r"not cold: [1-9]\d* of 1024 pages", run["error_message"])
        assert run["real_time"] == 0


def test_row_that_fails_at_once_is_not_run_again(article):
    """Google Benchmark would crash if a later repetition succeeded."""
    article.run("--benchmark_filter=exec:seq/io:read/cache:warm")
    with page_that_stays(article.directory / "data"):
        done, report = article.run_to_json(
            "--benchmark_filter=exec:seq/io:mmap", "--benchmark_repetitions=4"
        )
    assert done.returncode == 1
    cold = [run for run in iterations(report) if "cache:cold" in run["run_name"]]
    assert re.match("not cold: ", cold[0]["error_message"])
    assert [run["error_message"] for run in cold[1:]] == [
        "not run: the first repetition of this row failed"
    ] * 3


def test_file_system_in_memory_has_no_cold_rows(scratch, in_memory):
    article = Binary("article_bench", scratch, [f"--data_dir={in_memory}", *SMALL])
    done, report = article.run_to_json("--benchmark_filter=exec:seq/.*cache:cold")
    assert done.returncode == 3
    assert NOTHING_MEASURED in done.stderr
    assert len(iterations(report)) == 2
    for run in iterations(report):
        assert run["error_message"].startswith("not available here: evict '")
        assert "pass --data_dir" in run["error_message"]
    done, report = article.run_to_json("--benchmark_filter=exec:seq/.*cache:warm")
    assert done.returncode == 0
    assert len(iterations(report)) == 2


def test_terminal_sees_progress_and_a_clean_end(article):
    try:
        controller, terminal = pty.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminal: {error}")
    process = subprocess.Popen(
        [article.path, *article.flags, "--benchmark_filter=exec:seq", "--benchmark_repetitions=3"],
        stdout=subprocess.DEVNULL, stderr=terminal,
    )  # fmt: skip
    os.close(terminal)
    shown = b""
    while True:
        try:
            part = os.read(controller, 4096)
        except OSError:  # the last writer has closed the terminal
            break
        if not part:
            break
        shown += part
    os.close(controller)
    assert process.wait() == 0
    assert b"0 of 12 done" in shown
    assert re.search(rb"11 of 12 done, 0:\d\d left: scan/exec:seq/", shown)
    assert shown.endswith(b"\r\x1b[K"), "the line is gone at the end"

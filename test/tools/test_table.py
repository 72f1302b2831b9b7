"""tools/table on saved JSON."""

import json
import re

import in_process
import pytest

from conftest import ROOT, finished

ROW = "scan/exec:{}/io:{}/cache:{}/files:8/mib:256/stride:512/iterations:1/real_time"


def repetition(executor, source, cache, milliseconds):
    name = ROW.format(executor, source, cache)
    return {
        "name": name,
        "run_name": name,
        "run_type": "iteration",
        "real_time": milliseconds,
        "time_unit": "ms",
    }


def error(executor, source, cache, message):
    failed = repetition(executor, source, cache, 0)
    return failed | {"error_occurred": True, "error_message": message}


def table(scratch, benchmarks, binary="article_bench"):
    path = scratch / "run.json"
    context = {"executable": f"build/release/bench/{binary}"}
    path.write_text(json.dumps({"context": context, "benchmarks": benchmarks}))
    return in_process.run("table", path)


def test_shows_minimum_and_median_seconds_of_each_line(scratch):
    times = {"cold": [3000, 1000, 2500], "warm": [80, 70, 100]}
    done = table(
        scratch,
        [
            repetition("async", "mmap", cache, time)
            for cache, all_times in times.items()
            for time in all_times
        ]
        + [repetition("seq", "read", "cold", 1234.4)],
    )
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines() if line]
    assert lines[-2:] == [
        ["seq", "read", "1.234", "1.234", "-", "-"],
        ["async", "mmap", "1.000", "2.500", "0.070", "0.080"],
    ]
    assert "every 512th byte of 8 files of 256 MiB" in done.stdout
    assert "repetitions per row: 1 to 3" in done.stdout


def test_shows_the_worst_stall_and_the_median_blocked_time_of_what_was_probed(scratch):
    probed = [
        repetition("async", "mmap", "cold", 1000) | {"stall_max_us": stall, "blocked_ms": blocked}
        for stall, blocked in [(900e3, 700), (980e3, 300), (950e3, 600)]
    ]
    unknown = repetition("async", "read", "warm", 500) | {"stall_max_us": 1234}
    done = table(scratch, [*probed, unknown, repetition("seq", "mmap", "cold", 1000)])
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines() if line]
    assert lines[-3:] == [
        ["executor", "source", "stall", "blocked", "stall", "blocked"],
        ["async", "mmap", "980.0", "600.0", "-", "-"],
        ["async", "read", "-", "-", "1.2", "-"],
    ]


def test_row_that_yields_is_a_line_of_its_own(scratch):
    yields = repetition("async", "mmap", "cold", 2000)
    yields["run_name"] = yields["run_name"].replace("/files:", "/yield_kib:64/files:")
    done = table(scratch, [repetition("async", "mmap", "cold", 1000), yields])
    assert re.search(r"async +mmap +1\.000", done.stdout)
    assert re.search(r"async +mmap, yields/64 KiB +2\.000", done.stdout)


def cold_mmap(seq, threads, in_async):
    times = {"seq": seq, "threads": threads, "async": in_async}
    return [
        repetition(executor, "mmap", "cold", time)
        for executor, all_times in times.items()
        for time in all_times
    ]


@pytest.mark.parametrize(
    ("in_async", "index"),
    [
        ([4000, 4010, 3990, 4020, 3980], "1.00 (95 % interval 0.9"),
        ([1000, 1010, 990, 1020, 980], "0.00 (95 % interval -0.0"),
        ([2500, 2510, 2490, 2520, 2480], "0.50 (95 % interval 0.4"),
    ],
)
def test_serialisation_index(scratch, in_async, index):
    seq, threads = [4000, 4010, 3990, 4020, 3980], [1000, 1010, 990, 1020, 980]
    done = table(scratch, cold_mmap(seq, threads, in_async))
    assert f"as good as threads: {index}" in done.stdout


def test_serialisation_index_is_not_defined_within_the_noise(scratch):
    noise = [1000, 1300, 900, 1100, 1200]
    done = table(scratch, cold_mmap(noise, noise[::-1], noise))
    assert "not defined here: seq and threads do not differ by more than the noise" in done.stdout
    slower_threads = table(scratch, cold_mmap([1000] * 5, [2000] * 5, [1500] * 5))
    assert "not defined here: seq and threads" in slower_threads.stdout
    too_few = table(scratch, cold_mmap([4000] * 4, [1000] * 4, [4000] * 4))
    assert "not defined here: it takes 5 repetitions" in too_few.stdout


def test_serialisation_index_needs_its_three_rows(scratch):
    done = table(scratch, cold_mmap([4000] * 5, [1000] * 5, []))
    assert "Serialisation" not in done.stdout


def test_errors_are_named_and_never_averaged(scratch):
    done = table(
        scratch,
        [
            repetition("seq", "mmap", "cold", 1000),
            error("seq", "mmap", "cold", "not cold: 3 of 9 pages"),
            error("seq", "mmap", "cold", "not cold: 3 of 9 pages"),
        ],
    )
    assert done.returncode == 1
    assert "1.000    1.000" in done.stdout
    assert done.stderr == (
        "error: " + ROW.format("seq", "mmap", "cold") + ": not cold: 3 of 9 pages (2 times)\n"
    )


def test_what_cannot_run_here_is_listed_and_is_no_failure(scratch):
    message = "not available here: io_uring_setup: Operation not permitted"
    rows = [("async", "uring", "cold"), ("async", "uring", "warm"), ("async", "uncached", "cold")]
    done = table(
        scratch,
        [repetition("seq", "mmap", "cold", 1000)]
        + [error(*row, message) for row in rows for _ in range(2)],
    )
    assert done.returncode == 0
    assert "1.000    1.000" in done.stdout
    assert done.stderr.splitlines() == [message, *("  " + ROW.format(*row) for row in rows)]
    nothing_else = table(scratch, [error(*rows[0], message)])
    assert nothing_else.returncode == 0
    failed = table(scratch, [error(*rows[0], message), error("seq", "mmap", "cold", "not cold")])
    assert failed.returncode == 1
    assert len(failed.stderr.splitlines()) == 3


def test_run_without_scans_is_one_clear_line(scratch):
    """Which does not ask for aggregates where repetitions are."""
    rows = [
        repetition("async", "mmap", "cold", 5)
        | {"run_name": f"tenant_p50/exec:async/load:{load}/iterations:1/manual_time"}
        for load in ("idle", "busy")
    ]
    done = table(scratch, rows)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: read '{scratch / 'run.json'}': no row scan/exec:... in it")
    assert line.endswith("tools/pagestall report shows the others")
    assert "aggregates" not in line


def test_memory_below_is_named(scratch):
    run = {
        "context": {"unknown_below_a": "the server of nfs4", "unknown_below": "loop0"},
        "benchmarks": [repetition("seq", "mmap", "cold", 1000)],
    }
    path = scratch / "run.json"
    path.write_text(json.dumps(run))
    done = in_process.run("table", path)
    assert done.stdout.splitlines()[-2:] == [
        "Cold here, unknown below: loop0 may have answered from memory.",
        "Cold here, unknown below in a: the server of nfs4 may have answered from memory.",
    ]


def test_reader_may_stop_early(scratch):
    table(scratch, [repetition("seq", f"read{index}", "cold", 1000) for index in range(5000)])
    done = finished(
        "bash", "-c", '"$0" "$1" | head -n 1; exit ${PIPESTATUS[0]}', ROOT / "tools/table",
        scratch / "run.json",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (141, "")
    assert len(done.stdout.splitlines()) == 1


def test_full_disk_is_one_clear_line(scratch):
    table(scratch, [repetition("seq", "read", "cold", 1000)])
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = finished(ROOT / "tools/table", scratch / "run.json", stdout=full)
    assert done.returncode == 2
    assert done.stderr == "error: write standard output: No space left on device\n"


def in_place(run, axes):
    name = run["run_name"].replace("/files:", f"/{axes}/files:")
    return run | {"name": name, "run_name": name}


def lines_of(out):
    return [line.split() for line in out.splitlines() if line]


def test_each_directory_has_a_line_of_each_row(scratch):
    runs = [
        in_place(repetition(executor, "mmap", "cold", time), f"dir:{name}")
        for name, time in [("xfs", 2000), ("ext4", 1000)]
        for executor in ("async", "seq")
    ]
    done = table(scratch, runs)
    assert done.returncode == 0
    assert lines_of(done.stdout)[-4:] == [
        ["seq", "mmap", "ext4", "1.000", "1.000", "-", "-"],
        ["seq", "mmap", "xfs", "2.000", "2.000", "-", "-"],
        ["async", "mmap", "ext4", "1.000", "1.000", "-", "-"],
        ["async", "mmap", "xfs", "2.000", "2.000", "-", "-"],
    ]
    assert "executor   source  directory" in done.stdout
    assert "read-ahead" not in done.stdout


def test_each_read_ahead_has_a_line_of_each_row_in_order_of_size(scratch):
    runs = [
        in_place(repetition("seq", "mmap", "cold", int(kib)), f"dir:b/read_ahead_kib:{kib}")
        for kib in ("1024", "128")
    ]
    assert lines_of(table(scratch, runs).stdout)[-2:] == [
        ["seq", "mmap", "b", "128", "0.128", "0.128", "-", "-"],
        ["seq", "mmap", "b", "1024", "1.024", "1.024", "-", "-"],
    ]
    alone = [in_place(repetition("seq", "mmap", "cold", 500), "read_ahead_kib:128")]
    assert lines_of(table(scratch, alone).stdout)[-1] == "seq mmap 128 0.500 0.500 - -".split()


def test_serialisation_index_of_each_directory(scratch):
    noise = [0, 10, -10, 20, -20]
    runs = []
    for name, in_async in (("slow", 4000), ("quick", 1000)):
        around = [[middle + one for one in noise] for middle in (4000, 1000, in_async)]
        runs += [in_place(run, f"dir:{name}") for run in cold_mmap(*around)]
    out = table(scratch, runs).stdout
    assert "as good as threads: in quick: 0.00 (95 %" in out
    assert "\nin slow: 1.00 (95 %" in out

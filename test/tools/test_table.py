"""tools/table on saved JSON."""

import json
import subprocess

import pytest

from conftest import ROOT

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


def table(scratch, benchmarks):
    path = scratch / "run.json"
    path.write_text(json.dumps({"context": {}, "benchmarks": benchmarks}))
    return subprocess.run(
        [ROOT / "tools/table", path], capture_output=True, text=True, check=False
    )


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
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[-2:] == [
        ["seq", "read", "1.234", "1.234", "-", "-"],
        ["async", "mmap", "1.000", "2.500", "0.070", "0.080"],
    ]
    assert "every 512th byte of 8 files of 256 MiB" in done.stdout
    assert "repetitions per row: 1 to 3" in done.stdout


def test_aggregates_are_not_repetitions(scratch):
    mean = repetition("seq", "read", "cold", 1) | {"run_type": "aggregate"}
    done = table(scratch, [mean, repetition("seq", "read", "cold", 5000)])
    assert "5.000    5.000" in done.stdout


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


@pytest.mark.parametrize("text", ["", "{", "[]", '{"benchmarks": 3}', '{"benchmarks": []}', "\0"])
def test_what_is_no_finished_run_is_one_clear_line(scratch, text):
    path = scratch / "run.json"
    path.write_text(text)
    done = subprocess.run(
        [ROOT / "tools/table", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert str(path) in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_missing_file_is_named(scratch):
    done = subprocess.run(
        [ROOT / "tools/table", scratch / "none"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == f"read '{scratch / 'none'}': No such file or directory\n"

"""Other people's tools read what the binaries write: that of a real run has the shape, and the
names, that they take.

What each reads of --benchmark_out's JSON, by its source:

  github-action-benchmark (tool: googlecpp), src/extract.ts, extractGoogleCppResult():
      benchmarks[]: name, real_time (the value), time_unit; shown beside it: iterations,
      cpu_time, threads. Every entry is a point, aggregates and errors (time 0) as well.
  Bencher (adapter: cpp_google), lib/bencher_adapter/src/adapters/cpp/google.rs:
      context.caches, a list of objects; benchmarks[]: name (lib/bencher_valid: 1 to 1024
      bytes), real_time, time_unit. Of entries of one name the last one counts.
"""

import json
import pathlib

import pytest

from conftest import finished, iterations, page_that_stays, refuse_constant

COMPARE = pathlib.Path("/usr/share/benchmark/compare.py")
SYSTEM_PYTHON = "/usr/bin/python3"

UNITS = {"ns", "us", "ms", "s"}
LONGEST_NAME = 1024  # bytes


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def is_text(value):
    return isinstance(value, str) and value != ""


CONTEXT = {
    "date": is_text,
    "host_name": is_text,
    "executable": is_text,
    "num_cpus": is_whole,
    "mhz_per_cpu": is_number,
    "cpu_scaling_enabled": lambda value: isinstance(value, bool),
    "caches": lambda value: isinstance(value, list),
    "load_avg": lambda value: isinstance(value, list) and all(map(is_number, value)),
    "library_build_type": lambda value: value in ("release", "debug"),
}

CACHE = {"type": is_text, "level": is_whole, "size": is_whole, "num_sharing": is_whole}

ENTRY = {
    "name": lambda value: is_text(value) and len(value.encode()) <= LONGEST_NAME,
    "run_name": is_text,
    "run_type": lambda value: value in ("iteration", "aggregate"),
    "repetitions": is_whole,
    "threads": is_number,
    "iterations": is_whole,
    "real_time": lambda value: is_number(value) and value >= 0,
    "cpu_time": lambda value: is_number(value) and value >= 0,
    "time_unit": lambda value: value in UNITS,
}


def check(fields, value):
    for name, is_right in fields.items():
        assert name in value, f"{name} in {value}"
        assert is_right(value[name]), f"{name}: {value[name]!r} in {value}"


ROWS = "--benchmark_filter=exec:(seq|async)/io:(mmap|read)/cache:(cold|warm)/(files|buffer)"
TIMES = 8 * 3


@pytest.fixture
def measured(article):
    """The JSON's path."""
    done, _ = article.run_to_json(ROWS, "--benchmark_repetitions=3")
    assert done.returncode == 0, done.stderr
    return article.directory / "run.json"


@pytest.fixture
def failed(article):
    """The JSON's path, of rows that all failed."""
    article.run("--benchmark_filter=exec:seq/io:read/cache:warm")
    with page_that_stays(article.directory / "data"):
        done, _ = article.run_to_json(ROWS, "--benchmark_repetitions=3")
    assert done.returncode == 1
    return article.directory / "run.json"


def checked_entries(path):
    report = json.loads(path.read_text(), parse_constant=refuse_constant)
    check(CONTEXT, report["context"])
    for cache in report["context"]["caches"]:
        check(CACHE, cache)
    for entry in report["benchmarks"]:
        check(ENTRY, entry)
    return report["benchmarks"]


def test_every_entry_has_what_trackers_read(measured):
    entries = checked_entries(measured)
    repetitions = iterations({"benchmarks": entries})
    assert len(repetitions) == TIMES
    assert all(entry["real_time"] > 0 for entry in repetitions)
    assert len(entries) > TIMES, "aggregates"


def test_failed_entry_has_it_as_well_and_its_time_is_zero(failed):
    """A tracker knows no errors: the exit code has to keep such a run from it."""
    entries = checked_entries(failed)
    assert len(entries) == TIMES
    for entry in entries:
        assert entry["error_occurred"] is True
        assert is_text(entry["error_message"])
        assert entry["real_time"] == 0


def test_no_name_is_there_twice_in_an_object(measured):
    """RFC 8259, 4: what a reader makes of it is not defined. Rust's serde refuses it where it
    knows the field."""

    def once(members):
        names = [name for name, _ in members]
        assert len(names) == len(set(names)), sorted({n for n in names if names.count(n) > 1})
        return dict(members)

    json.loads(measured.read_text(), object_pairs_hook=once)


def test_aggregates_alone_are_points_of_different_names(article):
    """How a tracker that takes one point of a name should be fed."""
    done, report = article.run_to_json(
        "--benchmark_filter=exec:seq/io:read", "--benchmark_repetitions=3",
        "--benchmark_report_aggregates_only=true",
    )  # fmt: skip
    assert done.returncode == 0
    names = [entry["name"] for entry in report["benchmarks"]]
    assert len(names) == len(set(names)) > 0
    assert sum(name.endswith("_median") for name in names) == 2
    for entry in report["benchmarks"]:
        check(ENTRY, entry)


def compare(*words):
    done = finished(SYSTEM_PYTHON, COMPARE, "--no-color", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


needs_compare = pytest.mark.skipif(not COMPARE.exists(), reason="compare.py is not installed")


@needs_compare
@pytest.mark.parametrize(
    ("mode", "one", "other", "rows"),
    [
        ("benchmarks", [], [], TIMES / 3),
        ("filters", ["exec:seq/io:mmap"], ["exec:async/io:mmap"], 2),
        ("benchmarksfiltered", ["exec:seq/io:mmap"], ["exec:async/io:mmap"], 2),
        ("benchmarksfiltered", ["io:mmap/cache:warm"], ["io:read/cache:warm/buffer_kib:64"], 2),
    ],
)
def test_googles_compare_reads_runs_in_each_of_its_modes(measured, mode, one, other, rows):
    second = [] if mode == "filters" else [measured]
    lines = compare(mode, measured, *one, *second, *other)
    assert sum("_median" in line for line in lines) == rows, lines


@needs_compare
def test_googles_compare_reads_a_run_that_failed(failed):
    assert any("io:mmap/cache:warm" in line for line in compare("benchmarks", failed, failed))

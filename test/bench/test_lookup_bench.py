"""lookup_bench as a user meets it."""

import os

import pytest

from conftest import FILES, MIB, alter_unseen, small

LOOKUPS = 300


@pytest.fixture
def lookup(scratch):
    return small("lookup_bench", scratch, f"--lookups={LOOKUPS}", "--coroutines=8")


def resident_pct(run):
    return int(run["run_name"].split("/resident_pct:")[1].split("/")[0])


def test_every_row_runs_and_carries_its_evidence(lookup):
    done, report = lookup.run_to_json()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == "", "stays silent where stderr is no terminal"
    assert len(report["benchmarks"]) == 290
    pages = FILES * MIB * 256
    for run in report["benchmarks"]:
        name = run["run_name"]
        assert f"/coroutines:8/lookups:{LOOKUPS}/record_kib:4/files:{FILES}/mib:{MIB}/" in name
        # Each file is a single block here.
        assert run["resident_before_pct"] == {0: 0, 100: 100}.get(resident_pct(run), 50), name
        more = (run["resident_after_pct"] - run["resident_before_pct"]) / 100 * pages
        if "/advice:" not in name or "/advice:random/" in name:
            assert more <= LOOKUPS, name  # some may be evicted by whatever the machine does
        assert 0 < run["lookup_p50_us"] <= run["lookup_p99_us"] <= run["lookup_max_us"]
        assert run["lookup_max_us"] <= run["lookup_us"] * LOOKUPS, "no longer than all of them"
        for counter in ("stall_max_us", "blocked_ms", "major_faults", "executor_major_faults"):
            assert run[counter] >= 0
        if "_p99/" in name:
            assert run["real_time"] == pytest.approx(run["lookup_p99_us"] / 1e3, abs=2e-6)
        else:
            window_ms = run["lookup_us"] * LOOKUPS / 1e3
            assert run["real_time"] >= window_ms * 0.999, "the window is inside of the iteration"
        if "/io:uring_direct/" in name and os.access("/proc/self/io", os.R_OK):
            assert run["device_read_mib"] >= LOOKUPS / 256


def test_cold_mmap_blocks_the_executor_and_a_pool_does_not(lookup):
    _, report = lookup.run_to_json("--benchmark_filter=^lookup/.*io:mmap(_pool)?/.*_pct:0/")
    for run in report["benchmarks"]:
        blocks = "/io:mmap/" in run["run_name"]
        assert (run["executor_major_faults"] >= 100) == blocks, run["run_name"]


def test_wrong_record_is_an_error_that_names_file_and_record(lookup):
    """Altered where neither the manifest nor the sample of blocks shows it."""
    flags = ["--benchmark_filter=^lookup/exec:async/io:(mmap|mmap_pool|read)/dist:uniform/.*_pct:0/"]
    lookup.run(*flags)
    data = lookup.directory / "data"
    alter_unseen(data, 4096 * 100)
    done, report = lookup.run_to_json(*flags, "--lookups=20000")
    assert done.returncode == 1
    assert done.stderr == "", "the forged manifest must have been believed"
    assert len(report["benchmarks"]) == 3
    for run in report["benchmarks"]:
        assert run["error_occurred"]
        assert run["error_message"].startswith("wrong record 100 of '")
        assert "pagestall-1.bin'" in run["error_message"]
        assert run["real_time"] == 0
        assert "lookup_us" not in run


def test_share_of_files_too_small_for_it_is_an_error(lookup):
    done, report = lookup.run_to_json(
        "--files=1", "--benchmark_filter=^lookup/.*io:read/dist:zipf/resident_pct:(0|50|100)/"
    )
    assert done.returncode == 1
    for run in report["benchmarks"]:
        if resident_pct(run) == 50:
            assert "too small" in run["error_message"]
        else:
            assert "error_occurred" not in run


def test_help_explains_its_flags_and_no_others(lookup):
    shown = lookup.run("--help").stdout
    for flag in ("data_dir", "files", "file_mib", "seed", "evict", "lookups", "coroutines", "read_ahead_kib"):
        assert f"--{flag}=" in shown
    assert "--stride=" not in shown

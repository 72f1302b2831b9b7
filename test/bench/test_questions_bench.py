"""questions_bench as a user meets it."""

import os

import pytest

from conftest import small


@pytest.fixture
def questions(scratch):
    # Blocks of 4 MiB are what a share of the dataset is made of.
    return small("questions_bench", scratch, "--file_mib=16")


def rows(report):
    """By name; without those that are not available here, which say so."""
    available = {}
    for run in report["benchmarks"]:
        if run.get("error_occurred"):
            assert run["error_message"].startswith("not available here: "), run["run_name"]
        else:
            available[run["run_name"]] = run
    return available


def test_every_row_proves_its_work_or_says_why_not(questions):
    done, report = questions.run_to_json()
    assert done.returncode == 0, done.stdout + done.stderr
    # Two of the files that 154 rows of the usual dataset are about.
    assert len(report["benchmarks"]) == 146
    assert len(rows(report)) >= 100


def test_kernel_says_which_advice_it_took(questions):
    done, report = questions.run_to_json("--benchmark_filter=^advice/.*io:mmap/cache:cold")
    assert done.returncode == 0, done.stdout + done.stderr
    advised = {name.split("advice:")[1].split("/")[0]: run for name, run in rows(report).items()}
    flags = {advice: run["label"].split()[1:] for advice, run in advised.items()}
    assert not {"rr", "sr", "hg"} & set(flags["normal"])
    assert "rr" in flags["random"]
    assert "sr" in flags["sequential"]
    assert "hg" in flags.get("hugepage", ["hg"])
    assert advised["normal"]["mapped_mib"] == 32
    assert advised["normal"]["resident_before_pct"] == 0


def test_share_that_is_resident_is_the_rows(questions):
    done, report = questions.run_to_json("--benchmark_filter=^resident/")
    assert done.returncode == 0, done.stdout + done.stderr
    for name, run in rows(report).items():
        if "resident_pct:" in name:
            percent = float(name.split("resident_pct:")[1].split("/")[0])
            nearest = min(max(round(8 * percent / 100), 1), 7) / 8 * 100
            assert run["resident_before_pct"] == nearest, name


def test_first_files_alone_are_read(questions):
    done, report = questions.run_to_json("--benchmark_filter=^files/exec:seq")
    assert done.returncode == 0, done.stdout + done.stderr
    resident = {name.split("/files:")[1][0]: run["resident_after_pct"] for name, run in rows(report).items()}
    assert resident == {"1": 50, "2": 100}


@pytest.mark.skipif(not os.access("/proc/self/io", os.R_OK), reason="the kernel does not say")
def test_what_was_read_ahead_before_the_window_counts_as_read(questions):
    done, report = questions.run_to_json("--benchmark_filter=^readahead/.*when:before")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(rows(report)) == 6
    for name, run in rows(report).items():
        # All of it, and perhaps some of the program's own pages.
        assert 32 <= run["device_read_mib"] < 33, name
        assert run["resident_before_pct"] > 0, name


@pytest.mark.skipif(os.geteuid() != 0, reason="the kernel shows folios to root")
def test_fill_decides_how_large_folios_are(questions):
    done, report = questions.run_to_json("--benchmark_filter=^fill/.*io:mmap")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(rows(report)) == 5
    for name, run in rows(report).items():
        assert run["resident_before_pct"] == 100, name
        assert 4 <= run.get("folio_kib", 4) <= 32 * 1024, name

"""remedies_bench as a user meets it."""

import errno
import os

import forbid
from conftest import SANITIZED, iterations

# Threads that may count as well: a sanitizer's own, which works now and then.
OTHERS = (0, 1) if SANITIZED else (0,)


def test_every_row_says_what_it_costs(remedies):
    done, report = remedies.run_to_json("--benchmark_repetitions=2")
    assert done.returncode == 0, done.stdout + done.stderr
    for run in iterations(report):
        if run.get("error_occurred"):
            assert run["error_message"].startswith("not available here: ")
            continue
        row = run["run_name"]
        assert 0 < run["cpu_ms"] < 1000, row
        assert 0 <= run["memory_mib"] < 64, row
        if "exec:threads" in row or "/io:read/" in row and "exec:async" in row:
            assert run["scan_threads"] - 3 in OTHERS, row
        if "exec:seq" in row or "/io:mmap/" in row and "exec:async" in row:
            assert run["scan_threads"] - 1 in OTHERS, row
        assert run["scan_threads"] >= 1, row


def test_what_else_fails_still_fails_the_run(remedies):
    done, report = remedies.run_to_json(
        "--benchmark_filter=io:uring/", preexec_fn=lambda: forbid.calls(io_uring_setup=errno.ENOMEM)
    )
    assert done.returncode == 1
    assert len(iterations(report)) == 2
    for run in iterations(report):
        assert run["error_message"].startswith(f"io_uring_setup: {os.strerror(errno.ENOMEM)}; ")

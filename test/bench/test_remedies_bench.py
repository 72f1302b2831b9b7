"""remedies_bench as a user meets it, also where there is no io_uring."""

import ctypes
import errno
import os
import struct

import pytest

from conftest import SMALL, Binary

IO_URING_SETUP = 425
# seccomp(2): load the call's number; answer io_uring_setup with an error, allow the rest.
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ANSWER_ERRNO, ALLOW = 0x00050000, 0x7FFF0000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2


class Program(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def deny_io_uring(error):
    """Has the calling process, and all that it starts, see `error` from io_uring_setup."""
    instructions = [
        (LOAD, 0, 0, 0),
        (JUMP_IF_EQUAL, 0, 1, IO_URING_SETUP),
        (RETURN, 0, 0, ANSWER_ERRNO | error),
        (RETURN, 0, 0, ALLOW),
    ]
    code = b"".join(struct.pack("HBBI", *one) for one in instructions)
    program = Program(len(instructions), code)
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


@pytest.fixture
def remedies(scratch):
    return Binary("remedies_bench", scratch, [f"--data_dir={scratch / 'data'}", *SMALL])


def repetitions(report):
    return [run for run in report["benchmarks"] if run["run_type"] == "iteration"]


def uses_a_ring(run):
    return any(f"/io:{name}/" in run["run_name"] for name in RING)


RING = ["uring", "uring_direct", "uncached", "mmap_awaited"]


def test_every_row_says_what_it_costs(remedies):
    done, report = remedies.run_to_json("--benchmark_repetitions=2")
    assert done.returncode == 0, done.stdout + done.stderr
    for run in repetitions(report):
        if run.get("error_occurred"):
            assert run["error_message"].startswith("not available here: ")
            continue
        row = run["run_name"]
        assert 0 < run["cpu_ms"] < 1000, row
        assert 0 <= run["memory_mib"] < 64, row
        if "exec:threads" in row or "/io:read/" in row and "exec:async" in row:
            assert run["scan_threads"] == 3, row
        if "exec:seq" in row or "/io:mmap/" in row and "exec:async" in row:
            assert run["scan_threads"] == 1, row
        assert run["scan_threads"] >= 1, row


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS])
def test_what_needs_a_ring_is_not_available_without_one(remedies, error):
    done, report = remedies.run_to_json(
        "--benchmark_repetitions=4", preexec_fn=lambda: deny_io_uring(error)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ring = [run for run in repetitions(report) if uses_a_ring(run)]
    assert len(ring) == 4 * 2 * (len(RING) + 1)  # one of them also yields
    for run in ring:
        assert run["error_message"].startswith(
            f"not available here: io_uring_setup: {os.strerror(error)}"
        )
        assert run["real_time"] == 0
    others = [run for run in repetitions(report) if not uses_a_ring(run)]
    assert len(others) == 4 * 26
    assert not any(run.get("error_occurred") for run in others)


def test_what_else_fails_still_fails_the_run(remedies):
    done, report = remedies.run_to_json(
        "--benchmark_filter=io:uring/", preexec_fn=lambda: deny_io_uring(errno.ENOMEM)
    )
    assert done.returncode == 1
    assert [run["error_message"] for run in repetitions(report)] == [
        f"io_uring_setup: {os.strerror(errno.ENOMEM)}"
    ] * 2

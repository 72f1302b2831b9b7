"""The library's tests on a kernel without what newer ones have: those of what is missing are
skipped, visibly, and no other fails."""

import errno
import re

import pytest

import forbid
from conftest import BUILD, finished

# System call -> the sources that cannot do without it.
NEEDED_BY = {
    "io_uring_setup": ["uring", "uring_direct", "uncached", "mmap_awaited"],
    "preadv2": ["read_nowait"],
    "cachestat": [],
}


@pytest.mark.parametrize("call", NEEDED_BY)
def test_what_needs_it_is_skipped_and_the_rest_passes(call):
    done = finished(
        BUILD / "test/pagestall_test",
        "--gtest_filter=Every/Conformance.Sums*:Every/LookupsBy.Find*",
        preexec_fn=lambda: forbid.calls(**{call: errno.ENOSYS}),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    ends = re.findall(r"^\[ +(OK|SKIPPED) \] Every/(\w+\.\w+/\w+)", done.stdout, re.M)
    skipped = {name for end, name in ends if end == "SKIPPED"}
    needing = {
        name for _, name in ends
        if re.search(rf"[/_]({'|'.join(NEEDED_BY[call]) or '$^'})$", name)
    }  # fmt: skip
    assert len(ends) > len(skipped)
    assert skipped == needing
    assert bool(needing) == bool(NEEDED_BY[call])

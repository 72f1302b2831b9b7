"""Whatever lies in the place of a dataset's manifest or lock, the dataset is made anew.

PAGESTALL_FUZZ=100 ctest --preset release -R fuzz: a hundred times as many files as always, others
each time."""

import os

import pytest

pytest.importorskip("hypothesis")

from conftest import Binary
from fuzzing import budget
from hypothesis import example, given
from hypothesis import strategies as st

FLAGS = ["--files=1", "--file_mib=1", "--benchmark_filter=^scan/exec:seq/io:read/cache:warm"]


@pytest.fixture
def tiny(scratch):
    data = scratch / "data"
    binary = Binary("article_bench", scratch, [f"--data_dir={data}", *FLAGS])
    check(binary)
    return binary, data


def check(binary):
    done = binary.run()
    assert done.returncode == 0, done.stderr
    assert "scan/exec:seq/io:read/cache:warm" in done.stdout


@budget(10)
@given(
    st.sampled_from(["pagestall.manifest", "pagestall.lock"]),
    st.integers(0, 400), st.integers(0, 400), st.binary(max_size=300),
)  # fmt: skip
@example("pagestall.manifest", 0, 400, b"")
@example("pagestall.manifest", 400, 0, b"\0")
@example("pagestall.lock", 0, 400, b"-1\n")
@example("pagestall.lock", 0, 400, b"9" * 300)
def test_bytes_of_any_kind_are_no_manifest_and_no_lock(tiny, name, begin, count, put):
    """`put` in place of `count` bytes from `begin` on."""
    binary, data = tiny
    before = (data / "pagestall.manifest").read_bytes()
    its = (data / name).read_bytes()
    (data / name).write_bytes(its[:begin] + put + its[begin + count :])
    changed = (data / "pagestall.manifest").read_bytes() != before
    check(binary)
    assert ((data / "pagestall.manifest").read_bytes() != before) == changed, "made anew"


@pytest.mark.parametrize("name", ["pagestall.manifest", "pagestall.lock"])
def test_huge_hole_is_not_read(tiny, name):
    binary, data = tiny
    try:
        os.truncate(data / name, 1 << 40)
    except OSError as error:
        pytest.skip(f"no file is as large here: {error}")
    check(binary)
    assert (data / name).stat().st_size < 1000


@pytest.mark.parametrize("name", ["pagestall.manifest", "pagestall.lock"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_named(tiny, name, make):
    binary, data = tiny
    (data / name).unlink()
    make(data / name)
    done = binary.run()
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"'{data / name}': " in line

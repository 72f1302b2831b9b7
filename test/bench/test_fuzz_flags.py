"""Whatever a flag is given, a binary lists its rows or says why not.

PAGESTALL_FUZZ=100 ctest --preset release -R fuzz: a hundred times as many values as always, others
each time. What breaks a binary becomes an @example here."""

import functools
import re
import subprocess

import pytest

pytest.importorskip("hypothesis")

from conftest import BENCHES, BUILD, finished
from fuzzing import budget
from hypothesis import example, given
from hypothesis import strategies as st

# Would run the rows, or write a file of any name.
NOT_TRIED = {"benchmark_list_tests", "benchmark_out"}

WORDS = [
    "", " ", "0", "-0", "-1", "1", "4096", "4097", "1048577", "2147483648", "9223372036854775807",
    "9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616",
    "1e9", "0x10", "1.5", "nan", "inf", "true", "auto", "drop_caches", ",", "1,,2", "4,4", ":",
    "read:20", "read:1001", "mmap:", "a=b", "a=b,a=c", "%s%n%n", "(", "[a", "*", "-", "\n",
    "\x1b[31m", "\u202e", "/", "..", "/dev/null", "/proc/self/mem", "a,a/", "a/b,a/../a/b",
    "x" * 300, "x/" * 3000,
]  # fmt: skip
TEXTS = st.sampled_from(WORDS) | st.text(max_size=30) | st.integers().map(str)
VALUES = (TEXTS.map(str.encode) | st.binary(max_size=30)).map(
    lambda value: value.replace(b"\0", b"")
)


@functools.cache
def flags(name):
    """Of a binary's help: its own and Google Benchmark's."""
    told = finished(BUILD / "bench" / name, "--help", check=True).stdout
    return sorted(set(re.findall(r"(?:^  |\[)--(\w+)=", told, re.M)) - NOT_TRIED)


def test_help_tells_the_flags():
    assert {"data_dir", "files", "slow_down", "benchmark_filter"} <= set(flags("article_bench"))
    assert "rate" in flags("tenant_bench")


def check(done, value):
    said = done.stderr.decode(errors="backslashreplace")
    assert done.returncode in (0, 1), said
    assert not re.search(r"terminate called|\bstd::|AddressSanitizer|runtime error|what\(\)", said)
    assert len(said.splitlines()) <= 5 + value.count(b"\n"), said
    if done.returncode == 1:
        assert said.strip()


@budget(100)
@given(st.sampled_from(BENCHES), st.integers(0, 99), VALUES)
@example("kernel_bench", "mib", b"9223372036854775807")
def test_any_value_of_a_flag_is_taken_or_refused(scratch, name, flag, value):
    known = flags(name)
    flag = flag if isinstance(flag, str) else known[flag % len(known)]
    done = subprocess.run(
        [BUILD / "bench" / name, b"--" + flag.encode() + b"=" + value, "--benchmark_list_tests"],
        capture_output=True, cwd=scratch, check=False, timeout=60,
    )  # fmt: skip
    check(done, value)
    assert not list(scratch.iterdir())


@budget(50)
@given(st.integers(0, 99), VALUES)
@example("benchmark_format", b"csv")
@example("benchmark_format", b"xml")
@example("benchmark_time_unit", b"h")
@example("benchmark_min_warmup_time", b"0.2")
def test_a_row_is_measured_or_the_flag_refused(scratch, flag, value):
    """Of the library's flags, which it reads itself; ours decide how much is done."""
    known = [
        name for name in flags("kernel_bench")
        if name.startswith("benchmark_") and name != "benchmark_repetitions"
    ]  # fmt: skip
    flag = flag if isinstance(flag, str) else known[flag % len(known)]
    done = subprocess.run(
        [BUILD / "bench/kernel_bench", "--mib=1", "--benchmark_filter=loop:plain/stride:64/",
         b"--" + flag.encode() + b"=" + value],
        capture_output=True, cwd=scratch, check=False, timeout=60,
    )  # fmt: skip
    check(done, value)
    assert (done.returncode == 0) == (b"kernel/loop:" in done.stdout)
    assert not list(scratch.iterdir())

"""kernel_bench as a user meets it."""

import platform
import subprocess

import pytest

from conftest import BUILD, ROOT


def test_rows_are_the_golden_ones():
    listed = subprocess.run(
        [BUILD / "bench/kernel_bench", "--benchmark_list_tests"],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    golden = (ROOT / "test/bench/kernel_bench.rows").read_text().splitlines()
    if platform.machine() != "x86_64":
        golden = [row for row in golden if "psadbw" not in row]
    assert listed == golden


def test_every_loop_finds_the_right_sum(kernel):
    done, report = kernel.run_to_json()
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(report["benchmarks"]) == len(kernel.run("--benchmark_list_tests").stdout.split())
    for run in report["benchmarks"]:
        assert run["real_time"] > 0
        assert run["bytes_per_second"] > 0


@pytest.mark.parametrize("flag", ["--mib=0", "--mib=9000000000"])
def test_size_that_makes_no_sense_is_refused(kernel, flag):
    done = kernel.run(flag)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{flag}: must be from 1 to ")

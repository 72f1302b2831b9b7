"""kernel_bench as a user meets it."""

import platform

from conftest import BUILD, ROOT, finished


def test_rows_are_the_golden_ones():
    listed = finished(
        BUILD / "bench/kernel_bench", "--benchmark_list_tests", check=True
    ).stdout.splitlines()
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

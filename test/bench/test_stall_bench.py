"""stall_bench as a user meets it."""

import pytest

from conftest import iterations, small


@pytest.fixture
def stall(scratch):
    return small("stall_bench", scratch, "--baseline_ms=100")


def test_time_of_a_row_is_its_stall(stall):
    done, report = stall.run_to_json("--benchmark_repetitions=2")
    assert done.returncode == 0, done.stdout + done.stderr
    figures = {"stall_max": "stall_max_us", "stall_p99": "stall_p99_us", "blocked": "blocked_ms"}
    seen = set()
    for run in iterations(report):
        family = run["run_name"].split("/")[0]
        seen.add(family)
        if family not in figures:
            assert ("stall_max_us" in run) == ("probe:on" in run["run_name"])
            continue
        counter = run[figures[family]] / (1e3 if figures[family].endswith("_us") else 1)
        assert run["time_unit"] == "ms"
        assert run["real_time"] == pytest.approx(counter, abs=2e-6)
        assert run["real_time"] > 0, "a time of 0 cannot be compared"
    assert seen == {*figures, "probe_cost"}


def test_baselines_are_watched_for_as_long_as_asked(stall):
    done, report = stall.run_to_json("--benchmark_filter=stall_max/exec:async/load")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(report["benchmarks"]) == 2
    for run in report["benchmarks"]:
        assert "/ms:100/" in run["name"]
        assert run["stall_max_us"] >= run["stall_p50_us"] > 0

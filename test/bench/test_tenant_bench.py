"""tenant_bench as a user meets it."""

import pytest

from conftest import iterations, small


@pytest.fixture
def tenant(scratch):
    return small("tenant_bench", scratch, "--alone_ms=100")


def test_time_of_a_row_is_a_latency(tenant):
    done, report = tenant.run_to_json("--benchmark_repetitions=2", "--rate=5000")
    assert done.returncode == 0, done.stdout + done.stderr
    families = set()
    for run in iterations(report):
        family = run["run_name"].split("/")[0]
        families.add(family)
        assert "/rate:5000/request_bytes:64/" in run["run_name"]
        assert run["requests"] >= 1
        assert 0 < run["request_p50_us"] <= run["request_p99_us"] <= run["request_max_us"]
        counter = run[family.replace("tenant", "request") + "_us"]
        assert run["real_time"] == pytest.approx(counter / 1e3, abs=2e-6)
        assert ("stall_max_us" in run) == ("/io:" in run["run_name"])
    assert families == {"tenant_p50", "tenant_p99", "tenant_max"}


def test_requests_arrive_at_the_rate_that_was_asked_for(tenant):
    done, report = tenant.run_to_json("--benchmark_filter=tenant_max/exec:async/load", "--rate=2000")
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = report["benchmarks"]
    assert run["requests"] >= 200  # in 100 ms, however late the client sent them

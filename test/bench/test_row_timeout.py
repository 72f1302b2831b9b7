"""--row_timeout: storage that hangs ends a row with an error, and the process can be left."""

import os
import pathlib

import pytest

from conftest import Binary, slow_mount

SHAPE = ["--files=2", "--file_mib=1"]


def errors(report):
    return {
        run["run_name"]: run["error_message"]
        for run in report["benchmarks"]
        if run.get("error_occurred")
    }


@pytest.fixture
def hanging(scratch):
    """A dataset in whose second file a page is never served, where opening does not look."""
    data, mounted = scratch / "data", scratch / "mounted"
    made = Binary("article_bench", scratch, [f"--data_dir={data}", *SHAPE])
    assert made.run("--benchmark_filter=exec:seq/io:read/cache:cold").returncode == 0
    with slow_mount(data, mounted, "--hang_at=pagestall-1.bin:36864"):
        yield Binary("article_bench", scratch, [f"--data_dir={mounted}", *SHAPE])


@pytest.mark.parametrize("row", ["exec:threads/io:read", "exec:async/io:read"])
def test_row_that_hangs_fails_and_what_follows_is_not_run(hanging, row):
    done, report = hanging.run_to_json(
        f"--benchmark_filter={row}/cache:cold|exec:async_seq/io:read/cache:cold",
        "--benchmark_enable_random_interleaving=false", "--benchmark_repetitions=2",
        "--row_timeout=5",
    )  # fmt: skip
    assert done.returncode == 1
    name = next(run["run_name"] for run in report["benchmarks"]).removesuffix(
        "/iterations:1/real_time"
    )
    assert [run["error_message"] for run in report["benchmarks"]] == [
        "--row_timeout: not over after 5 s, still in its window; the storage may never answer",
        *[f"not run: {name} hangs"] * 3,
    ]


def test_row_that_hangs_before_its_window_fails(hanging):
    done, report = hanging.run_to_json(
        "--benchmark_filter=exec:seq/io:read/cache:warm", "--row_timeout=3",
        "--benchmark_repetitions=2",
    )  # fmt: skip
    assert done.returncode == 1
    first, second = report["benchmarks"]
    assert first["error_message"] == (
        "--row_timeout: not over after 3 s, still setting up; the storage may never answer"
    )
    assert second["error_message"].startswith("not run: ")


def test_read_ahead_is_put_back_though_a_row_hangs(hanging):
    if os.geteuid() != 0:
        pytest.skip("changing a read-ahead takes root")
    mounted = hanging.directory / "mounted"
    device = mounted.stat().st_dev
    setting = pathlib.Path(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb")
    before = setting.read_text()
    assert int(before) != 64
    done, report = hanging.run_to_json(
        "--benchmark_filter=exec:seq/io:read/cache:cold", "--row_timeout=3", "--read_ahead_kib=64"
    )
    assert "still in its window" in report["benchmarks"][0]["error_message"]
    assert done.stderr == ""
    assert setting.read_text() == before


def test_row_that_ends_in_time_is_measured(article):
    done, report = article.run_to_json("--row_timeout=100", "--benchmark_filter=cache:warm")
    assert done.returncode == 0
    assert len(report["benchmarks"]) == 10 and not errors(report)


@pytest.mark.parametrize("seconds", ["-1", "x", "99999999999"])
def test_limit_that_is_no_number_of_seconds_is_refused(article, seconds):
    done = article.run(f"--row_timeout={seconds}")
    assert done.returncode == 1
    assert "row_timeout" in done.stderr and not list(article.directory.iterdir())

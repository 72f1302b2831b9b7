"""--read_ahead_kib: the device's read-ahead is a row's own, and is put back whatever happens."""

import contextlib
import os
import pathlib
import signal
import subprocess

import pytest

from conftest import BUILD, DATASET_BENCHES, NOTHING_MEASURED, SMALL, Binary, finished, iterations
from conftest import wait_until

NOBODY = 65534


class Disk:
    """A binary on a disk of its own, and that disk's read-ahead."""

    def __init__(self, mounted, scratch, *flags):
        device = mounted.stat().st_dev
        self.name = f"{os.major(device)}:{os.minor(device)}"
        self.setting = pathlib.Path(f"/sys/class/bdi/{self.name}/read_ahead_kb")
        flags = [f"--data_dir={mounted / 'data'}", *SMALL, *flags]
        self.article = Binary("article_bench", scratch, flags)
        self.original = 256
        self.set(self.original)

    def kib(self):
        return int(self.setting.read_text())

    def set(self, kib):
        self.setting.write_text(f"{kib}\n")

    @contextlib.contextmanager
    def endless(self, *flags, binary="article_bench"):
        """A run that has no end of its own, once it has changed the read-ahead."""
        process = subprocess.Popen(
            [BUILD / "bench" / binary, *self.article.flags, "--benchmark_repetitions=2000",
             "--benchmark_filter=/io:read/", *flags],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            wait_until(lambda: self.kib() != self.original, process)
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def on_disk(disk, scratch):
    one = Disk(disk, scratch)
    yield one
    one.set(128)


def rows(binary, *flags):
    return finished(
        BUILD / "bench" / binary, "--benchmark_list_tests", *flags, check=True
    ).stdout.splitlines()


@pytest.mark.parametrize("binary", DATASET_BENCHES)
def test_each_row_of_the_dataset_is_there_once_per_value(binary):
    expected = []
    for row in rows(binary):
        if "/files:" not in row:
            expected.append(row)
            continue
        for kib in (0, 128):
            expected.append(row.replace("/files:", f"/read_ahead_kib:{kib}/files:"))
    assert sorted(rows(binary, "--read_ahead_kib=0,128")) == sorted(expected)


def test_read_ahead_follows_the_directory_in_a_name():
    listed = rows("article_bench", "--read_ahead_kib=64", "--data_dir=/a,/b")
    assert all("/dir:a/read_ahead_kib:64/" in row or "/dir:b/read_ahead_kib:64/" in row for row in listed)


@pytest.mark.parametrize("value", ["5", "-4", "many", "", "128,", "4294967296"])
def test_value_that_makes_no_sense_is_refused(article, value):
    done = article.run(f"--read_ahead_kib=128,{value}")
    assert done.returncode == 1
    last = value.split(",")[0]
    assert done.stderr == f"--read_ahead_kib={last}: must be a multiple of 4 from 0 to 1048576\n" or (
        value == "128," and "128 is there twice" in done.stderr
    )
    assert not list(article.directory.iterdir())


def test_value_that_is_there_twice_is_refused(article):
    done = article.run("--read_ahead_kib=128,0,128")
    assert done.returncode == 1
    assert done.stderr == "--read_ahead_kib: 128 is there twice\n"


def test_rows_read_with_their_own_read_ahead(on_disk):
    done, report = on_disk.article.run_to_json(
        "--read_ahead_kib=0,1024", "--stride=131072", "--benchmark_repetitions=4",
        "--benchmark_filter=exec:seq/io:mmap/cache:cold",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    runs = iterations(report)
    assert len(runs) == 8
    for run in runs:
        touched_pct = 100 * 4096 / 131072
        none = "/read_ahead_kib:0/" in run["run_name"]
        assert run["resident_after_pct"] == pytest.approx(touched_pct if none else 100)
    assert on_disk.kib() == on_disk.original


def test_lookups_have_it_as_well(on_disk):
    with on_disk.endless("--read_ahead_kib=64", "--lookups=5", binary="lookup_bench") as process:
        assert on_disk.kib() == 64
        process.terminate()
        assert process.wait(timeout=60) == -signal.SIGTERM
    assert on_disk.kib() == on_disk.original


def test_it_is_as_it_was_without_the_flag(on_disk):
    on_disk.article.run("--benchmark_filter=exec:seq/io:mmap")
    assert on_disk.kib() == on_disk.original


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_run_that_a_signal_ends_puts_it_back_and_dies_by_it(on_disk, name):
    with on_disk.endless("--read_ahead_kib=64,512") as process:
        process.send_signal(getattr(signal, name))
        assert process.wait(timeout=60) == -getattr(signal, name)
    wait_until(lambda: on_disk.kib() == on_disk.original)


def test_value_that_somebody_else_has_set_is_left_and_said(on_disk):
    with on_disk.endless("--read_ahead_kib=64") as process:
        process.send_signal(signal.SIGSTOP)
        on_disk.set(32)
        process.kill()
        _, stderr = process.communicate(timeout=60)
    assert f"the read-ahead of {on_disk.name} is left at 32 KiB; it was 256 KiB at first" in stderr
    assert on_disk.kib() == 32


def test_second_run_that_would_change_it_is_refused(on_disk, disk):
    with on_disk.endless("--read_ahead_kib=64") as process:
        done = on_disk.article.run("--read_ahead_kib=512", f"--data_dir={disk / 'other'}")
        assert done.returncode == 1
        assert done.stderr == (
            f"read-ahead of {on_disk.name}: another process has changed it; wait for its end "
            f"(fuser {on_disk.setting.resolve()} tells whose)\n"
        )
        assert on_disk.kib() == 64
        process.terminate()
        process.wait()
    assert on_disk.kib() == on_disk.original


def test_rows_say_that_it_may_not_be_changed(on_disk, disk, scratch):
    def become_nobody():
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    for directory in (scratch, disk):
        os.chown(directory, NOBODY, NOBODY)
    on_disk.article.path = scratch / "article_bench"
    on_disk.article.path.write_bytes((BUILD / "bench/article_bench").read_bytes())
    on_disk.article.path.chmod(0o755)
    if any(not parent.stat().st_mode & 0o001 for parent in scratch.parents):
        pytest.skip("nobody but root may reach the build directory")
    done, report = on_disk.article.run_to_json(
        "--read_ahead_kib=64", "--benchmark_filter=exec:seq", preexec_fn=become_nobody
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert NOTHING_MEASURED in done.stderr
    assert len(report["benchmarks"]) == 4
    for run in report["benchmarks"]:
        assert run["error_message"].startswith("not available here: open '/sys/")
        assert "Permission denied; only root may change" in run["error_message"]


def test_rows_say_that_there_is_none(scratch, in_memory):
    article = Binary("article_bench", scratch, [f"--data_dir={in_memory}", *SMALL])
    done, report = article.run_to_json(
        "--read_ahead_kib=64", "--benchmark_filter=exec:seq/.*cache:warm"
    )
    assert done.returncode == 3
    for run in report["benchmarks"]:
        assert run["error_message"].startswith("not available here: read-ahead of '")

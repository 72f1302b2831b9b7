"""A dataset that others want or change while a run goes on."""

import contextlib
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import time

import pytest

from conftest import BUILD, FILES, SMALL, iterations, refuse_constant
from in_place import NOBODY, ROW, article, make, needs_root, run

CHANGES = {
    "truncated": (lambda path: os.truncate(path, 4096), "its size became 4096 bytes"),
    "removed": (lambda path: path.unlink(), "was removed"),
    "replaced": (
        lambda path: (shutil.copy(path, path.with_suffix(".x")),
                      path.with_suffix(".x").rename(path)),
        "was replaced",
    ),
    "replaced by a link": (
        lambda path: (path.rename(path.with_suffix(".x")),
                      path.symlink_to(path.with_suffix(".x"))),
        "its size became",
    ),
    "made unreadable": (lambda path: path.chmod(0), "was made unreadable"),
    "removed with its directory": (lambda path: shutil.rmtree(path.parent), "was removed"),
}  # fmt: skip


@contextlib.contextmanager
def stopped_between_repetitions(place, repetitions, **options):
    """A run that has done some of them and is yet to do most."""
    try:
        controller, terminal = pty.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminal: {error}")
    wanted = f"--benchmark_repetitions={repetitions}"
    flags = ["--data_dir=data", wanted, "--benchmark_out=run.json"]
    options |= {"stdout": subprocess.DEVNULL, "stderr": terminal}
    try:
        with article(place, *flags, **options) as process:
            os.close(terminal)
            shown = b""
            while f"3 of {repetitions} done".encode() not in shown:
                shown += os.read(controller, 4096)
            process.send_signal(signal.SIGSTOP)
            yield process
            process.send_signal(signal.SIGCONT)
            with contextlib.suppress(OSError):  # the last writer has closed the terminal
                while os.read(controller, 4096):
                    pass
            process.wait(timeout=120)
    finally:
        os.close(controller)


@pytest.mark.parametrize("name", CHANGES)
def test_file_that_changes_during_a_run_is_named_and_made_anew_by_the_next(scratch, name):
    change, how = CHANGES[name]
    nobody = os.geteuid() == 0  # root may read everything
    place = make(scratch / "place", owner=NOBODY)
    repetitions = 300
    with stopped_between_repetitions(place, repetitions, nobody=nobody) as process:
        change(place / f"data/pagestall-{FILES - 1}.bin")
    report = json.loads((place / "run.json").read_bytes(), parse_constant=refuse_constant)
    runs = iterations(report)
    errors = [row["error_message"] for row in runs if "error_message" in row]
    assert process.returncode == 1
    assert len(runs) == repetitions
    assert 1 <= len(errors) < repetitions
    assert any(how in error for error in errors)
    file = FILES - 1 if "directory" not in name else r"\d"
    for error in errors:
        assert re.match(rf"\S.* 'data/pagestall-{file}.bin': ", error)
    again = run(place, "data", nobody=nobody)
    assert again.returncode == 0
    anew = "making the dataset anew: "
    assert again.stderr.startswith(anew) or "directory" in name


@contextlib.contextmanager
def holder(place, *before):
    """An endless run, by a command before it, that has the dataset."""
    process = subprocess.Popen(
        [*before, BUILD / "bench/article_bench", *SMALL, ROW, "--data_dir=data",
         "--benchmark_repetitions=1000000"],
        cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not (place / "data/pagestall.manifest").exists():
            if process.poll() is not None:
                pytest.skip(f"cannot be run here: {process.stderr.read()}")
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_run_that_waits_for_another_says_so_and_can_be_ended(scratch):
    with holder(scratch) as first:
        line = f"waiting: process {first.pid} uses this dataset\n"
        for name in ("SIGINT", "SIGTERM"):
            with article(scratch, "--data_dir=data") as second:
                assert second.stderr.readline() == line
                second.send_signal(getattr(signal, name))
                second.wait(timeout=60)
                assert second.returncode != 0
        with article(scratch, "--data_dir=data") as second:
            assert second.stderr.readline() == line
            first.kill()
            assert second.wait(timeout=120) == 0


@needs_root
def test_holder_in_another_namespace_of_processes_is_no_number(scratch):
    with holder(scratch, "unshare", "--pid", "--fork", "--kill-child=KILL"):
        with article(scratch, "--data_dir=data") as second:
            assert second.stderr.readline() == "waiting: another process uses this dataset\n"


def test_run_whose_lock_is_removed_as_it_waits_makes_the_directory_anew(scratch):
    """As a run does that has made it and then failed."""
    data = make(scratch / "data", owner=os.geteuid())
    with open(data / "pagestall.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with article(scratch, "--data_dir=data") as second:
            assert second.stderr.readline() == "waiting: another process uses this dataset\n"
            shutil.rmtree(data)
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert second.wait(timeout=120) == 0, second.stderr.read()
    assert (data / "pagestall.manifest").exists()

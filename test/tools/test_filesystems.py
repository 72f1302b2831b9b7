"""tools/filesystems: what it makes is measured, and is gone afterwards whatever happens."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from conftest import BUILD, FILES, MIB, ROOT, SMALL, finished, wait_until

TOOL = ROOT / "tools/filesystems"
MAKERS = ["mkfs.ext4", "mkfs.xfs", "mkfs.btrfs"]


def missing():
    if os.geteuid() != 0:
        return "it takes root"
    if BUILD != ROOT / "build/release":
        return "it uses build/release, which is not tested here"
    if not pathlib.Path("/dev/loop-control").exists():
        return "no loop devices here"
    absent = [maker for maker in MAKERS if shutil.which(maker) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


runs_here = pytest.mark.skipif(bool(missing()), reason=missing())


def arguments(scratch, *flags):
    return [
        TOOL, f"--dir={scratch}", *[flag for flag in flags if not flag.startswith("--bench")],
        "--", *SMALL, f"--benchmark_out={scratch / 'run.json'}",
        *[flag for flag in flags if flag.startswith("--bench")],
    ]  # fmt: skip


def assert_nothing_is_left(scratch, *but):
    assert sorted(path.name for path in scratch.iterdir()) == sorted(but)
    assert str(scratch) not in pathlib.Path("/proc/self/mountinfo").read_text()
    loops = finished("losetup", "--list", check=True)
    assert str(scratch) not in loops.stdout


@contextlib.contextmanager
def endless(scratch, filesystems):
    """A run that has no end of its own, once it has made its last dataset."""
    process = subprocess.Popen(
        arguments(scratch, f"--filesystems={filesystems}", "--benchmark_repetitions=1000"),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    last = scratch / "pagestall-filesystems" / filesystems.split(",")[-1] / "pagestall.manifest"
    try:
        wait_until(last.exists, process)
        yield process
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


@runs_here
def test_every_file_system_has_its_rows(scratch):
    done = finished(
        *arguments(scratch, "--benchmark_repetitions=2", "--benchmark_filter=exec:seq/io:(mmap|read)"),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    for source in ("mmap", "read"):
        for name in ("ext4", "xfs", "btrfs", "tmpfs"):
            (line,) = [line for line in lines if line[:3] == ["seq", source, name]]
            assert (line[3:5] == ["-", "-"]) == (name == "tmpfs")
            assert "-" not in line[5:]
    assert "not available here: evict '" in done.stderr
    assert f"of {FILES} files of {MIB} MiB" in done.stdout
    report = json.loads((scratch / "run.json").read_text())
    for name in ("ext4", "xfs", "btrfs", "tmpfs"):
        assert report["context"][f"filesystem_{name}"] == name
    disks = ("ext4", "xfs", "btrfs")
    assert len({report["context"][f"device_read_ahead_kib_{name}"] for name in disks}) == 1
    assert_nothing_is_left(scratch, "run.json")


@runs_here
def test_read_ahead_of_each_of_them_can_be_set(scratch):
    command = arguments(
        scratch, "--filesystems=ext4,btrfs", "--benchmark_filter=exec:seq/io:mmap/cache:cold"
    )
    done = finished(*command, "--read_ahead_kib=0,128")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((scratch / "run.json").read_text())
    errors = [run["error_message"] for run in report["benchmarks"] if "error_message" in run]
    assert not errors
    assert_nothing_is_left(scratch, "run.json")


@runs_here
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_nothing_is_left_of_a_run_that_is_ended(scratch, name):
    with endless(scratch, "xfs,ext4") as process:
        process.send_signal(getattr(signal, name))
        assert process.wait(timeout=60) == -getattr(signal, name)
    assert_nothing_is_left(scratch)


@runs_here
def test_next_run_takes_away_what_a_killed_one_has_left(scratch):
    with endless(scratch, "btrfs,xfs") as process:
        process.kill()
        process.wait()
    assert (scratch / "pagestall-filesystems/xfs.image").exists()
    done = finished(*arguments(scratch, "--filesystems=xfs", "--benchmark_filter=exec:seq/io:mmap"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert_nothing_is_left(scratch, "run.json")


@runs_here
def test_run_that_fails_leaves_nothing(scratch):
    done = finished(*arguments(scratch, "--filesystems=ext4", "--benchmark_filter=no_such_row"))
    assert done.returncode == 1
    assert "no_such_row" in done.stderr
    assert_nothing_is_left(scratch)


@runs_here
def test_disk_that_is_too_small_is_one_clear_line(scratch):
    done = finished(TOOL, f"--dir={scratch}", "--", "--files=8", "--file_mib=100000000")
    assert done.returncode == 1
    assert "MiB are free; make room, pass --dir" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert_nothing_is_left(scratch)


@runs_here
@pytest.mark.parametrize("planted", ["link", "another user's", "open to all"])
def test_directory_that_another_user_may_have_planted_is_refused(scratch, planted):
    work = scratch / "pagestall-filesystems"
    theirs = scratch / "theirs"
    theirs.mkdir()
    precious = theirs / "lock"
    precious.write_text("years of work")
    if planted == "link":
        work.symlink_to(theirs)
    else:
        work.mkdir()
        (work / "lock").symlink_to(precious)
        work.chmod(0o777 if planted == "open to all" else 0o755)
        os.chown(work, 65534 if planted == "another user's" else 0, 0)
    done = finished(TOOL, f"--dir={scratch}", "--", "--files=8", "--file_mib=100000000")
    assert done.returncode == 1
    assert done.stderr == (
        f"tools/filesystems: {work}: is not a directory of root's own, to which nobody else "
        "may write; remove it\n"
    )
    assert precious.read_text() == "years of work"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--filesystems=ntfs"], "--filesystems: ntfs: must be some of ext4,xfs,btrfs,tmpfs"),
        (["--files=2"], "--files=2: not known here; see --help"),
        (["--experiment=kernel"], "--experiment=kernel: not known here; see --help"),
        (["--", "--files=0"], "--files=0: must be a number from 1 on"),
        (["--", "--file_mib=1e3"], "--file_mib=1e3: must be a number from 1 on"),
        (["--", "--data_dir=/x"], "--data_dir=/x: is not for here"),
        (["--", "--benchmark_out_format=csv"], "--benchmark_out_format=csv: is not for here"),
    ],
)
def test_flags_that_make_no_sense_are_one_clear_line(scratch, flags, message):
    done = finished(TOOL, f"--dir={scratch}", *flags)
    assert done.returncode == 1
    assert done.stderr.startswith(f"tools/filesystems: {message}")
    assert len(done.stderr.splitlines()) == 1
    assert not list(scratch.iterdir())

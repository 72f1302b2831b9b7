"""A place where no dataset can be made is one clear line, and nothing is left behind there."""

import contextlib
import errno
import fcntl
import json
import os
import pathlib
import re
import resource
import subprocess
import time

import pytest

import forbid
from conftest import FILES, MIB, alter_unseen, finished, iterations, refuse_constant, unsanitized
from in_place import NOBODY, article, make, needs_root, run, write

PAGE = os.sysconf("SC_PAGESIZE")
BYTES = FILES * MIB << 20
ELSEWHERE = "; pass --data_dir with another directory\n"
ROOM = "; make room, or choose another disk\n"


def tree(place):
    """All that is there."""
    found = {}
    for directory, directories, files in os.walk(os.fsencode(place)):
        for path in [directory, *(os.path.join(directory, name) for name in directories + files)]:
            status = os.lstat(path)
            found[path] = (status.st_mode, status.st_ino, status.st_size, status.st_nlink)
    return found


def expect_line(place, data_dir, line, *flags, **options):
    before = tree(place)
    done = run(place, data_dir, *flags, **options)
    assert done.stderr == line
    assert done.returncode == 1
    assert done.stdout == ""
    after = tree(place)
    for path in before:  # of a directory some file systems keep the size
        if os.path.isdir(path) and path in after:
            before[path] = after[path]
    assert after == before, "something is left behind"


HOSTILE = b"a b'\"\\\n\t\x01\xff"
ESCAPED = r"a b\'\"\\\n\t\001\377"

# Name -> what makes it of an empty directory, --data_dir, the line.
PLACES = {
    "file": (lambda here: write(here / "data"), "data", "open directory 'data': Not a directory"),
    "file with a slash": (
        lambda here: write(here / "data"), "data/", "open directory 'data/': Not a directory",
    ),
    "file of a hostile name": (
        lambda here: write(here / os.fsdecode(HOSTILE)), HOSTILE,
        f"open directory '{ESCAPED}': Not a directory",
    ),
    "within a file": (
        lambda here: write(here / "file"), "file/data",
        "make directory 'file/data': Not a directory",
    ),
    "missing parent": (
        lambda here: None, "no/such", "make directory 'no/such': No such file or directory",
    ),
    "link to nothing": (
        lambda here: (here / "data").symlink_to("nothing"), "data",
        "open directory 'data': No such file or directory",
    ),
    "loop of links": (
        lambda here: (here / "data").symlink_to("data"), "data",
        "open directory 'data': Too many levels of symbolic links",
    ),
    "below a loop of links": (
        lambda here: (here / "loop").symlink_to("loop"), "loop/data",
        "make directory 'loop/data': Too many levels of symbolic links",
    ),
    "long name": (
        lambda here: None, "x" * 300, f"make directory '{'x' * 300}': File name too long",
    ),
    "long path": (
        lambda here: None, "x/" * 3000, f"make directory '{'x/' * 3000}': File name too long",
    ),
    "device": (lambda here: None, "/dev/null", "open directory '/dev/null': Not a directory"),
    "lock that is a link": (
        lambda here: make(here / "data") and (here / "data/pagestall.lock").symlink_to(
            write(here / "precious")),
        "data", "open 'data/pagestall.lock': Too many levels of symbolic links",
    ),
    "lock that is a file's second name": (
        lambda here: make(here / "data") and (here / "data/pagestall.lock").hardlink_to(
            write(here / "precious")),
        "data", "use 'data/pagestall.lock': has a second name (a hard link)",
    ),
    "lock that is a pipe": (
        lambda here: make(here / "data") and os.mkfifo(here / "data/pagestall.lock"),
        "data", "use 'data/pagestall.lock': is no regular file",
    ),
    "lock that is a directory": (
        lambda here: make(here / "data") and (here / "data/pagestall.lock").mkdir(),
        "data", "open 'data/pagestall.lock': Is a directory",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_place_that_is_no_directory_is_a_line(scratch, name):
    prepare, data_dir, line = PLACES[name]
    prepare(scratch)
    expect_line(scratch, data_dir, line + ELSEWHERE)
    precious = scratch / "precious"
    assert not precious.exists() or precious.read_text() == "years of work"


# The same for whom permissions count.
FORBIDDEN = {
    "parent that may not be written": (
        lambda here: here.chmod(0o755), "data", "make directory 'data': Permission denied",
    ),
    "parent that may not be entered": (
        lambda here: make(here / "private"), "private/data",
        "make directory 'private/data': Permission denied",
    ),
    "directory that may not be written": (
        lambda here: make(here / "data", 0o555), "data",
        "open 'data/pagestall.lock': Permission denied",
    ),
    "directory that may not be entered": (
        lambda here: make(here / "data"), "data", "open 'data/pagestall.lock': Permission denied",
    ),
    "lock of another user": (
        lambda here: (
            make(here / "data", 0o777), write(here / "data/pagestall.lock").chmod(0o600)),
        "data", "open 'data/pagestall.lock': Permission denied",
    ),
}  # fmt: skip


@needs_root
@pytest.mark.parametrize("name", FORBIDDEN)
def test_place_that_may_not_be_used_is_a_line(scratch, name):
    scratch.chmod(0o755)
    prepare, data_dir, line = FORBIDDEN[name]
    prepare(scratch)
    expect_line(scratch, data_dir, line + ELSEWHERE, nobody=True)


# What another user may change is not for root.
THEIRS = {
    "directory": (lambda data: make(data, 0o755, NOBODY), f"use 'data': user {NOBODY}"),
    "directory open to all": (lambda data: make(data, 0o777), "use 'data': every user"),
    "lock": (
        lambda data: os.chown(write(make(data) / "pagestall.lock"), NOBODY, NOBODY),
        f"use 'data/pagestall.lock': user {NOBODY}",
    ),
}  # fmt: skip


@needs_root
@pytest.mark.parametrize("name", THEIRS)
def test_root_keeps_out_of_what_another_user_may_change(scratch, name):
    prepare, line = THEIRS[name]
    prepare(scratch / "data")
    expect_line(scratch, "data", f"{line} may change it while root uses it{ELSEWHERE}")


@needs_root
@pytest.mark.parametrize(
    ("mode", "owner", "sudo_user"),
    [(0o1777, 0, None), (0o775, 0, None), (0o700, NOBODY, NOBODY)],
)
def test_root_uses_what_nobody_else_may_change(scratch, mode, owner, sudo_user):
    make(scratch / "data", mode, owner)
    environment = {**os.environ, **({"SUDO_UID": str(sudo_user)} if sudo_user else {})}
    assert run(scratch, "data", env=environment).returncode == 0


@pytest.mark.parametrize("name", ["d a'\"t\\a", os.fsdecode(HOSTILE), "data/", "ä€😀"])
def test_dataset_may_have_any_name(scratch, name):
    done = run(scratch, name, "--benchmark_out=run.json", "--benchmark_repetitions=2")
    assert (done.returncode, done.stderr) == (0, "")
    assert (scratch / name / "pagestall.manifest").exists()
    assert (scratch / name).stat().st_mode & 0o777 == 0o700
    assert run(scratch, name).stderr == "", "it is used again"


def test_report_is_json_whatever_a_dataset_is_called(scratch):
    """In the names of rows and in the errors of files."""
    two = HOSTILE + b",plain"
    run(scratch, two)
    data = scratch / os.fsdecode(HOSTILE)
    alter_unseen(data, 512 * 100)
    done = run(scratch, two, "--benchmark_out=run.json")
    assert (done.returncode, done.stderr) == (1, "")
    report = json.loads((scratch / "run.json").read_bytes(), parse_constant=refuse_constant)
    (failed,) = [row for row in report["benchmarks"] if "error_message" in row]
    assert re.fullmatch("[a-z0-9_:/]+", failed["name"])
    assert failed["error_message"].startswith(f"wrong sum of '{ESCAPED}/pagestall-1.bin': ")


@contextlib.contextmanager
def mounted(scratch, *options, image_mib=0, maker=()):
    """A file system of its own: in memory, or that a maker makes on a loop device."""
    place = scratch / "mounted"
    place.mkdir()
    commands = [["mount", *options, place]]
    if maker:
        image = scratch / "image"
        with open(image, "wb") as file:
            file.truncate(image_mib << 20)
        commands = [[*maker, image], ["mount", "-o", "loop", *options, image, place]]
    for command in commands:
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"cannot be mounted here: {error}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)
        place.rmdir()


def in_memory(scratch, options, source="tmpfs"):
    return mounted(scratch, "-t", "tmpfs", "-o", options, source)


@needs_root
def test_report_is_json_whatever_its_disk_and_its_program_are_called(scratch):
    with in_memory(scratch, "size=16m", source=os.fsdecode(b"disk\x01\xff")) as place:
        with article(
            place, "--data_dir=data", "--benchmark_out=run.json", program=b"./bench\x01\xff"
        ) as process:
            assert process.communicate(timeout=120)[1] == ""
            assert process.returncode == 0
        report = json.loads((place / "run.json").read_bytes())
    assert report["context"]["device"] == r"disk\001\377"
    assert report["context"]["executable"] == r"./bench\001\377"


@needs_root
def test_read_only_disk_is_a_line(disk):
    def remount(mode):
        subprocess.run(["mount", "-o", f"remount,{mode}", disk], check=True)

    remount("ro")
    expect_line(disk, "data", "make directory 'data': Read-only file system" + ELSEWHERE)
    remount("rw")
    make(disk / "data")
    remount("ro")
    line = "make dataset in 'data': Read-only file system" + ELSEWHERE
    expect_line(disk, "data", line)
    remount("rw")
    assert run(disk, "data").returncode == 0


@needs_root
def test_dataset_on_a_read_only_volume_is_used(disk):
    """With the lock that is there, else without, as long as it is whole."""

    def remount(mode):
        subprocess.run(["mount", "-o", f"remount,{mode}", disk], check=True)

    assert run(disk, "data").returncode == 0
    remount("ro")
    before = tree(disk)
    done = run(disk, "data")
    assert (done.returncode, done.stderr) == (0, "")
    with open(disk / "data/pagestall.lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with article(disk, "--data_dir=data") as process:
            assert process.stderr.readline().startswith("waiting: ")
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert process.wait(timeout=120) == 0
    assert tree(disk) == before
    remount("rw")
    (disk / "data/pagestall.lock").unlink()
    remount("ro")
    done = run(disk, "data")
    assert (done.returncode, done.stderr) == (
        0,
        "using the dataset without a lock, so that another run on it would disturb this one "
        f"unnoticed: open 'data/pagestall.lock': {os.strerror(errno.EROFS)}\n",
    )
    line = (
        f"make dataset in 'data': {os.strerror(errno.EROFS)}; the one there cannot be used: its "
        f"manifest was made for another seed, shape or state of the files{ELSEWHERE}"
    )
    expect_line(disk, "data", line, "--seed=2")
    remount("rw")
    (disk / "data/pagestall.lock").touch()
    remount("ro")
    expect_line(disk, "data", line, "--seed=2")
    # Nothing is used, with a lock or without, that cannot be opened.
    remount("rw")
    (disk / "data/pagestall.lock").unlink()
    (disk / "data/pagestall.manifest").rename(disk / "data/manifest")
    (disk / "data/pagestall.manifest").symlink_to("manifest")
    remount("ro")
    line = f"open 'data/pagestall.manifest': {os.strerror(errno.ELOOP)}{ELSEWHERE}"
    expect_line(disk, "data", line)


@needs_root
def test_disk_that_does_not_say_how_large_it_is_may_be_large_enough(scratch):
    with mounted(scratch, "-t", "ramfs", "ramfs") as place:
        done = run(place, "data")
        assert (done.returncode, done.stderr) == (0, "")


@needs_root
def test_overlay_is_counted_by_what_sees_its_pages(scratch):
    layers = [make(scratch / name) for name in ("lower", "upper", "work")]
    options = ",".join(f"{layer.name}dir={layer}" for layer in layers)
    with mounted(scratch, "-t", "overlay", "-o", options, "overlay") as place:
        done = run(place, "data", "--benchmark_filter=exec:seq/io:(read|mmap)/",
                   "--benchmark_out=run.json")  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        report = json.loads((place / "run.json").read_bytes())
    by_row = {row["run_name"]: row for row in report["benchmarks"]}
    assert len(by_row) == 4
    for name, row in by_row.items():
        assert row["resident_before_pct"] == (0 if "/cache:cold/" in name else 100)


@needs_root
def test_overlay_in_memory_cannot_be_cold(scratch):
    with in_memory(scratch, "size=64m") as memory:
        layers = [make(memory / name) for name in ("lower", "upper", "work")]
        options = ",".join(f"{layer.name}dir={layer}" for layer in layers)
        with mounted(make(scratch / "on"), "-t", "overlay", "-o", options, "overlay") as place:
            cold = run(place, "data", "--benchmark_filter=exec:seq/io:read/cache:cold")
            assert cold.returncode == 3
            assert "this file system lives in memory and cannot be cold" in cold.stdout
            warm = run(place, "data")
            assert (warm.returncode, warm.stderr) == (0, "")


MEMORY_GROUPS = pathlib.Path("/sys/fs/cgroup/memory")


@contextlib.contextmanager
def group(parent, **files):
    """A control group (version 1) with settings, and a process that moves itself there."""
    path = parent / f"pagestall-test-{os.getpid()}"
    try:
        path.mkdir()
        for name, value in files.items():
            (path / name.replace("__", ".")).write_text(str(value))
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        yield path
    finally:
        wait_gone(path)


def wait_gone(path):
    for _ in range(100):
        with contextlib.suppress(OSError):
            path.rmdir()
        if not path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path}: something still runs in it")


@needs_root
@unsanitized
def test_memory_limit_that_cannot_be_seen_kills_nobody(scratch):
    """As that of a pod, of which a container sees its own group only."""
    with group(MEMORY_GROUPS, memory__limit_in_bytes=48 << 20) as parent:
        child = make(parent / "child", mode=0o755)

        def enter():
            (child / "cgroup.procs").write_text(str(os.getpid()))
            forbid.own_mounts()
            forbid.show_instead(MEMORY_GROUPS, child)

        done = run(scratch, "data", "--files=4", "--file_mib=10",
                   "--benchmark_filter=exec:seq/io:read/", prepare=enter)  # fmt: skip
        assert done.returncode == 0, done.stderr
        wait_gone(child)


def test_cpus_that_may_not_be_used_are_said(scratch):
    one = min(os.sched_getaffinity(0))
    for cpus, said in (({one}, None if os.cpu_count() == 1 else "1"), (None, None)):
        done = run(
            scratch, "data", "--benchmark_out=run.json", "--benchmark_filter=exec:seq/io:read/cache:warm",
            prepare=lambda cpus=cpus: cpus and os.sched_setaffinity(0, cpus),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        context = json.loads((scratch / "run.json").read_bytes())["context"]
        if cpus or len(os.sched_getaffinity(0)) == os.cpu_count():
            assert context.get("cpus_allowed") == said


@needs_root
@unsanitized
def test_cpu_limit_and_what_it_costs_are_said(scratch):
    run(scratch, "data")
    groups = pathlib.Path("/sys/fs/cgroup/cpu")
    with group(groups, cpu__cfs_period_us=10_000, cpu__cfs_quota_us=2_500) as limited:
        done = run(
            scratch, "data", "--benchmark_out=run.json", "--benchmark_filter=exec:async/io:mmap/",
            "--benchmark_repetitions=3",
            prepare=lambda: (limited / "cgroup.procs").write_text(str(os.getpid())),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    report = json.loads((scratch / "run.json").read_bytes())
    assert report["context"]["cpu_limit"] == "0.25"
    rows = iterations(report)
    assert all(row["throttled_ms"] >= 0 for row in rows)
    assert any(row["throttled_ms"] > 0 for row in rows)


@needs_root
@pytest.mark.parametrize("direct", ["off", "on"])
def test_loop_device_that_caches_is_unknown_below(scratch, direct):
    image, place = scratch / "image", make(scratch / "mounted")
    with open(image, "wb") as file:
        file.truncate(64 << 20)
    try:
        subprocess.run(["mkfs.ext4", "-q", image], check=True, capture_output=True)
        device = finished(
            "losetup", "-f", "--show", f"--direct-io={direct}", image, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no loop device here: {error}")
    try:
        subprocess.run(["mount", device, place], check=True)
        done = run(place, "data", "--benchmark_filter=exec:seq/io:read/",
                   f"--benchmark_out={scratch / 'run.json'}")  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        dio = pathlib.Path(f"/sys/block/{device[5:]}/loop/dio").read_text().strip()
    finally:
        subprocess.run(["umount", place], check=False)
        subprocess.run(["losetup", "-d", device], check=True)
    report = json.loads((scratch / "run.json").read_bytes())
    by_name = {device[5:]} & set(report["context"]["disks_below"].split())
    assert not by_name, "a loop device is not where it ends"
    through = f"{device[5:]}, which reads {image} through the page cache"
    assert (report["context"].get("unknown_below") == through) == (dio == "0")
    for row in report["benchmarks"]:
        label = row.get("label", "")
        if "/cache:warm/" in row["run_name"]:
            assert label == ""
        elif dio == "0":
            assert label == "cold here, unknown below"
            # What the disk has read is everybody's: it may be less, or more.
            assert row["below_read_mib"] >= 0
            assert row["device_read_mib"] == FILES * MIB
        elif report["context"]["disks_below"] != "unknown":
            assert row["below_read_mib"] >= row["device_read_mib"] == FILES * MIB


def lines_until_it_fits(scratch, sizes):
    """What is said on file systems in memory of these sizes, but on the last, which suffices."""
    said = []
    for size in sizes:
        with in_memory(scratch, size) as place:
            before = tree(place)
            done = run(place, "data")
            if done.returncode == 0:
                return said
            assert (done.returncode, done.stdout) == (1, "")
            assert tree(place).keys() == before.keys()
            said.append(done.stderr)
    raise AssertionError(f"even {size} does not suffice: {said}")


@needs_root
def test_disk_that_a_few_pages_are_missing_on_is_a_line(scratch):
    """First for the dataset, then for its manifest."""
    said = lines_until_it_fits(scratch, [f"size={BYTES + pages * PAGE}" for pages in range(5)])
    mib = BYTES >> 20
    assert said[0] == (
        f"make dataset in 'data': needs {mib} MiB, but {mib - 1} MiB are free; make room, or "
        "pass --data_dir on another disk or a smaller --file_mib\n"
    )
    full = os.strerror(errno.ENOSPC)
    assert said[-1] == f"write at byte 0 'data/pagestall.manifest.tmp': {full}{ROOM}"


@needs_root
def test_disk_without_an_inode_left_is_a_line(scratch):
    """For the directory, the lock, each file, the manifest."""
    said = lines_until_it_fits(scratch, [f"size=16m,nr_inodes={count}" for count in range(1, 9)])
    full = os.strerror(errno.ENOSPC)
    assert said[0] == f"make directory 'data': {full}{ROOM}"
    assert said[1] == f"open 'data/pagestall.lock': {full}{ROOM}"
    for line in said[2:-1]:
        assert re.fullmatch(rf"open 'data/pagestall-\d.bin.tmp': {full}{ROOM}", line)
    assert said[-1] == f"open 'data/pagestall.manifest.tmp': {full}{ROOM}"
    assert len(said) == 3 + FILES


@needs_root
def test_disk_that_fills_up_while_a_file_is_written_is_a_line(scratch):
    """ext2 cannot allocate before it writes, and wants room for its own beside the file."""
    maker = ["mkfs.ext2", "-q", "-m", "0", "-b", "1024"]
    with mounted(scratch, image_mib=16, maker=maker) as place:
        filler = place / "filler"

        def free():
            disk = os.statvfs(place)
            return disk.f_bavail * disk.f_frsize

        with open(filler, "wb") as file:
            file.write(bytes(free() - BYTES))
            file.flush()
            os.fsync(file.fileno())
            while free() < BYTES + 8192:  # the filler's own blocks beside it
                missing = BYTES + 8192 - free()
                file.truncate(os.fstat(file.fileno()).st_size - missing)
                os.fsync(file.fileno())
        make(place / "data")
        before = tree(place)
        done = run(place, "data")
        assert re.fullmatch(
            rf"write at byte \d+ 'data/pagestall-\d.bin.tmp': {os.strerror(errno.ENOSPC)}{ROOM}",
            done.stderr,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert tree(place) == before
        filler.unlink()
        assert run(place, "data").returncode == 0


@needs_root
def test_quota_is_a_line(scratch):
    """That of btrfs, which needs nothing of the kernel that may be left out of it."""
    with mounted(scratch, image_mib=128, maker=["mkfs.btrfs", "-q"]) as place:
        subprocess.run(["btrfs", "quota", "enable", place], check=True)
        limit = ["btrfs", "qgroup", "limit"]
        subprocess.run([*limit, str(BYTES * 3 // 4), "0/5", place], check=True)
        before = tree(place)
        done = run(place, "data")
        assert re.fullmatch(
            rf"\S.* 'data/pagestall-\d.bin.tmp': {os.strerror(errno.EDQUOT)}{ROOM}", done.stderr
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert tree(place).keys() == before.keys()
        subprocess.run([*limit, "none", "0/5", place], check=True)
        assert run(place, "data").returncode == 0


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.EPERM])
def test_place_that_has_no_locks_is_a_line(scratch, error):
    """As NFS without its daemon."""
    expect_line(
        scratch, "data", f"flock 'data/pagestall.lock': {os.strerror(error)}{ELSEWHERE}",
        prepare=lambda: forbid.calls(flock=error),
    )  # fmt: skip


# With 0 the thread sanitizer ends by the signal.
@pytest.mark.parametrize("limit", [pytest.param(0, marks=unsanitized), 100, 1 << 20])
def test_limit_of_a_files_size_is_a_line(scratch, limit):
    """It sends a signal as well, which would end the process."""
    done = run(
        scratch, "data",
        prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert re.fullmatch(
        r"(allocate|write at byte \d+) 'data/pagestall-\d.bin.tmp': File too large; raise the "
        r"limit of a file's size \(ulimit -f\), or choose a smaller one\n",
        done.stderr,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert not list(scratch.iterdir())


def test_links_that_are_planted_are_removed_not_followed(scratch):
    data = make(scratch / "data")
    precious = write(scratch / "precious")
    names = [f"pagestall-{file}.bin" for file in range(FILES)]
    planted = [*names, *(f"{name}.tmp" for name in names), "pagestall.manifest.tmp"]
    for name in planted:
        (data / name).symlink_to(precious)
    done = run(scratch, "data")
    assert done.returncode == 0, done.stderr
    assert precious.read_text() == "years of work"
    assert sorted(path.name for path in data.iterdir()) == sorted(
        [*names, "pagestall.lock", "pagestall.manifest"]
    )
    assert all(path.is_file() and not path.is_symlink() for path in data.iterdir())

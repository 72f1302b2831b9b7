"""What the tests of binaries and tools share: where they are, and how to run them."""

import contextlib
import json
import mmap
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("PAGESTALL_BUILD_DIR", ROOT / "build/release"))
# Before a binary of another architecture.
EMULATOR = os.environ.get("PAGESTALL_EMULATOR", "").split()

BENCHES = sorted(path.stem for path in (ROOT / "bench").glob("*_bench.cc"))
# Those that read the dataset.
DATASET_BENCHES = [name for name in BENCHES if name != "kernel_bench"]

SLOWFS_NOT_AVAILABLE = 3  # its exit code where FUSE cannot be mounted

NOTHING_MEASURED = "nothing was measured: no row is available here, each says why\n"

NO_DRIVER = "python3-psycopg2 is not installed"

# A dataset that is made in a moment.
FILES, MIB = 2, 2
SMALL = [f"--files={FILES}", f"--file_mib={MIB}"]


# A sanitizer's checks want addresses and descriptors of their own.
CACHE = BUILD / "CMakeCache.txt"
SANITIZED = CACHE.exists() and "-fsanitize" in CACHE.read_text()
unsanitized = pytest.mark.skipif(SANITIZED, reason="limits are the sanitizer's")


def finished(*command, **options):
    """The process, ended, with what it said as text."""
    usual = {
        "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "check": False,
        "timeout": 600,
    }  # fmt: skip
    return subprocess.run(command, **usual | options)


class Binary:
    """A benchmark binary, run on a small dataset of the test's own."""

    def __init__(self, name, directory, flags):
        self.path = BUILD / "bench" / name
        self.directory = directory
        self.flags = flags

    def run(self, *flags, preexec_fn=None):
        return finished(self.path, *self.flags, *flags, preexec_fn=preexec_fn)

    def run_to_json(self, *flags, preexec_fn=None):
        """The finished process and the JSON that it wrote."""
        out = self.directory / "run.json"
        done = self.run(f"--benchmark_out={out}", *flags, preexec_fn=preexec_fn)
        return done, json.loads(out.read_text(), parse_constant=refuse_constant)


def wait_until(condition, process=None, seconds=120):
    """For what a process does meanwhile, one that must not end first if it is told."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def iterations(report):
    """Its repetitions, without aggregates."""
    return [run for run in report["benchmarks"] if run["run_type"] == "iteration"]


def refuse_constant(name):
    raise ValueError(f"{name} in JSON")


def forge_manifest(data):
    """The manifest that the files would have as they are now."""
    head = (data / "pagestall.manifest").read_text().splitlines()[:2]
    lines = []
    for file in range(FILES):
        status = (data / f"pagestall-{file}.bin").stat()
        seconds, nanoseconds = divmod(status.st_ctime_ns, 10**9)
        lines.append(
            f"size {status.st_size} inode {status.st_ino} changed {seconds} s {nanoseconds} ns"
        )
    (data / "pagestall.manifest").write_text("\n".join(head + lines) + "\n")


@contextlib.contextmanager
def scratch_directory():
    """A directory on the disk that holds the build, removed afterwards."""
    parent = BUILD / "test/scratch"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent) as directory:
        yield pathlib.Path(directory)


def alter_unseen(data, offset):
    """One bit of the second file, which the manifest does not tell."""
    with open(data / "pagestall-1.bin", "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))
    forge_manifest(data)


@pytest.fixture(autouse=True)
def no_history(monkeypatch):
    """Of whoever runs the tests."""
    monkeypatch.delenv("PAGESTALL_DB", raising=False)


@pytest.fixture
def scratch():
    with scratch_directory() as directory:
        yield directory


@pytest.fixture
def disk(scratch):
    """An ext4 on a loop device of its own, whose settings a test may change."""
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    image, mounted = scratch / "image", scratch / "mounted"
    mounted.mkdir()
    with open(image, "wb") as file:
        file.truncate(128 << 20)
    for command in (["mkfs.ext4", "-q", image], ["mount", "-o", "loop", image, mounted]):
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no ext4 on a loop device here: {error}")
    yield mounted
    subprocess.run(["umount", mounted], check=True)


@contextlib.contextmanager
def slow_mount(data, mounted, *flags):
    """The directory `data`, served by slowfs with these flags on `mounted`, which it makes."""
    slowfs = BUILD / "fixtures/slowfs"
    if not slowfs.exists():
        pytest.skip("built without libfuse3")
    mounted.mkdir()
    server = subprocess.Popen(
        [slowfs, *flags, data, mounted],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        try:
            wait_until(lambda: os.path.ismount(mounted), server)
        except AssertionError:
            if server.poll() == SLOWFS_NOT_AVAILABLE:
                pytest.skip("FUSE cannot be mounted here")
            raise
        yield server
    finally:
        server.terminate()
        server.communicate()


@pytest.fixture
def in_memory():
    """A directory whose files cannot be cold, yet to be made."""
    memory = pathlib.Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        pytest.skip("no /dev/shm to write to")
    directory = memory / f"pagestall-test-{os.getpid()}"
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def page_that_stays(data):
    """Of the first file: what is mapped and touched is not evicted."""
    with open(data / "pagestall-0.bin", "rb") as file:
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
            assert mapped[0] >= 0
            yield


def small(name, scratch, *flags):
    """A binary with a small dataset."""
    return Binary(name, scratch, [f"--data_dir={scratch / 'data'}", *SMALL, *flags])


@pytest.fixture
def article(scratch):
    return small("article_bench", scratch)


@pytest.fixture
def remedies(scratch):
    return small("remedies_bench", scratch)


@pytest.fixture
def kernel(scratch):
    return Binary("kernel_bench", scratch, ["--mib=3", "--benchmark_min_time=0.001"])


def pytest_terminal_summary(terminalreporter):
    """Each test that was skipped, and for want of what: skipped.py counts them."""
    for report in terminalreporter.stats.get("skipped", []):
        why = report.longrepr[2].removeprefix("Skipped: ").replace("\n", " ")
        terminalreporter.write_line(f"skipped: {report.nodeid.rpartition('/')[2]}: {why}")

"""What containers forbid and limit: the rows that need it say so, all others run."""

import errno
import json
import os
import pathlib
import re
import resource
import signal
import subprocess

import pytest

import forbid
from conftest import BUILD, ROOT, Binary, finished, iterations, scratch_directory, small
from conftest import unsanitized

RING = "/io:(uring|uring_direct|uncached|mmap_awaited)/"
THREAD = "exec:threads/|exec:async/io:(read|read_nowait|mmap_pool|mmap_gated|mmap_populate_pool)/"
NO_ROW = "$^"

NO_FILE = f"{os.strerror(errno.EMFILE)}; raise the limit of open files"
NO_THREAD = f"{os.strerror(errno.EAGAIN)}; raise the limit of threads"
NO_MEMORY = f"{os.strerror(errno.ENOMEM)}; raise the limit of memory"

# What is forbidden: (how, the rows that need it, what they say). The run fails unless that is
# that they are not available.
FORBIDDEN = {
    "io_uring, EPERM": (
        lambda: forbid.calls(io_uring_setup=errno.EPERM), RING,
        f"not available here: io_uring_setup: {os.strerror(errno.EPERM)}; a sandbox or the sysctl",
    ),
    "io_uring, ENOSYS": (
        lambda: forbid.calls(io_uring_setup=errno.ENOSYS), RING,
        f"not available here: io_uring_setup: {os.strerror(errno.ENOSYS)}; io_uring needs Linux",
    ),
    "io_uring_setup, death": (
        lambda: forbid.calls(io_uring_setup=forbid.KILL), RING,
        "not available here: io_uring: a sandbox kills processes that use it",
    ),
    "io_uring_enter, SIGSYS": (
        lambda: forbid.calls(io_uring_enter=forbid.TRAP), RING,
        f"not available here: io_uring_enter: {os.strerror(errno.ENOSYS)}; io_uring needs Linux",
    ),
    # As those that the kernel does not have.
    "faccessat2, statx, cachestat, timerfd_settime, SIGSYS": (
        lambda: forbid.calls(
            faccessat2=forbid.TRAP, statx=forbid.TRAP, cachestat=forbid.TRAP,
            timerfd_settime=forbid.TRAP),
        "exec:async",
        f"not available here: timerfd_settime: {os.strerror(errno.ENOSYS)}; a sandbox forbids to",
    ),
    # For which it is blocked, so that it kills.
    "clone3, SIGSYS": (
        lambda: forbid.calls(clone3=forbid.TRAP), THREAD,
        f"not available here: .*{os.strerror(errno.EPERM)}",
    ),
    "cachestat, death": (lambda: forbid.calls(cachestat=forbid.KILL), NO_ROW, ""),
    "cachestat, EPERM": (lambda: forbid.calls(cachestat=errno.EPERM), NO_ROW, ""),
    "cachestat, ENOSYS": (lambda: forbid.calls(cachestat=errno.ENOSYS), NO_ROW, ""),
    "mincore, death": (lambda: forbid.calls(mincore=forbid.KILL), NO_ROW, ""),
    "statx, death": (lambda: forbid.calls(statx=forbid.KILL), NO_ROW, ""),
    "statx, ENOSYS": (lambda: forbid.calls(statx=errno.ENOSYS), NO_ROW, ""),
    "preadv2, ENOSYS": (
        lambda: forbid.calls(preadv2=errno.ENOSYS), "/io:read_nowait/",
        f"not available here: read cached bytes .*: {os.strerror(errno.ENOTSUP)}",
    ),
    "preadv2, death": (
        lambda: forbid.calls(preadv2=forbid.KILL), "/io:read_nowait/",
        f"not available here: read cached bytes .*: {os.strerror(errno.EPERM)}",
    ),
    "clone3, EPERM": (
        lambda: forbid.calls(clone3=errno.EPERM), THREAD,
        f"not available here: .*{os.strerror(errno.EPERM)}",
    ),
    # What cannot be asked for is not tried.
    "clone, EPERM, and io_uring_setup, cachestat, death": (
        lambda: forbid.calls(
            clone=errno.EPERM, io_uring_setup=forbid.KILL, cachestat=forbid.KILL),
        "/io:(uring|uring_direct|uncached|mmap_awaited|read_nowait)/",
        "not available here: (io_uring: whether a sandbox kills for it cannot|read cached)",
    ),
    "faccessat2, EPERM": (lambda: forbid.calls(faccessat2=errno.EPERM), NO_ROW, ""),
    "faccessat2, death": (lambda: forbid.calls(faccessat2=forbid.KILL), NO_ROW, ""),
    "sysinfo, ENOSYS": (lambda: forbid.calls(sysinfo=errno.ENOSYS), NO_ROW, ""),
    # Which Asio asks for without looking at the answer.
    "epoll_ctl, ENOSYS": (
        lambda: forbid.calls(epoll_ctl=errno.ENOSYS), "exec:async",
        f"not available here: epoll_ctl: {os.strerror(errno.ENOSYS)}; a sandbox forbids to wait",
    ),
    "timerfd_settime, EPERM": (
        lambda: forbid.calls(timerfd_settime=errno.EPERM), "exec:async",
        f"not available here: timerfd_settime: {os.strerror(errno.EPERM)}; a sandbox forbids to",
    ),
    "clone3, death": (
        lambda: forbid.calls(clone3=forbid.KILL), THREAD,
        f"not available here: .*{os.strerror(errno.EPERM)}",
    ),
    "threads": (
        lambda: forbid.calls(clone3=errno.ENOSYS, clone=errno.EAGAIN), THREAD,
        f"(start a thread|prepare the scan): {NO_THREAD}",
    ),
    "/proc/self/io": (lambda: forbid.hide("/proc/self/io"), NO_ROW, ""),
    "changes of /proc/sys": (lambda: forbid.make_read_only("/proc/sys"), NO_ROW, ""),
    "more than 64 open files": (lambda: forbid.limit(resource.RLIMIT_NOFILE, 64), NO_ROW, ""),
    "more than 8 MiB of locked memory": (lambda: forbid.lock_at_most(8 << 20), NO_ROW, ""),
}  # fmt: skip


def skip_unless_possible(forbidden):
    try:
        subprocess.run(["true"], preexec_fn=forbidden, check=True)
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"cannot be forbidden here: {error}")


def errors(report):
    """{row: what it said, or None}, of the first repetition: later ones need not be run."""
    return {
        run["run_name"]: run.get("error_message")
        for run in iterations(report)
        if run["repetition_index"] == 0
    }


@pytest.fixture(scope="module")
def missing():
    """The rows that cannot run on this machine anyway."""
    with scratch_directory() as directory:
        done, report = small("remedies_bench", directory).run_to_json()
    said = {row: error for row, error in errors(report).items() if error}
    for row, error in said.items():
        assert error.startswith("not available here"), row
    assert done.returncode == 0, done.stderr
    return set(said)


def skip_where_the_library_crashes(remedies, forbidden):
    """Google Benchmark 1.9 takes getloadavg()'s -1 for a size; the C library's asks sysinfo(2)."""
    done = remedies.run("--benchmark_filter=exec:seq/.*warm", preexec_fn=forbidden)
    if done.returncode == -signal.SIGABRT and "vector::_M_default_append" in done.stderr:
        pytest.skip("Google Benchmark ends a process that cannot be told the load")


# LeakSanitizer starts a process of its own to look for leaks.
@pytest.mark.parametrize(
    "what",
    [
        pytest.param(what, marks=unsanitized) if what.startswith("clone, ") else what
        for what in FORBIDDEN
    ],
)
def test_rows_that_need_it_say_so_and_all_others_run(remedies, missing, what):
    forbidden, rows, says = FORBIDDEN[what]
    skip_unless_possible(forbidden)
    if what.startswith("sysinfo"):
        skip_where_the_library_crashes(remedies, forbidden)
    # Google Benchmark crashes where the first of three fails and others do not.
    repetitions = f"--benchmark_repetitions={3 if says else 1}"
    done, report = remedies.run_to_json(repetitions, preexec_fn=forbidden)
    said = {row: error for row, error in errors(report).items() if row not in missing}
    failed = {row for row, error in said.items() if error}
    assert failed == {row for row in said if re.search(rows, row)}
    for row in failed:
        assert re.match(says, said[row]), row
    fails = bool(failed) and not says.startswith("not available here")
    assert done.returncode == (1 if fails else 0), done.stderr
    for run in report["benchmarks"]:
        assert not run.get("error_occurred") or run["real_time"] == 0
        assert "device_read_mib" not in run or what != "/proc/self/io"
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE") >> 20
    assert report["context"]["memory_mib"] == str(memory)


def test_page_cache_that_may_not_be_seen_is_a_line_with_an_advice(article):
    forbidden = lambda: forbid.calls(cachestat=errno.ENOSYS, mincore=forbid.KILL)  # noqa: E731
    skip_unless_possible(forbidden)
    done = article.run(preexec_fn=forbidden)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("mincore '")
    assert line.endswith(
        f"{os.strerror(errno.EPERM)}; a sandbox that forbids it must allow cachestat, from Linux "
        "6.5 on"
    )


@pytest.mark.parametrize("name", ["article_bench", "stall_bench"])
def test_nothing_is_measured_where_cpu_time_is_hidden(scratch, name):
    forbidden = lambda: forbid.calls(getrusage=errno.EPERM)  # noqa: E731
    skip_unless_possible(forbidden)
    done, report = small(name, scratch, "--benchmark_filter=mmap/cache:cold|load").run_to_json(
        preexec_fn=forbidden
    )
    assert done.returncode == 3
    for row, error in errors(report).items():
        assert error == (
            f"not available here: getrusage: {os.strerror(errno.EPERM)}; a sandbox that forbids "
            "it hides CPU time and faults"
        ), row


def test_drop_caches_is_needed_by_who_asks_for_it(remedies):
    forbidden, _, _ = FORBIDDEN["changes of /proc/sys"]
    skip_unless_possible(forbidden)
    done, report = remedies.run_to_json("--evict=drop_caches", preexec_fn=forbidden)
    assert done.returncode == 1
    for row, error in errors(report).items():
        assert error == (
            f"open '/proc/sys/vm/drop_caches': {os.strerror(errno.EROFS)}; "
            "run as root or pass --evict=fadvise"
        ), row


@unsanitized
@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("remedies_bench", ["--benchmark_filter=exec:(seq|async)/io:(mmap|uring|read)/cache:cold"]),
        ("lookup_bench", ["--benchmark_filter=^lookup/.*:(read|uring)/dist:zipf/resident_pct:0/",
                          "--lookups=300", "--coroutines=8"]),
        ("stall_bench", ["--benchmark_filter=stall_max/exec:async/load:", "--baseline_ms=1"]),
        ("tenant_bench", ["--benchmark_filter=tenant_p99/exec:async/(load|io:mmap/cache:warm)",
                          "--alone_ms=1"]),
    ],
)  # fmt: skip
def test_every_limit_of_open_files_gives_results_or_says_that_it_is_met(scratch, name, flags):
    one = small(name, scratch, *flags)
    first = one.run()
    assert first.returncode == 0, first.stdout + first.stderr
    for most in range(5, 65):
        done = one.run(
            "--benchmark_format=json",
            preexec_fn=lambda most=most: forbid.limit(resource.RLIMIT_NOFILE, most),
        )
        assert done.returncode in (0, 1), f"{most} open files: {done.stderr}"
        if done.returncode == 0:
            return
        if done.stdout:
            for row, error in errors(json.loads(done.stdout)).items():
                assert error is None or NO_FILE in error, f"{most} open files, {row}"
        else:
            assert NO_FILE in done.stderr
            assert len(done.stderr.splitlines()) == 1
    pytest.fail("64 open files are not enough")


@pytest.fixture
def four_tasks():
    """Puts a process into a control group for four processes and threads."""
    of_pids = pathlib.Path("/sys/fs/cgroup/pids")
    group = (of_pids if of_pids.exists() else of_pids.parent) / f"pagestall-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made: {error}")
    try:
        (group / "pids.max").write_text("4")
        yield lambda: (group / "cgroup.procs").write_text(str(os.getpid()))
    except FileNotFoundError:
        pytest.skip("no limit of processes here")
    finally:
        group.rmdir()


@unsanitized  # whose threads take longer to start than to end
def test_some_of_the_threads_are_not_enough(scratch, four_tasks):
    article = Binary("article_bench", scratch, [f"--data_dir={scratch / 'data'}"])
    done, report = article.run_to_json(
        "--files=8", "--file_mib=1", "--benchmark_filter=cache:cold", preexec_fn=four_tasks
    )
    assert done.returncode == 1
    for row, error in errors(report).items():
        if "exec:threads/" in row:
            assert error.startswith(f"start a thread: {NO_THREAD}")
        elif "exec:async" in row and "/io:read/" in row:
            assert error.startswith(f"prepare the scan: {NO_THREAD}")
        else:
            assert error is None, row


def test_service_without_a_loopback_is_not_available(scratch):
    tenant = small("tenant_bench", scratch, "--alone_ms=1", "--benchmark_filter=p99/.*/load")
    try:
        subprocess.run(["unshare", "-n", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network of its own can be had here: {error}")
    done = finished("unshare", "-n", tenant.path, *tenant.flags, "--benchmark_format=json")
    assert done.returncode == 3
    for row, error in errors(json.loads(done.stdout)).items():
        assert error == (
            "not available here: tenant's connection on 127.0.0.1: "
            f"{os.strerror(errno.ENETUNREACH)}; switch the loopback on (ip link set lo up)"
        ), row


def test_service_without_a_thread_for_its_client_is_an_error(scratch):
    forbidden, _, _ = FORBIDDEN["threads"]
    skip_unless_possible(forbidden)
    tenant = small("tenant_bench", scratch, "--alone_ms=1")
    done, report = tenant.run_to_json(
        "--benchmark_filter=p99/.*/(load|io:mmap/)", preexec_fn=forbidden
    )
    assert done.returncode == 1
    for row, error in errors(report).items():
        assert error.startswith(f"start the service: {NO_THREAD}"), row


@unsanitized  # which starts one to look for leaks
def test_limited_run_without_a_thread_of_its_own_is_a_line(article):
    forbidden, _, _ = FORBIDDEN["threads"]
    skip_unless_possible(forbidden)
    done = article.run("--row_timeout=100", preexec_fn=forbidden)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"start a thread for --row_timeout: {NO_THREAD}")


@unsanitized
def test_memory_that_is_not_there_fails_the_row_that_wants_it(remedies, missing):
    done, report = remedies.run_to_json(
        "--chunk_kib=1048576", "--ahead=7",
        preexec_fn=lambda: forbid.limit(resource.RLIMIT_AS, 4 << 30),
    )  # fmt: skip
    said = {row: error for row, error in errors(report).items() if row not in missing}
    for row, error in said.items():
        if "/io:uring_direct/" in row:
            assert error.startswith(f"prepare the scan: {NO_MEMORY}"), row
        else:
            assert error is None, row
    assert done.returncode == (1 if any(said.values()) else 0)


@unsanitized
def test_preparation_without_memory_is_one_clear_line(scratch):
    kernel = Binary("kernel_bench", scratch, ["--mib=1024"])
    done = kernel.run(preexec_fn=lambda: forbid.limit(resource.RLIMIT_AS, 1 << 30))
    assert done.returncode == 1
    assert done.stderr.startswith(f"prepare the rows: {NO_MEMORY}")
    assert len(done.stderr.splitlines()) == 1


@unsanitized
def test_warm_rows_say_that_the_dataset_does_not_fit_memory_and_cold_rows_run(scratch):
    with_memory = [ROOT / "tools/with_memory", "128"]
    if subprocess.run([*with_memory, "true"], capture_output=True).returncode != 0:
        pytest.skip("no memory control group can be made here")
    out = scratch / "run.json"
    done = finished(
        *with_memory, BUILD / "bench/article_bench", f"--data_dir={scratch / 'data'}", "--files=2",
        "--file_mib=72", "--benchmark_filter=exec:(seq|async)/io:read", f"--benchmark_out={out}",
    )  # fmt: skip
    report = json.loads(out.read_text())
    assert report["context"]["memory_limit_mib"] == "128"
    for row, error in errors(report).items():
        if "cache:cold" in row:
            assert error is None, row
        else:
            assert error == (
                "not available here: fill the page cache: the dataset of 144 MiB does not fit the "
                "128 MiB of memory that this process can have; pass a smaller --file_mib or raise "
                "the limit"
            ), row
    assert done.returncode == 0, done.stderr


def hide_devices():
    forbid.hide("/dev")


def test_slowfs_without_fuse_says_so(scratch):
    slowfs = BUILD / "fixtures/slowfs"
    if not slowfs.exists():
        pytest.skip("built without libfuse3")
    skip_unless_possible(hide_devices)
    (scratch / "files").mkdir()
    (scratch / "files/one").write_text("1")
    (scratch / "mounted").mkdir()
    done = finished(slowfs, scratch / "files", scratch / "mounted", preexec_fn=hide_devices)
    assert done.returncode == 3
    assert done.stderr.startswith("mount on '")
    assert "/dev/fuse" in done.stderr
    assert len(done.stderr.splitlines()) == 1

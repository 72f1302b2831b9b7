"""The probe and the awaited mapping as a package: installed, found by another project, used there."""

import re
import subprocess
import time

import pytest

from conftest import BUILD, ROOT, finished, scratch_directory

OUTSIDE = ROOT / "test/package"


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def prefix():
    """Where it is installed."""
    with scratch_directory() as directory:
        run("cmake", "--install", BUILD, "--prefix", directory / "prefix")
        yield directory / "prefix"


@pytest.fixture(scope="module")
def outside(prefix):
    """The build folder of a project that uses what was installed."""
    build = prefix.parent / "build"
    # What was built with a sanitizer is linked with it.
    flags = re.search(r"^CMAKE_CXX_FLAGS:\w+=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE)
    run(
        "cmake", "-G", "Ninja", "-S", OUTSIDE, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_CXX_FLAGS={flags.group(1)}",
    )  # fmt: skip
    run("cmake", "--build", build)
    return build


def test_headers_include_only_what_is_installed(prefix):
    headers = list((prefix / "include/pagestall").rglob("*.h"))
    assert len(headers) > 15
    for header in headers:
        own = re.findall(r'^#include "(?!absl/)(.*)"', header.read_text(), re.MULTILINE)
        assert not [name for name in own if not (header.parent / name).exists()], header


def test_outside_project_builds_and_sees_its_executor(outside):
    # The kernel may take the sleep for a wait for a CPU (lib/probe/thread_sleep.h): then it warns.
    for _ in range(3):
        tests = finished(outside / "index_test")
        assert "[       OK ] Lookup.DoesNotBlock" in tests.stdout
        if "[  FAILED  ] Lookup.Blocks" in tests.stdout:
            break
        assert "warning: may have blocked this thread" in tests.stderr
    assert re.search(r"blocked this thread for [5-9]\d\.\d+ ms, more than 5\.000 ms", tests.stdout)

    with subprocess.Popen([outside / "service"], stderr=subprocess.PIPE, text=True) as service:
        started = time.monotonic()
        line = service.stderr.readline()
        service.kill()
    assert time.monotonic() - started >= 0.9
    assert re.match(r"in 1\d{3}\.\d ms: blocked \d+\.\d (to \d+\.\d )?ms; stalled ", line), line


def test_outside_project_awaits_a_mapping(outside, scratch):
    content = bytes(range(251)) * 20000
    (scratch / "file").write_bytes(content)
    summed = run(outside / "sum", scratch / "file")
    assert summed.stdout == f"{sum(content)}\n", summed.stderr
    missing = finished(outside / "sum", scratch / "none")
    assert missing.returncode == 1
    assert re.fullmatch(r"NOT_FOUND: open '.*/none': No such file or directory\n", missing.stderr)


def test_outside_project_reads_by_the_ring(outside, scratch):
    (scratch / "file").write_bytes(b"first\nsecond\n" * 1000)
    assert run(outside / "head", scratch / "file").stdout == "first\n"
    assert "Is a directory" in run(outside / "head", scratch).stderr


def test_readme_shows_what_is_tested():
    """Each line of code of the section is in one of the programs."""
    readme = (ROOT / "lib/README.md").read_text()
    section = readme.split("## In your own service and tests\n")[1].split("\n## ")[0]
    shown = [line.strip() for line in section.splitlines() if line.startswith("    ")]
    tested = {
        line.strip()
        for program in ("CMakeLists.txt", "service.cc", "sum.cc", "index_test.cc")
        for line in (OUTSIDE / program).read_text().splitlines()
    }
    assert len(shown) > 10
    assert not [line for line in shown if line and line not in tested]

"""tools/with_memory: a command in a control group of its own."""

import pytest

from conftest import ROOT, finished

TOOL = ROOT / "tools/with_memory"


def run(*arguments):
    return finished(TOOL, *arguments)


@pytest.fixture
def limited():
    """Skips where control groups cannot be made."""
    if run("64", "true").returncode != 0:
        pytest.skip("no memory control group can be made here")


def test_command_runs_in_the_group_which_is_gone_afterwards(limited):
    done = run("64", "sh", "-c", "cat /proc/self/cgroup")
    assert done.returncode == 0, done.stderr
    assert "/pagestall-" in done.stdout
    group = next(line for line in done.stdout.splitlines() if "/pagestall-" in line).rsplit("/", 1)[-1]
    mounts = finished("find", "/sys/fs/cgroup", "-name", group)
    assert mounts.stdout == ""


def test_memory_is_limited(limited):
    take = ["/usr/bin/python3", "-c", "print(len(bytearray(256 << 20)))"]
    assert run("1024", *take).stdout == f"{256 << 20}\n"
    assert run("64", *take).returncode != 0


def test_exits_as_the_command_does(limited):
    assert run("64", "sh", "-c", "exit 7").returncode == 7


@pytest.mark.parametrize("arguments", [[], ["64"], ["0", "true"], ["much", "true"]])
def test_bad_input_is_refused_with_the_usage(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: tools/with_memory MIB COMMAND")

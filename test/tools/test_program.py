"""How every tool begins and ends: an error is no answer, a signal leaves nothing behind."""

import os
import signal
import subprocess

import pytest

from conftest import ROOT, finished, wait_until
from made_runs import ROW, repetitions, write_run
from test_gate import measured
from test_gate_rates import kept

READ = ROW.format("seq", "read", "warm")
GATE = ["pagestall", "gate"]


@pytest.fixture
def tools(scratch):
    """{name: command of a tool that has something to say}."""
    a = write_run(scratch / "a.json", measured(READ, 1))
    b = write_run(scratch / "b.json", measured(READ, 1.5))
    kept(scratch / "kept")
    return {
        "gate": [*GATE, a, b],
        "csv": ["pagestall", "csv", a],
        "table": ["table", a],
        "gate_rates": [
            "gate_rates", f"--data_dir={scratch}", f"--keep={scratch / 'kept'}", "--runs=3",
            "--tries=2", "--binary=/bin/false",
        ],
    }  # fmt: skip


def started(command, redirected="", **more):
    """`redirected`: as a shell has it."""
    name, *words = command
    return subprocess.Popen(
        ["sh", "-c", f'exec "$0" "$@" {redirected}', ROOT / "tools" / name, *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more,
    )  # fmt: skip


def ended(command, redirected="", **more):
    """(code, stdout, stderr)"""
    with started(command, redirected, **more) as process:
        out, errors = process.communicate(timeout=300)
    return process.returncode, out, errors


@pytest.mark.parametrize("name", ["gate", "csv", "table", "gate_rates"])
def test_closed_output_is_one_line_and_no_answer(tools, name):
    said = "error: write standard output: it is closed\n"
    assert ended(tools[name], ">&-") == (2, "", said)


def test_closed_errors_change_no_answer(tools, scratch):
    assert ended(tools["gate"], "2>&-") == ended(tools["gate"])
    assert ended(tools["gate"])[0] == 1
    none = scratch / "none.json"
    assert ended([*GATE, none, none], "2>&-") == (2, "", "")
    assert ended([*GATE, none, none], "2>/dev/full") == (2, "", "")


def altered(scratch, module, text):
    """An environment in which Python finds `text` for a module."""
    (scratch / "modules").mkdir(exist_ok=True)
    (scratch / f"modules/{module}.py").write_text(text)
    return os.environ | {"PYTHONPATH": str(scratch / "modules"), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.parametrize("name", ["gate", "table", "gate_rates"])
def test_what_nobody_foresaw_is_no_answer(tools, scratch, name):
    env = altered(scratch, "numpy", "raise RuntimeError('unforeseen')")
    code, _, errors = ended(tools[name], env=env)
    assert code == 2
    assert errors.startswith("Traceback ") and errors.endswith("RuntimeError: unforeseen\n")


@pytest.mark.parametrize("name", ["gate", "table", "gate_rates"])
def test_package_that_is_missing_is_named(tools, scratch, name):
    env = altered(scratch, "numpy", "raise ModuleNotFoundError('no numpy', name='numpy')")
    code, _, errors = ended(tools[name], env=env)
    assert (code, errors) == (2, "error: no numpy; install the package python3-numpy\n")


# In what is written, until a signal comes, which more follow.
HANGS = """
import os, signal, time
def hang(*_):
    open({mark!r}, "w").close()
    time.sleep(600)
os.replace = hang
unlink = os.unlink
def interrupted(path):
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGHUP)
    unlink(path)
os.unlink = interrupted
"""


@pytest.fixture
def writing(scratch):
    """Starts a tool that hangs when it has written its output, but for the name."""
    path = write_run(scratch / "run.json", repetitions(READ, [1.5]))
    mark = scratch / "hangs"
    (scratch / "out").mkdir()
    running = []

    def start(**more):
        env = altered(scratch, "sitecustomize", HANGS.format(mark=str(mark)))
        process = started(["pagestall", "csv", path, "-o", scratch / "out/csv"], env=env, **more)
        running.append(process)
        wait_until(mark.exists, process)
        (unfinished,) = (scratch / "out").iterdir()
        assert unfinished.name.startswith(".unfinished.")
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_leaves_nothing_behind_and_is_what_the_tool_dies_of(scratch, writing, number):
    process = writing()
    process.send_signal(number)
    assert process.communicate(timeout=120) == ("", "")
    assert process.returncode == -number
    assert not list((scratch / "out").iterdir())


def test_signal_that_was_ignored_stays_so(scratch, writing):
    """As nohup(1) has it."""
    process = writing(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGTERM


def test_first_process_of_a_container_ends_as_well(scratch):
    """Which does not die of a signal that it has no handler for (pid_namespaces(7))."""
    if os.geteuid() != 0:
        pytest.skip("a process namespace takes root")
    path = write_run(scratch / "run.json", repetitions(READ, [1.5]))
    mark = scratch / "hangs"
    env = altered(scratch, "sitecustomize", HANGS.format(mark=str(mark)))
    command = ["unshare", "--pid", "--fork", "--kill-child", ROOT / "tools/pagestall", "csv", path]
    process = subprocess.Popen([*command, "-o", scratch / "csv"], env=env)
    try:
        wait_until(mark.exists, process)
        children = finished("pgrep", "-P", str(process.pid), check=True)
        os.kill(int(children.stdout), signal.SIGTERM)
        assert process.wait(timeout=120) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.wait()


MEASURES = """#!/usr/bin/python3 -IS
import signal, sys, time
def end(*_):
    open({work!r} + "/ended", "w").close()
    sys.exit(1)
signal.signal(signal.SIGTERM, end)
(out,) = [word.split("=", 1)[1] for word in sys.argv if word.startswith("--benchmark_out=")]
open(out, "w").close()
open({work!r} + "/hangs", "w").close()
time.sleep(600)
"""


SIGNALLED = """
import os, signal, subprocess
start = subprocess._fork_exec
def signalled(*words):
    child = start(*words)
    os.kill(os.getpid(), {number})
    return child
subprocess._fork_exec = signalled
"""


@pytest.mark.parametrize("when", ["while it starts", "while it measures"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_gate_rates_ends_what_it_runs(scratch, number, when):
    keep, binary = scratch / "keep", scratch / "binary"
    binary.write_text(MEASURES.format(work=str(scratch)))
    binary.chmod(0o755)
    at_start = when == "while it starts"
    env = altered(scratch, "sitecustomize", SIGNALLED.format(number=int(number)) * at_start)
    command = ["gate_rates", f"--data_dir={scratch}", f"--keep={keep}", f"--binary={binary}"]
    with started(command, env=env) as process:
        if not at_start:
            wait_until((scratch / "hangs").exists, process)
            process.send_signal(number)
        process.communicate(timeout=120)
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert not list(keep.iterdir())
    if at_start:
        found = subprocess.run(["pgrep", "-f", f"^[^ ]+ -IS {binary}"], check=False)
        assert found.returncode == 1, "nothing runs on"
    else:
        assert (scratch / "ended").exists(), "the binary could put back what it had changed"

"""How every tool begins and ends: an error is no answer."""

import os
import subprocess

import pytest

from conftest import ROOT
from made_runs import ROW, write_run
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


def finished(command, redirected="", **more):
    """(code, stdout, stderr)"""
    with started(command, redirected, **more) as process:
        out, errors = process.communicate(timeout=300)
    return process.returncode, out, errors


@pytest.mark.parametrize("name", ["gate", "csv", "table", "gate_rates"])
def test_closed_output_is_one_line_and_no_answer(tools, name):
    said = "error: write standard output: it is closed\n"
    assert finished(tools[name], ">&-") == (2, "", said)


def test_closed_errors_change_no_answer(tools, scratch):
    assert finished(tools["gate"], "2>&-") == finished(tools["gate"])
    assert finished(tools["gate"])[0] == 1
    none = scratch / "none.json"
    assert finished([*GATE, none, none], "2>&-") == (2, "", "")
    assert finished([*GATE, none, none], "2>/dev/full") == (2, "", "")


def altered(scratch, module, text):
    """An environment in which Python finds `text` for a module."""
    (scratch / "modules").mkdir(exist_ok=True)
    (scratch / f"modules/{module}.py").write_text(text)
    return os.environ | {"PYTHONPATH": str(scratch / "modules"), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.parametrize("name", ["gate", "table", "gate_rates"])
def test_what_nobody_foresaw_is_no_answer(tools, scratch, name):
    env = altered(scratch, "numpy", "raise RuntimeError('unforeseen')")
    code, _, errors = finished(tools[name], env=env)
    assert code == 2
    assert errors.startswith("Traceback ") and errors.endswith("RuntimeError: unforeseen\n")


@pytest.mark.parametrize("name", ["gate", "table", "gate_rates"])
def test_package_that_is_missing_is_named(tools, scratch, name):
    env = altered(scratch, "numpy", "raise ModuleNotFoundError('no numpy', name='numpy')")
    code, _, errors = finished(tools[name], env=env)
    assert (code, errors) == (2, "error: no numpy; install the package python3-numpy\n")

"""The tools, run in this process: to start one takes most of the time of what is tested."""

import contextlib
import functools
import importlib.machinery
import importlib.util
import io
import subprocess
import sys
from unittest import mock

from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))


@functools.cache
def program(name):
    """tools/NAME as a module."""
    loader = importlib.machinery.SourceFileLoader(f"{name}_program", str(ROOT / "tools" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def run(name, *words):
    """tools/NAME, finished."""
    argv = [name, *map(str, words)]
    out, errors = io.StringIO(), io.StringIO()
    with mock.patch.object(sys, "argv", argv):
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            code = program(name).main()
    return subprocess.CompletedProcess(argv, code, out.getvalue(), errors.getvalue())

"""The tools, run in this process: to start one takes most of the time of what is tested."""

import contextlib
import functools
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import tempfile
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


def run(name, *words, env=None):
    """tools/NAME, finished; `env` in place of this process's environment."""
    argv = [name, *map(str, words)]
    with (
        text_file() as out,
        text_file() as errors,
        mock.patch.object(sys, "argv", argv),
        mock.patch.dict(os.environ, os.environ if env is None else env, clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(errors),
    ):
        try:
            code = program(name).main()
        except SystemExit as left:  # by argparse
            code = left.code
        return subprocess.CompletedProcess(argv, code, written(out), written(errors))


def text_file():
    """With a descriptor, as the streams of a process have one."""
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace")


def written(file):
    file.flush()
    file.seek(0)
    return file.read()

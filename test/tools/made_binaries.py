"""Binaries that measure what a test tells them to, for tests of what runs binaries."""

import json
import os
import shutil
import sqlite3
import sys

import pytest

from made_runs import CONTEXT, ROW, pagestall, repetitions

MMAP = ROW.format("async", "mmap", "cold")
READ = ROW.format("seq", "read", "warm")

# Takes the entries of its next round from a list, and notes what it was called with.
BINARY = """#!{python} -IS
import json, os, signal, sys, time
work, side = {work!r}, {side!r}
flags = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
with open(work + "/calls", "a") as calls:
    calls.write(json.dumps([side, sys.argv[1:]]) + "\\n")
plan = json.load(open(work + "/" + side + ".json"))
with open(work + "/calls") as calls:
    turn = sum(json.loads(line)[0] == side for line in calls) - 1
def end(*_):
    open(work + "/ended", "w")
    sys.exit(1)
if turn in plan["hangs"]:
    signal.signal(signal.SIGTERM, end)
    open(work + "/hangs", "w")
    time.sleep(600)
sys.stderr.write(plan["stderr"])
if plan["entries"] is not None:
    entries = plan["entries"][turn % len(plan["entries"])]
    with open(flags["--benchmark_out"], "w") as out:
        json.dump(dict(context=plan["context"], benchmarks=entries), out)
if plan["signal"]:
    os.kill(os.getpid(), plan["signal"])
sys.exit(plan["code"])
"""


class Made:
    """Binaries that measure what they are told to, and the rounds that ran."""

    def __init__(self, directory):
        self.directory = directory
        self.db = directory / "history.sqlite"

    def binary(self, side, entries, code=0, stderr="", **more):
        """`entries`: a list for each round, begun again at its end."""
        plan = {"context": CONTEXT, "signal": 0, "hangs": []} | more
        plan |= {"entries": entries, "code": code, "stderr": stderr}
        (self.directory / f"{side}.json").write_text(json.dumps(plan))
        path = self.directory / f"binary_{side}"
        path.write_text(
            BINARY.format(python=sys.executable, work=str(self.directory), side=side)
        )
        path.chmod(0o755)
        return path

    def ab(self, *words, db=True):
        env = os.environ | ({"PAGESTALL_DB": str(self.db)} if db else {})
        return pagestall("ab", *map(str, words), env=env)

    def calls(self):
        path = self.directory / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def noise(self):
        with sqlite3.connect(self.db) as connection:
            return dict(connection.execute("SELECT row, noise FROM noise"))


@pytest.fixture
def made(scratch):
    return Made(scratch)


@pytest.fixture(scope="session")
def empty_history(tmp_path_factory):
    """With no noise in it."""
    made = Made(tmp_path_factory.mktemp("history"))
    one = made.binary("x", timed(FLAT))
    assert made.ab(one, one, "--rounds=5").returncode == 0
    with sqlite3.connect(made.db) as connection:
        connection.execute("DELETE FROM noise")
    return made.db


@pytest.fixture
def began(made, empty_history):
    """As of somebody who has a history, and has not measured the noise."""
    shutil.copy(empty_history, made.db)
    return made


def timed(times, row=MMAP):
    return [repetitions(row, [one]) for one in times]


# Twelve times around 1 s, each another.
FLAT = [1 + 0.001 * one for one in (0, 3, -2, 5, -4, 1, -5, 4, 2, -1, -3, 6)]

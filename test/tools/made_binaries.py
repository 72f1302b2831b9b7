"""Binaries that measure what a test tells them to, for tests of what runs binaries."""

import json
import os
import shlex
import shutil
import sqlite3

import pytest

from made_runs import CONTEXT, ROW, pagestall, repetitions

MMAP = ROW.format("async", "mmap", "cold")
READ = ROW.format("seq", "read", "warm")

# Measures what was written down for its next round, and notes what it was called with. In the shell,
# which starts in a fraction of the time of Python.
BINARY = """#!/bin/sh
side={side}
work={work}
(IFS='\t'; printf '%s\\n' "$side\t$*" >>"$work/calls")
turn=0
if [ -e "$work/$side.turn" ]; then read -r turn <"$work/$side.turn"; fi
echo $((turn + 1)) >"$work/$side.turn"
for word; do
  case $word in --benchmark_out=*) out=${{word#*=}} ;; esac
done
case ' {hangs} ' in
  *" $turn "*)
    trap 'kill $!; : >"$work/ended"; exit 1' TERM
    : >"$work/hangs"
    sleep 600 &
    wait
    ;;
esac
printf %s {stderr} >&2
if [ {rounds} -gt 0 ]; then
  measured=$work/$side.$((turn % {rounds}))
  if [ "${{out%b.json}}" != "$out" ] && [ -e "$measured.as_b" ]; then measured=$measured.as_b; fi
  cat "$measured" >"$out"
fi
if [ {signal} -gt 0 ]; then kill -{signal} $$; fi
case ' {fails} ' in *" $turn "*) exit 1 ;; esac
exit {code}
"""


class Made:
    """Binaries that measure what they are told to, and the rounds that ran."""

    def __init__(self, directory):
        self.directory = directory
        self.db = directory / "history.sqlite"

    def binary(
        self, side, entries, code=0, stderr="", context=CONTEXT, signal=0, hangs=(), fails=(), as_b=()
    ):  # fmt: skip
        """`entries`: a list for each round, begun again at its end; None: it writes no JSON.
        `as_b`: the same, for when it is run as B. `hangs`, `fails`: in which rounds it does."""
        for ending, rounds in (("", entries or ()), (".as_b", as_b)):
            for turn, measured in enumerate(rounds):
                run = {"context": context, "benchmarks": measured}
                (self.directory / f"{side}.{turn}{ending}").write_text(json.dumps(run))
        path = self.directory / f"binary_{side}"
        path.write_bytes(
            BINARY.format(
                work=shlex.quote(str(self.directory)), side=side, rounds=len(entries or []), code=code,
                stderr=shlex.quote(stderr), signal=int(signal), hangs=" ".join(map(str, hangs)),
                fails=" ".join(map(str, fails)),
            ).encode("utf-8", "surrogatepass")
        )  # fmt: skip
        path.chmod(0o755)
        return path

    def pair(self, factor=1, times=None, **more):
        """A, which takes FLAT or `times`, and B, which takes `factor` times as long."""
        return [
            self.binary(side, timed([slower * one for one in times or FLAT]), **more)
            for side, slower in (("a", 1), ("b", factor))
        ]

    def ab(self, *words, db=True):
        env = os.environ | ({"PAGESTALL_DB": str(self.db)} if db else {})
        return pagestall("ab", *map(str, words), env=env)

    def calls(self):
        path = self.directory / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(side, words) for side, *words in (line.split("\t") for line in lines)]

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

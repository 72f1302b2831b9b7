"""tools/pagestall ab, with binaries made up for it that take no time."""

import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys

import pytest

from conftest import ROOT, wait_until
from made_runs import CONTEXT, ROW, failure, pagestall, repetitions

MMAP = ROW.format("async", "mmap", "cold")
READ = ROW.format("seq", "read", "warm")

# Takes the entries of its next round from a list, and notes what it was called with.
BINARY = """#!{python} -IS
import json, os, sys, time
work, side = {work!r}, {side!r}
flags = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
with open(work + "/calls", "a") as calls:
    calls.write(json.dumps([side, sys.argv[1:]]) + "\\n")
plan = json.load(open(work + "/" + side + ".json"))
with open(work + "/calls") as calls:
    turn = sum(json.loads(line)[0] == side for line in calls) - 1
if turn in plan["hangs"]:
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


def test_slower_binary_is_told(began):
    a, b = (began.binary(side, timed([factor * one for one in FLAT]))
            for side, factor in (("a", 1), ("b", 1.5)))  # fmt: skip
    slower = began.ab(a, b, "--rounds=12")
    assert slower.returncode == 1, slower.stderr
    assert "1.500" in slower.stdout and " slower" in slower.stdout
    assert slower.stderr == "", "silent where stderr is no terminal"
    faster = began.ab(b, a, "--rounds=12")
    assert faster.returncode == 0
    assert "0.667" in faster.stdout and " faster" in faster.stdout


def test_equal_binaries_are_the_same(began):
    a, b = (began.binary(side, timed(FLAT)) for side in "ab")
    done = began.ab(a, b, "--rounds=12")
    assert done.returncode == 0, done.stderr
    assert "1 row: 1 same" in done.stdout


def test_difference_counts_from_the_threshold_on(began):
    a, b = (began.binary(side, timed([factor * one for one in FLAT]))
            for side, factor in (("a", 1), ("b", 1.08)))  # fmt: skip
    assert began.ab(a, b, "--rounds=12").returncode == 1
    assert began.ab(a, b, "--rounds=12", "--threshold=10").returncode == 0


def test_drift_of_the_machine_hides_no_difference(began):
    """It becomes slower eightfold, but both are as slow in one round."""
    drift = [2 ** (one / 4) for one in range(12)]
    a, b = (began.binary(side, timed([factor * one * two for one, two in zip(drift, FLAT)]))
            for side, factor in (("a", 1), ("b", 1.2)))  # fmt: skip
    done = began.ab(a, b, "--rounds=12")
    assert done.returncode == 1, done.stdout


def test_every_round_runs_both_once_in_an_order_of_the_seed(began):
    a, b = (began.binary(side, timed(FLAT)) for side in "ab")

    def order(*words):
        (began.directory / "calls").unlink(missing_ok=True)
        began.ab(a, b, "--rounds=12", *words)
        return [side for side, _ in began.calls()]

    first = order()
    blocks = ["".join(first[at : at + 2]) for at in range(0, len(first), 2)]
    assert len(blocks) == 12
    assert set(blocks) == {"ab", "ba"}
    assert order() == first
    assert any(order(f"--seed={seed}") != first for seed in (2, 3))


def test_both_get_one_repetition_the_filter_and_the_flags(began):
    a, b = (began.binary(side, timed(FLAT)) for side in "ab")
    began.ab(a, b, "exec:(a|b) ;$(id)", "--rounds=1", "--", "--data_dir=/x y", "--files=3")
    for _, words in began.calls():
        assert words[:4] == [
            "--data_dir=/x y", "--files=3", "--benchmark_filter=exec:(a|b) ;$(id)",
            "--benchmark_repetitions=1",
        ]  # fmt: skip
    (began.directory / "calls").unlink()
    began.ab(a, b, "--rounds=1", "--", "--files=3")
    assert all("--benchmark_filter" not in " ".join(words) for _, words in began.calls())


def test_binary_with_itself_is_the_noise_which_is_kept(made):
    a = made.binary("a", timed([1, 1.1, 0.9, 1.2, 1, 1, 0.8, 1.1]))
    done = made.ab(a, a, "--rounds=8")
    assert done.returncode == 0, done.stderr
    assert "Kept for machine" in done.stdout
    (noise,) = made.noise().values()
    assert 0.05 < noise < 0.5
    assert f"{noise:.1%}" in done.stdout


def test_link_to_a_binary_is_the_binary(made):
    a = made.binary("a", timed(FLAT))
    link = made.directory / "link"
    link.symlink_to(a)
    assert made.ab(a, link, "--rounds=5").returncode == 0
    assert len(made.noise()) == 1


def test_noise_that_was_measured_keeps_a_difference_from_counting(made):
    shaky = made.binary("x", timed([1, 2, 1, 2, 1, 2, 1, 1, 2, 1]))
    assert made.ab(shaky, shaky, "--rounds=10").returncode == 0
    a, b = (made.binary(side, timed([factor * one for one in FLAT]))
            for side, factor in (("a", 1), ("b", 1.2)))  # fmt: skip
    done = made.ab(a, b, "--rounds=12")
    assert done.returncode == 2, done.stdout
    assert "within the noise" in done.stdout
    assert "showed it in 1 of 1 rows" in done.stdout
    elsewhere = [made.binary(side, timed([factor * one for one in FLAT]),
                             context=CONTEXT | {"cpu_model": "another"})
                 for side, factor in (("a", 1), ("b", 1.2))]  # fmt: skip
    assert made.ab(*elsewhere, "--rounds=12").returncode == 1, "another machine's noise"


def test_binary_slower_than_itself_by_chance_is_no_failure(made):
    """The second in each round is twice as slow."""
    a = made.binary("a", timed([one * (1 + at % 2) for at, one in enumerate(FLAT * 2)]))
    seeds = [made.ab(a, a, "--rounds=12", f"--seed={seed}") for seed in range(3)]
    assert {done.returncode for done in seeds} == {0}
    noise = next(iter(made.noise().values()))
    assert noise > 0.5, "as the one run showed it"


def test_chance_is_named(made):
    """So made that B, whichever is run first, takes twice as long."""
    a = made.binary("a", timed(FLAT))
    slow = (
        "    slow = 2 if flags['--benchmark_out'].endswith('b.json') else 1\n"
        "    entries = [one | dict(real_time=one['real_time'] * slow) for one in entries]\n"
    )
    a.write_text(a.read_text().replace("    with open(flags[", slow + "    with open(flags["))
    done = made.ab(a, a, "--rounds=12")
    assert done.returncode == 0, done.stderr
    assert "nothing is slower than itself" in done.stdout
    assert next(iter(made.noise().values())) > 0.9


def test_noise_takes_five_rounds(made):
    a = made.binary("a", timed(FLAT))
    done = made.ab(a, a, "--rounds=4")
    assert done.returncode == 2
    assert done.stderr == "error: --rounds=4: it takes 5 to know the noise; not kept\n"
    assert made.noise() == {}


def test_too_few_rounds_give_no_verdict(began):
    a, b = (began.binary(side, timed([factor * one for one in FLAT]))
            for side, factor in (("a", 1), ("b", 3)))  # fmt: skip
    done = began.ab(a, b, "--rounds=5")
    assert done.returncode == 2
    assert "needs 9 repetitions on each side" in done.stdout


def test_row_that_fails_in_b_is_named_and_not_compared(began):
    a = began.binary("a", [[*repetitions(MMAP, [one]), *repetitions(READ, [one])] for one in FLAT])
    bad = [[*repetitions(MMAP, [one]), failure(READ, "wrong sum")] for one in FLAT]
    good = [[*repetitions(MMAP, [one]), *repetitions(READ, [one])] for one in FLAT]
    b = began.binary("b", [*good[:9], *bad[9:]], code=1)
    fails = "sys.exit('wrong' in str(entries))"
    b.write_text(b.read_text().replace('sys.exit(plan["code"])', fails))
    done = began.ab(a, b, "--rounds=12")
    assert done.returncode == 2
    assert done.stderr == f"not compared: {READ}: wrong sum (B 3 of 12 rounds)\n"
    assert "1 row: 1 same" in done.stdout
    back = began.ab(b, a, "--rounds=12")
    assert back.returncode == 0, "what the old one failed in is no fault of the new one"
    assert "wrong sum (A 3 of 12 rounds)" in back.stderr


def test_what_is_not_available_or_only_in_one_is_named_and_no_failure(began):
    here = "not available here: io_uring"
    a = began.binary("a", [[*repetitions(MMAP, [one]), failure(READ, here)] for one in FLAT])
    b = began.binary(
        "b",
        [[*repetitions(MMAP, [one]), failure(READ, here), *repetitions("new/row", [one])]
         for one in FLAT],
    )  # fmt: skip
    done = began.ab(a, b, "--rounds=12")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "not compared: new/row: only B has it",
        f"not compared: {READ}: {here} (A 12, B 12 of 12 rounds)",
    ]


def test_nothing_in_common_is_one_clear_line(began):
    a, b = began.binary("a", timed(FLAT)), began.binary("b", timed(FLAT, READ))
    done = began.ab(a, b, "--rounds=2")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "error: no row was measured by both binaries"
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"entries": None, "code": 1, "stderr": "Failed to match: none\n"},
         "exit code 1: Failed to match: none"),
        ({"entries": None}, "it wrote no JSON of a benchmark run"),
        ({"entries": timed([1]), "code": 1, "stderr": "first\nread-ahead not put back\n"},
         "exit code 1: read-ahead not put back"),
        ({"entries": timed([1]), "signal": signal.SIGSEGV}, "Segmentation fault"),
    ],
)  # fmt: skip
def test_binary_that_does_not_measure_is_named_with_its_own_words(began, how, said):
    a, b = began.binary("a", timed(FLAT)), began.binary("b", **how)
    done = began.ab(a, b, "--rounds=2")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[-1] == f"error: run '{b}' (round 1): {said}"
    assert lines[:-1] == how.get("stderr", "").splitlines()[:-1]
    assert done.stdout == ""


def refused(made, *words):
    done = made.ab(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert made.calls() == [], "refused before anything ran"
    (line,) = done.stderr.splitlines()
    return line


def test_what_makes_no_sense_is_refused_before_anything_runs(began):
    a, b = (began.binary(side, timed(FLAT)) for side in "ab")
    none, text = began.directory / "none", began.directory / "text"
    text.write_text("")
    full = began.directory / "full"
    full.mkdir()
    (full / "run.json").write_text("precious")
    for words, line in (
        ([none, b], f"run '{none}': No such file or directory"),
        ([a, text], f"run '{text}': not an executable file"),
        ([a, began.directory], f"run '{began.directory}': not an executable file"),
        ([a, "ls"], "run 'ls': No such file or directory"),
        ([a, b, "--rounds=0"], "--rounds=0: must be from 1 on"),
        ([a, b, "--threshold=0"], "--threshold=0: must be more than 0 percent"),
        ([a, b, "--threshold=nan"], "--threshold=nan: must be more than 0 percent"),
        ([a, b, "--", "--benchmark_repetitions=3"],
         "--benchmark_repetitions=3: a round is one repetition: use --rounds"),
        ([a, b, "--", "--benchmark_out=x"],
         "--benchmark_out=x: use --keep DIR, which keeps the JSON of every round"),
        ([a, b, "x", "--", "--benchmark_filter=y"],
         "--benchmark_filter=y: FILTER is given as well, 'x'"),
        ([a, b, "--keep", text], f"make directory '{text}': File exists"),
        ([a, b, "--keep", full],
         f"--keep={full}: not empty; what is there would be mixed up with it"),
        ([a, b, "--db", none / "history"],
         f"open history '{none / 'history'}': No such file or directory; "
         "tools/pagestall history add RUN.json makes it"),
    ):  # fmt: skip
        assert refused(began, *words) == f"error: {line}"
    assert (full / "run.json").read_text() == "precious"


def test_file_that_the_system_cannot_execute_is_one_clear_line(began):
    a, b = began.binary("a", timed(FLAT)), began.directory / "b"
    b.write_bytes(b"\0\0\0\0")
    b.chmod(b.stat().st_mode | stat.S_IXUSR)
    done = began.ab(b, a, "--rounds=1")
    assert done.returncode == 2
    assert done.stderr == f"error: run '{b}': Exec format error\n"


def test_json_of_every_round_can_be_kept(began):
    a, b = (began.binary(side, timed(FLAT)) for side in "ab")
    kept = began.directory / "kept/here"
    assert began.ab(a, b, "--rounds=12", "--keep", kept).returncode == 0
    names = sorted(path.name for path in kept.iterdir())
    assert names == sorted(f"round-{one:03}-{side}.json" for one in range(1, 13) for side in "ab")
    assert json.loads((kept / "round-002-a.json").read_text())["context"] == CONTEXT


def test_builds_that_are_not_alike_are_noted(began):
    a = began.binary("a", timed(FLAT))
    b = began.binary("b", timed(FLAT), context=CONTEXT | {"build_type": "Debug"})
    assert "note: different, build_type: Release / Debug" in began.ab(a, b, "--rounds=12").stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_ends_the_child_and_compares_the_complete_rounds(began, number):
    a = began.binary("a", timed(FLAT))
    b = began.binary("b", timed([1.5 * one for one in FLAT]), hangs=[10])
    process = subprocess.Popen(
        [ROOT / "tools/pagestall", "ab", a, b, "--rounds=30", f"--db={began.db}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_until(lambda: sum(side == "b" for side, _ in began.calls()) == 11, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err == "interrupted: 10 of 30 rounds are complete\n"
    assert " slower" in out and "B / A, 10 rounds" in out
    left = subprocess.run(["pgrep", "-f", str(b)], capture_output=True, text=True, check=False)
    assert left.stdout == "", "the child is gone"


def test_interrupt_before_the_first_round_is_complete(made):
    a = made.binary("a", timed(FLAT), hangs=[0])
    process = subprocess.Popen(
        [ROOT / "tools/pagestall", "ab", a, a, f"--db={made.db}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_until(made.calls, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, "")
    assert err == "interrupted: 0 of 20 rounds are complete\n"
    assert made.noise() == {}


def test_interrupted_noise_is_shown_and_not_kept(made):
    a = made.binary("a", timed(FLAT), hangs=[12])
    process = subprocess.Popen(
        [ROOT / "tools/pagestall", "ab", a, a, f"--db={made.db}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_until(lambda: len(made.calls()) == 13, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err == "interrupted: 6 of 20 rounds are complete\n"
    assert "with itself, 6 rounds" in out and "Kept" not in out
    assert made.noise() == {}


def test_history_of_nobody_is_not_begun_by_a_comparison(made, monkeypatch):
    monkeypatch.delenv("PAGESTALL_DB", raising=False)
    default = ROOT / "results/history.sqlite"
    existed = default.exists()
    a, b = (made.binary(side, timed(FLAT)) for side in "ab")
    assert made.ab(a, b, "--rounds=12", db=False).returncode == 0
    assert default.exists() == existed

"""tools/pagestall ab: verdicts and noise, of binaries that take no time."""

import pytest

from conftest import ROOT
from made_binaries import FLAT, MMAP, READ, began, empty_history, made, timed  # noqa: F401
from made_runs import CONTEXT, failure, repetitions


def test_slower_binary_is_told(began):
    a, b = began.pair(1.5)
    slower = began.ab(a, b, "--rounds=12")
    assert slower.returncode == 1, slower.stderr
    assert "1.500" in slower.stdout and " slower" in slower.stdout
    assert slower.stderr == "", "silent where stderr is no terminal"
    faster = began.ab(b, a, "--rounds=12")
    assert faster.returncode == 0
    assert "0.667" in faster.stdout and " faster" in faster.stdout


def test_equal_binaries_are_the_same(began):
    a, b = began.pair()
    done = began.ab(a, b, "--rounds=12")
    assert done.returncode == 0, done.stderr
    assert "1 row: 1 same" in done.stdout


def test_difference_counts_from_the_threshold_on(began):
    a, b = began.pair(1.08)
    assert began.ab(a, b, "--rounds=12").returncode == 1
    assert began.ab(a, b, "--rounds=12", "--threshold=10").returncode == 0


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
    a, b = made.pair(1.2)
    done = made.ab(a, b, "--rounds=12")
    assert done.returncode == 2, done.stdout
    assert "within the noise" in done.stdout
    assert "in 1 of 1 row no less than what equal runs differed by" in done.stdout
    elsewhere = made.pair(1.2, context=CONTEXT | {"cpu_model": "another"})
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
    a = made.binary("a", timed(FLAT), as_b=timed([2 * one for one in FLAT]))
    done = made.ab(a, a, "--rounds=12")
    assert done.returncode == 0, done.stderr
    assert "nothing is slower than itself" in done.stdout
    assert next(iter(made.noise().values())) > 0.9


def test_noise_takes_five_rounds(made):
    a = made.binary("a", timed(FLAT))
    done = made.ab(a, a, "--rounds=4")
    assert done.returncode == 2
    assert done.stderr == "error: --rounds=4: it takes 5 to know the noise; not kept\n"
    assert not made.db.exists()


@pytest.mark.parametrize("place", ["history.sqlite", "new/history.sqlite"])
def test_binary_that_does_not_measure_begins_no_history(made, place):
    made.db = made.directory / place
    broken = made.binary("a", None)
    done = made.ab(broken, broken, "--rounds=5")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert not made.db.exists()
    assert not (made.directory / "new").exists()


def test_history_that_cannot_be_made_is_said_before_anything_runs(made):
    made.db = made.directory / "none/new/history.sqlite"
    a = made.binary("a", timed(FLAT))
    done = made.ab(a, a, "--rounds=5")
    assert done.returncode == 2 and "No such file or directory" in done.stderr
    assert made.calls() == []


def test_row_that_fails_in_b_is_named_and_not_compared(began):
    a = began.binary("a", [[*repetitions(MMAP, [one]), *repetitions(READ, [one])] for one in FLAT])
    bad = [[*repetitions(MMAP, [one]), failure(READ, "wrong sum")] for one in FLAT]
    good = [[*repetitions(MMAP, [one]), *repetitions(READ, [one])] for one in FLAT]
    b = began.binary("b", [*good[:9], *bad[9:]], fails=range(9, 12))
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


def test_row_that_a_could_not_measure_either_is_no_failure(began):
    missing = failure(READ, "not available here: io_uring")
    sides = {
        "a": [failure("both", "bad"), failure("often", "bad"), *repetitions(READ, [1])],
        "b": [failure("both", "bad"), failure("often", "bad"), missing],
    }
    good = [*repetitions(MMAP, [1]), *repetitions("often", [1])]
    plans = {
        side: [[*repetitions(MMAP, [one]), *own] for one in FLAT] for side, own in sides.items()
    }
    plans["a"][0] = [*good, failure("both", "bad"), *repetitions(READ, [1])]
    a, b = (began.binary(side, plan, code=1) for side, plan in plans.items())
    done = began.ab(a, b, "--rounds=12")
    assert done.returncode == 0, done.stderr
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == ["often", READ, "both"]
    assert "1 row: 1 same" in done.stdout


def test_nothing_in_common_is_one_clear_line(began):
    a, b = began.binary("a", timed(FLAT)), began.binary("b", timed(FLAT, READ))
    done = began.ab(a, b, "--rounds=2")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "error: no row was measured by both binaries"
    assert done.stdout == ""


@pytest.mark.parametrize("seed", [0, 2], ids=["one order", "the other"])
def test_what_casts_doubt_is_noted_as_by_gate(began, seed):
    odd = {
        "kernel": "Linux 6.19.1 x86_64", "executable": "/opt/questions_bench", "seed": "2",
        "slow_down": "read:10", "load_avg": [9.5, 1, 1], "build_type": "Debug",
    }  # fmt: skip
    context = {key: value for key, value in CONTEXT.items() if key != "evict"} | odd
    a, b = began.binary("a", timed(FLAT)), began.binary("b", timed(FLAT), context=context)
    done = began.ab(a, b, "--rounds=12", f"--seed={seed}")
    notes = [line for line in done.stdout.splitlines() if line.startswith("note: ")]
    assert notes == [
        "note: different, build_type: Release / Debug",
        "note: different, seed: 1 / 2",
        "note: different binaries: article_bench / questions_bench",
        "note: kernel: Linux 6.18.5 x86_64 / Linux 6.19.1 x86_64",
        "note: evict: fadvise in the run of A, unknown in the run of B",
        "note: the run of B is a debug build: its times say little of a release",
        "note: the run of B was made with --slow_down=read:10",
        "note: the machine was busy before the run of B: load 9.5, 2 CPUs",
    ]


def test_history_that_cannot_be_read_is_told_before_anything_runs(began):
    began.db.write_text("no database")
    a, b = began.pair()
    done = began.ab(a, b, "--rounds=12")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line == (
        f"error: open history '{began.db}': file is not a database; name another by --db, or "
        "restore it from a copy"
    )
    assert began.calls() == []


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_noise_that_has_no_date_is_refused_after_the_first_round(made, date):
    context = CONTEXT | {"date": date}
    if date is None:
        del context["date"]
    a = made.binary("a", timed(FLAT), context=context)
    done = made.ab(a, a, "--rounds=12")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: read '") and "no date in its context" in line
    assert len(made.calls()) == 2
    assert not made.db.exists()


def test_verdict_needs_no_date(began):
    context = {key: value for key, value in CONTEXT.items() if key != "date"}
    a, b = began.pair(context=context)
    assert began.ab(a, b, "--rounds=12").returncode == 0


def test_history_of_nobody_is_not_begun_by_a_comparison(made):
    default = ROOT / "results/history.sqlite"
    existed = default.exists()
    a, b = made.pair()
    assert made.ab(a, b, "--rounds=12", db=False).returncode == 0
    assert default.exists() == existed

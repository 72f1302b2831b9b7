"""tools/pagestall history gate."""

import math
import random
import re
import statistics

from made_history import (
    ASYNC, SEQ, added, at, failed_run, history, made_run, made_runs, one_line, opened,
)  # fmt: skip
from made_runs import failure, repetitions, write_run

pytest_plugins = ["postgres"]


def verdict(done):
    """Of the only row."""
    return re.search(r"^1 row: .*\b1 (same|faster|slower|cannot tell)", done.stdout, re.M)[1]


def test_gate_finds_a_slowdown_and_passes_the_same(db, scratch):
    added(db, *made_runs(scratch, [1.0] * 12))
    slower = history(db, "gate", made_run(scratch, 13, 1.15))
    assert (slower.returncode, verdict(slower)) == (1, "slower")
    same = history(db, "gate", made_run(scratch, 14))
    assert (same.returncode, verdict(same)) == (0, "same")
    assert "100/10" in same.stdout
    assert "30/10" in history(db, "gate", made_run(scratch, 14), "--window", "3").stdout
    lenient = history(db, "gate", made_run(scratch, 13, 1.15), "--threshold", "20")
    assert lenient.returncode == 0


def test_gate_compares_with_runs_before_it_and_never_with_itself(db, scratch):
    paths = made_runs(scratch, [1.0, 1.0, 1.5, 9.0, 9.0])
    added(db, *paths)
    done = history(db, "gate", paths[2])
    assert (done.returncode, verdict(done)) == (1, "slower")
    assert "20/10" in done.stdout


def test_gate_compares_with_runs_of_the_machine_only(db, scratch):
    """The last run before it is the other machine's, and three times as slow."""
    added(
        db,
        *made_runs(scratch / "here", [1.0] * 3),
        *made_runs(scratch / "there", [3.0] * 4, cpu_model="Another CPU"),
    )
    done = history(db, "gate", made_run(scratch, 9))
    assert (done.returncode, verdict(done)) == (0, "same")
    assert "30/10" in done.stdout


COSTLY = {"cost_system_call_ns": "900"}


def test_gate_leaves_out_runs_of_a_machine_that_became_another(db, scratch):
    """With the same ID; they are three times as slow."""
    here = {"cost_system_call_ns": "100"}
    added(db, *made_runs(scratch / "a", [3.0] * 4, **COSTLY))
    new = made_run(scratch, 20, **here)
    left_out = (
        "left out: 4 runs of this machine's ID that differ from this run "
        "(cost_system_call_ns: 900 / 100)"
    )
    assert left_out in one_line(history(db, "gate", new))
    added(db, *(made_run(scratch / "b", number, **here) for number in range(5, 8)))
    done = history(db, "gate", new)
    assert (done.returncode, verdict(done)) == (0, "same")
    assert "30/10" in done.stdout and f"note: {left_out}" in done.stdout
    anywhere = history(db, "gate", new, "--any-machine")
    assert "70/10" in anywhere.stdout and "left out" not in anywhere.stdout


def test_gate_leaves_out_runs_that_read_from_something_else(scratch):
    db = scratch / "history.sqlite"
    below = {"disks_below": "vda"}
    added(db, *made_runs(scratch / "a", [0.2] * 3, **below, unknown_below="loop0"))
    added(db, *(made_run(scratch / "b", number) for number in range(5, 8)))
    done = history(db, "gate", made_run(scratch, 20, **below))
    assert (done.returncode, verdict(done)) == (0, "same")
    assert "note: left out: 3 runs" in done.stdout and "loop0 / nothing" in done.stdout


def test_gate_knows_what_runs_differ_by_among_themselves(scratch):
    db = scratch / "history.sqlite"
    added(db, *made_runs(scratch, [1.0, 1.2] * 5))
    done = history(db, "gate", made_run(scratch, 20, 1.25))
    assert (done.returncode, verdict(done)) == (2, "cannot tell")
    assert "within the noise of 41" in done.stdout
    assert "noise between runs" not in done.stdout
    assert history(db, "gate", made_run(scratch, 20, 2.0)).returncode == 1


def test_gate_takes_no_run_for_slower_that_differs_as_the_others_do(scratch):
    """Every second of five runs is 4 % slower, and the new one 8 %: more than they ever were."""
    db = scratch / "history.sqlite"
    added(db, *made_runs(scratch, [1.0, 1.04, 1.0, 1.04, 1.0]))
    done = history(db, "gate", made_run(scratch, 20, 1.08))
    assert (done.returncode, verdict(done)) == (2, "cannot tell")
    assert "within the noise of" in done.stdout


def test_noise_between_runs_is_exceeded_by_few_equal_runs():
    from pagestall_tools.history.between_runs import CHANCE, noise_between

    chance, rows, comparisons = random.Random(1), 6, 400
    for count in (5, 10):
        exceeded = 0
        for _ in range(comparisons):
            runs = [
                [math.exp(chance.gauss(0, 0.05)) for _ in range(count + 1)] for _ in range(rows)
            ]
            exceeded += any(
                new / statistics.median(old) - 1 > noise_between(old, rows) for *old, new in runs
            )
        assert exceeded < 2 * CHANCE * comparisons


def test_gate_says_that_few_runs_do_not_tell_their_noise(scratch):
    db = scratch / "history.sqlite"
    paths = made_runs(scratch, [1.0] * 5)
    new = made_run(scratch, 20)
    notes = []
    for path in paths:
        added(db, path)
        done = history(db, "gate", new)
        notes += re.findall("^note: (.* noise between runs .*)$", done.stdout, re.M)
    unknown = "before it measured 1 row: the noise between runs is not known yet, which takes 5"
    assert notes == [f"1 run {unknown}", *(f"{one} runs {unknown}" for one in (2, 3, 4))]


def test_gate_knows_the_noise_that_was_measured_last(db, scratch):
    from pagestall_tools import machine, runs

    paths = made_runs(scratch, [1.0] * 3)
    added(db, *paths)
    context = runs.read(paths[0]).context
    known = machine.machine_id(context), machine.fingerprint(context)
    slow = made_run(scratch, 4, 1.15)
    assert history(db, "gate", slow).returncode == 1
    with opened(db) as store:
        store.add_noise(*known, {ASYNC: 0.3, SEQ: 0.01}, "2026-11-25T10:00:00+00:00")
        store.add_noise(*known, {ASYNC: 0.01}, "2026-11-24T10:00:00+00:00")
        assert store.noise(known[0]) == {ASYNC: 0.3, SEQ: 0.01}
        assert store.noise("nowhere") == {}
    done = history(db, "gate", slow)
    assert (done.returncode, verdict(done)) == (2, "cannot tell")
    assert "within the noise of 30" in done.stdout
    with opened(db) as store:
        store.add_noise(*known, {ASYNC: 0.02}, "2026-11-25T10:00:00+00:00")
    assert history(db, "gate", slow).returncode == 1


def test_gate_says_which_row_failed_that_was_measured_before(scratch):
    db = scratch / "history.sqlite"
    added(db, *made_runs(scratch, [1.0] * 3))
    failed = write_run(
        scratch / "failed.json", [failure(ASYNC, "not cold: 3 of 9 pages")], repetitions(SEQ, [1])
    )
    done = history(db, "gate", failed)
    assert done.returncode == 2
    assert re.search(r"exec:async/.*: not cold: 3 of 9 pages$", done.stdout, re.M)


def test_gate_leaves_out_runs_in_which_the_row_failed(db, scratch):
    added(db, *made_runs(scratch, [1.0] * 2), failed_run(scratch, 4), failed_run(scratch, 5))
    done = history(db, "gate", made_run(scratch, 20))
    assert (done.returncode, verdict(done)) == (0, "same")
    assert "20/10" in done.stdout
    left_out = r"^note: failed in 2 earlier runs, left out of them: scan/.*async.*: not cold$"
    assert len(re.findall(left_out, done.stdout, re.M)) == 1
    assert "not available" not in done.stdout
    last = history(db, "gate", made_run(scratch, 20), "--window", "1")
    assert "failed in an earlier run, left out of it: " in last.stdout


def test_gate_leaves_out_runs_that_evicted_otherwise(scratch):
    db = scratch / "history.sqlite"
    added(db, *made_runs(scratch / "a", [9.0] * 3, evict="drop_caches"))
    assert "no earlier run" in one_line(history(db, "gate", made_run(scratch, 5)))
    added(db, *made_runs(scratch / "b", [1.0] * 3))
    assert history(db, "gate", made_run(scratch, 5)).returncode == 0


def test_threshold_that_is_none_is_one_line(scratch):
    for word in ("0", "-1", "nan", "inf", "much"):
        error = one_line(history(scratch / "none", "gate", "run.json", f"--threshold={word}"))
        assert error == f"error: --threshold {word}: must be a percentage above 0\n"


def test_gate_without_history_says_how_to_begin_one(db, scratch):
    path = made_run(scratch, 5)
    assert "tools/pagestall history add" in one_line(history(db, "gate", path))
    added(db, path)
    assert "no earlier run of article_bench" in one_line(history(db, "gate", path))
    stranger = made_run(scratch, 6, cpu_model="Another CPU")
    error = one_line(history(db, "gate", stranger))
    assert "no run of this machine" in error and "tools/pagestall history add" in error


def at_speeds(directory, number, seconds):
    """A run of the day of that number on a core that is shared at times."""
    chance = random.Random(number)
    speeds = [chance.choice([1.0, 1.33]) for _ in range(20)]
    measured = [seconds * speed * chance.lognormvariate(0, 0.005) for speed in speeds]
    reference = [1000 * speed for speed in speeds]
    rows = repetitions(ASYNC, measured, cpu_reference_us=reference)
    return write_run(directory / f"speed{number}.json", rows, **at(number))


def test_gate_takes_the_speed_of_the_cpu_out(db, scratch):
    added(db, *(at_speeds(scratch, number, 1.0) for number in range(6)))
    slower = history(db, "gate", at_speeds(scratch, 8, 1.1))
    assert (slower.returncode, verdict(slower)) == (1, "slower")
    same = history(db, "gate", at_speeds(scratch, 9, 1.0))
    assert (same.returncode, verdict(same)) == (0, "same")

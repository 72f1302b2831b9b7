"""tools/pagestall history plot."""

import filecmp
import re

import pytest

from made_history import (
    ASYNC, ONLY_FAILED, SEQ, added, at, failed_run, history, made_run, made_runs, one_line, times,
)  # fmt: skip
from made_runs import repetitions, write_run

pytest_plugins = ["postgres"]

PNG = b"\x89PNG\r\n\x1a\n"


def test_plot_shows_a_step_and_says_between_which_commits(db, scratch):
    added(db, *made_runs(scratch, [1.0] * 7 + [1.1] * 6))
    picture = scratch / "step.png"
    done = history(db, "plot", "exec:async", "-o", picture)
    assert done.returncode == 0, done.stderr
    changes, path = done.stdout.splitlines()
    assert changes.startswith("change: c0ffee6 -> c0ffee7, 2026-11-08 08:00:00 UTC: 1.00")
    assert re.search(r"\+\d+\.\d%$", changes)
    assert float(changes.rsplit("+", 1)[1].rstrip("%")) == pytest.approx(10, abs=1)
    assert path == str(picture)
    assert picture.read_bytes().startswith(PNG)


def test_plot_shows_two_steps(scratch):
    db = scratch / "history.sqlite"
    added(db, *made_runs(scratch, [1.0] * 8 + [1.3] * 7 + [1.0] * 8))
    done = history(db, "plot", ASYNC, "-o", scratch / "steps.svg")
    found = re.findall(r"change: (\w+) -> (\w+)", done.stdout)
    assert found == [("c0ffee7", "c0ffee8"), ("c0ffee14", "c0ffee15")]
    history(db, "plot", ASYNC, "-o", scratch / "again.svg")
    assert "<svg" in (scratch / "steps.svg").read_text()
    assert filecmp.cmp(scratch / "steps.svg", scratch / "again.svg", shallow=False)


@pytest.mark.parametrize("count", [1, 20])
def test_plot_finds_no_change_in_noise(scratch, count):
    db = scratch / "history.sqlite"
    added(db, *made_runs(scratch, [1.0] * count))
    done = history(db, "plot", "async", "-o", scratch / "flat.png")
    assert done.stdout.splitlines() == [
        f"no change in {count} run{'s' * (count > 1)}", str(scratch / "flat.png")
    ]  # fmt: skip


def test_run_unlike_the_others_is_no_change(scratch):
    db = scratch / "history.sqlite"
    added(db, *made_runs(scratch, [1.0] * 9 + [5.0] + [1.0] * 9 + [5.0]))
    assert "no change" in history(db, "plot", "async", "-o", scratch / "a.png").stdout


def test_plot_leaves_out_runs_of_a_machine_that_became_another(db, scratch):
    added(db, *made_runs(scratch / "a", [9.0] * 3, cost_system_call_ns="900"))
    here = {"cost_system_call_ns": "100"}
    added(db, *(made_run(scratch / "b", number, **here) for number in range(3, 8)))
    done = history(db, "plot", "async", "-o", scratch / "a.svg")
    assert done.stdout.splitlines()[:2] == [
        "no change in 5 runs",
        "left out: 3 runs of this machine's ID that differ from the newest run "
        "(cost_system_call_ns: 900 / 100)",
    ]
    anywhere = history(db, "plot", "async", "-o", scratch / "a.svg", "--any-machine")
    assert "left out" not in anywhere.stdout


def test_plot_is_of_one_machine(db, scratch):
    added(
        db,
        *made_runs(scratch / "here", [1.0] * 3),
        *made_runs(scratch / "there", [3.0] * 4, cpu_model="Another CPU"),
    )
    picture = scratch / "a.svg"
    error = one_line(history(db, "plot", ".", "-o", picture))
    ids = re.search(r"say --machine, one of: (\w+), (\w+)$", error).groups()
    said = [history(db, "plot", ".", "--machine", one, "-o", picture).stdout for one in ids]
    assert sorted(out.splitlines()[0] for out in said) == [
        "no change in 3 runs", "no change in 4 runs"
    ]  # fmt: skip


def test_plot_leaves_out_runs_in_which_the_row_failed(db, scratch):
    added(db, *made_runs(scratch, [1.0] * 3), failed_run(scratch, 4), failed_run(scratch, 5))
    done = history(db, "plot", "async", "-o", scratch / "a.svg")
    assert done.stdout.startswith("no change in 3 runs\n")
    only_failed = one_line(history(db, "plot", ONLY_FAILED, "-o", scratch / "a.svg"))
    assert "no row matches" in only_failed and ONLY_FAILED not in only_failed.split(";")[1]


def test_plot_is_of_the_newest_runs_dataset(db, scratch):
    added(db, *made_runs(scratch / "a", [9.0] * 3, seed="2"))
    added(db, *made_runs(scratch / "b", [9.0] * 2, evict="drop_caches"))
    added(db, *(made_run(scratch, number) for number in range(5, 9)))
    done = history(db, "plot", "async", "--last", "3", "-o", scratch / "a.svg")
    assert done.stdout.splitlines() == [
        "no change in 3 runs",
        "left out: 5 runs of another dataset (seed, evict) than the newest run's",
        str(scratch / "a.svg"),
    ]


def test_nothing_in_a_run_is_an_instruction_to_a_terminal_or_to_matplotlib(scratch):
    db, text = scratch / "history.sqlite", "\x1b[2J\n$\\x$"
    row = f"scan/exec:{text}/io:mmap"
    for number in range(12):
        level = 1 if number < 6 else 2
        path = write_run(
            scratch / f"{number}.json",
            repetitions(row, times(level)),
            repetitions(f"{row}2", times(level)),
            date=at(number)["date"], commit=f"{number % 10}{text}",
            cpu_model=text, executable=text, filesystem=text,
        )  # fmt: skip
        added(db, path)
    shown = r"\x1b[2J\n$\x$"
    assert f"scan/exec:{shown}/io:mmap2" in one_line(history(db, "plot", ".", "-o", "a.svg"))
    done = history(db, "plot", row, "-o", scratch / "a.svg")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"change: 5{shown} -> 6{shown}, " in done.stdout
    assert len(done.stdout.splitlines()) == 2
    for suffix in (".png", ".pdf"):
        assert history(db, "plot", row, "-o", scratch / f"a{suffix}").returncode == 0


def test_plot_takes_one_row_and_lists_those_it_may_be(scratch):
    db = scratch / "history.sqlite"
    both = [repetitions(row, times(1)) for row in (ASYNC, SEQ)]
    added(db, write_run(scratch / "run.json", *both))
    several = one_line(history(db, "plot", "mmap", "-o", scratch / "a.png"))
    assert "2 rows match" in several and ASYNC in several and SEQ in several
    none = one_line(history(db, "plot", "uring", "-o", scratch / "a.png"))
    assert "no row matches" in none and ASYNC in none
    assert "not a regular expression" in one_line(history(db, "plot", "(", "-o", "a.png"))
    assert "must end with" in one_line(history(db, "plot", ASYNC, "-o", "a.gif"))
    missing = one_line(history(db, "plot", SEQ, "-o", scratch / "none/a.png"))
    assert f"write '{scratch}/none/a.png': No such file or directory" in missing
    other = write_run(scratch / "b.json", both[0], executable="remedies_bench")
    added(db, other)
    assert "--binary" in one_line(history(db, "plot", ASYNC, "-o", scratch / "a.png"))
    chosen = ["--binary", "remedies_bench", "-o", scratch / "a.png"]
    assert history(db, "plot", ASYNC, *chosen).returncode == 0

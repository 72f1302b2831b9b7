"""tools/gate_rates on runs that are kept."""

import json

import in_process
import pytest

from made_runs import ROW, failure, write_run
from test_gate import measured

READ = ROW.format("seq", "read", "warm")
COLD = ROW.format("seq", "read", "cold")
SLOWED = {"slow_down": "read:10"}


def kept(scratch, slowed=1.1, third=1.0):
    """Three equal runs of each kind (but for the third) and two tries, as tools/gate_rates keeps
    them."""
    for number in (1, 2, 3):
        for kind, row in (("warm", READ), ("cold", COLD)):
            median = (third if number == 3 else 1) + number / 1e4
            write_run(scratch / f"{kind}-{number:03}.json", measured(row, median, 10))
    for number in (1, 2):
        write_run(scratch / f"baseline-{number:03}.json", measured(READ, 1 + number / 1e4))
        slow = measured(READ, slowed + number / 1e4)
        write_run(scratch / f"contender-{number:03}.json", slow, **SLOWED)


def gate_rates(scratch, *words, binary="/bin/false"):
    return in_process.run(
        "gate_rates", f"--data_dir={scratch / 'data'}", f"--keep={scratch}", "--runs=3",
        "--tries=2", f"--binary={binary}", *words,
    )  # fmt: skip


def test_rates_of_kept_runs(scratch):
    kept(scratch)
    done = gate_rates(scratch)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-2] == (
        "false alarms: 0.0% (0 of 6 comparisons: 3 runs of each kind, every pair; a row slower in "
        "0, a row faster in 0), at most 1% wanted"
    )
    assert lines[-1].startswith("10 % slower found: 100.0% (2 of 2; 95 % interval 15.8% to 100")
    assert "AMD EPYC 9B14" in lines[-3] and lines[-3].startswith("2026-11-25")


def test_a_rate_that_is_missed_is_the_exit_code(scratch):
    kept(scratch, slowed=1.0)
    missed = gate_rates(scratch)
    assert missed.returncode == 1
    assert "10 % slower found: 0.0% (0 of 2" in missed.stdout


@pytest.mark.parametrize(
    ("third", "said"),
    [(1.5, "a row slower in 4, a row faster in 0"), (0.7, "a row slower in 0, a row faster in 4")],
)
def test_slower_and_faster_are_both_false_alarms(scratch, third, said):
    kept(scratch, third=third)
    alarmed = gate_rates(scratch)
    assert alarmed.returncode == 1
    assert "false alarms: 66.7% (4 of 6 comparisons" in alarmed.stdout
    assert f"every pair; {said})" in alarmed.stdout


def test_only_runs_that_are_not_kept_are_made(scratch):
    kept(scratch)
    made = scratch / "contender-002.json"
    run = made.rename(scratch / "made.json")
    binary = scratch / "binary"
    binary.write_text(
        '#!/bin/sh\necho "$@" >> "$0.calls"\n'
        f"for word; do case $word in --benchmark_out=*) cp '{run}' \"${{word#*=}}\";; esac; done\n"
    )
    binary.chmod(0o755)
    done = gate_rates(scratch, binary=binary)
    assert done.returncode == 0, done.stderr
    assert json.loads(made.read_text())
    (call,) = (scratch / "binary.calls").read_text().splitlines()
    assert "--slow_down=read:10" in call and "--benchmark_repetitions=20" in call


def test_a_run_that_fails_or_is_of_other_flags_is_one_line(scratch):
    kept(scratch)
    (scratch / "warm-002.json").unlink()
    failed = gate_rates(scratch)
    assert failed.returncode == 2
    assert "run '/bin/false': exit code 1" in failed.stderr.splitlines()[-1]
    assert not (scratch / "warm-002.json").exists()
    kept(scratch)
    other = gate_rates(scratch, "--repetitions=30")
    assert other.returncode == 2
    assert "has 20 repetitions, not 30; remove the file" in other.stderr


@pytest.mark.parametrize(
    ("name", "rows", "context", "said"),
    [
        ("warm-002", [measured(READ, 1, 10)], {"commit": "0"}, "of commit 0, and '"),
        ("contender-002", [measured(READ, 1.1)], {**SLOWED, "commit": "0"}, "of commit 0, and '"),
        ("contender-001", [measured(READ, 1.1)], {}, "made without --slow_down=read:10"),
        ("cold-002", [measured(COLD, 1, 10)], SLOWED, "made with --slow_down=read:10"),
        ("cold-003", [measured(COLD, 1, 10), measured(READ, 1, 10)], {}, "other rows than in '"),
        ("baseline-001", [measured(READ, 1, 20), [failure(READ, "wrong sum")]], {},
         f"{READ} failed: wrong sum"),
        ("warm-001", [[failure(READ, "not available here: io_uring")]], {},
         f"{READ} failed: not available here: io_uring"),
    ],
)  # fmt: skip
def test_a_kept_run_that_is_unlike_the_others_is_one_line(scratch, name, rows, context, said):
    kept(scratch)
    write_run(scratch / f"{name}.json", *rows, **context)
    done = gate_rates(scratch)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: '{scratch / name}.json': {said}")
    assert line.endswith("; remove the file to have it made again")


def test_a_directory_that_cannot_be_made_is_one_line(scratch):
    (scratch / "file").write_text("")
    done = gate_rates(scratch, f"--keep={scratch / 'file/keep'}")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"error: {scratch / 'file/keep'}: Not a directory"

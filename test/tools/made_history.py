"""Histories of made-up runs, and what tools/pagestall history says of them."""

import in_process
from made_runs import ROW, failure, repetitions, write_run

ASYNC = ROW.format("async", "mmap", "cold")
SEQ = ROW.format("seq", "mmap", "cold")
ONLY_FAILED = ROW.format("seq", "read", "warm")

# Of ten equal repetitions: how far from their median.
NOISE = [0.0, 0.011, -0.009, 0.004, -0.013, 0.008, -0.003, 0.014, -0.007, 0.002]

# Of equal runs.
DRIFT = [0.0, 0.006, -0.004, 0.009, -0.008, 0.003, -0.006, 0.007, -0.002, 0.005]


def history(db, command, *words):
    """tools/pagestall history, finished."""
    return in_process.run("pagestall", "history", command, "--db", db, *words)


def times(level):
    return [level * (1 + noise) for noise in NOISE]


def made_run(directory, number, level=1.0, **context):
    """Of the day of that number."""
    measured = times(level * (1 + DRIFT[number % len(DRIFT)]))
    return write_run(
        directory / f"run{number}.json",
        repetitions(ASYNC, measured, stall_max_us=1e6),
        **at(number),
        **context,
    )


def made_runs(directory, levels, **context):
    return [made_run(directory, number, level, **context) for number, level in enumerate(levels)]


def failed_run(directory, number):
    """In which ASYNC failed in one repetition and took nine times as long in the others, and
    ONLY_FAILED as well."""
    entries = [
        entry
        for row in (ASYNC, ONLY_FAILED)
        for entry in [*repetitions(row, times(9)), failure(row, "not cold", len(NOISE))]
    ]
    path = directory / f"failed{number}.json"
    return write_run(path, entries, [failure(SEQ, "not available here: x")], **at(number))


def at(number):
    """The context of the day of that number."""
    return {"date": f"2026-11-{number + 1:02}T10:00:00+02:00", "commit": f"c0ffee{number}"}


def added(db, *paths):
    done = history(db, "add", *paths)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def columns(db):
    """Of each run in the list: date, time, commit, binary and counts."""
    done = history(db, "list")
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines() if line.startswith("  20")]


def one_line(done):
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def opened(db):
    from pagestall_tools.history.opening import open_history

    return open_history(db, create=True)


def execute(db, statement):
    with opened(db) as store, store.database.transaction("test", writes=True) as connection:
        connection.exec_driver_sql(statement)

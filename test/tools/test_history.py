"""tools/pagestall history: what is kept, in SQLite and in PostgreSQL, and what cannot be."""

import contextlib
import importlib.util
import os
import re
import resource
import sqlite3
import subprocess

import forbid
import pytest

from conftest import NO_DRIVER, ROOT, finished, wait_until
from made_history import (
    ASYNC, SEQ, added, at, columns, execute, history, made_run, made_runs, one_line, opened, times,
)  # fmt: skip
from made_runs import ROW, failure, pagestall, pagestall_process, repetitions, write_run

pytest_plugins = ["postgres"]


def test_lists_what_was_added_in_order_of_date_in_utc(db, scratch):
    error = "not available here: io_uring_setup: Operation not permitted"
    later = write_run(
        scratch / "later.json",
        repetitions(ASYNC, times(1)),
        repetitions(SEQ, times(2)[:3]),
        [failure(ROW.format("seq", "uring", "cold"), error)],
        [failure(ROW.format("seq", "read", "cold"), "not cold", index) for index in (0, 1)],
        date="2026-11-25T10:00:00+02:00",
        commit="363c4580123456789",
    )
    lines = added(db, later, made_run(scratch, 3))
    assert re.fullmatch(
        rf"{later}: added to machine [0-9a-f]{{12}}: 2 rows, 13 repetitions", lines[0]
    )
    assert columns(db) == [
        "2026-11-04 08:00:00 c0ffee3 article_bench 1 10 0".split(),
        "2026-11-25 08:00:00 363c45801234 article_bench 2 13 1".split(),
    ]
    assert "cpu_model AMD EPYC 9B14" in history(db, "list").stdout


def test_machines_are_listed_apart(db, scratch):
    here = made_runs(scratch / "here", [1.0] * 3)
    there = made_runs(scratch / "there", [3.0] * 4, cpu_model="Another CPU")
    added(db, *here, *there)
    ids = re.findall(r"^machine (\w+):", history(db, "list").stdout, re.M)
    assert len(ids) == 2
    counts = []
    for one in ids:
        out = history(db, "list", "--machine", one[:6]).stdout
        assert re.findall(r"^machine (\w+):", out, re.M) == [one]
        counts.append((out.count("\n  20"), "Another CPU" in out))
    assert sorted(counts) == [(3, False), (4, True)]
    wrong = one_line(history(db, "list", "--machine", "nowhere"))
    assert all(one in wrong for one in ids)


def test_run_that_is_there_already_is_left_alone_whatever_its_file_is_called(db, scratch):
    path = made_run(scratch, 0)
    added(db, path)
    copy = scratch / "copy.json"
    copy.write_text(path.read_text())
    assert added(db, path, copy) == [f"{path}: already there", f"{copy}: already there"]
    assert [line[-2] for line in columns(db)] == ["10"]


def test_runs_of_the_same_second_with_other_content_are_two(db, scratch):
    first = write_run(scratch / "a.json", repetitions(ASYNC, times(1)))
    second = write_run(scratch / "b.json", repetitions(ASYNC, times(2)))
    added(db, first, second)
    assert len(columns(db)) == 2


def test_run_is_the_same_whatever_is_read_of_its_counters(db, scratch):
    paths = [
        write_run(scratch / f"{one}.json", repetitions(ASYNC, times(1), **counters), **at(0))
        for one, counters in enumerate([{}, {"stall_max_us": 1e6}])
    ]
    added(db, paths[0])
    assert added(db, paths[1]) == [f"{paths[1]}: already there"]
    first = repetitions(ASYNC, times(1))
    others = [
        write_run(scratch / "errors.json", first, [failure(SEQ, "x")], **at(0)),
        write_run(scratch / "row.json", repetitions(SEQ, times(1)), **at(0)),
        write_run(scratch / "commit.json", first, **at(0) | {"commit": "b"}),
    ]
    assert [": added" in line for line in added(db, *others)] == [True] * 3


def test_run_that_was_slowed_down_is_not_added(scratch):
    db = scratch / "history.sqlite"
    slowed = made_run(scratch, 0, slow_down="mmap:20")
    error = one_line(history(db, "add", made_run(scratch, 1), slowed))
    assert error == (
        f"error: add '{slowed}': made with --slow_down=mmap:20, so it is no measurement of this "
        "machine\n"
    )
    assert not db.exists()


def test_run_that_cannot_be_stored_leaves_nothing(db, scratch, monkeypatch):
    added(db, made_run(scratch, 0))
    bad = write_run(
        scratch / "bad.json", repetitions(ASYNC, times(1)), cpu_model="another machine"
    )

    def refuse(_):
        raise ValueError("no room")

    monkeypatch.setattr("pagestall_tools.history.store.errors_of", refuse)
    assert str(bad) in one_line(history(db, "add", bad))
    assert len(columns(db)) == 1
    assert history(db, "list").stdout.count("machine ") == 1
    with opened(db) as store, store.database.transaction("test") as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM repetitions").scalar() == 10


@pytest.mark.parametrize("most", [0, 8192, 65536])
def test_history_for_which_there_is_no_room_leaves_nothing(scratch, most):
    """The tables alone fit into the last."""
    rows = [repetitions(f"row/{number}", times(1)) for number in range(100)]
    run = write_run(scratch / "run.json", *rows)
    db = scratch / "new/history.sqlite"
    words = [ROOT / "tools/pagestall", "history", "add", "--db", db, run]
    done = finished(*words, preexec_fn=lambda: forbid.limit(resource.RLIMIT_FSIZE, most))
    assert str(db) in one_line(done)
    assert not db.parent.exists()
    added(db, run)
    (line,) = added(db, run)
    assert line.endswith("already there")


def test_what_another_has_added_to_a_new_history_stays(scratch):
    db, run = scratch / "history.sqlite", made_run(scratch, 0)
    with opened(db):
        added(db, run)
    assert len(columns(db)) == 1
    db.unlink()
    from pagestall_tools.bad_input import BadInput

    with pytest.raises(BadInput, match="removed the file meanwhile"):
        with opened(db) as store, store.database.transaction("add to", writes=True):
            db.unlink()


def test_what_no_database_can_keep_is_kept_as_escapes(db, scratch):
    text = "half: \ud800, none: \0"
    runs = [
        write_run(
            scratch / f"{day}.json", repetitions(ASYNC, times(1)), [failure(SEQ, text)],
            **at(day) | {"commit": text}, executable=text,
        )
        for day in range(2)
    ]  # fmt: skip
    added(db, *runs)
    assert "half: \\ud80" in history(db, "list").stdout
    done = history(db, "gate", runs[1])
    assert done.returncode == 0, done.stderr
    assert "failed in an earlier run" in done.stdout and "half: \\ud800, none: \\x00" in done.stdout


def test_nothing_is_added_if_one_of_the_files_is_no_run(db, scratch):
    added(db, made_run(scratch, 0))
    broken = scratch / "broken.json"
    broken.write_text("{")
    empty = write_run(scratch / "empty.json", [])
    undated = write_run(scratch / "undated.json", repetitions(ASYNC, [1]), date="yesterday")
    number = write_run(scratch / "number.json", repetitions(ASYNC, [1]), date=5)
    first = write_run(
        scratch / "first.json", repetitions(ASYNC, [1]), date="0001-01-01T00:00:00+14:00"
    )
    for bad in (broken, empty, undated, number, first):
        assert f"'{bad}'" in one_line(history(db, "add", made_run(scratch, 1), bad))
        assert len(columns(db)) == 1


def test_processes_that_add_at_once_lose_nothing(db, scratch):
    same = made_run(scratch, 20)
    processes = [
        subprocess.Popen(
            [ROOT / "tools/pagestall", "history", "add", "--db", db, same, made_run(scratch, one)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for one in range(4)
    ]  # fmt: skip
    finished = [process.communicate() for process in processes]
    assert [error for _, error in finished] == [""] * 4
    assert [process.returncode for process in processes] == [0] * 4
    assert sum(f"{same}: added" in out for out, _ in finished) == 1
    listed = columns(db)
    assert [line[2] for line in listed] == [f"c0ffee{one}" for one in [*range(4), 20]]
    assert {line[-2] for line in listed} == {"10"}


def test_same_run_that_another_process_adds_meanwhile_is_awaited(server, scratch):
    db, path = server.new_database(), made_run(scratch, 0)
    added(db, path)
    execute(db, "DELETE FROM repetitions")
    columns_of_runs = 'digest, machine, "commit", date, "binary", context'
    with opened(db) as history_of, history_of.database.transaction("test") as connection:
        connection.exec_driver_sql("CREATE TABLE kept AS SELECT * FROM runs")
        connection.exec_driver_sql("DELETE FROM runs")
    with opened(db) as history_of, history_of.database.transaction("test") as connection:
        copy = f"INSERT INTO runs ({columns_of_runs}) SELECT {columns_of_runs} FROM kept"
        connection.exec_driver_sql(copy)
        process = subprocess.Popen(
            [ROOT / "tools/pagestall", "history", "add", "--db", db, path],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        wait_until(server.has_waiting_transaction, process)
    assert process.communicate(timeout=60)[0] == f"{path}: already there\n"
    assert process.returncode == 0


def test_noise_of_a_machine_without_runs_is_kept(db):
    with opened(db) as store:
        store.add_noise("feedfacebeef", {"cpu_model": "x"}, {ASYNC: 0.1}, "2026-11-25T10:00:00")
    with opened(db) as store:
        assert store.noise("feedfacebeef") == {ASYNC: 0.1}
    assert "machine feedfacebeef: cpu_model x" in history(db, "list").stdout


def test_database_of_something_else_is_left_alone(db, scratch):
    added(db, made_run(scratch, 0))
    tables = ["noise", "errors", "repetitions", "runs", "machines", "pagestall_schema"]
    with opened(db) as store, store.database.transaction("test", writes=True) as connection:
        for table in tables:
            connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.exec_driver_sql("CREATE TABLE visits (url TEXT)")
    error = one_line(history(db, "add", made_run(scratch, 0)))
    assert "something else's database" in error and "visits" in error
    assert "no history in it" in one_line(history(db, "list"))


def test_is_kept_where_the_environment_says_unless_told(scratch):
    path = made_run(scratch, 0)
    known = os.environ | {"PAGESTALL_DB": str(scratch / "new/env.sqlite")}
    assert pagestall("history", "add", path, env=known).returncode == 0
    assert (scratch / "new/env.sqlite").exists()
    assert pagestall("history", "list", env=known).stdout.count("\n  20") == 1
    other = ["--db", scratch / "other.sqlite"]
    assert "No such file" in one_line(pagestall("history", "list", *other, env=known))
    assert "No such file" in one_line(history("", "list"))
    help_text = pagestall("history", "--help").stdout
    assert "results/history.sqlite" in help_text and "PAGESTALL_DB" in help_text


def test_history_that_is_only_readable_can_be_looked_at(scratch):
    path = scratch / "history.sqlite"
    added(path, made_run(scratch, 0))
    url = f"sqlite:///file:{path}?mode=ro&uri=true"
    assert len(columns(url)) == 1
    assert "readonly database" in one_line(history(url, "add", made_run(scratch, 1)))


def test_adding_waits_for_who_writes(scratch):
    path = scratch / "history.sqlite"
    added(path, made_run(scratch, 0))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        process = subprocess.Popen(
            [ROOT / "tools/pagestall", "history", "add", "--db", path, made_run(scratch, 1)]
        )
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1.5)
        # Not in this process: closing the file would take the writer's lock away (fcntl(2)).
        done = pagestall_process("history", "list", "--db", path)
        assert done.stdout.count("\n  20") == 1, done.stderr
        writer.execute("COMMIT")
    assert process.wait(timeout=60) == 0
    assert len(columns(path)) == 2


def said_by_driver(*values):
    missing = importlib.util.find_spec("psycopg2") is None
    return pytest.param(*values, marks=pytest.mark.skipif(missing, reason=NO_DRIVER))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        said_by_driver("postgresql://bench:hush@127.0.0.1:1/history", "Connection refused"),
        ("postgresql://bench:hush@127.0.0.1:port/history", "the form is postgresql://"),
        ("postgresql://bench:hu@sh@127.0.0.1/history", "the form is postgresql://"),
        said_by_driver("postgresql://127.0.0.1:1/history?password=hush", "Connection refused"),
        said_by_driver("postgresql://bench:hush@127.0.0.1:1/history?sslmode=hush", 'sslmode value: "***"'),
        ("mysql://bench:hush@127.0.0.1/history", "only postgresql://"),
        ("postgresql+other://bench:hush@127.0.0.1/history", "the form is postgresql://"),
        ("sqlite://", "the form is"),
    ],
)
def test_url_that_leads_nowhere_is_one_line_without_its_password(scratch, url, said):
    for words in (["list"], ["add", made_run(scratch, 0)]):
        error = one_line(history(url, *words))
        assert said in error
        assert "hu" not in error.replace("history", "")


def test_refused_password_is_not_shown(server):
    error = one_line(history(server.url(password="wr0ng"), "list"))
    assert "password authentication failed" in error
    assert "wr0ng" not in error
    right = one_line(history(server.new_database(), "list"))
    assert "no history in it" in right
    assert server.password not in right


def test_missing_driver_is_named(scratch):
    (scratch / "psycopg2.py").write_text("raise ModuleNotFoundError('none', name='psycopg2')\n")
    without = os.environ | {"PYTHONPATH": str(scratch)}
    url = "postgresql://bench:hush@127.0.0.1:1/history"
    error = one_line(pagestall_process("history", "list", "--db", url, env=without))
    assert "python3-psycopg2" in error
    assert "hush" not in error

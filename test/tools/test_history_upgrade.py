"""What becomes of a history of an older version; runs/history_version_1.sql is the first one's."""

import contextlib
import os
import sqlite3
import sys

import pytest
from conftest import ROOT, finished
from made_history import added, columns, history, made_run, one_line, opened

from pagestall_tools.history import schema

pytest_plugins = ["postgres"]

FIRST = (ROOT / "test/runs/history_version_1.sql").read_text()
STEP = ("ALTER TABLE runs ADD COLUMN host VARCHAR", "UPDATE runs SET host = 'bench'")


@pytest.fixture
def first(scratch):
    with contextlib.closing(sqlite3.connect(scratch / "first.sqlite")) as connection:
        connection.executescript(FIRST)
    return scratch / "first.sqlite"


@pytest.fixture
def next_version(monkeypatch):
    def has(*steps):
        monkeypatch.setattr(schema, "UPGRADES", (*schema.UPGRADES, *steps))
        monkeypatch.setattr(schema, "VERSION", 1 + len(schema.UPGRADES))

    return has


def content(db):
    """{table: its records} of a file."""
    tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
    with contextlib.closing(sqlite3.connect(db)) as connection:
        return {
            name: connection.execute(f'SELECT * FROM "{name}"').fetchall()
            for (name,) in connection.execute(tables).fetchall()
        }


def test_history_of_the_first_version_is_this_versions_once_it_is_opened(first):
    assert [line[2:] for line in columns(first)] == [
        [f"c0ffee{day}", "article_bench", "1", "3", "1"] for day in (1, 2)
    ]
    assert content(first)["pagestall_schema"] == [(schema.VERSION,)]
    with opened(first) as store:
        assert list(store.noise("4cc60adb733b").values()) == [0.02]


def test_upgrade_is_made_once_and_loses_nothing(db, scratch, next_version):
    added(db, made_run(scratch, 0), made_run(scratch, 1))
    before = columns(db)
    next_version(STEP, ("UPDATE runs SET host = host || '!'",))
    assert columns(db) == columns(db) == before
    with opened(db) as store, store.database.transaction("test") as connection:
        hosts = connection.exec_driver_sql("SELECT host FROM runs").scalars().all()
        assert hosts == ["bench!"] * 2
        assert connection.exec_driver_sql("SELECT version FROM pagestall_schema").scalar() == (
            schema.VERSION
        )
    assert added(db, made_run(scratch, 2))


def test_older_program_refuses_what_a_newer_one_has_upgraded(first, next_version, monkeypatch):
    with monkeypatch.context():
        next_version(STEP)
        columns(first)
    monkeypatch.undo()
    assert one_line(history(first, "list")) == (
        f"error: open history '{first}': its schema has version {schema.VERSION + 1}, and this "
        f"program knows {schema.VERSION}: use a newer checkout\n"
    )


def test_upgrade_that_fails_halfway_changes_nothing(first, next_version, monkeypatch):
    before = content(first)
    next_version((*STEP, "UPDATE none SET a = 1"))
    error = one_line(history(first, "list"))
    assert error == f"error: upgrade history '{first}': no such table: none\n"
    assert content(first) == before
    monkeypatch.undo()
    next_version(STEP)
    assert len(columns(first)) == 2


DIES = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pagestall_tools.history import opening, schema
schema.UPGRADES += (sys.argv[3:],)
schema.VERSION += 1
schema.refuse_missing = lambda _, tables: len(tables) == 1 or os._exit(9)
opening.open_history(sys.argv[2])
"""


def test_process_that_dies_within_an_upgrade_changes_nothing(first, next_version):
    before = content(first)
    done = finished(sys.executable, "-B", "-c", DIES, ROOT / "tools", first, *STEP)
    assert done.returncode == 9, done.stderr
    assert os.path.exists(f"{first}-journal")
    assert content(first) == before
    next_version(STEP)
    assert len(columns(first)) == 2

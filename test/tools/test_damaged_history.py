"""What is said of a history that a disk, a person or another program has damaged."""

import contextlib
import os
import resource
import sqlite3

import forbid
import pytest
from conftest import ROOT, finished
from made_history import (
    ASYNC, added, execute, history, made_run, made_runs, one_line, opened,
)  # fmt: skip
from made_runs import CONTEXT, pagestall, repetitions, write_run

from pagestall_tools.machine import fingerprint, machine_id

pytest_plugins = ["postgres"]

MACHINE = machine_id(CONTEXT)
RESTORE = "it is damaged: restore it from a copy, or name another by --db"

# SQLite can be made to forget what its columns are.
FORGET = ("machines", "runs", "repetitions", "errors", "noise", "pagestall_schema")


class Damaged:
    """A history of six runs and a measured noise, and a seventh run."""

    def __init__(self, directory):
        self.directory = directory
        self.db = directory / "history.sqlite"
        *before, self.run = made_runs(directory, [1.0] * 7)
        added(self.db, *before)
        with opened(self.db) as store:
            store.add_noise(MACHINE, fingerprint(CONTEXT), {ASYNC: 0.02}, "2026-11-25T10:00:00")

    def change(self, *statements):
        with contextlib.closing(sqlite3.connect(self.db, isolation_level=None)) as connection:
            for table in FORGET:
                connection.execute(f"CREATE TABLE copied AS SELECT * FROM {table}")
                connection.execute(f"DROP TABLE {table}")
                columns = ", ".join(
                    f'"{column[1]}"' for column in connection.execute("PRAGMA table_info(copied)")
                )
                key = "INTEGER PRIMARY KEY, " if table == "runs" else ", "
                columns = columns.replace('"id", ', f'"id" {key}', 1)
                connection.execute(f"CREATE TABLE {table} ({columns})")
                connection.execute(f"INSERT INTO {table} SELECT * FROM copied")
                connection.execute("DROP TABLE copied")
            for statement in statements:
                connection.execute(statement)

    def commands(self):
        picture = self.directory / "plot.svg"
        yield history(self.db, "list")
        yield history(self.db, "plot", ASYNC, "-o", picture)
        yield history(self.db, "gate", self.run)
        yield pagestall(
            "gate", self.run, self.run, "--in_turn", env=os.environ | {"PAGESTALL_DB": str(self.db)}
        )
        yield history(self.db, "add", made_run(self.directory, 20))

    def left_out(self):
        """Of each of commands(): its exit code, and what it says is left out."""
        begin = f"left out of '{self.db}': "
        said = []
        for done in self.commands():
            lines = done.stderr.splitlines()
            assert all(line.startswith(begin) for line in lines), done.stderr
            said.append((done.returncode, [line.removeprefix(begin) for line in lines]))
        return said


@pytest.fixture
def damaged(scratch):
    return Damaged(scratch)


NOTHING = (0, [])


@pytest.mark.parametrize(
    ("value", "shown"),
    [("NULL", "null"), ("'[]'", "'[]'"), ("'{'", "'{'"), ("'null'", "'null'"), ("5", "5"),
     ("9e999", "inf"), ("'text'", "'text'"), ("x'ff00'", r"b'\xff\x00'"),
     ("CAST(x'7bff' AS TEXT)", r"'{\udcff'"), ("'{\"a\": NaN}'", "'{\"a\": NaN}'"),
     ("'{\"a\": ' || replace(hex(zeroblob(3000)), '0', '[')", "'{\"a\": " + "[" * 52 + "…")],
)  # fmt: skip
def test_context_that_is_no_object_costs_its_run_and_a_fingerprint_nothing_else(
    damaged, value, shown
):
    damaged.change(
        f"UPDATE runs SET context = {value} WHERE id = 2",
        f"UPDATE machines SET fingerprint = {value}",
    )
    listed, plotted, gated, compared, more = damaged.left_out()
    of_machine = f"id {MACHINE}: damaged: fingerprint is {shown}"
    of_run = f"run 2: damaged: context is {shown}"
    assert listed == (0, [of_machine])
    assert plotted == (0, [of_machine, of_run])
    assert gated == (0, [of_run])
    assert compared == more == NOTHING


@pytest.mark.parametrize(
    ("value", "shown"),
    [("NULL", "null"), ("9e999", "inf"), ("-9e999", "-inf"), ("-1", "-1"), ("1e300", "1e+300"),
     ("'text'", "'text'"), ("x'ff'", r"b'\xff'"), ("CAST(x'ff' AS TEXT)", r"'\udcff'")],
)  # fmt: skip
def test_time_that_is_no_number_costs_its_repetition_and_a_noise_itself(damaged, value, shown):
    damaged.change(
        f'UPDATE repetitions SET seconds = {value} WHERE run = 2 AND "index" < 3',
        f"UPDATE noise SET noise = {value}",
    )
    listed, plotted, gated, compared, more = damaged.left_out()
    of_time = f"run 2, row {ASYNC}: damaged: seconds is {shown} (3 times)"
    of_noise = f"machine {MACHINE}, row {ASYNC}: damaged: noise is {shown}"
    assert listed == more == NOTHING
    assert plotted == (0, [of_time])
    assert gated == (0, [of_time, of_noise])
    assert compared == (0, [of_noise])


@pytest.mark.parametrize("value", ["NULL", "9e999", "5", "'text'", "x'ff'", "CAST(x'ff' AS TEXT)"])
def test_date_that_is_none_costs_its_run(damaged, value):
    damaged.change(f"UPDATE runs SET date = {value} WHERE id = 2")
    for code, said in damaged.left_out()[:3]:
        assert code == 0
        assert [line.startswith("run 2: damaged: date is ") for line in said] == [True]


@pytest.mark.parametrize("column", ["run", "row", "counters", '"index"'])
@pytest.mark.parametrize("value", ["NULL", "9e999", "CAST(x'ff' AS TEXT)"])
def test_repetition_that_is_damaged_is_named_or_nobodys(damaged, column, value):
    damaged.change(f"UPDATE repetitions SET {column} = {value} WHERE rowid = 12")
    listed, plotted, gated, compared, more = damaged.left_out()
    assert listed == compared == more == NOTHING
    name = column.strip('"')
    named = [] if name == "run" else [True]
    assert [f"damaged: {name} is " in line for line in gated[1]] == named
    assert (plotted[0], gated[0]) == (0, 0)


@pytest.mark.parametrize("column", ["commit", "binary", "machine"])
@pytest.mark.parametrize("value", ["NULL", "9e999", "CAST(x'ff' AS TEXT)"])
def test_run_of_which_a_name_is_damaged_is_named_in_the_list(damaged, column, value):
    damaged.change(f'UPDATE runs SET "{column}" = {value} WHERE id = 2')
    said = damaged.left_out()
    assert [code for code, _ in said] == [0] * 5
    assert len(said[0][1]) == 1 and f"damaged: {column} is " in said[0][1][0]


def test_what_is_damaged_is_left_out_of_either_database(db, scratch):
    *before, run = made_runs(scratch, [1.0] * 7)
    added(db, *before)
    execute(db, "UPDATE runs SET context = '[]' WHERE id = 2")
    execute(db, "UPDATE repetitions SET seconds = 'NaN' WHERE run = 3")
    execute(db, "UPDATE machines SET fingerprint = '5'")
    listed, gated = history(db, "list"), history(db, "gate", run)
    assert (listed.returncode, gated.returncode) == (0, 0)
    assert "damaged: fingerprint is 5\n" in listed.stderr
    context, times = gated.stderr.splitlines()
    assert context.endswith("': run 2: damaged: context is []") or context.endswith("is '[]'")
    assert f"': run 3, row {ASYNC}: damaged: seconds is " in times and times.endswith("(10 times)")
    assert "the last 4 runs" in gated.stdout


def test_row_of_which_nothing_can_be_read_is_not_plotted(damaged):
    damaged.change("UPDATE repetitions SET seconds = 'text'")
    _, plotted, gated, *_ = damaged.commands()
    assert (plotted.returncode, gated.returncode) == (2, 2)
    assert plotted.stderr.splitlines()[-1] == (
        f"error: plot '{ASYNC}': no run in '{damaged.db}' has a time of it to read"
    )
    assert "no earlier run of article_bench" in gated.stderr.splitlines()[-1]


def test_runs_of_a_machine_that_is_gone_are_listed(damaged):
    damaged.change("DELETE FROM machines")
    done = history(damaged.db, "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"machine {MACHINE}: unknown\n")
    assert done.stdout.count("\n  2026-11-") == 6


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        *((f"DROP TABLE {table}", f"it has no table {table}; {RESTORE}") for table in FORGET[:-1]),
        ("ALTER TABLE runs RENAME COLUMN context TO x",
         f"its table runs has no column context; {RESTORE}"),
        ("ALTER TABLE noise RENAME COLUMN noise TO x",
         f"its table noise has no column noise; {RESTORE}"),
        ("ALTER TABLE pagestall_schema RENAME COLUMN version TO x",
         f"its table pagestall_schema has no column version; {RESTORE}"),
        ("DELETE FROM pagestall_schema", f"its schema has version null; {RESTORE}"),
        ("UPDATE pagestall_schema SET version = 'text'",
         f"its schema has version 'text'; {RESTORE}"),
        ("UPDATE pagestall_schema SET version = -1", f"its schema has version -1; {RESTORE}"),
        ("UPDATE pagestall_schema SET version = 7",
         "its schema has version 7, and this program knows 1: use a newer checkout"),
    ],
)  # fmt: skip
def test_history_that_lacks_a_part_is_one_line_for_every_command(damaged, statement, says):
    damaged.change(statement)
    for done in damaged.commands():
        assert one_line(done) == f"error: open history '{damaged.db}': {says}\n"


def test_file_that_was_cut_is_one_line_for_every_command(damaged):
    size = damaged.db.stat().st_size
    for cut in (size - 4096, size // 2 & ~4095, 4096, 100):
        os.truncate(damaged.db, cut)
        for done in damaged.commands():
            error = one_line(done)
            assert f" '{damaged.db}': " in error and "restore it from a copy" in error


def test_what_is_no_file_is_one_line_for_every_command_and_nobody_waits(scratch):
    run = made_run(scratch, 0)
    pipe, directory = scratch / "pipe", scratch / "directory"
    os.mkfifo(pipe)
    directory.mkdir()
    places = ((pipe, "not a file"), ("/dev/null", "not a file"), (directory, "Is a directory"))
    for db, says in places:
        for words in (["list"], ["plot", "."], ["gate", run], ["add", run]):
            done = finished(ROOT / "tools/pagestall", "history", words[0], "--db", db, *words[1:])
            assert one_line(done) == f"error: open history '{db}': {says}\n"
    done = pagestall("gate", run, run, env=os.environ | {"PAGESTALL_DB": str(pipe)})
    assert one_line(done) == f"error: open history '{pipe}': not a file\n"


def test_history_that_another_holds_for_long_is_one_line_for_every_command(damaged, monkeypatch):
    monkeypatch.setattr("pagestall_tools.history.database.BUSY_SECONDS", 0.1)
    with contextlib.closing(sqlite3.connect(damaged.db, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        said = [one_line(done) for done in damaged.commands()]
    assert set(said) == {
        f"error: open history '{damaged.db}': database is locked; another process writes to it "
        "for long: try again when that has ended\n"
    }


def test_history_that_has_no_room_to_grow_is_one_line_and_loses_nothing(damaged):
    run = write_run(
        damaged.directory / "large.json", *(repetitions(f"row/{one}", [1] * 9) for one in range(99))
    )
    size = damaged.db.stat().st_size
    done = finished(
        ROOT / "tools/pagestall", "history", "add", "--db", damaged.db, run,
        preexec_fn=lambda: forbid.limit(resource.RLIMIT_FSIZE, size),
    )  # fmt: skip
    error = one_line(done)
    assert error.startswith(f"error: add '{run}' to '{damaged.db}': ")
    assert "; make room where it is" in error
    assert history(damaged.db, "list").stdout.count("\n  2026-11-") == 6


def test_history_in_a_place_that_may_not_be_written_to_can_be_looked_at(damaged):
    def without_root(*words):
        return finished(
            ROOT / "tools/pagestall", "history", words[0], "--db", damaged.db, *words[1:],
            preexec_fn=forbid.override_permissions,
        )  # fmt: skip

    damaged.directory.chmod(0o555)
    try:
        assert without_root("list").returncode == 0
        refused = one_line(without_root("add", damaged.run))
        assert refused == (
            f"error: add '{damaged.run}' to '{damaged.db}': attempt to write a readonly database; "
            "allow writing to the file and its directory, or name another by --db\n"
        )
        damaged.db.chmod(0o444)
        assert without_root("gate", damaged.run).returncode == 0
        refused = one_line(without_root("add", damaged.run))
        assert refused == f"error: open history '{damaged.db}': Permission denied\n"
    finally:
        damaged.directory.chmod(0o755)

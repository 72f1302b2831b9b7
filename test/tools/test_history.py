"""tools/pagestall history, with its database in SQLite and in PostgreSQL."""

import contextlib
import filecmp
import os
import re
import sqlite3
import subprocess
import sys

import pytest

import postgres
from conftest import ROOT, wait_until
from made_runs import ROW, failure, pagestall, repetitions, write_run

sys.path.insert(0, str(ROOT / "tools"))

ASYNC = ROW.format("async", "mmap", "cold")
SEQ = ROW.format("seq", "mmap", "cold")
PNG = b"\x89PNG\r\n\x1a\n"

# Of ten equal repetitions: how far from their median.
NOISE = [0.0, 0.011, -0.009, 0.004, -0.013, 0.008, -0.003, 0.014, -0.007, 0.002]

# Of equal runs.
DRIFT = [0.0, 0.006, -0.004, 0.009, -0.008, 0.003, -0.006, 0.007, -0.002, 0.005]


@pytest.fixture(scope="module")
def server():
    with postgres.server() as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request, scratch):
    """Where an empty history may be made."""
    if request.param == "sqlite":
        return str(scratch / "history.sqlite")
    return request.getfixturevalue("server").new_database()


def history(db, command, *words, **options):
    return pagestall("history", command, "--db", db, *words, **options)


def times(level):
    return [level * (1 + noise) for noise in NOISE]


def made_run(directory, number, level=1.0, **context):
    """Of the day of that number."""
    measured = times(level * (1 + DRIFT[number % len(DRIFT)]))
    return write_run(
        directory / f"run{number}.json",
        repetitions(ASYNC, measured, stall_max_us=1e6),
        date=f"2026-11-{number + 1:02}T10:00:00+02:00",
        commit=f"c0ffee{number}",
        **context,
    )


def made_runs(directory, levels, **context):
    return [made_run(directory, number, level, **context) for number, level in enumerate(levels)]


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


def added(db, *paths):
    done = history(db, "add", *paths)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


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


@pytest.mark.parametrize(("counter", "message"), [("1e999", ""), ("1", "half a sign: \ud800")])
def test_run_that_cannot_be_stored_leaves_nothing(db, scratch, counter, message):
    added(db, made_run(scratch, 0))
    bad = write_run(
        scratch / "bad.json",
        repetitions(ASYNC, times(1)),
        repetitions(SEQ, times(1), stall_max_us=123456),
        [failure(SEQ, message)],
        cpu_model="another machine",
    )
    bad.write_text(bad.read_text().replace("123456", counter))
    assert str(bad) in one_line(history(db, "add", bad))
    assert len(columns(db)) == 1
    assert history(db, "list").stdout.count("machine ") == 1
    with opened(db) as store, store.database.transaction("test") as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM repetitions").scalar() == 10


def test_nothing_is_added_if_one_of_the_files_is_no_run(db, scratch):
    added(db, made_run(scratch, 0))
    broken = scratch / "broken.json"
    broken.write_text("{")
    empty = write_run(scratch / "empty.json", [])
    undated = write_run(scratch / "undated.json", repetitions(ASYNC, [1]), date="yesterday")
    for bad in (broken, empty, undated, scratch / "none.json"):
        assert f"'{bad}'" in one_line(history(db, "add", made_run(scratch, 1), bad))
        assert len(columns(db)) == 1


def test_processes_that_add_at_once_lose_nothing(db, scratch):
    same = made_run(scratch, 20)
    processes = [
        subprocess.Popen(
            [ROOT / "tools/pagestall", "history", "add", "--db", db, same, made_run(scratch, one)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for one in range(8)
    ]  # fmt: skip
    finished = [process.communicate() for process in processes]
    assert [error for _, error in finished] == [""] * 8
    assert [process.returncode for process in processes] == [0] * 8
    assert sum(f"{same}: added" in out for out, _ in finished) == 1
    listed = columns(db)
    assert [line[2] for line in listed] == [f"c0ffee{one}" for one in [*range(8), 20]]
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


def test_machines_are_kept_apart(db, scratch):
    here = made_runs(scratch / "here", [1.0] * 3)
    there = made_runs(scratch / "there", [3.0] * 4, cpu_model="Another CPU")
    added(db, *here, *there)
    ids = re.findall(r"^machine (\w+):", history(db, "list").stdout, re.M)
    assert len(ids) == 2
    counts = []
    picture = scratch / "a.png"
    for one in ids:
        out = history(db, "list", "--machine", one[:6]).stdout
        assert re.findall(r"^machine (\w+):", out, re.M) == [one]
        count = out.count("\n  20")
        counts.append((count, "Another CPU" in out))
        plotted = history(db, "plot", ".", "--machine", one, "-o", picture).stdout
        assert plotted.startswith(f"no change in {count} runs\n")
    assert sorted(counts) == [(3, False), (4, True)]
    wrong = one_line(history(db, "list", "--machine", "nowhere"))
    assert all(one in wrong for one in ids)
    # The last run before it is the other machine's, and three times as slow.
    done = history(db, "gate", made_run(scratch, 9))
    assert (done.returncode, verdict(done)) == (0, "same")
    assert "Another CPU" not in done.stdout
    ask = one_line(history(db, "plot", ".", "-o", picture))
    assert "--machine" in ask and all(one in ask for one in ids)


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
    db = str(scratch / "history.sqlite")
    added(db, *made_runs(scratch, [1.0] * 8 + [1.3] * 7 + [1.0] * 8))
    done = history(db, "plot", ASYNC, "-o", scratch / "steps.svg")
    found = re.findall(r"change: (\w+) -> (\w+)", done.stdout)
    assert found == [("c0ffee7", "c0ffee8"), ("c0ffee14", "c0ffee15")]
    history(db, "plot", ASYNC, "-o", scratch / "again.svg")
    assert "<svg" in (scratch / "steps.svg").read_text()
    assert filecmp.cmp(scratch / "steps.svg", scratch / "again.svg", shallow=False)


@pytest.mark.parametrize("count", [1, 20])
def test_plot_finds_no_change_in_noise(scratch, count):
    db = str(scratch / "history.sqlite")
    added(db, *made_runs(scratch, [1.0] * count))
    done = history(db, "plot", "async", "-o", scratch / "flat.png")
    assert done.stdout.splitlines() == [
        f"no change in {count} run{'s' * (count > 1)}", str(scratch / "flat.png")
    ]  # fmt: skip


def test_run_unlike_the_others_is_no_change(scratch):
    db = str(scratch / "history.sqlite")
    added(db, *made_runs(scratch, [1.0] * 9 + [5.0] + [1.0] * 9 + [5.0]))
    assert "no change" in history(db, "plot", "async", "-o", scratch / "a.png").stdout


def test_plot_takes_one_row_and_lists_those_it_may_be(scratch):
    db = str(scratch / "history.sqlite")
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


def test_gate_knows_what_runs_differ_by_among_themselves(scratch):
    db = str(scratch / "history.sqlite")
    added(db, *made_runs(scratch, [1.0, 1.2] * 5))
    done = history(db, "gate", made_run(scratch, 20, 1.25))
    assert (done.returncode, verdict(done)) == (2, "cannot tell")
    assert "within the noise of 2" in done.stdout
    assert history(db, "gate", made_run(scratch, 20, 2.0)).returncode == 1


def opened(db):
    from pagestall_tools.history.store import open_store

    return open_store(db)


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


def test_noise_of_a_machine_without_runs_is_kept(db):
    with opened(db) as store:
        store.add_noise("feedfacebeef", {"cpu_model": "x"}, {ASYNC: 0.1}, "2026-11-25T10:00:00")
    with opened(db) as store:
        assert store.noise("feedfacebeef") == {ASYNC: 0.1}
    assert "machine feedfacebeef: cpu_model x" in history(db, "list").stdout


def test_gate_says_which_row_failed_that_was_measured_before(scratch):
    db = str(scratch / "history.sqlite")
    added(db, *made_runs(scratch, [1.0] * 3))
    failed = write_run(
        scratch / "failed.json", [failure(ASYNC, "not cold: 3 of 9 pages")], repetitions(SEQ, [1])
    )
    done = history(db, "gate", failed)
    assert done.returncode == 2
    assert re.search(r"exec:async/.*: not cold: 3 of 9 pages$", done.stdout, re.M)


def test_gate_leaves_out_runs_that_evicted_otherwise(scratch):
    db = str(scratch / "history.sqlite")
    added(db, *made_runs(scratch / "a", [9.0] * 3, evict="drop_caches"))
    assert "no earlier run" in one_line(history(db, "gate", made_run(scratch, 5)))
    added(db, *made_runs(scratch / "b", [1.0] * 3))
    assert history(db, "gate", made_run(scratch, 5)).returncode == 0


def test_gate_without_history_says_how_to_begin_one(db, scratch):
    path = made_run(scratch, 5)
    assert "tools/pagestall history add" in one_line(history(db, "gate", path))
    added(db, path)
    assert "no earlier run of article_bench" in one_line(history(db, "gate", path))
    stranger = made_run(scratch, 6, cpu_model="Another CPU")
    error = one_line(history(db, "gate", stranger))
    assert "no run of this machine" in error and "tools/pagestall history add" in error


def execute(db, statement):
    with opened(db) as store, store.database.transaction("test", writes=True) as connection:
        connection.exec_driver_sql(statement)


def test_newer_schema_is_refused(db, scratch):
    path = made_run(scratch, 0)
    added(db, path)
    execute(db, "UPDATE pagestall_schema SET version = 2")
    for words in (["add", path], ["list"], ["gate", path], ["plot", "."]):
        error = one_line(history(db, *words))
        assert "version 2" in error and "knows 1" in error and "newer checkout" in error


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
    help_text = pagestall("history", "--help").stdout
    assert "results/history.sqlite" in help_text and "PAGESTALL_DB" in help_text


def test_file_that_cannot_be_used_is_one_line(scratch):
    path = made_run(scratch, 0)
    missing = scratch / "none.sqlite"
    error = one_line(history(missing, "list"))
    assert error == (
        f"error: open history '{missing}': No such file or directory; tools/pagestall history "
        "add RUN.json makes it\n"
    )
    assert not missing.exists()
    assert "Is a directory" in one_line(history(scratch, "add", path))
    assert "file is not a database" in one_line(history(path, "list"))
    assert "No such file" in one_line(history(scratch / "a/b/c.sqlite", "add", path))
    assert "No such file" in one_line(history("", "list"))


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
        assert len(columns(path)) == 1
        writer.execute("COMMIT")
    assert process.wait(timeout=60) == 0
    assert len(columns(path)) == 2


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://bench:hush@127.0.0.1:1/history", "Connection refused"),
        ("postgresql://bench:hush@127.0.0.1:port/history", "the form is postgresql://"),
        ("postgresql://bench:hu@sh@127.0.0.1/history", "the form is postgresql://"),
        ("postgresql://127.0.0.1:1/history?password=hush", "Connection refused"),
        ("postgresql://bench:hush@127.0.0.1:1/history?sslmode=hush", 'sslmode value: "***"'),
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
    assert postgres.PASSWORD not in right


def test_missing_driver_is_named(scratch):
    (scratch / "psycopg2.py").write_text("raise ModuleNotFoundError('none', name='psycopg2')\n")
    without = os.environ | {"PYTHONPATH": str(scratch)}
    error = one_line(history("postgresql://bench:hush@127.0.0.1:1/history", "list", env=without))
    assert "python3-psycopg2" in error
    assert "hush" not in error

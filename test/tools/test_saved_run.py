"""Every tool on a run as it was made: runs/article.json, of the article's rows at full size."""

import csv
import io
import subprocess

import pytest
from conftest import ROOT
from made_runs import pagestall

SAVED = ROOT / "test/runs/article.json"
ROWS, REPETITIONS = 12, 6


def test_table_has_a_line_of_each_executor_and_source():
    done = subprocess.run(
        [ROOT / "tools/table", SAVED], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "of 8 files of 256 MiB" in done.stdout
    lines = {tuple(line.split()[:2]) for line in done.stdout.splitlines()}
    assert {(e, s) for e in ("seq", "threads", "async") for s in ("mmap", "read")} <= lines


def test_report_answers_and_shows_every_repetition(scratch):
    page = scratch / "page.html"
    done = pagestall("report", SAVED, "-o", page)
    assert (done.returncode, done.stderr) == (0, "")
    html = page.read_text()
    assert "Does mmap block an async executor here" in html
    assert "95 % interval" in html
    assert html.count("<use ") >= ROWS * REPETITIONS


def test_csv_has_every_repetition():
    done = pagestall("csv", SAVED)
    assert (done.returncode, done.stderr) == (0, "")
    lines = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(lines) == ROWS * REPETITIONS
    assert {line["cache"] for line in lines} == {"cold", "warm"}
    assert all(float(line["seconds"]) > 0 for line in lines)


@pytest.mark.parametrize("words", [[], ["--in_turn"]])
def test_gate_finds_nothing_slower_than_itself(words):
    done = pagestall("gate", SAVED, SAVED, *words)
    assert done.returncode in (0, 2), done.stdout + done.stderr
    assert done.stderr == ""
    assert f"{ROWS} rows: " in done.stdout and " 0 faster, 0 slower" in done.stdout


def test_history_takes_it_and_lists_it(scratch):
    database = f"--db={scratch / 'history.sqlite'}"
    added = pagestall("history", "add", database, SAVED)
    assert (added.returncode, added.stderr) == (0, "")
    assert f"{ROWS} rows, {ROWS * REPETITIONS} repetitions" in added.stdout
    listed = pagestall("history", "list", database)
    assert "article_bench" in listed.stdout

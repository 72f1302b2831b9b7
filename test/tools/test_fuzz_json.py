"""Every tool answers whatever is changed in a run's JSON, or says one line.

PAGESTALL_FUZZ=100 ctest --preset release -R fuzz: a hundred times as many changes as always, others
each time. What breaks a tool becomes an @example here."""

import csv
import json
import os
import re
import warnings

import in_process
import pytest

pytest.importorskip("hypothesis")

from conftest import ROOT
from fuzzing import budget
from hypothesis import example, given
from hypothesis import strategies as st
from made_pages import EVIL
from test_bad_input import is_control

SAVED = ROOT / "test/runs/article.json"
RUN = json.loads(SAVED.read_text())
RUN["benchmarks"] = [
    one
    for one in RUN["benchmarks"]
    if one["run_type"] == "iteration" and "exec:threads" not in one["name"]
    and ("cache:cold" in one["name"] or "exec:async" in one["name"])
]  # fmt: skip

TEXTS = st.one_of(
    st.sampled_from(
        ["", "0", "-1", "²", "1e400", "9" * 30, "=1+1", EVIL, "\ud800", "\0", "x" * 999]
    ),
    st.text(max_size=20),
)
VALUES = st.one_of(
    st.sampled_from([
        None, True, [], {}, 0, -1, 1, -0.0, 5e-324, 1e-300, 1e-16, 1e15, 1e18, 1e300, -1e300,
        2**31, 2**63, 2**64, -(2**63), 10**30, 10**400, float("nan"), float("inf"), [[[[]]]],
        {"a": {"b": 1}},
    ]),
    st.floats(),
    st.integers(),
    TEXTS,
    st.lists(st.integers() | TEXTS, max_size=3),
)  # fmt: skip
SCOPES = st.sampled_from(["one", "row", "all"])
INDICES = st.integers(0, len(RUN["benchmarks"]) - 1)
KEYS = st.sampled_from(sorted(RUN["benchmarks"][0])) | TEXTS
CONTEXT = st.sampled_from(sorted(RUN["context"])) | TEXTS
FAMILIES = st.sampled_from(["lookup", "stall_max", "tenant_p50", "order", "x"])
AXES = ["exec", "io", "cache", "dir", "read_ahead_kib", "files", "mib", "resident_pct", "load"]
AXIS = st.builds("{}:{}".format, st.sampled_from(AXES) | TEXTS, TEXTS)

EDITS = st.one_of(
    st.tuples(st.just("set"), SCOPES, INDICES, KEYS, VALUES),
    st.tuples(st.just("twice"), SCOPES, INDICES, KEYS, VALUES),
    st.tuples(st.just("drop"), SCOPES, INDICES, KEYS),
    st.tuples(st.just("family"), SCOPES, INDICES, FAMILIES | TEXTS),
    st.tuples(st.just("axis"), SCOPES, INDICES, st.integers(0, 9), AXIS | TEXTS),
    st.tuples(st.just("fail"), SCOPES, INDICES, TEXTS),
    st.tuples(st.just("context"), CONTEXT, VALUES),
    st.tuples(st.just("replace"), INDICES, VALUES),
    st.tuples(st.just("cut"), st.integers(0, 200_000)),
    st.tuples(st.just("splice"), st.integers(0, 200_000), st.binary(max_size=4)),
)
TWICE = "\ue000"  # behind a name that is to be there once more


def edited(edits):
    run = json.loads(json.dumps(RUN))
    for kind, *words in edits:
        EDITORS.get(kind, lambda *_: None)(run, *words)
    data = json.dumps(run).replace(json.dumps(TWICE)[1:-1], "").encode()
    for kind, *words in edits:
        if kind == "cut":
            data = data[: words[0]]
        if kind == "splice":
            data = data[: words[0]] + words[1] + data[words[0] + len(words[1]) :]
    return data


def of_entries(change):
    def edit(run, scope, index, *words):
        chosen = run["benchmarks"][index]
        row = chosen["run_name"] if isinstance(chosen, dict) and "run_name" in chosen else None
        for one in run["benchmarks"]:
            if not isinstance(one, dict) or "run_name" not in one:
                continue
            if one is chosen or scope == "all" or (scope == "row" and one["run_name"] == row):
                change(one, *words)

    return edit


def set_family(entry, text):
    entry["run_name"] = "/".join([text, *str(entry["run_name"]).split("/")[1:]])


def set_axis(entry, place, text):
    parts = str(entry["run_name"]).split("/")
    parts[place % len(parts)] = text
    entry["run_name"] = "/".join(parts)


EDITORS = {
    "set": of_entries(lambda entry, key, value: entry.update({key: value})),
    "twice": of_entries(lambda entry, key, value: entry.update({key + TWICE: value})),
    "drop": of_entries(lambda entry, key: entry.pop(key, None)),
    "family": of_entries(set_family),
    "axis": of_entries(set_axis),
    "fail": of_entries(lambda entry, text: entry.update(error_occurred=True, error_message=text)),
    "context": lambda run, key, value: run["context"].update({key: value}),
    "replace": lambda run, index, value: run["benchmarks"].__setitem__(index, value),
}


def answer(*words):
    with warnings.catch_warnings():
        for shown in (RuntimeWarning, UserWarning, FutureWarning):  # by Python, on stderr
            warnings.simplefilter("error", shown)
        done = in_process.run(*words)
    assert done.returncode in (0, 1, 2)
    assert not any(map(is_control, (done.stdout + done.stderr).replace("\n", "")))
    if done.returncode == 2 and not done.stdout:
        *left_out, error = done.stderr.splitlines()
        assert error.startswith("error: "), done.stderr
        assert all(line.startswith("left out") for line in left_out), done.stderr
    return done.returncode


@pytest.fixture
def run(scratch):
    return scratch / "run.json"


@budget(40)
@given(st.lists(EDITS, min_size=1, max_size=4))
@example([("context", "memory_mib", "²")])
@example([("context", "load_avg", [10**400])])
@example([("set", "all", 0, "cpu_reference_us", -1)])
@example([("context", "date", "0001-01-01T00:00:00+14:00")])
def test_gate_table_csv_and_history_answer(run, edits):
    run.write_bytes(edited(edits))
    table, db = run.with_suffix(".csv"), run.with_suffix(".sqlite")
    answer("table", run)
    answer("pagestall", "gate", "--anyway", SAVED, run)
    answer("pagestall", "gate", run, run)
    if answer("pagestall", "csv", run, "-o", table) == 0:
        check_csv(table)
    if answer("pagestall", "history", "add", "--db", db, run) == 0:
        answer("pagestall", "history", "list", "--db", db)
        answer("pagestall", "history", "gate", "--db", db, SAVED)
        os.remove(db)


def check_csv(path):
    with open(path, encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    assert len({len(line) for line in lines}) == 1
    for cell in (cell for line in lines for cell in line):
        assert not re.match("[=+@-]", cell) or float(cell) is not None


@budget(6)
@given(st.lists(EDITS, min_size=1, max_size=4))
@example([("drop", "all", 0, "window_begin_s"), ("set", "one", 0, "repetition_index", 10**400)])
def test_report_answers(run, edits):
    run.write_bytes(edited(edits))
    page = run.with_suffix(".html")
    if answer("pagestall", "report", run, "-o", page) == 0:
        text = page.read_text()
        assert not any(map(is_control, text.replace("\n", "")))
        assert "<script" not in text.lower() and "<img" not in text.lower()

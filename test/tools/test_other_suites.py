"""The tools on runs of other suites: entries that are no measurement, and what they say."""

import csv
import io
import os
import pty
import subprocess

import pytest
from conftest import ROOT
from made_foreign import aggregates, old, rows, skipped, write
from made_history import execute, history
from made_pages import dots, headings
from made_pages import rows as cells
from made_runs import pagestall, repetitions, write_run
from made_runs import ROW as SCAN

pytest_plugins = ["made_binaries"]

PARSE, COPY, FILL = "BM_Parse/64", "BM_Copy/64", "BM_Fill/64"


def gate(scratch, baseline, contender, *words):
    a = write(scratch / "a.json", *baseline)
    b = write(scratch / "b.json", *contender)
    return pagestall("gate", a, b, *words)


def csv_of(path):
    done = pagestall("csv", path)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def page_of(scratch, path):
    done = pagestall("report", path, "-o", scratch / "page.html")
    assert done.returncode == 0, done.stderr
    return (scratch / "page.html").read_text()


def test_skipped_row_is_named_and_never_compared(scratch):
    whole = [rows(PARSE, 50), rows(COPY, 80)]
    without = [skipped(PARSE), rows(COPY, 80.1)]
    said = f"{PARSE}: skipped: input file not here"
    lost = gate(scratch, whole, without)
    assert lost.returncode == 2
    assert f"not measured in the contender, though the baseline measured it: {said}" in lost.stdout
    assert "1 row: 1 same" in lost.stdout
    won = gate(scratch, without, whole)
    assert won.returncode == 0
    assert f"not measured in the baseline, not compared: {said}" in won.stdout
    neither = gate(scratch, without, without)
    assert (neither.returncode, neither.stdout.count(said)) == (0, 2)


def test_skipped_row_has_no_time_anywhere(scratch):
    path = write(scratch / "run.json", skipped(PARSE, 3), rows(COPY, 80, 3))
    (line,) = [one for one in csv_of(path) if one["row"] == PARSE]
    assert (line["seconds"], line["error"], line["errors"]) == (
        "", "skipped: input file not here", "3"
    )
    page = page_of(scratch, path)
    assert "Skipped" in page and "input file not here" in page and "3 of 3" in page
    assert "0.00" not in page.split("What was not measured")[0].split("Rows of other suites")[1]
    db = scratch / "history.sqlite"
    added = history(db, "add", path)
    assert "1 rows, 3 repetitions" in added.stdout
    line = f"left out of '{path}': {PARSE}: skipped: input file not here (3 times)\n"
    assert added.stderr == line
    assert history(db, "list").stdout.split()[-3:] == ["1", "3", "0"], "no failure"


def test_skipped_row_that_is_kept_as_a_time_is_none(scratch):
    """As in a history from before skipped rows were known."""
    db = scratch / "history.sqlite"
    old_run = write(scratch / "a.json", rows(PARSE, 50), rows(COPY, 8))
    assert history(db, "add", old_run).returncode == 0
    execute(db, f"UPDATE repetitions SET seconds = 0 WHERE row = '{PARSE}'")
    new = write(scratch / "b.json", rows(PARSE, 50), rows(COPY, 8), date="2024-03-02T10:00:00Z")
    done = history(db, "gate", new)
    assert "1 row: 1 same" in done.stdout
    assert f"only in the contender, not compared: {PARSE}" in done.stdout
    assert "no row matches" in history(db, "plot", PARSE, "-o", scratch / "x.svg").stderr


def test_skipped_row_is_named_by_ab_and_is_no_failure_of_the_binary(began):
    both = [*repetitions(COPY, [1]), *repetitions(PARSE, [1])]
    skips = [*repetitions(COPY, [1]), *skipped(PARSE, 1)]
    a, b = began.binary("a", [both]), began.binary("b", [skips])
    done = began.ab(a, b, "--rounds=9")
    assert done.returncode == 2, done.stderr
    assert f"not compared: {PARSE}: skipped: input file not here (B 9 of 9 rounds)" in done.stderr


BAD = {
    "NaN": ({"real_time": float("nan")}, "no measurement: real_time is nan"),
    "null": ({"real_time": None}, "no measurement: real_time is null"),
    "tiny": ({"real_time": 7e-07}, "no measurement: a time of 7e-07 ns, which nothing takes"),
    "negative": ({"real_time": -3.5}, "no measurement: a time of -3.5 ns, which nothing takes"),
    "zero": ({"real_time": 0.0}, "no measurement: a time of 0.0 ns, which nothing takes"),
    "text": ({"real_time": "5"}, "no measurement: real_time is '5'"),
    "a unit": ({"time_unit": "h"}, "no measurement: time_unit is 'h'"),
    "an index": ({"repetition_index": -1}, "no measurement: repetition_index is -1"),
}


@pytest.mark.parametrize("name", BAD)
def test_row_that_is_no_measurement_is_named_and_the_others_are_kept(scratch, name):
    changed, why = BAD[name]
    bad = rows(PARSE, 50)
    bad[3] |= changed
    path = write(scratch / "run.json", bad, rows(COPY, 80))
    good = write(scratch / "good.json", rows(PARSE, 50), rows(COPY, 80))
    line = f"left out of '{path}': {PARSE}: {why}\n"
    for baseline, contender in ((path, good), (good, path)):
        done = pagestall("gate", baseline, contender)
        assert (done.returncode, done.stderr) == (2, line)
        assert "1 row: 1 same" in done.stdout
        assert pagestall("gate", baseline, contender, "--filter", COPY).returncode == 0
    assert [one["error"] for one in csv_of(path)].count(why) == 1
    assert why.split(": ")[1] in page_of(scratch, path).replace("&#x27;", "'")
    added = history(scratch / "history.sqlite", "add", path)
    assert (added.returncode, added.stderr) == (0, line)


def test_row_without_a_unit_or_a_name_is_named(scratch):
    bad = rows(PARSE, 50, 2)
    del bad[0]["time_unit"], bad[1]["name"], bad[1]["run_name"]
    path = write(scratch / "run.json", rows(COPY, 80, 1), bad, ["text"])
    assert pagestall("csv", path).stderr.splitlines() == [
        f"left out of '{path}': {PARSE}: no measurement: no time_unit",
        f"left out of '{path}': entry 2: no measurement: without a name",
        f"left out of '{path}': entry 3: no measurement: not an object",
    ]


@pytest.mark.parametrize("sign", ["\ud800", "\0"])
def test_row_whose_name_cannot_be_kept_is_named_and_the_others_are_kept(scratch, sign):
    bad = [one | {"run_name": f"BM_{sign}"} for one in rows("BM_", 50)]
    path = write(scratch / "run.json", bad, rows(COPY, 80))
    shown = sign.encode("unicode_escape", "replace").decode()
    why = "no measurement: its name has half a character or a NUL in it"
    line = f"left out of '{path}': BM_{shown}: {why} (10 times)\n"
    added = history(scratch / "history.sqlite", "add", path)
    assert (added.returncode, added.stderr) == (0, line)
    assert "1 rows, 10 repetitions" in added.stdout
    assert why.split(": ")[1] in page_of(scratch, path)
    done = pagestall("csv", path)
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, line, 12)
    compared = pagestall("gate", path, path)
    assert "1 row: 1 same" in compared.stdout and f"BM_{shown}: {why}" in compared.stdout


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"hit_ratio": float("nan")}, "hit_ratio is nan"),
        ({"hit_ratio": float("-inf")}, "hit_ratio is -inf"),
        ({"hit_ratio": 10**400}, "hit_ratio is inf"),
        ({"hit_ratio": None}, "hit_ratio is null"),
    ],
)
def test_counter_that_is_no_number_is_named_and_its_row_is_kept(scratch, changed, why):
    path = write(scratch / "run.json", rows(PARSE, 50, hits=3, **changed))
    done = pagestall("gate", path, path)
    line = f"left out of '{path}': {PARSE}: {why} (10 times)\n"
    assert (done.returncode, done.stderr) == (0, 2 * line)
    assert "1 row: 1 same" in done.stdout
    assert [one["hits"] for one in csv_of(path)] == ["3.0"] * 10


@pytest.mark.parametrize(
    ("cpu_time", "why"), [(-1.0, "cpu_time is -1.0 ns"), ([1], "cpu_time is [1]")]
)
def test_cpu_time_that_is_none_is_named_and_its_row_is_kept(scratch, cpu_time, why):
    path = write(scratch / "run.json", rows(PARSE, 50) + rows(COPY, 80, cpu_time=cpu_time))
    done = pagestall("gate", path, path)
    assert (done.returncode, done.stderr) == (
        0, 2 * f"left out of '{path}': {COPY}: {why} (10 times)\n"
    )
    assert "2 rows: 1 same" in done.stdout


def test_repetition_that_is_there_twice_counts_once(scratch):
    """As in a file that was put together of two that overlap: copies made noise significant."""
    few = [rows(PARSE, ns, 4, bytes=float("nan")) for ns in (50, 150)]
    a, b = (write(scratch / f"{ns}.json", few[at], few[at]) for at, ns in enumerate("ab"))
    done = pagestall("gate", a, b, "--in_turn")
    assert done.returncode == 2
    assert "4/4" in done.stdout and "needs 6 repetitions" in done.stdout
    assert f"{PARSE}: a repetition that is there twice (4 times)\n" in done.stderr
    other = [one | {"family_index": 1} for one in few[0]]
    both = write(scratch / "both.json", few[0], other)
    assert "8/8" in pagestall("gate", both, both, "--in_turn").stdout, "two of one name are none"


def test_counter_that_is_there_twice_is_named(scratch):
    path = write(scratch / "run.json", rows(PARSE, 50, 1, hits=3))
    path.write_text(path.read_text().replace('"hits": 3', '"hits": 3, "hits": 4'))
    done = pagestall("csv", path)
    assert done.stderr == f"left out of '{path}': {PARSE}: 'hits' twice, with different values\n"
    assert done.returncode == 0 and "hits" not in done.stdout.splitlines()[0]


@pytest.mark.parametrize("token", ["nan", "-nan", "NaN", "-nan(ind)", "inf", "-inf", "Infinity", "1.#INF", "-1.#IND"])
def test_what_json_has_no_number_for_is_read(scratch, token):
    path = write(scratch / "run.json", rows('a "nan" b', 50, 2, rate=7.5), label="inf, nan")
    path.write_text(path.read_text().replace(": 7.5", f": {token}"))
    said = token.lower().replace("infinity", "inf").replace("(ind)", "").replace("-nan", "nan")
    said = said.replace("1.#inf", "inf").replace("-1.#ind", "nan")
    done = pagestall("csv", path)
    assert done.stderr == f"left out of '{path}': a \"nan\" b: rate is {said} (2 times)\n"
    assert len(done.stdout.splitlines()) == 3


def test_many_are_clipped(scratch):
    bad = [one for index in range(25) for one in rows(f"bad/{index}", -1, 1)]
    path = write(scratch / "run.json", rows(COPY, 80), bad)
    lines = pagestall("gate", path, path).stderr.splitlines()
    assert len(lines) == 11 and lines[-1] == "left out: and 40 more"


def test_aggregates_of_old_libraries_are_no_rows(scratch):
    measured = [*rows(PARSE, 50, 3), *aggregates(PARSE, 50)]
    alone = [*rows("BM_mean", 20, 1), *rows("BM_last_median", 20, 3)]
    family = {"name": "BM_Parse_BigO", "cpu_coefficient": 1.5, "big_o": "N", "time_unit": "ns"}
    complexity = [family, {"name": "BM_Parse_RMS", "rms": 0.05}]
    path = write(scratch / "run.json", old(measured), old(alone), complexity)
    assert {one["row"] for one in csv_of(path)} == {PARSE, "BM_mean", "BM_last_median"}
    assert pagestall("csv", path).stderr == ""
    only = write(scratch / "only.json", old(aggregates(PARSE, 50)))
    assert "only aggregates in it" in pagestall("csv", only).stderr


def test_statistics_of_the_users_own_in_old_libraries_are_no_rows(scratch):
    def with_kinds(name, count, *kinds):
        return [*rows(name, 50, count), *(one for kind in kinds for one in rows(
            f"{name}_{kind}", 50, 1
        ))]  # fmt: skip

    usual, own = ("mean", "median", "stddev"), ("max", "p99", "my_own")
    path = write(
        scratch / "run.json",
        old(with_kinds(PARSE, 5, *usual, *own)),
        old(with_kinds("BM_Sort", 5, "fast")),  # without aggregates
        old(with_kinds("BM_Find", 1, *usual, "fast")),  # without repetitions
        old([*with_kinds("BM_Copy", 5, *usual), *rows("BM_Copy_fast", 50, 5)]),
    )
    assert {one["row"] for one in csv_of(path)} == {
        PARSE, "BM_Sort", "BM_Sort_fast", "BM_Find", "BM_Find_fast", "BM_Copy", "BM_Copy_fast",
    }  # fmt: skip
    assert pagestall("csv", path).stderr == ""


def test_row_of_which_only_aggregates_are_there_is_named(scratch, began):
    path = write(scratch / "run.json", rows(COPY, 80), aggregates(PARSE, 50))
    said = f"{PARSE}: only its aggregates are there (ReportAggregatesOnly)"
    assert pagestall("csv", path).stderr == f"left out of '{path}': {said}\n"
    done = pagestall("gate", path, path)
    assert done.returncode == 0
    assert f"not measured in the baseline, not compared: {said}" in done.stdout
    a, b = (began.binary(side, [[*rows(COPY, 80, 1), *aggregates(PARSE, 50)]]) for side in "ab")
    in_turn = began.ab(a, b, "--rounds=9")
    assert f"not compared: {said} (A 9, B 9 of 9 rounds)" in in_turn.stderr


def test_complexity_is_no_row_that_is_missing(scratch):
    fit = [
        {"name": f"BM_Sum_{kind}", "run_name": "BM_Sum", "run_type": "aggregate",
         "aggregate_name": kind, "rms": 0.1, "time_unit": "ns"}
        for kind in ("BigO", "RMS")
    ]  # fmt: skip
    path = write(scratch / "run.json", rows("BM_Sum/8", 80), fit)
    assert pagestall("csv", path).stderr == ""


def test_ab_shows_what_the_reader_says(began):
    a = began.binary("a", [repetitions(COPY, [1])])
    b = began.binary("b", [aggregates(PARSE, 50)], stderr="***WARNING*** a debug build\n")
    done = began.ab(a, b, "--rounds=9")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: run '{b}' (round 1): read '")
    assert "only aggregates in it" in line and "WARNING" not in line


def test_rows_of_other_suites_are_rows_whatever_they_are_called(scratch):
    names = ["scan/1024", "scan/exec:8", "lookup/hash/8", "lookup/dist:zipf/keys:10",
             "lookup_p99/x", "stall_max/a", "advice/x", "advice/y", "std::sort<int>/8"]  # fmt: skip
    path = write(scratch / "run.json", *(rows(name, 50 + at) for at, name in enumerate(names)))
    page = page_of(scratch, path)
    for name in names:
        assert page.count(name.replace("<", "&lt;").replace(">", "&gt;")) >= 1, name
    assert "Rows of the family scan" in page
    assert "Rows that are alone in their family" in page
    assert "Lookups: random" not in page
    assert "Does advice on the mapping" not in page
    assert pagestall("gate", path, path).returncode == 0
    table = page_of(scratch, write(scratch / "with.json", rows("scan/1", 5), [
        *repetitions(SCAN.format("async", "mmap", "cold"), [1.5] * 6)
    ]))  # fmt: skip
    assert "Time: coroutines, threads, one thread" in table and "scan/1" in table


@pytest.mark.parametrize(
    ("ns", "unit", "shown"),
    [
        (0.42, "ns", "0.4"), (85, "ns", "8"), (4.2e4, "µs", "4"), (3.2e7, "ms", "3"),
        (5.2e9, "s", "5."),
    ],
)  # fmt: skip
def test_rows_of_other_suites_have_a_section_and_units_of_their_own(scratch, ns, unit, shown):
    path = write(scratch / "run.json", rows("BM_A/1", ns), rows("BM_A/2", 2 * ns), rows("B", ns))
    page = page_of(scratch, path)
    titles = headings(page)
    assert "Rows of other suites" in titles and "Questions: what changes the hazard" not in titles
    (first, _), (alone,) = (cells(page, "Rows of other suites", table) for table in (0, 1))
    assert first[0] == "BM_A/1" and first[1].startswith(shown)
    assert alone[0] == "B" and alone[1].startswith(shown)
    assert page.count(f"median, {unit}<") == 2
    both = page_of(scratch, write_run(
        scratch / "both.json", repetitions(SCAN.format("seq", "mmap", "cold"), [1]), rows("B", ns),
        repetitions("fill/exec:seq/io:mmap/cache:cold/files:1/fill:read", [1]),
    ))  # fmt: skip
    titles = headings(both)
    assert titles.index("Questions: what changes the hazard") < titles.index("Rows of other suites")


def test_page_of_many_rows_draws_no_more_than_a_browser_can_show(scratch, monkeypatch):
    families = [rows(f"BM_{number}/{size}", 50, 3) for number in range(50) for size in (1, 2)]
    alone = [rows(f"Alone{number}", 50, 3) for number in range(300)]
    page = page_of(scratch, write(scratch / "run.json", *families, *alone))
    assert page.count("<svg") == 40 + 1  # and that of the drift
    assert "To keep the page small 11 of 51 tables have no picture." in page
    assert len(cells(page, "Rows of other suites", 50)) == 300
    monkeypatch.setattr("pagestall_tools.report.run_sections.MOST_DOTS", 100)
    monkeypatch.setattr("pagestall_tools.report.other_rows.MOST_DOTS", 10)
    page = page_of(scratch, write(scratch / "run.json", *families))
    assert "49 of 50 tables have no picture" in page
    assert "100 of 300 repetitions" in page
    assert dots(page, "drift-0") == 100


def test_report_says_on_a_terminal_what_it_does(scratch):
    path = write(scratch / "run.json", rows(PARSE, 50))
    ours, its = pty.openpty()
    words = [ROOT / "tools/pagestall", "report", path]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=its, check=False, timeout=60)
    os.close(its)
    said = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert done.returncode == 0
    assert f"reading {path}" in said and "picture 1: " in said
    assert said.endswith("\r\x1b[K")


def test_cpu_time_is_compared_where_that_is_asked_for(scratch):
    before, after = rows(PARSE, 100), rows(PARSE, 100.1, cpu_ns=130)
    assert gate(scratch, [before], [after]).returncode == 0
    done = gate(scratch, [before], [after], "--cpu-time")
    assert done.returncode == 1, done.stdout
    assert "compared is CPU time" in done.stdout and "1.3" in done.stdout
    name = f"{PARSE}/manual_time"
    waits = gate(scratch, [rows(name, 100, cpu_ns=10)], [rows(name, 100, cpu_ns=13)], "--cpu-time")
    assert waits.returncode == 1, "CPU time waits for nothing"


@pytest.mark.parametrize("cpu_time", [0.0, None, "gone"])
def test_row_without_cpu_time_is_named(scratch, cpu_time):
    bad = rows(PARSE, 100)
    bad[0]["cpu_time"] = cpu_time
    if cpu_time == "gone":
        del bad[0]["cpu_time"]
    done = gate(scratch, [rows(PARSE, 100), rows(COPY, 80)], [bad, rows(COPY, 80.1)], "--cpu-time")
    assert done.returncode == 2
    assert f"though the baseline measured it: {PARSE}: no measurement: no cpu_time" in done.stdout
    assert "1 row: 1 same" in done.stdout


def test_ab_compares_cpu_time_and_keeps_no_noise_of_it(began):
    a, b = (
        began.binary(side, [[one | {"run_name": COPY}] for one in rows(COPY, 100, 12, cpu)])
        for side, cpu in (("a", 100), ("b", 130))
    )
    assert began.ab(a, b, "--rounds=12").returncode in (0, 2)
    done = began.ab(a, b, "--rounds=12", "--cpu-time")
    assert done.returncode == 1, done.stdout + done.stderr
    calls = len(began.calls())
    noise = began.ab(a, a, "--rounds=12", "--cpu-time")
    assert noise.returncode == 2 and noise.stderr.startswith("error: --cpu-time: the noise")
    assert len(began.calls()) == calls



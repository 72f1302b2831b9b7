"""tools/pagestall csv."""

import csv
import io
import os
import subprocess

import pytest

from conftest import ROOT, finished
from made_runs import CONTEXT, ROW, failure, pagestall, repetitions, write_run

MMAP = ROW.format("async", "mmap", "cold")
READ = ROW.format("seq", "read", "warm").replace("/files", "/buffer_kib:64/files")


def lines_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def table(path, *words):
    done = pagestall("csv", path, *words)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return lines_of(done.stdout)


def test_every_repetition_is_a_line_with_its_axes_and_the_run(scratch):
    path = write_run(
        scratch / "run.json",
        repetitions(MMAP, [1.5, 1.25], blocked_ms=[700, 650]),
        repetitions(READ, [0.5]),
    )
    cold, again, warm = table(path)
    assert list(cold) == (
        "row family exec io cache buffer_kib files iterations mib stride repetition seconds "
        "blocked_ms error errors commit date machine"
    ).split()
    assert cold["row"] == MMAP
    assert [cold[axis] for axis in ("family", "exec", "io", "cache", "files")] == (
        ["scan", "async", "mmap", "cold", "8"]
    )
    assert [(one["repetition"], float(one["seconds"])) for one in (cold, again)] == (
        [("0", 1.5), ("1", 1.25)]
    )
    assert [float(one["blocked_ms"]) for one in (cold, again)] == [700, 650]
    assert (cold["commit"], cold["date"]) == (CONTEXT["commit"], CONTEXT["date"])
    assert len(cold["machine"]) == 12
    assert (cold["buffer_kib"], warm["buffer_kib"]) == ("", "64")
    assert warm["blocked_ms"] == "", "what was not measured is empty"
    assert warm["error"] == warm["errors"] == ""


def test_same_machine_has_the_same_name_and_another_one_has_not(scratch):
    names = [
        table(write_run(scratch / "run.json", repetitions(MMAP, [1]), **context))[0]["machine"]
        for context in ({}, {"date": "2027-01-01T00:00:00+00:00"}, {"cpu_model": "another"})
    ]
    assert names[0] == names[1] != names[2]


def test_columns_do_not_depend_on_the_order_of_rows(scratch):
    rows = repetitions(MMAP, [1]), repetitions(READ, [2], steal_pct=1)
    runs = [write_run(scratch / "run.json", *order) and table(scratch / "run.json")
            for order in (rows, rows[::-1])]  # fmt: skip
    heads = [list(lines[0]) for lines in runs]
    assert heads[0] == heads[1]


def test_numbers_keep_all_their_digits(scratch):
    values = [0.1 + 0.2, 1e-300, 123456789012345.67, -0.0, -17.5, -1e-300]
    path = write_run(scratch / "run.json", repetitions(MMAP, [1] * 6, blocked_ms=values))
    written = [one["blocked_ms"] for one in table(path)]
    assert [float(one) for one in written] == values
    assert written[3:] == ["-0.0", "-17.5", "-1e-300"], "a number is no formula"


def test_errors_are_lines_without_seconds_that_say_how_often(scratch):
    path = write_run(
        scratch / "run.json",
        repetitions(MMAP, [1.5], blocked_ms=3),
        [failure(MMAP, "not cold: 3 of 9 pages", index) for index in (1, 2)],
        [failure(READ, "not available here: io_uring")],
    )
    measured, failed, missing = table(path)
    assert measured["seconds"] == "1.5"
    for one, row, message, times in (
        (failed, MMAP, "not cold: 3 of 9 pages", "2"),
        (missing, READ, "not available here: io_uring", "1"),
    ):
        assert (one["row"], one["error"], one["errors"]) == (row, message, times)
        assert one["seconds"] == one["repetition"] == one["blocked_ms"] == ""
    assert missing["io"] == "read"


@pytest.mark.parametrize(
    "text",
    [
        "=1+2", "+1+2", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1",
        "\uff1d1", '=HYPERLINK("http://example.org")',
    ],
)  # fmt: skip
def test_text_is_never_a_formula(scratch, text):
    path = write_run(
        scratch / "run.json", [failure(MMAP, text)], repetitions(text, [1]), commit=text, date=text
    )
    for one in table(path):
        cells = [one["commit"], one["date"], one["error"] or one["row"]]
        assert all(cell.startswith("'") for cell in cells), cells


def test_text_is_no_formula_where_a_semicolon_separates_cells(scratch):
    path = write_run(scratch / "run.json", [failure(MMAP, 'a;=cmd();b;"-1')], commit="a; +1;2")
    (line,) = table(path)
    assert line["error"] == "a;'=cmd();b;'\"-1"
    assert line["commit"] == "a;' +1;2"


def test_text_is_in_quotes_and_numbers_are_not(scratch):
    row = MMAP.replace("/files", "/dir:a,b/files")
    path = write_run(scratch / "run.json", repetitions(row, [1.5], blocked_ms=3))
    head, line = pagestall("csv", path).stdout.splitlines()
    assert head.startswith('"row","family","exec","io","cache","dir","files",')
    assert line.startswith(f'"{row}","scan","async","mmap","cold","a,b",8,1,256,512,0,1.5,3.0,,,')


def test_names_of_columns_are_text_as_well(scratch):
    path = write_run(scratch / "run.json", repetitions(MMAP + "/=axis:1", [1], **{"@counter": 2}))
    (line,) = table(path)
    assert line["'=axis"] == "1"
    assert line["'@counter"] == "2.0"


def test_what_cannot_be_printed_is_escaped_so_that_a_line_is_a_line(scratch):
    message = 'a\x00b\x1b[31m\nc\rd\u202ee\ud800 "f", gr\u00fcn'
    path = write_run(scratch / "run.json", [failure(MMAP, message)])
    done = pagestall("csv", path)
    assert len(done.stdout.splitlines()) == 2
    (line,) = lines_of(done.stdout)
    assert line["error"] == 'a\\x00b\\x1b[31m\\nc\\rd\\u202ee\\ud800 "f", gr\u00fcn'


def test_is_utf_8_whatever_the_locale(scratch):
    path = write_run(scratch / "run.json", [failure(MMAP, "gr\u00fcn")])
    done = subprocess.run(
        [ROOT / "tools/pagestall", "csv", path], capture_output=True, check=True,
        env=os.environ | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    )  # fmt: skip
    assert "gr\u00fcn".encode() in done.stdout


def test_columns_of_one_name_are_told_apart(scratch):
    row = "lookup/exec:async/resident_pct:90/seconds:3"
    (line,) = table(write_run(scratch / "run.json", repetitions(row, [2], resident_pct=88)))
    assert [line[one] for one in ("resident_pct", "counter_resident_pct")] == ["90", "88.0"]
    assert [line[one] for one in ("axis_seconds", "seconds")] == ["3", "2.0"]


def header(scratch, row, counters):
    path = write_run(scratch / "run.json", [repetitions(row, [2])[0] | counters])
    done = pagestall("csv", path)
    assert (done.returncode, done.stderr) == (0, "")
    (names, cells) = csv.reader(io.StringIO(done.stdout))
    assert len(names) == len(set(names)) == len(cells)
    return dict(zip(names, cells))


def test_no_two_columns_have_one_name(scratch):
    """Whatever makes them one: a fixed column, an axis, what was made of another's name, or what
    the file writes of them."""
    fixed = "row family repetition seconds error errors commit date machine".split()
    clashes = dict.fromkeys(fixed, 5) | {"counter_seconds": 7, "counter_counter_seconds": 8}
    known = header(scratch, "x/axis_row:1/row:2/counter_exec:3/exec:4", clashes | {"exec": 9})
    assert [known[one] for one in ("axis_row", "axis_axis_row", "counter_exec")] == ["1", "2", "3"]
    assert [known[one] for one in ("counter_seconds", "counter_counter_seconds")] == ["7.0", "8.0"]
    assert known["counter_counter_counter_seconds"] == "5.0"
    assert known["counter_counter_exec"] == "9.0"


@pytest.mark.parametrize("names", [["a\n", "a\\n"], ["=a", "'=a"], ["a;=b", "a;'=b"]])
def test_no_two_columns_have_one_name_as_they_are_written(scratch, names):
    known = header(scratch, "x", {name: value for value, name in enumerate(names)})
    assert sorted(cell for name, cell in known.items() if "a" in name and cell[1:] == ".0") == [
        "0.0", "1.0",
    ]  # fmt: skip


def test_pandas_reads_it(scratch):
    pandas = pytest.importorskip("pandas")
    path = write_run(
        scratch / "run.json", repetitions(MMAP, [1.5, 2.5]), [failure(READ, "not cold")]
    )
    pagestall("csv", path, "-o", scratch / "run.csv")
    frame = pandas.read_csv(scratch / "run.csv")
    assert frame.seconds.dtype == float
    assert frame.groupby("row").seconds.median()[MMAP] == 2.0
    assert frame.seconds.count() == 2, "what failed has no time"


def test_output_file_is_what_standard_output_would_be(scratch):
    path = write_run(scratch / "run.json", repetitions(MMAP, [1.5]))
    out = scratch / "run.csv"
    out.write_text("old")
    done = pagestall("csv", path, "-o", out)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert out.read_bytes() == pagestall("csv", path).stdout.encode()
    assert {one.name for one in scratch.iterdir()} == {"run.json", "run.csv"}


def refused(*words, stdout=subprocess.PIPE):
    done = finished(ROOT / "tools/pagestall", "csv", *words, stdout=stdout)
    assert done.returncode == 2
    assert not done.stdout
    return done.stderr


def test_what_cannot_be_written_is_one_clear_line(scratch):
    path = write_run(scratch / "run.json", repetitions(MMAP, [1.5]))
    out = scratch / "none/run.csv"
    assert refused(path, "-o", out) == f"error: write '{out}': No such file or directory\n"
    assert refused(path, "-o", scratch) == f"error: write '{scratch}': Is a directory\n"
    full = "No space left on device"
    assert refused(path, "-o", "/dev/full") == f"error: write '/dev/full': {full}\n"
    with open("/dev/full", "w", encoding="utf-8") as device:
        message = f"error: write standard output: {full}; the CSV is incomplete\n"
        assert refused(path, stdout=device) == message


def test_reader_may_stop_early(scratch):
    path = write_run(scratch / "run.json", repetitions(MMAP, [1.5] * 5000))
    done = finished(
        "sh", "-c", '"$0" csv "$1" | head -n 1', ROOT / "tools/pagestall", path, check=True
    )
    assert done.stdout.startswith('"row","family",') and done.stderr == ""

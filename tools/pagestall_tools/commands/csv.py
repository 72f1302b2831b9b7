"""Every repetition of a run as a line of CSV (UTF-8), for spreadsheets, R, pandas and tools that
look for change points.

    tools/pagestall csv results/run.json > run.csv
    tools/pagestall csv results/run.json -o run.csv    # complete or not at all

Columns: the row's name; its family and a column for each axis of its name (exec, io, cache,
...); the repetition, from 0; seconds; the counters in alphabetical order, each in the unit at
the end of its name; error and how many repetitions had it; the run's commit and date, and the
machine (the same text for the same machine). No two have one name: what would is axis_NAME or
counter_NAME. What was not measured or is unknown is an empty cell. What failed, was skipped or
cannot be a time is a line without seconds for each message.

Numbers have all their digits. Text is in quotes, has an apostrophe wherever a spreadsheet would
take what follows for a formula, and what cannot be printed is escaped (\\n, \\x1b).

Exit code: 0, or 2 if the run cannot be read or the CSV not be written."""

import re
import sys
import unicodedata

from pagestall_tools import left_out
from pagestall_tools.analysis.row_names import axes
from pagestall_tools.bad_input import BadInput
from pagestall_tools.machine import is_known, machine_id
from pagestall_tools.runs import read
from pagestall_tools.whole_file import write_whole
from pagestall_tools.words import family, printable

FIRST_AXES = ["exec", "io", "cache"]

BEFORE_AXES = ["row", "family"]
BEFORE_COUNTERS = ["repetition", "seconds"]
LAST = ["error", "errors", "commit", "date", "machine"]

# A spreadsheet takes a cell that begins so for a formula (OWASP, CSV Injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def add_arguments(parser):
    parser.add_argument("run_json", metavar="RUN.json", help="what --benchmark_out wrote")
    parser.add_argument("-o", "--output", metavar="FILE", help="in place of standard output")


def run(arguments):
    its_run = read(arguments.run_json)
    left_out.show(its_run)
    lines = cells(its_run)
    text = "".join(",".join(map(field, line)) + "\n" for line in lines)
    if arguments.output:
        write_whole(arguments.output, text)
    else:
        write_stdout(text)
    return 0


def cells(run):
    """Lists of cells, the header first; an empty cell is None."""
    its_axes = {name: row_axes(name) for name in [*run.rows, *(row for row, _ in run.errors)]}
    axis_names = sorted({axis for one in its_axes.values() for axis in one}, key=axis_order)
    counters = sorted({c for reps in run.rows.values() for one in reps for c in one.counters})
    taken = set(map(field, [*BEFORE_AXES, *BEFORE_COUNTERS, *LAST]))
    axis_columns = columns("axis", axis_names, taken)
    counter_columns = columns("counter", counters, taken)
    header = [*BEFORE_AXES, *axis_columns, *BEFORE_COUNTERS, *counter_columns, *LAST]
    machine = machine_id(run.context) if is_known(run.context) else None
    origin = [run.context.get("commit"), run.context.get("date"), machine]

    def line(row, repetition, seconds, counts, error, errors):
        place = [its_axes[row].get(axis) for axis in axis_names]
        counts = [counts.get(name) for name in counters]
        return [row, family(row), *place, repetition, seconds, *counts, error, errors, *origin]

    return [
        header,
        *(
            line(row, one.index, one.seconds, one.counters, None, None)
            for row, repetitions in run.rows.items()
            for one in repetitions
        ),
        *(
            line(row, None, None, {}, message, count)
            for (row, message), count in run.errors.items()
        ),
    ]


def columns(kind, names, taken):
    """What they are called as columns: none as another is, as both stand in the file, which is what
    `taken` has; these are added to it."""
    return [column(kind, name, taken) for name in names]


def column(kind, name, taken):
    while field(name) in taken:
        name = f"{kind}_{name}"
    taken.add(field(name))
    return name


def row_axes(row):
    """Without the family, in which a colon is none of an axis."""
    return axes(row.partition("/")[2])


def axis_order(axis):
    """Who reads, from what and how, comes first; the rest in alphabetical order, so that two
    runs of the same rows have the same columns."""
    known = FIRST_AXES.index(axis) if axis in FIRST_AXES else len(FIRST_AXES)
    return known, axis


def field(value):
    """As it stands in the file. The csv module would put nothing in quotes as well, which not
    everybody reads as a number that is missing."""
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(value)
    text = str(value)
    if NUMBER.fullmatch(text):
        return text
    guarded = ";".join(map(guard, text.split(";")))  # separates cells in half of Europe
    return '"' + printable(guarded).replace('"', '""') + '"'


def guard(text):
    # A spreadsheet may take a full-width sign for the sign, and skip what is before it.
    looks = unicodedata.normalize("NFKC", text).lstrip(' "')
    return f"'{text}" if looks.startswith(FORMULA) else text


def write_stdout(text):
    try:
        with open(sys.stdout.fileno(), "w", encoding="utf-8", newline="", closefd=False) as out:
            out.write(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise BadInput(f"write standard output: {error.strerror}; the CSV is incomplete") from error

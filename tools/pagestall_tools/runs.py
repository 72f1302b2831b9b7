"""A run's JSON (Google Benchmark's), as its repetitions."""

import dataclasses
import json
import math
import os
import re

from pagestall_tools.bad_input import BadInput
from pagestall_tools.entries import NoMeasurement, aggregated_rows, measured, name_of, twice
from pagestall_tools.entries import without_doubt
from pagestall_tools.outcome import Outcome, outcome_of, reported
from pagestall_tools.words import clipped, is_text, printable

# Twice what a day of repetitions takes. What is larger is no run, or has no end (/dev/zero).
MOST_BYTES = 512 << 20
PIECE_BYTES = 1 << 20  # read() of many takes the memory for all at once

# The library nests objects and lists of a context no deeper than three.
NESTED_TOO_DEEPLY = "it is nested too deeply"
MOST_NESTED = 10

# Numbers that JSON does not have, as C and Microsoft's library write them.
NOT_FINITE = re.compile(
    r"-?(?:nan(?:\([a-z]*\))?|inf(?:inity)?|1\.#(?:inf|ind|[qs]nan)\d*)(?![\w.])", re.IGNORECASE
)
NOT_FINITE_OR_TEXT = re.compile(
    r'"[^"\\]*(?:\\.[^"\\]*)*"|' + NOT_FINITE.pattern, re.IGNORECASE | re.DOTALL
)

# The start of a number that is written for people.
GROUPED = re.compile(r":\s*-?[0-9]{1,3}(?:,[0-9]{3})*,[0-9]{3}[^0-9]*\Z")

# No counter of a real run is as large.
MOST_COUNTED = 1e18

# How compressed files begin.
COMPRESSED = {
    b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\0": "xz", b"BZh": "bzip2",
    b"PK\3\4": "zip",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Run:
    path: str
    context: dict
    rows: dict  # the row's name -> [Repetition], in the file's order; measured ones only
    errors: dict  # (row's name, message) -> how many repetitions
    left_out: dict = dataclasses.field(default_factory=dict)  # as errors, of counters

    @property
    def binary(self):
        """The benchmark binary's name, without its directory."""
        return str(self.context.get("executable", "")).rsplit("/", 1)[-1]

    def seconds(self, row):
        return [repetition.seconds for repetition in self.rows[row]]


def read(path):
    """The Run in a file. BadInput if it is not the JSON of a finished run, or no repetition is
    in it."""
    try:
        return parse(path, parsed(content(path)))
    except OSError as error:
        raise BadInput(f"read '{path}': {error.strerror}") from error
    except MemoryError as error:
        raise BadInput(f"read '{path}': too large for the memory that there is") from error
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        cause = str(error)
        if isinstance(error, RecursionError):  # at which depth is the interpreter's choice
            cause = NESTED_TOO_DEEPLY
        raise BadInput(
            f"read '{path}': not the JSON of a finished benchmark run ({clipped(cause, 200)})"
        ) from error


def content(path):
    """A named pipe that nobody writes to counts as empty: waiting might have no end."""

    def open_at_once(name, flags):
        return os.open(name, flags | os.O_NONBLOCK)

    with open(path, "rb", opener=open_at_once) as file:
        os.set_blocking(file.fileno(), True)
        pieces, size = [], 0
        while size <= MOST_BYTES and (piece := file.read(PIECE_BYTES)):
            pieces.append(piece)
            size += len(piece)
    data = b"".join(pieces)
    if not data:
        raise ValueError("empty")
    if len(data) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES >> 20} MiB")
    for begin, how in COMPRESSED.items():
        if data.startswith(begin):
            raise ValueError(f"compressed ({how}); unpack it first")
    return data


def parsed(data):
    """The JSON's value, with NaN and infinity as numbers."""
    kinds = {
        "object_pairs_hook": without_doubt, "parse_int": whole, "parse_constant": float,
    }  # fmt: skip
    try:
        return json.loads(data, **kinds)
    except json.JSONDecodeError as error:
        if GROUPED.search(error.doc[max(0, error.pos - 200) : error.pos + 4]):
            raise ValueError(
                "a number with thousands separators, as of a benchmark that sets std::locale: "
                f"line {error.lineno}"
            ) from error
        # Of "1.#INF" what comes after the 1 is in the wrong place.
        if not NOT_FINITE.match(error.doc, error.pos) and not error.doc.startswith(".#", error.pos):
            raise
        return json.loads(NOT_FINITE_OR_TEXT.sub(as_python_has_it, error.doc), **kinds)


def as_python_has_it(found):
    """What C++ calls a number that is not finite."""
    text = found[0]
    if text.startswith('"'):
        return text
    sign = "-" if text.startswith("-") else ""
    is_number = not re.search("n[ad]", text, re.IGNORECASE)
    return f"{sign}Infinity" if is_number else "NaN"


def whole(text):
    """More digits than those of 64 bits are a float's."""
    return int(text) if len(text) <= 20 else float(text)


def parse(path, run):
    """Of the JSON's value. `path` is what errors call it."""
    refuse_doubt(run)
    if not isinstance(run, dict) or not isinstance(run.get("benchmarks"), list):
        raise TypeError("no list of benchmarks in it")
    context = run.get("context", {})
    if not isinstance(context, dict):
        raise TypeError("context is not an object")
    context = checked(context)
    entries = run["benchmarks"]
    rows, errors, left_out, known_entries = {}, {}, {}, {}

    def count(counts, row, what):
        counts[row, what] = counts.get((row, what), 0) + 1

    aggregated = aggregated_rows(entries)
    for place, entry in enumerate(entries):
        if aggregated[place] is not None:
            continue
        row = name_of(entry)
        try:
            if not row:
                row = f"entry {place}"
                is_object = isinstance(entry, dict)
                raise NoMeasurement("without a name" if is_object else "not an object")
            if not is_text(row):
                row = printable(row)
                raise NoMeasurement("its name has half a character or a NUL in it")
            if (message := reported(entry)) is not None:
                count(errors, row, message)
            else:
                one, bad_counters = measured(entry, len(rows.get(row, ())))
                if is_copy(entry, known_entries.setdefault((row, one.index, one.seconds), entry)):
                    count(left_out, row, "a repetition that is there twice")
                    continue
                rows.setdefault(row, []).append(one)
                for what in bad_counters.values():
                    count(left_out, row, what)
        except NoMeasurement as error:
            count(errors, row, Outcome.UNREADABLE.because(str(error)))
    known = {*rows, *(row for row, _ in errors)}
    for row in dict.fromkeys(filter(None, aggregated)):
        if row not in known:
            count(errors, row, Outcome.AGGREGATED.because(" (ReportAggregatesOnly)"))
    refuse_empty(path, rows, errors)
    return Run(str(path), context, rows, errors, left_out)


def is_copy(entry, first):
    """Of the first with its index and time: in a file that was made of two that overlap."""
    is_first = first is entry or "repetition_index" not in entry
    return not is_first and repr(first) == repr(entry)  # NaN does not equal itself


def refuse_empty(path, rows, errors):
    """Raises BadInput if nothing in the file is a repetition or says why there is none."""
    became = {outcome_of(what) for _, what in errors}
    if not rows and became <= {Outcome.AGGREGATED}:
        why = "no benchmark in it (did the filter match none?)"
        if became:
            why = "only aggregates in it (was --benchmark_report_aggregates_only given?)"
        raise BadInput(f"read '{path}': {why}")
    if not rows and became <= {Outcome.UNREADABLE, Outcome.AGGREGATED}:
        (row, what), *others = [one for one in errors if outcome_of(one[1]) is Outcome.UNREADABLE]
        more = f", and {len(others)} more" if others else ""
        why = what.removeprefix(Outcome.UNREADABLE.value)
        raise ValueError(f"{why}: {clipped(row, 100)!r}{more}")


def refuse_doubt(known):
    for name in twice(known):
        raise ValueError(f"{name!r} twice, with different values")


def checked(value, most=MOST_NESTED):
    """Of a context: what every reader understands, or ValueError."""
    if most == 0:
        raise ValueError(NESTED_TOO_DEEPLY)
    if isinstance(value, dict):
        refuse_doubt(value)
        return {name: checked(one, most - 1) for name, one in value.items()}
    if isinstance(value, list):
        return [checked(one, most - 1) for one in value]
    is_finite = not isinstance(value, float) or math.isfinite(value)
    return value if is_finite else str(value)

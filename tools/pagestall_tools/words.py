"""The words of a report: what axes and figures are called for a person to read."""

import re
import typing

# A row's axes as headings.
AXES = {
    "exec": "runs on",
    "io": "source",
    "cache": "page cache",
    "load": "load",
    "dir": "directory",
    "resident_pct": "in memory, %",
    "prefetch": "prefetched, bytes ahead",
    "stride": "stride, bytes",
    "mib": "MiB per file",
    "ms": "ms",
    "fill": "cache filled by",
}

UNITS = {"kib": "KiB", "mib": "MiB", "pct": "%", "ms": "ms", "us": "µs"}


class Unit(typing.NamedTuple):
    """Of time."""

    sign: str
    name: str
    of_a_second: float  # how many


SECONDS = Unit("s", "seconds", 1.0)
TIMES = [
    SECONDS, Unit("ms", "milliseconds", 1e3), Unit("µs", "microseconds", 1e6),
    Unit("ns", "nanoseconds", 1e9),
]  # fmt: skip

HALF_OR_NUL = re.compile("[\ud800-\udfff\0]")


def family(row):
    """What a row's name begins with: "scan", "lookup"."""
    return row.split("/", 1)[0]


def printable(text):
    """With what a terminal or browser would act on rather than show (control characters, changes
    of direction, half characters) as an escape."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape", "replace").decode()
        for one in str(text)
    )


def is_text(text):
    """Whether every file and database can keep it: no half characters (of UTF-16), no NUL."""
    return not HALF_OR_NUL.search(text)


def keepable(text):
    """As is_text() has it, with escapes."""
    return HALF_OR_NUL.sub(lambda found: printable(found[0]), text)


def clipped(text, most):
    """For where room is limited. Of a text that is far longer, no more is looked at."""
    text = printable(str(text)[: most + 1])
    return text if len(text) <= most else text[: most - 1] + "…"


def binary(name):
    """Of a run's, for a terminal."""
    return printable(name) or "a run that does not name its binary"


def source(name):
    """Of "mmap, yields/64 KiB" as well."""
    return name.replace("yields/", "yields every ")


def brief_source(name):
    """For pictures."""
    return name.replace("yields/", "yields ")


def plain_source(name):
    """Without what is said of yielding."""
    return name.split(",")[0]


def natural(text, digits):
    """The whole number that a text is; None if it is none, or has more digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def unit_for(seconds):
    """The largest Unit of which a time is one or more."""
    return next((one for one in TIMES if seconds * one.of_a_second >= 1), TIMES[-1])


def axis(name):
    stem, _, unit = name.rpartition("_")
    if name in AXES:
        return AXES[name]
    if stem and unit in UNITS:
        return f"{stem.replace('_', ' ')}, {UNITS[unit]}"
    return name.replace("_", " ")


def number(figure):
    """At most three digits that count."""
    return f"{figure:.0f}" if 100 <= abs(figure) < 1e15 else f"{figure:.3g}"


def cell(figure):
    """Three digits that count, for columns; a dash for what is unknown."""
    if figure is None:
        return "–"
    return f"{figure:.0f}" if 100 <= abs(figure) < 1e15 else f"{figure:#.3g}"


def milliseconds(figure):
    """As a cell, no finer than a microsecond."""
    if figure is None or abs(figure) >= 1:
        return cell(figure)
    return f"{figure:.3f}" if round(figure, 3) else "0"


def count(figure):
    return "–" if figure is None else number(figure)


def plural(count, noun):
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

"""The report's section on lookups: pictures and tables by the share that is in memory."""

from pagestall_tools import words
from pagestall_tools.analysis.figures import figures, median, values
from pagestall_tools.analysis.row_names import axes
from pagestall_tools.report import pictures
from pagestall_tools.report.below import notes_of_rows
from pagestall_tools.report.html import Html, figure, paragraph, section, side_by_side, table
from pagestall_tools.report.rows import repetitions_of, rows_of, runs_with, suite_family

# A family of lookups, and one whose time is the 99th percentile of the same lookups' latency.
LOOKUPS = {"lookup", "lookup_p99"}


def are_in(runs):
    return any(suite_family(row) == "lookup" for run in runs.values() for row in run.rows)


def lookups_section(runs, gallery):
    if not are_in(runs):
        return Html("")
    rows = rows_of(runs, lambda row: suite_family(row) == "lookup")
    having = runs_with(runs, rows)
    drawn, tables = [], []
    for kind in dict.fromkeys(map(kind_of, rows)):
        own = [row for row in rows if kind_of(row) == kind]
        for label, run in having.items():
            series = micros(run, own)
            if series:
                name = f"lookups-{len(drawn)}"
                picture = pictures.shares(gallery, name, series, "Microseconds per lookup")
                drawn.append(figure(picture, f"{kind}, {label}" if len(having) > 1 else kind))
        tables.append(lookup_table(kind, having, own))
    return section(
        "Lookups: random records by how much of the files is in memory",
        paragraph(
            "Time per lookup, with many coroutines under way on one executor, and for how long "
            "its thread was blocked meanwhile. Every dot is a repetition."
        ),
        *notes_of_rows(having, rows),
        side_by_side(*drawn),
        *tables,
    )


def kind_of(row):
    """What a picture is of."""
    known = axes(row)
    asked = {"uniform": "Every record equally often", "zipf": "Some far more often (Zipf)"}
    kind = known.get("dist", "")
    place = f", in {known['dir']}" if "dir" in known else ""
    return asked.get(kind, kind) + place


def share_of(row):
    return words.natural(axes(row).get("resident_pct", ""), digits=3)


def source_of(row):
    return axes(row).get("io", "")


def micros(run, rows):
    """{source: {percent: [µs per lookup]}}"""
    series = {}
    for row in rows:
        measured = run.rows.get(row, [])
        known = values(figures(measured), "lookup_us")
        if known and share_of(row) is not None:
            shares = series.setdefault(words.source(source_of(row)), {})
            shares.setdefault(share_of(row), []).extend(known)
    return series


def lookup_table(kind, having, rows):
    several = len(having) > 1
    percents = sorted({share_of(row) for row in rows} - {None})
    measures = [
        ("µs per lookup", "lookup_us"),
        ("latency p99, µs", "lookup_p99_us"),
        ("blocked, ms", "blocked_ms"),
    ]
    lines, marked = [], []
    for source in dict.fromkeys(map(source_of, rows)):
        for label, run in having.items():
            line = [words.source(source)] + ([label] if several else [])
            for _, counter in measures:
                for percent in percents:
                    found = [
                        one
                        for row in rows
                        if source_of(row) == source and share_of(row) == percent
                        for one in run.rows.get(row, [])
                    ]
                    line.append(words.milliseconds(median(figures(found), counter)))
            if source == "mmap":
                marked.append(len(lines))
            lines.append(line)
    texts = 2 if several else 1
    heads = [
        [*[""] * texts, *((title, len(percents)) for title, _ in measures)],
        ["source", *["file"] * several, *[f"{percent} %" for percent in percents] * len(measures)],
    ]
    caption = (
        f"{kind}: medians by the share of the files in memory; "
        f"{repetitions_of(having, rows)} of each row."
    )
    return table(heads, lines, texts=texts, caption=caption, marked=marked)

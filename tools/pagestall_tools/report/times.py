"""The report's section on rows whose time is a stall or a latency."""

from pagestall_tools import words
from pagestall_tools.analysis.figures import figures, median
from pagestall_tools.analysis.row_names import axes
from pagestall_tools.report.below import notes_of_rows
from pagestall_tools.report.html import Html, paragraph, section, table
from pagestall_tools.report.rows import differing, headings, labels, repetitions_of, rows_of
from pagestall_tools.report.rows import runs_with, suite_family
from pagestall_tools.row_words import of_runs

# Families whose time is a stall or a latency.
TIMES = {
    "stall_max": "worst stall",
    "stall_p99": "stall p99",
    "blocked": "blocked",
    "tenant_p50": "request p50",
    "tenant_p99": "request p99",
    "tenant_max": "slowest request",
}

# An idle executor has no dataset, which says nothing.
SHAPE = ("ms", "files", "mib", "stride")


def times_section(runs):
    groups = [
        rows_of(runs, lambda row, begin=begin: suite_family(row) in TIMES and row.startswith(begin))
        for begin in ("stall", "blocked", "tenant")
    ]
    made = [times_table(runs, rows) for rows in (groups[0] + groups[1], groups[2]) if rows]
    if not made:
        return Html("")
    return section(
        "Stalls and latencies as times",
        paragraph(
            "Milliseconds, medians. An idle executor and one that only computes say what the "
            "machine itself does. A request is one to a small service on the same executor."
        ),
        *notes_of_rows(runs, groups[0] + groups[1] + groups[2]),
        *made,
    )


def shape_of(row):
    return tuple(axes(row).get(name) for name in SHAPE)


def times_table(runs, rows):
    having = runs_with(runs, rows)
    families = [one for one in TIMES if any(suite_family(row) == one for row in rows)]
    loads = list(dict.fromkeys(row.split("/", 1)[-1] for row in rows))
    whole = [f"{families[0]}/{load}" for load in loads]
    names = differing(whole) or ["exec"]
    several = {shape_of(load) for load in loads if "files:" in load}
    if len(several) == 1:
        names = [name for name in names if name not in SHAPE] or names
    lines = []
    for load in loads:
        line = labels(load, names, of_runs(having))
        for run in having.values():
            for one in families:
                seconds = median(figures(run.rows.get(f"{one}/{load}", [])), "s")
                line.append(words.milliseconds(None if seconds is None else seconds * 1e3))
        lines.append(line)
    heads = headings(names, [f"{TIMES[one]}, ms" for one in families], having)
    return table(heads, lines, texts=len(names), caption=f"{repetitions_of(having, rows)} each.")

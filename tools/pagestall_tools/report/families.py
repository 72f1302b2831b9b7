"""The report's sections on rows other than scans: lookups, questions, stalls as times."""

import statistics

from pagestall_tools import words
from pagestall_tools.report import pictures
from pagestall_tools.report.html import Html, element, figure, paragraph, section, side_by_side, table
from pagestall_tools.runs import axes

# What each family of rows asks.
QUESTIONS = {
    "prefetch": "Does the CPU's prefetch instruction help?",
    "advice": "Does advice on the mapping (madvise) help?",
    "readahead": "Does advice on the file (posix_fadvise, readahead) help?",
    "fill": "Does it matter how the page cache was filled?",
    "order": "What if blocks are read in a random order?",
    "stride": "What if fewer bytes are touched?",
    "files": "What if there are fewer files?",
    "resident": "How much has to be in memory?",
    "lookup_advice": "Does advice help lookups?",
    "probe_cost": "What does the probe itself cost?",
    "scan": "Which chunks, and how many ahead?",
}

# Families whose time is a stall or a latency.
TIMES = {
    "stall_max": "worst stall",
    "stall_p99": "stall p99",
    "blocked": "blocked",
    "tenant_p50": "request p50",
    "tenant_p99": "request p99",
    "tenant_max": "slowest request",
}

# Axes of a source: of what size its reads are, and how many ahead.
SOURCES_OWN = ("buffer_kib", "chunk_kib", "ahead")

# An idle executor has no dataset, which says nothing.
SHAPE = ("ms", "files", "mib", "stride")

LOOKUPS = {"lookup", "lookup_p99"}


def family(row):
    return row.split("/", 1)[0]


def median(repetitions, counter):
    known = [one.counters[counter] for one in repetitions if counter in one.counters]
    return statistics.median(known) if known else None


def differing(rows):
    """The names of axes in which rows differ, in the rows' order; a source's own only if rows of
    one source differ in it."""
    all_axes = [axes(row) for row in rows]
    names = dict.fromkeys(name for known in all_axes for name in known if name != "iterations")
    return [
        name
        for name in names
        if len({known.get(name) for known in all_axes}) > 1
        and not (name in SOURCES_OWN and is_of_source(name, all_axes))
    ]


def is_of_source(name, all_axes):
    """Whether a row's source decides its value."""
    pairs = {(known.get("io"), known.get(name)) for known in all_axes}
    return len(pairs) == len({source for source, _ in pairs})


def labels(row, names):
    known = axes(row)
    return [words.value(name, known.get(name, "–")) for name in names]


def rows_of(runs, wanted):
    """Those of a family, in order: known sources as the suite has them, numbers by size."""
    return sorted({row for run in runs.values() for row in run.rows if wanted(row)}, key=order)


def order(row):
    known = list(words.SOURCES)
    parts = []
    for name, text in axes(row).items():
        rank = known.index(text) if name == "io" and text in known else len(known)
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
        parts.append((name != "load", rank, number, text))
    return parts, row


def repetitions_of(runs, rows):
    """ "3 repetitions", "3 to 5 repetitions" """
    counts = {len(run.rows[row]) for run in runs.values() for row in rows if row in run.rows}
    if len(counts) == 1:
        return words.plural(counts.pop(), "repetition")
    return f"{min(counts)} to {max(counts)} repetitions"


def questions_section(runs):
    asked = dict.fromkeys(
        family(row)
        for run in runs.values()
        for row in run.rows
        if family(row) not in TIMES and family(row) not in LOOKUPS
    )
    known = [one for one in QUESTIONS if one in asked]
    parts = [
        part
        for one in known + [one for one in asked if one not in QUESTIONS]
        for part in question(runs, one)
    ]
    return section("Questions: what changes the hazard", *parts) if parts else Html("")


def question(runs, asked):
    rows = rows_of(runs, lambda row: family(row) == asked)
    having = {label: run for label, run in runs.items() if any(row in run.rows for row in rows)}
    names = differing(rows) or ["exec"]
    blocked = any(
        median(run.rows.get(row, []), "blocked_ms") is not None
        for run in having.values()
        for row in rows
    )
    shown = ["median, s", "minimum, s"] + (["blocked, ms"] if blocked else [])
    lines = []
    for row in rows:
        line = labels(row, names)
        for run in having.values():
            repetitions = run.rows.get(row, [])
            seconds = [one.seconds for one in repetitions]
            line.append(words.cell(statistics.median(seconds) if seconds else None))
            line.append(words.cell(min(seconds, default=None)))
            if blocked:
                line.append(words.milliseconds(median(repetitions, "blocked_ms")))
        lines.append(line)
    heads = [[*map(words.axis, names), *shown * len(having)]]
    if len(having) > 1:
        heads.insert(0, [*[""] * len(names), *((label, len(shown)) for label in having)])
    title = QUESTIONS.get(asked, f"Rows of the family {asked.replace('_', ' ')}")
    caption = f"{repetitions_of(having, rows)} of each row."
    return element("h3", title), table(heads, lines, texts=len(names), caption=caption)


def times_section(runs):
    groups = [
        rows_of(runs, lambda row, begin=begin: family(row) in TIMES and row.startswith(begin))
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
        *made,
    )


def shape_of(row):
    return tuple(axes(row).get(name) for name in SHAPE)


def times_table(runs, rows):
    having = {label: run for label, run in runs.items() if any(row in run.rows for row in rows)}
    families = [one for one in TIMES if any(family(row) == one for row in rows)]
    loads = list(dict.fromkeys(row.split("/", 1)[-1] for row in rows))
    whole = [f"{families[0]}/{load}" for load in loads]
    names = differing(whole) or ["exec"]
    several = {shape_of(load) for load in loads if "files:" in load}
    if len(several) == 1:
        names = [name for name in names if name not in SHAPE] or names
    lines = []
    for load in loads:
        line = labels(load, names)
        for run in having.values():
            for one in families:
                seconds = [rep.seconds for rep in run.rows.get(f"{one}/{load}", [])]
                line.append(
                    words.milliseconds(statistics.median(seconds) * 1e3 if seconds else None)
                )
        lines.append(line)
    heads = [[*map(words.axis, names), *[f"{TIMES[one]}, ms" for one in families] * len(having)]]
    if len(having) > 1:
        heads.insert(0, [*[""] * len(names), *((label, len(families)) for label in having)])
    return table(heads, lines, texts=len(names), caption=f"{repetitions_of(having, rows)} each.")


def lookups_section(runs, gallery):
    rows = rows_of(runs, lambda row: family(row) == "lookup")
    if not rows:
        return Html("")
    having = {label: run for label, run in runs.items() if any(row in run.rows for row in rows)}
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
    text = axes(row).get("resident_pct", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else None


def source_of(row):
    return axes(row).get("io", "")


def micros(run, rows):
    """{source: {percent: [µs per lookup]}}"""
    series = {}
    for row in rows:
        measured = run.rows.get(row, [])
        known = [one.counters["lookup_us"] for one in measured if "lookup_us" in one.counters]
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
                    line.append(words.milliseconds(median(found, counter)))
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

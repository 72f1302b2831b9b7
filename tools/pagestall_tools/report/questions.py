"""The report's section on questions: families of rows that differ in what they ask about."""

import statistics

from pagestall_tools import words
from pagestall_tools.analysis.figures import figures, median, values
from pagestall_tools.analysis.row_names import axes
from pagestall_tools.report import pictures
from pagestall_tools.report.below import notes_of_rows
from pagestall_tools.report.html import Html, element, figure, section, side_by_side, table
from pagestall_tools.report.lookups import LOOKUPS
from pagestall_tools.report.rows import families, headings, repetitions_of, runs_with, suite_family
from pagestall_tools.report.rows import told_apart
from pagestall_tools.report.times import TIMES
from pagestall_tools.row_words import RowWords, of_runs
from pagestall_tools.words import SECONDS

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


def questions_section(runs, gallery):
    asked = {
        named: rows for named, rows in families(runs, suite_family).items()
        if named not in TIMES and named not in LOOKUPS
    }  # fmt: skip
    ordered = [one for one in QUESTIONS if one in asked]
    ordered += [one for one in asked if one not in QUESTIONS]
    parts = []
    for index, named in enumerate(ordered):
        title = QUESTIONS.get(named, f"Rows of the family {named.replace('_', ' ')}")
        parts += question(runs, title, asked[named], gallery, f"questions-{index}")
    if not parts:
        return Html("")
    below = notes_of_rows(runs, [row for one in ordered for row in asked[one]])
    return section("Questions: what changes the hazard", *below, *parts)


def question(runs, title, rows, gallery, name, unit=SECONDS, is_drawn=True):
    """The parts of a section: a heading, pictures unless the rows are too many, and a table."""
    having = runs_with(runs, rows)
    drawn = [
        figure(
            picture(run, rows, gallery, f"{name}-{index}", unit), label if len(having) > 1 else ""
        )
        for index, (label, run) in enumerate(having.items())
        if is_drawn and len(rows) <= pictures.MOST
    ]
    return element("h3", title), side_by_side(*drawn), times_table(having, rows, unit)


def picture(run, rows, gallery, picture_name, unit):
    """Every repetition of a run's rows; of the cold ones alone, where there are any."""
    rows = [row for row in rows if row in run.rows]
    cold = [row for row in rows if axes(row).get("cache") == "cold"]
    rows = cold or rows
    names, texts = told_apart(rows, RowWords([run.context]))
    lines = []
    for row in rows:
        said = [
            text if name in ("exec", "io", "row") else f"{words.axis(name)}: {text}"
            for name, text in zip(names, texts[row])
        ]
        hue = pictures.colour(axes(row).get("io", ""))
        times = [one * unit.of_a_second for one in run.seconds(row)]
        lines.append(("; ".join(said), [("", hue, times)]))
    return pictures.lanes(
        gallery, picture_name, lines, f"{unit.name}, cold" if cold else unit.name, 0,
        "Seconds of each repetition by what is asked about",
    )  # fmt: skip


def times_table(having, rows, unit):
    names, texts = told_apart(rows, of_runs(having))
    blocked = any(
        "blocked_ms" in one.counters
        for run in having.values()
        for row in rows
        for one in run.rows.get(row, [])
    )
    own = [f"median, {unit.sign}", f"minimum, {unit.sign}"] + (["blocked, ms"] if blocked else [])
    lines = []
    for row in rows:
        line = list(texts[row])
        for run in having.values():
            measured = figures(run.rows.get(row, []))
            times = [one * unit.of_a_second for one in values(measured, "s")]
            line.append(words.cell(statistics.median(times) if times else None))
            line.append(words.cell(min(times, default=None)))
            if blocked:
                line.append(words.milliseconds(median(measured, "blocked_ms")))
        lines.append(line)
    caption = f"{repetitions_of(having, rows)} of each row."
    heads = headings(names, own, having)
    return table(heads, lines, texts=len(names), caption=caption)

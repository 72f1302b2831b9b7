"""The report's sections on the run itself: drift, the machine, and what was not measured."""

import collections
import json
import statistics

from pagestall_tools.report import pictures
from pagestall_tools.report.html import Html, element, figure, paragraph
from pagestall_tools.report.html import section, side_by_side, table
from pagestall_tools.runs import NOT_AVAILABLE, axes, is_failure, unknown_below

# Of no use to a reader.
LEFT_OUT = {"caches", "json_schema_version"}


def drift_section(runs, gallery):
    drawn = []
    for index, (label, run) in enumerate(runs.items()):
        points, axis = repetitions(run)
        if points:
            alternative = "Each repetition's time as a multiple of its row's median"
            picture = pictures.drift(gallery, f"drift-{index}", points, axis, alternative)
            drawn.append(figure(picture, label if len(runs) > 1 else ""))
    if not drawn:
        return Html("")
    return section(
        "Did the machine change meanwhile?",
        paragraph(
            "Every repetition as a multiple of its row's median, in order of time: a band that "
            "stays level around 1 is a steady machine. Multiples beyond 8 are drawn at the edge. "
            "Steal is CPU time that a hypervisor gave to others."
        ),
        side_by_side(*drawn),
    )


def repetitions(run):
    """(time, multiple of the row's median, label, colour, steal) of each, and what time is."""
    timed = all("window_begin_s" in one.counters for row in run.rows.values() for one in row)
    hues = {"cold": pictures.BLUE, "warm": pictures.ORANGE}
    points = []
    for row, measured in run.rows.items():
        cache = axes(row).get("cache", "")
        label = cache if cache in hues else "other"
        middle = statistics.median(one.seconds for one in measured)
        for one in measured:
            time = one.counters["window_begin_s"] if timed else one.index
            multiple = one.seconds / middle if middle else 1
            steal = one.counters.get("steal_pct")
            points.append((time, multiple, label, hues.get(label, pictures.GREY), steal))
    axis = "seconds since the run began" if timed else "repetition"
    return sorted(points, key=lambda point: (point[0], point[2])), axis


def machine_section(runs):
    keys = dict.fromkeys(
        key for run in runs.values() for key in run.context if key not in LEFT_OUT
    )
    if not keys:
        return Html("")
    rows = [
        [key.replace("_", " "), *(text(run.context.get(key)) for run in runs.values())]
        for key in sorted(keys)
    ]
    heads = [["", *(runs if len(runs) > 1 else [""])]]
    below = dict.fromkeys(line for run in runs.values() for line in unknown_below(run))
    return section(
        "The machine", *map(paragraph, below), table(heads, rows, long=range(1, len(runs) + 1))
    )


def text(value):
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(text, value))
    return value if isinstance(value, str) else json.dumps(value)


def failures_section(runs):
    """Failures, and apart from them what is an answer: what cannot run on the machine, and what
    the benchmark or its options left out."""
    failed, unavailable, skipped = [], [], []
    for label, run in runs.items():
        begun = attempts(run)
        for (row, message), count in run.errors.items():
            line = [row, message.removeprefix(NOT_AVAILABLE), f"{count} of {begun[row]}"]
            line += [label] if len(runs) > 1 else []
            is_here = unavailable if message.startswith(NOT_AVAILABLE) else skipped
            (failed if is_failure(message) else is_here).append(line)
    heads = [["row", "why", "repetitions", *["file"] * (len(runs) > 1)]]
    parts = []
    if failed:
        parts += [
            element("h3", "Failed"),
            paragraph(
                "These repetitions are in none of the figures above. Those that their rows have "
                "beside them are."
            ),
            table(heads, failed, texts=2, long={0, 1}),
        ]
    if unavailable:
        parts += [
            element("h3", "Not available here"),
            paragraph("What this machine cannot run: no failure."),
            table(heads, unavailable, texts=2, long={0, 1}),
        ]
    if skipped:
        parts += [
            element("h3", "Skipped"),
            paragraph("What the benchmark skipped, or wrote no repetition of: no failure."),
            table(heads, skipped, texts=2, long={0, 1}),
        ]
    return section("What was not measured", *parts) if parts else Html("")


def attempts(run):
    """How many repetitions of each row were begun."""
    begun = collections.Counter({row: len(measured) for row, measured in run.rows.items()})
    for (row, _), count in run.errors.items():
        begun[row] += count
    return begun


def failure_count(runs):
    return sum(
        count
        for run in runs.values()
        for (_, message), count in run.errors.items()
        if is_failure(message)
    )

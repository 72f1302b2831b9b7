"""The report's sections on the run itself: drift, the machine, and what was not measured."""

import collections
import json
import statistics

from pagestall_tools import words
from pagestall_tools.analysis.memory_below import unknown_below
from pagestall_tools.analysis.row_names import axes
from pagestall_tools.outcome import Outcome, outcome_of
from pagestall_tools.report import pictures
from pagestall_tools.report.below import notes
from pagestall_tools.report.html import Html, element, figure, paragraph, section, side_by_side
from pagestall_tools.report.html import table
from pagestall_tools.row_words import is_words

# Of a picture: what a browser shows at once.
MOST_DOTS = 20_000

# Of no use to a reader.
LEFT_OUT = {"caches", "json_schema_version"}


def drift_section(runs, gallery):
    drawn = []
    for index, (label, run) in enumerate(runs.items()):
        points, axis = repetitions(run)
        if points:
            alternative = "Each repetition's time as a multiple of its row's median"
            step = -(-len(points) // MOST_DOTS)
            shown = points[::step]
            picture = pictures.drift(gallery, f"drift-{index}", shown, axis, alternative)
            of_many = f"{len(shown)} of {len(points)} repetitions" if step > 1 else ""
            caption = [label if len(runs) > 1 else "", of_many]
            drawn.append(figure(picture, ", ".join(filter(None, caption))))
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
        key
        for run in runs.values()
        for key in run.context
        if key not in LEFT_OUT and not is_words(key)
    )
    if not keys:
        return Html("")
    rows = [
        [key.replace("_", " "), *(text(run.context.get(key)) for run in runs.values())]
        for key in sorted(keys)
    ]
    heads = [["", *(runs if len(runs) > 1 else [""])]]
    below = notes(
        (label if len(runs) > 1 else "", sentence)
        for label, run in runs.items()
        for sentence in unknown_below(run)
    )
    return section(
        "The machine", *below, table(heads, rows, long=range(1, len(runs) + 1))
    )


def text(value):
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(text, value))
    return value if isinstance(value, str) else json.dumps(value)


# Heading of a table of what was not measured -> what is said of it.
NOT_MEASURED = {
    "Failed": "These repetitions are in none of the figures above. Those that their rows have "
    "beside them are.",
    "No measurement": "Entries of which the file says no time that can be one, or no name.",
    "Not available here": "What this machine cannot run: no failure.",
    "Skipped": "What the benchmark skipped, or wrote no repetition of: no failure.",
}

HEADINGS = {
    Outcome.FAILED: "Failed",
    Outcome.UNREADABLE: "No measurement",
    Outcome.NOT_AVAILABLE: "Not available here",
    Outcome.SKIPPED: "Skipped",
    Outcome.AGGREGATED: "Skipped",
}


def failures_section(runs):
    """Failures, and apart from them what is no measurement, and what is an answer: what cannot run
    on the machine, and what the benchmark or its options left out."""
    lines = {heading: [] for heading in NOT_MEASURED}
    for label, run in runs.items():
        begun = attempts(run)
        for (row, message), count in run.errors.items():
            heading = HEADINGS[outcome_of(message)]
            why = message
            for said in (Outcome.NOT_AVAILABLE, Outcome.UNREADABLE):  # by the heading
                why = why.removeprefix(said.value)
            line = [row, why, f"{count} of {begun[row]}", *[label] * (len(runs) > 1)]
            lines[heading].append(line)
    heads = [["row", "why", "repetitions", *["file"] * (len(runs) > 1)]]
    parts = [
        part
        for heading, told in NOT_MEASURED.items()
        if lines[heading]
        for part in (
            element("h3", heading),
            paragraph(told),
            table(heads, lines[heading], texts=2, long={0, 1}),
        )
    ]
    return section("What was not measured", *parts) if parts else Html("")


def attempts(run):
    """How many repetitions of each row were begun."""
    begun = collections.Counter({row: len(measured) for row, measured in run.rows.items()})
    for (row, _), count in run.errors.items():
        begun[row] += count
    return begun


def left_out(runs):
    """Sentences on how much failed, or is no measurement; none if nothing does."""
    counts = collections.Counter()
    for run in runs.values():
        for (_, message), count in run.errors.items():
            counts[outcome_of(message)] += count
    failed, unreadable = counts[Outcome.FAILED], counts[Outcome.UNREADABLE]
    if failed:
        were = "was" if failed == 1 else "were"
        yield f"{words.plural(failed, 'repetition')} failed and {were} left out; named at the end."
    if unreadable:
        entries = "1 entry is" if unreadable == 1 else f"{unreadable} entries are"
        were = "was" if unreadable == 1 else "were"
        yield f"{entries} no measurement and {were} left out; named at the end."

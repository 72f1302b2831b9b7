"""The report's section on what the counters of its rows say, as the runs have it."""

from pagestall_tools.report.html import Html, paragraph, section, table
from pagestall_tools.row_words import of_runs


def counters_section(runs):
    measured = {
        name
        for run in runs.values()
        for repetitions in run.rows.values()
        for one in repetitions
        for name in one.counters
    }
    said = [(name, words) for name, words in of_runs(runs).counters.items() if name in measured]
    if not said:
        return Html("")
    return section(
        "Counters",
        paragraph("What each of a row's counters says, in the runs' own words."),
        table([["counter", "says"]], said, texts=2, long={1}),
    )

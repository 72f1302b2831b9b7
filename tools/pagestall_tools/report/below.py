"""What the report says beside cold times: where they may be those of a memory below."""

from pagestall_tools.analysis.memory_below import unknown_below
from pagestall_tools.analysis.row_names import axes
from pagestall_tools.report.html import paragraph


def notes_of_columns(shown):
    """Paragraphs, of columns with cold scans."""
    return notes(
        (column.label, sentence)
        for column in shown
        if any("cold" in caches for caches in column.lines.values())
        for sentence in unknown_below(column.run, column.place[0])
    )


def notes_of_rows(runs, rows):
    """Paragraphs, of those of {label: run} that measured rows which are not warm."""
    cold = [row for row in rows if not is_warm(row)]
    return notes(
        (label if len(runs) > 1 else "", sentence)
        for label, run in runs.items()
        if any(row in run.rows for row in cold)
        for sentence in unknown_below(run)
    )


def is_warm(row):
    known = axes(row)
    return known.get("cache", "warm") == "warm" and known.get("resident_pct", "100") == "100"


def notes(said):
    """Paragraphs, each sentence once, with whom it is about."""
    labels = {}
    for label, sentence in said:
        labels.setdefault(sentence, {})[label] = None
    return [
        paragraph(": ".join([*filter(None, [", ".join(its)]), sentence]), class_="note")
        for sentence, its in labels.items()
    ]

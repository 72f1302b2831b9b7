"""The report's section on rows of other suites, of which nothing is known but their names."""

import statistics

from pagestall_tools import words
from pagestall_tools.report import pictures
from pagestall_tools.report.html import Html, paragraph, section
from pagestall_tools.report.questions import question
from pagestall_tools.report.rows import families, order, suite_family
from pagestall_tools.row_words import of_runs

# A picture takes a tenth of a second, and what a browser has to show grows with the dots.
MOST_PICTURES, MOST_DOTS = 40, 50_000


def other_rows_section(runs, gallery):
    known = families(runs, lambda row: None if suite_family(row) else words.family(row))
    if not known:
        return Html("")
    by = order(of_runs(runs))
    alone = sorted((rows[0] for rows in known.values() if len(rows) == 1), key=by)
    groups = [(f"Rows of the family {its}", rows) for its, rows in known.items() if len(rows) > 1]
    if alone:
        groups.append(("Rows that are alone in their family", alone))
    parts, drawn, dots, left = [], 0, 0, 0
    for index, (title, rows) in enumerate(groups):
        times = [run.seconds(row) for run in runs.values() for row in rows if row in run.rows]
        size = sum(map(len, times))
        is_drawn = drawn < MOST_PICTURES and dots + size <= MOST_DOTS
        if not is_drawn:
            left += 1
        elif len(rows) <= pictures.MOST:
            drawn, dots = drawn + len(runs), dots + size
        unit = words.unit_for(statistics.median(map(statistics.median, times)))
        parts += question(runs, title, rows, gallery, f"others-{index}", unit, is_drawn)
    said = "A family is what its rows' names have before the first slash."
    if left:
        said += f" To keep the page small {left} of {len(groups)} tables have no picture."
    return section("Rows of other suites", paragraph(said), *parts)

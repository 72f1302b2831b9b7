"""The report's section on how long scans kept the executor from anything else."""

from pagestall_tools import words
from pagestall_tools.analysis.figures import median, values
from pagestall_tools.analysis.scans import HAZARD, line_order, probed
from pagestall_tools.report import pictures
from pagestall_tools.report.below import notes_of_columns
from pagestall_tools.report.columns import files, select
from pagestall_tools.report.html import Html, figure, paragraph, section, side_by_side, table
from pagestall_tools.row_words import of_columns


def stalls_section(shown, gallery):
    shown = select(shown, lambda one: one.is_article() and probed(one.lines))
    if not shown:
        return Html("")
    drawn = []
    for index, column in enumerate(shown):
        rows = stall_rows(column)
        if rows:
            picture = pictures.lanes(
                gallery, f"stalls-{index}", rows, "milliseconds of a cold scan", 0,
                "Worst stall and blocked time of each cold scan",
            )  # fmt: skip
            drawn.append(figure(picture, f"Cold{', ' + column.label if column.label else ''}"))
    one = ["worst stall, ms", "stall p99, ms", "blocked, ms"]
    heads = [
        ["", "", *((f"{c.label} {cache}".strip(), 3) for c in shown for cache in ("cold", "warm"))],
        ["runs on", "source", *one * 2 * len(shown)],
    ]
    keys = sorted({key for c in shown for key in probed(c.lines)}, key=line_order)
    said = of_columns(shown)
    rows = [
        [said.executor(key[0], files(shown)), words.source(key[1])]
        + [cell for c in shown for cache in ("cold", "warm") for cell in stalls(c, key, cache)]
        for key in keys
    ]
    marked = [index for index, key in enumerate(keys) if key == HAZARD]
    return section(
        "Stalls: how long the executor ran nothing else",
        paragraph(
            "A stall is how late something ran that was due every millisecond. Blocked is how long "
            "the executor's thread slept while it ran a scan's code, outside its own wait for "
            "events: in page faults, for mmap."
        ),
        *notes_of_columns(shown),
        side_by_side(*drawn),
        table(heads, rows, texts=2, marked=marked,
              caption="Worst stall of all repetitions; medians of the others."),
    )  # fmt: skip


def stall_rows(column):
    lines, said = probed(column.lines), of_columns([column])
    rows = []
    for executor, source in sorted(lines, key=line_order):
        cold = lines[executor, source].get("cold", [])
        series = [
            (label, hue, values(cold, key))
            for label, hue, key in (
                ("worst stall", pictures.BLACK, "stall_ms"),
                ("blocked", pictures.PURPLE, "blocked_ms"),
            )
            if values(cold, key)
        ]
        if series:
            label = f"{said.executor(executor, column.shape[0])}, {words.brief_source(source)}"
            rows.append((label, series))
    return rows


def stalls(column, key, cache):
    runs = column.lines.get(key, {}).get(cache, [])
    worst = max(values(runs, "stall_ms"), default=None)
    figures = [worst, median(runs, "stall_p99_ms"), median(runs, "blocked_ms")]
    return map(words.milliseconds, figures)

"""The report's section on the remedies: a picture and a table of the ladder."""

import statistics

from pagestall_tools import words
from pagestall_tools.analysis.bootstrap import LEAST, ratio_interval
from pagestall_tools.analysis.figures import median, values
from pagestall_tools.analysis.scans import HAZARD, count, rung
from pagestall_tools.report import pictures
from pagestall_tools.report.below import notes_of_columns
from pagestall_tools.report.columns import Column, about, select
from pagestall_tools.report.html import Html, figure, join, paragraph, section, side_by_side, table
from pagestall_tools.row_words import of_columns


def remedies_section(shown, gallery):
    shown = select(shown, Column.is_ladder)
    if not shown:
        return Html("")
    parts = []
    for index, column in enumerate(shown):
        points = points_of(column)
        if 0 < len(points) <= pictures.MOST:
            picture = pictures.ladder(
                gallery, f"ladder-{index}", points, "Throughput against stall p99, cold"
            )
            caption = f"In coroutines, cold{', ' + column.label if column.label else ''}: medians"
            said = of_columns([column])
            every = [
                (f"{said.executor(executor, column.shape[0])}, {words.brief_source(source)}",
                 [("", pictures.colour(source), values(caches["cold"], "s"))])
                for (executor, source), caches in sorted(column.lines.items(), key=rung)
                if "cold" in caches
            ]  # fmt: skip
            dots = pictures.lanes(
                gallery, f"remedies-{index}", every, "seconds, cold", 0,
                "Seconds of each cold scan by each source",
            )  # fmt: skip
            dots = figure(dots, "Every cold repetition")
            parts.append(side_by_side(figure(picture, caption), dots))
    return section(
        "Remedies: what to use instead, and its price",
        paragraph(
            about(shown),
            " Up is faster, right is quieter: the best are at the top right. The hazard stands "
            "first in the table, then what it is compared with, then the remedies, the longest "
            "stalls first.",
        ),
        *notes_of_columns(shown),
        join(*parts, *map(table_of, shown)),
    )


def points_of(column):
    """(source, stall p99 in ms, MiB/s) of the async executor, cold; medians."""
    files, mib = (words.natural(text, digits=6) for text in column.shape[:2])
    if files is None or mib is None:
        return []
    points = []
    for (executor, source), caches in sorted(column.lines.items(), key=rung):
        cold = caches.get("cold", [])
        seconds, stall = median(cold, "s"), median(cold, "stall_p99_ms")
        if executor == HAZARD[0] and seconds and stall is not None:
            points.append((source, stall, files * mib / seconds))
    return points


def table_of(column):
    """A line per configuration, with its cold time as a multiple of the hazard's."""
    hazard = values(column.lines.get(HAZARD, {}).get("cold", []), "s")
    rows, said = [], of_columns([column])
    keys = [key for key, _ in sorted(column.lines.items(), key=rung)]
    for key in keys:
        caches = column.lines[key]
        cold, warm = caches.get("cold", []), caches.get("warm", [])
        multiple = "–"
        if key != HAZARD and min(len(hazard), len(cold)) >= LEAST and statistics.median(hazard):
            multiple = "{:.2f} to {:.2f}".format(*ratio_interval(values(cold, "s"), hazard))
        rows.append(
            [said.executor(key[0], column.shape[0]), words.source(key[1])]
            + [words.cell(median(runs, "s")) for runs in (cold, warm)]
            + [multiple]
            + [words.milliseconds(median(runs, "stall_p99_ms")) for runs in (cold, warm)]
            + [words.milliseconds(median(cold, "blocked_ms"))]
            + [words.cell(median(cold, "cpu_s")), words.count(median(cold, "threads"))]
            + [words.milliseconds(median(cold, "memory_mib"))]
            + [said.source_does(words.plain_source(key[1]))]
        )
    heads = [
        ["", "", ("seconds", 3), ("stall p99, ms", 2), ("cold", 4), ""],
        ["runs on", "source", "cold", "warm", "cold, × mmap's (95 %)", "cold", "warm",
         "blocked, ms", "CPU, s", "threads", "memory, MiB", "what it is"],
    ]  # fmt: skip
    marked = [index for index, key in enumerate(keys) if key == HAZARD]
    caption = f"Medians; repetitions of each row, cold or warm: {count({'': column.lines})}."
    caption = f"{column.label}. {caption}" if column.label else caption
    return table(heads, rows, texts=2, caption=caption, marked=marked, long={11})

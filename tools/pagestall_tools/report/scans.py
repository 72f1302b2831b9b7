"""The report's section on scans: the article's pictures and tables, beside the article's own
figures."""

import statistics

from pagestall_tools import words
from pagestall_tools.analysis.figures import median, values
from pagestall_tools.analysis.scans import HAZARD, line_order
from pagestall_tools.analysis.serialisation import serialisation
from pagestall_tools.report import m1, pictures
from pagestall_tools.report.below import notes_of_columns
from pagestall_tools.report.columns import Column, about, files, select
from pagestall_tools.report.html import Html, figure, paragraph, section, side_by_side, table
from pagestall_tools.row_words import of_columns


def article_section(shown, gallery):
    shown = select(shown, Column.is_article)
    if not shown:
        return Html("")
    parts = [
        paragraph(
            about(shown),
            " Every dot is a repetition, the black line their median. Cold: no page of the files "
            "was in the page cache of this machine when the clock started; warm: every page was.",
        ),
        *notes_of_columns(shown),
    ]
    drawn, tables = [], []
    for cache in ("cold", "warm"):
        known = [column for column in shown if any(cache in one for one in column.lines.values())]
        if not known:
            continue
        limit = max(
            one["s"] for c in known for caches in c.lines.values() for one in caches.get(cache, [])
        )
        drawn += [article_picture(gallery, c, cache, i, limit) for i, c in enumerate(known)]
        tables.append(times_table(known, cache))
    parts += [side_by_side(*drawn), *tables]
    for column in shown:
        index = serialisation(column.lines)
        if index:
            parts.append(
                paragraph(
                    f"{column.label}: " if column.label else "",
                    "How much of the threads' gain over one thread the coroutines lost "
                    "(serialisation index of cold mmap; 1: they bought nothing, 0: as good as "
                    f"threads): {index}.",
                )
            )
    return section("Time: coroutines, threads, one thread", *parts)


def article_picture(gallery, column, cache, index, limit):
    rows, said = {}, of_columns([column])
    for executor, source in sorted(column.lines, key=line_order):
        seconds = values(column.lines[executor, source].get(cache, []), "s")
        if seconds:
            label = said.executor(executor, column.shape[0])
            lane = (words.brief_source(source), pictures.colour(source), seconds)
            rows.setdefault(label, []).append(lane)
    picture = pictures.lanes(
        gallery, f"{cache}-{index}", list(rows.items()), "seconds", limit,
        f"Seconds of each {cache} scan by what runs it and by source",
    )  # fmt: skip
    return figure(picture, f"{cache.capitalize()}{', ' + column.label if column.label else ''}")


def times_table(shown, cache):
    here = [column.label or "this run" for column in shown]
    own = ["minimum, s", "median, s", "× one thread's read"]
    heads = [
        ["", "", *((label, 3) for label in here), ("the article's M1", 3)],
        ["runs on", "source", *own * (len(here) + 1)],
    ]
    keys = sorted({key for column in shown for key in column.lines}, key=line_order)
    rows, said = [], of_columns(shown)
    for key in keys:
        row = [said.executor(key[0], files(shown)), words.source(key[1])]
        for column in shown:
            row += times(column.lines, key, cache)
        row += map(words.cell, m1.figures(key, cache) or (None, None, None))
        rows.append(row)
    caption = (
        f"{cache.capitalize()}. The article's figures: 8 files of 256 MiB, every 512th byte; "
        f"{m1.SOURCE}. Compare the multiples, not the seconds."
    )
    marked = [index for index, key in enumerate(keys) if key == HAZARD]
    return table(heads, rows, texts=2, caption=caption, marked=marked)


def times(lines, key, cache):
    """Minimum, median, and its multiple of one thread's read."""
    seconds = values(lines.get(key, {}).get(cache, []), "s")
    if not seconds:
        return ["–"] * 3
    middle = statistics.median(seconds)
    reference = median(lines.get(m1.REFERENCE, {}).get(cache, []), "s")
    ratio = middle / reference if reference else None
    return [words.cell(min(seconds)), words.cell(middle), words.cell(ratio)]

"""The report's sections on scans: the article's pictures and tables, and stalls."""

import dataclasses
import statistics

from pagestall_tools import words
from pagestall_tools.report import m1, pictures
from pagestall_tools.table import article
from pagestall_tools.table.advice import HAZARD
from pagestall_tools.table.ladder import median
from pagestall_tools.report.html import Html, figure, paragraph, section, side_by_side, table
from pagestall_tools.runs import collect, name, values

# What the article compares.
ARTICLE = {"mmap", "read"}


@dataclasses.dataclass(frozen=True)
class Column:
    """The scans of one dataset in one place of one run."""

    label: str
    run: object
    shape: tuple
    place: tuple
    lines: dict

    def is_article(self):
        return ("seq", "mmap") in self.lines or not self.is_ladder()

    def is_ladder(self):
        return any(
            executor == HAZARD[0] and words.plain_source(source) not in ARTICLE
            for executor, source in self.lines
        )

    def filesystem(self):
        suffix = f"_{self.place[0]}" if self.place[0] else ""
        return str(self.run.context.get(f"filesystem{suffix}", ""))


def columns(runs):
    """{label: run} as columns."""
    made = []
    for label, run in runs.items():
        tables = collect(run)
        for shape, places in tables.items():
            for place, lines in places.items():
                parts = [label if len(runs) > 1 else "", name(place)]
                if len(tables) > 1:
                    parts.append("{} × {} MiB, stride {}".format(*shape))
                label_here = ", ".join(filter(None, parts))
                made.append(Column(label_here, run, shape, place, lines))
    return made


def select(shown, wanted):
    """Those for a section. One that stands alone there needs no label."""
    chosen = [column for column in shown if wanted(column)]
    return [dataclasses.replace(chosen[0], label="")] if len(chosen) == 1 else chosen


def files(shown):
    """How many, if all columns agree."""
    counts = {column.shape[0] for column in shown}
    return counts.pop() if len(counts) == 1 else ""


def about(shown):
    shapes = {column.shape for column in shown}
    if len(shapes) > 1:
        return "One scan sums bytes of the whole dataset."
    number_of_files, mib, stride = shapes.pop()
    return f"One scan sums every {stride}th byte of {number_of_files} files of {mib} MiB."


def article_section(shown, gallery):
    shown = select(shown, Column.is_article)
    if not shown:
        return Html("")
    parts = [
        paragraph(
            about(shown),
            " Every dot is a repetition, the black line their median. Cold: no page of the files "
            "was in memory when the clock started; warm: every page was.",
        )
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
        index = article.serialisation(column.lines)
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
    rows = {}
    for executor, source in sorted(column.lines, key=article.order):
        seconds = values(column.lines[executor, source].get(cache, []), "s")
        if seconds:
            label = words.executor(executor, column.shape[0])
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
    keys = sorted({key for column in shown for key in column.lines}, key=article.order)
    rows = []
    for key in keys:
        row = [words.executor(key[0], files(shown)), words.source(key[1])]
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


def stalls_section(shown, gallery):
    shown = select(shown, lambda one: one.is_article() and article.probed(one.lines))
    if not shown:
        return Html("")
    drawn = []
    for index, column in enumerate(shown):
        rows = stall_rows(article.probed(column.lines), column.shape[0])
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
    keys = sorted({key for c in shown for key in article.probed(c.lines)}, key=article.order)
    rows = [
        [words.executor(key[0], files(shown)), words.source(key[1])]
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
        side_by_side(*drawn),
        table(heads, rows, texts=2, marked=marked,
              caption="Worst stall of all repetitions; medians of the others."),
    )  # fmt: skip


def stall_rows(lines, files_each):
    rows = []
    for executor, source in sorted(lines, key=article.order):
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
            label = f"{words.executor(executor, files_each)}, {words.brief_source(source)}"
            rows.append((label, series))
    return rows


def stalls(column, key, cache):
    runs = column.lines.get(key, {}).get(cache, [])
    worst = max(values(runs, "stall_ms"), default=None)
    figures = [worst, median(runs, "stall_p99_ms"), median(runs, "blocked_ms")]
    return map(words.milliseconds, figures)

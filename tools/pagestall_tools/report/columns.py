"""The scans of runs, as the columns of a report."""

import dataclasses

from pagestall_tools import words
from pagestall_tools.analysis.scans import HAZARD, collect, place_name

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
                parts = [label if len(runs) > 1 else "", place_name(place)]
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

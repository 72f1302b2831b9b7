"""Makes a page to look at of a run, or of several side by side: whether mmap blocks the executor
on the machine that was measured, what to use instead, and the pictures and tables behind that.

    tools/pagestall report results/run.json                     # writes results/run.html
    tools/pagestall report results/run.json -o /tmp/page.html
    tools/pagestall report results/run.json --png /tmp/pictures # its pictures as files as well
    tools/pagestall report article.json remedies.json lookup.json   # one machine, one page
    tools/pagestall report before.json after.json                   # a column for each

The page is one file: it loads nothing, runs nothing, prints well and can be read on a phone. Its
sections are those that the files have rows for. Repetitions that failed are in none of its
figures; the rest of such a row is, and the page names the row and how many of how many failed.

Exit codes: 0 if the page was written, also if rows of the run had failed; 2 if a file cannot be
used or written, with one line that says why.
"""

import dataclasses
import os
import pathlib

from pagestall_tools import left_out, progress, runs as runs_of
from pagestall_tools.bad_input import BadInput
from pagestall_tools.runs import MOST_COUNTED
from pagestall_tools.whole_file import write_whole
from pagestall_tools.words import printable


def add_arguments(parser):
    parser.add_argument("runs", nargs="+", metavar="RUN.json", help="what --benchmark_out wrote")
    parser.add_argument(
        "-o", "--output", metavar="FILE.html", help="the page; else RUN.html beside the first run"
    )
    parser.add_argument(
        "--png", metavar="DIR", help="write the pictures there as well; made if it is missing"
    )


def run(arguments):
    read = []
    for path in arguments.runs:
        progress.show(f"reading {printable(path)}")
        read.append(runs_of.read(path))
    progress.show("")
    left_out.show(*read)
    runs = dict(zip(labels(arguments.runs), map(credible, read)))
    output = pathlib.Path(arguments.output or pathlib.Path(arguments.runs[0]).with_suffix(".html"))
    if any(is_same(output, path) for path in arguments.runs):
        raise BadInput(f"write '{output}': it is a run to read; name another file with -o")
    if arguments.png:
        make_directory(arguments.png)
    from pagestall_tools.report import document  # after what may be wrong: matplotlib takes long

    try:
        page = document.page(runs, arguments.png)
    finally:
        progress.show("")
    write_whole(output, page)
    print(printable(output))
    return 0


def is_same(path, other):
    try:
        return path.samefile(other)
    except OSError:
        return False


def labels(paths):
    """A name for each file: its stem, or its path where two have the same."""
    stems = [pathlib.Path(path).stem for path in paths]
    made = []
    for path, stem in zip(paths, stems):
        name = stem if stems.count(stem) == 1 else path
        made.append(name if name not in made else f"{name} ({len(made) + 1})")
    return made


def credible(run):
    """Without counters that no picture could show."""
    rows = {
        row: [
            dataclasses.replace(
                one, counters={k: v for k, v in one.counters.items() if abs(v) < MOST_COUNTED}
            )
            for one in repetitions
        ]
        for row, repetitions in run.rows.items()
    }
    return dataclasses.replace(run, rows=rows)


def make_directory(path):
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise BadInput(f"write '{path}': {error.strerror}") from error

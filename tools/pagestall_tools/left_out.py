"""Names what a run's file or a history has and no command uses: entries that are no measurement,
counters that are no number, values that are damaged."""

import sys

from pagestall_tools.outcome import Outcome, outcome_of
from pagestall_tools.words import clipped, printable

MOST = 10  # lines

NO_COMMAND_USES = (Outcome.UNREADABLE, Outcome.SKIPPED, Outcome.AGGREGATED)


def show(*runs):
    say([
        (run.path, row, what, count)
        for run in runs
        for (row, what), count in [*run.errors.items(), *run.left_out.items()]
        if (row, what) in run.left_out or outcome_of(what) in NO_COMMAND_USES
    ])  # fmt: skip


def say(known):
    """Of (path, whose, what, how often): a line for each on stderr; of many, how many more there
    are."""
    lines = [
        f"left out of '{path}': {clipped(whose, 200)}: {clipped(what, 200)}"
        + (f" ({count} times)" if count > 1 else "")
        for path, whose, what, count in known
    ]
    for line in lines[:MOST]:
        print(printable(line), file=sys.stderr)
    if len(lines) > MOST:
        print(f"left out: and {len(lines) - MOST} more", file=sys.stderr)

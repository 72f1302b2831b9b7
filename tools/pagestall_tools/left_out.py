"""Names what a run's file has and no command uses: entries that are no measurement, and counters
that are no number."""

import sys

from pagestall_tools.outcome import Outcome, outcome_of
from pagestall_tools.words import clipped, printable

MOST = 10  # lines

NO_COMMAND_USES = (Outcome.UNREADABLE, Outcome.SKIPPED, Outcome.AGGREGATED)


def show(*runs):
    """On stderr, a line for each; of many, how many more there are."""
    lines = [
        f"left out of '{run.path}': {clipped(row, 200)}: {clipped(what, 200)}"
        + (f" ({count} times)" if count > 1 else "")
        for run in runs
        for (row, what), count in [*run.errors.items(), *run.left_out.items()]
        if (row, what) in run.left_out or outcome_of(what) in NO_COMMAND_USES
    ]
    for line in lines[:MOST]:
        print(printable(line), file=sys.stderr)
    if len(lines) > MOST:
        print(f"left out: and {len(lines) - MOST} more", file=sys.stderr)

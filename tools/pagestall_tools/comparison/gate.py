"""Whether any row of a run is slower than in another."""

import dataclasses
import re

from pagestall_tools.comparison.compare import compare, exit_code
from pagestall_tools.comparison.cpu_reference import adjusted
from pagestall_tools.comparison.differences import context_differences
from pagestall_tools.comparison.noise import MOST, waits
from pagestall_tools.comparison.notes import context_notes
from pagestall_tools.comparison.printed_verdicts import print_verdicts, row_name, summary
from pagestall_tools.comparison.threshold import THRESHOLD
from pagestall_tools.outcome import Outcome, outcome_of
from pagestall_tools.words import printable


@dataclasses.dataclass(frozen=True)
class Gate:
    """What one run says of another."""

    verdicts: list
    different: list  # machine, build and dataset: "key: baseline's / contender's"
    broken: list  # rows of the baseline of which there is no answer, though there should be
    notes: list  # what else was not compared, or is to be known: lines

    @property
    def exit_code(self):
        return exit_code(self.verdicts, self.broken)


def gate(
    baseline, contender, threshold=THRESHOLD, rows="", noise=None, between_runs=None, in_turn=False
):
    """The Gate of two Runs. `rows` is a regular expression that names must match, `noise` what
    was measured of it before: {row: fraction}, and `between_runs` what several runs differed by.
    Unless a row is in that, or both runs were made `in_turn`, nobody knows by how much it
    differs from run to run if it waits."""
    pattern = re.compile(rows)
    runs = {"baseline": baseline, "contender": contender}
    measured = {
        side: {row: run.seconds(row) for row in run.rows if pattern.search(row)}
        for side, run in runs.items()
    }
    failed = {side: failures(run, pattern) for side, run in runs.items()}
    whole = {
        side: {row: times for row, times in its.items() if row not in failed[side]}
        for side, its in measured.items()
    }
    samples = {
        row: adjusted(baseline.rows[row], contender.rows[row])
        for row in whole["baseline"]
        if row in whole["contender"]
    }
    broken = [
        row
        for row, message in failed["contender"].items()
        if row in whole["baseline"] and outcome_of(message) is not Outcome.NOT_AVAILABLE
    ]
    lost = [
        row for row, why in failed["baseline"].items() if outcome_of(why) is Outcome.UNREADABLE
    ]
    noise, between_runs = noise or {}, between_runs or {}
    unknown = {
        row: MOST
        for row in samples
        if not in_turn
        and row not in between_runs
        and waits(row, [*baseline.rows[row], *contender.rows[row]])
    }
    known = {
        row: max(one.get(row, 0.0) for one in (noise, between_runs, unknown)) for row in samples
    }
    return Gate(
        verdicts=compare(samples, threshold, known),
        different=context_differences(baseline.context, contender.context),
        broken=[*broken, *lost],
        notes=[
            *failure_notes(failed, broken),
            *one_sided_notes(measured, failed),
            *context_notes(runs),
        ],
    )


def failures(run, pattern):
    """{row: message} of rows that were not measured in some repetition; a failure rather than
    an answer where there are both."""
    errors = sorted(run.errors, key=lambda error: not outcome_of(error[1]).is_answer)
    return {row: message for row, message in errors if pattern.search(row)}


def failure_notes(failed, broken):
    for side, messages in failed.items():
        for row, message in messages.items():
            is_new = side == "contender" and row in broken
            though = ", though the baseline measured it" if is_new else ", not compared"
            is_said = outcome_of(message) is Outcome.FAILED
            what = "failed" if is_said else "not measured"
            yield f"{what} in the {side}{though}: {row_name(row)}: {message}"


def one_sided_notes(measured, failed):
    known = {side: {*rows, *failed[side]} for side, rows in measured.items()}
    for side, other in (("baseline", "contender"), ("contender", "baseline")):
        for row in measured[side]:
            if row not in known[other]:
                yield f"only in the {side}, not compared: {row_name(row)}"


def print_gate(result, file):
    print_verdicts(result.verdicts, file)
    print(file=file)
    for line in [*(f"different, {line}" for line in result.different), *result.notes]:
        print(f"note: {printable(line)}", file=file)
    print(summary(result.verdicts), file=file)

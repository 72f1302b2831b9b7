"""Whether any row of a run is slower than in an earlier run, as an exit code.

  tools/run                                          before the change: results/A.json
  tools/run                                          after it: results/B.json
  tools/pagestall gate results/A.json results/B.json
  tools/pagestall gate A.json B.json --threshold 10 --filter 'cache:warm'

A row is slower if the medians differ by more than 5 % (--threshold), by more than the row's
own noise, and significantly (Mann-Whitney, p below 0.005 after Benjamini and Hochberg's
adjustment for the number of rows, and a 95 % interval clear of 1). It is the same if the
whole interval lies within the threshold, and the noise is below it. Otherwise one cannot tell.

Before that, the speed of the CPU is taken out of the times, as far as repetitions say how fast
it was (cpu_reference_us). The noise is estimated from what the two runs show of it. It is no less
than what tools/pagestall ab measured on the contender's machine by running a binary against
itself, if it did (--db).

What a row waits for (a device, a pool, other threads) may have another speed in the next run,
and no single run shows how much. Such a row, whose main thread computes for less than 90 % of
its time, is slower only beyond a factor of two. To see less, run both in turn (ab; or by other
means, and say so: --in_turn) or keep the runs (history gate, which knows what five of them
differ by).

A machine that is slower for the whole of one run slows all rows: of a row that differs in the
same direction as the other rows (if there are three), and no more than twice as much, one cannot
tell, up to a factor of two. With fewer rows such a machine looks like a change. tools/pagestall
ab runs two binaries in turn, and sees through it.

A row that failed in some repetition is named and not compared, and so is one that was skipped
(SkipWithMessage), has no time that can be one (NaN, null, below 0, 7e-07 ns) or is there as
aggregates only, and one that only one of the runs has. What is "not available here" is an
answer, no failure. A counter that is no number is named, and the row compared.

Runs of this suite are of one machine if CPU, memory, file system, device and what that reads from
agree, and a system call and a page fault take less than three times as long on one as on the other.
Runs of other suites are of the machine that Google Benchmark names: host_name, num_cpus, caches,
and its own build type. Where it names none (before 1.4, or "localhost" without caches), or hosts
have a new name each time (containers), say that the machine is the same: --any-machine.

exit codes:
  0  no row is slower (rows of which one cannot tell may be)
  1  some row is slower
  2  no answer: bad input; the runs are of different machines, builds or datasets, or of an
     unknown machine, and neither --anyway nor --any-machine allows that; of no row one can
     tell; or a row that the baseline measured failed or was skipped in the contender, or has
     no readable time in either (and no other is slower)
"""

import dataclasses
import re
import sys

from pagestall_tools import left_out
from pagestall_tools.comparison.compare import THRESHOLD, compare, exit_code
from pagestall_tools.comparison.cpu_reference import adjusted
from pagestall_tools.comparison.cpu_time import add_cpu_time, in_cpu_time
from pagestall_tools.comparison.noise import MOST, waits
from pagestall_tools.comparison.notes import build_and_dataset_differences, context_differences
from pagestall_tools.comparison.notes import context_notes
from pagestall_tools.comparison.threshold import add_threshold
from pagestall_tools.comparison.verdict_table import noise_source, of_time, print_verdicts
from pagestall_tools.comparison.verdict_table import row_name, summary
from pagestall_tools.history.opening import known_noise
from pagestall_tools.machine import add_any_machine, check_known
from pagestall_tools.outcome import Outcome, outcome_of
from pagestall_tools.runs import BadInput, read
from pagestall_tools.words import printable


def add_arguments(parser):
    parser.add_argument("baseline", metavar="BASELINE.json", help="the run before the change")
    parser.add_argument("contender", metavar="CONTENDER.json", help="the run that may be slower")
    add_threshold(parser)
    parser.add_argument("--filter", default="", metavar="REGEX", help="only rows that match")
    parser.add_argument(
        "--anyway", action="store_true",
        help="compare runs of different machines, builds or datasets all the same",
    )  # fmt: skip
    add_any_machine(
        parser, "as --anyway of unknown or different machines; builds and datasets must agree"
    )
    add_cpu_time(parser)
    parser.add_argument(
        "--in_turn", action="store_true",
        help="the repetitions of both were made in turn, so that what they wait for was the same",
    )  # fmt: skip
    parser.add_argument(
        "--db", metavar="FILE|URL",
        help="the history that has the machine's measured noise of real_time (default: that of "
        "history, if one was begun)",
    )  # fmt: skip


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


def run(arguments):
    try:
        re.compile(arguments.filter)
    except re.error as error:
        raise BadInput(f"--filter '{arguments.filter}': no regular expression: {error}") from error
    baseline, contender = read(arguments.baseline), read(arguments.contender)
    left_out.show(baseline, contender)
    for one in (baseline, contender):
        check_known(one, arguments.any_machine or arguments.anyway)
    noise = {}
    if arguments.cpu_time:
        baseline, contender = in_cpu_time(baseline), in_cpu_time(contender)
    else:
        noise = known_noise(arguments.db, contender.context)
    result = gate(
        baseline,
        contender,
        arguments.threshold,
        arguments.filter,
        noise,
        in_turn=arguments.in_turn or arguments.cpu_time,  # CPU time waits for nothing
    )
    refused = result.different
    if arguments.any_machine:
        refused = build_and_dataset_differences(baseline.context, contender.context)
    if refused and not arguments.anyway:
        raise BadInput(
            f"'{baseline.path}' and '{contender.path}' are of different machines, builds or "
            f"datasets ({'; '.join(refused)}); compare them all the same with --anyway"
        )
    if not result.verdicts:
        for note in result.notes:
            print(f"note: {printable(note)}")
        raise BadInput(
            f"'{baseline.path}' and '{contender.path}': no row was measured in both"
            + (f" that matches --filter '{arguments.filter}'" if arguments.filter else "")
        )
    print(noise_source(result.verdicts, noise) + of_time(arguments.cpu_time))
    print()
    print_gate(result, sys.stdout)
    return result.exit_code

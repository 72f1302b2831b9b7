"""Whether any row of a run is slower than in an earlier run, as an exit code.

  tools/run                                          before the change: results/A.json
  tools/run                                          after it: results/B.json
  tools/pagestall gate results/A.json results/B.json
  tools/pagestall gate A.json B.json --threshold 10 --filter 'cache:warm'

A row is slower if the medians differ by more than 5 % (--threshold), by more than the row's
own noise, and significantly (Mann-Whitney, p below 0.005 after Benjamini and Hochberg's
adjustment for the number of rows, and a 95 % interval clear of 1). It is the same if the
whole interval lies within the threshold. Otherwise one cannot tell.

The noise is estimated from what the two runs show of it. A machine that is slower for the
whole of one run slows all rows: of a row that differs no more than twice as much as the other
rows (if there are three) one cannot tell, up to a factor of two. With fewer rows such a
machine looks like a change. tools/pagestall ab runs two binaries in turn, and sees through it.

A row that failed in some repetition is named and not compared, and so is one that only one
of the runs has. What is "not available here" is an answer, no failure.

exit codes:
  0  no row is slower (rows of which one cannot tell may be)
  1  some row is slower
  2  no answer: bad input; the runs are of different machines, builds or datasets, and
     --anyway is not given; of no row one can tell; or a row that the baseline measured
     failed in the contender (and no other is slower)
"""

import dataclasses
import math
import re
import sys

from pagestall_tools.comparison.compare import THRESHOLD, compare, print_verdicts, short
from pagestall_tools.machine import differences, kernel_differences
from pagestall_tools.runs import NOT_AVAILABLE, BadInput, read

# Of the context, where both runs say it.
DATASET = ["seed", "evict"]

# A load average of so much for each CPU is more than a run makes by itself.
BUSY = 2


def add_arguments(parser):
    parser.add_argument("baseline", metavar="BASELINE.json")
    parser.add_argument("contender", metavar="CONTENDER.json")
    parser.add_argument(
        "--threshold", type=float, default=100 * THRESHOLD, metavar="PERCENT",
        help="the difference that counts (default: %(default)g)",
    )  # fmt: skip
    parser.add_argument("--filter", default="", metavar="REGEX", help="only rows that match")
    parser.add_argument(
        "--anyway", action="store_true",
        help="compare runs of different machines, builds or datasets all the same",
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Gate:
    """What one run says of another."""

    verdicts: list
    different: list  # machine, build and dataset: "key: baseline's / contender's"
    broken: list  # rows that the baseline measured and that failed in the contender
    notes: list  # what else was not compared, or is to be known: lines

    @property
    def exit_code(self):
        said = {one.verdict for one in self.verdicts}
        if "slower" in said:
            return 1
        return 2 if self.broken or said <= {"cannot tell"} else 0


def gate(baseline, contender, threshold=THRESHOLD, rows="", noise=None):
    """The Gate of two Runs. `rows` is a regular expression that names must match, `noise` the
    measured one: {row: fraction}."""
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
        row: (times, whole["contender"][row])
        for row, times in whole["baseline"].items()
        if row in whole["contender"]
    }
    broken = [
        row
        for row, message in failed["contender"].items()
        if row in whole["baseline"] and not message.startswith(NOT_AVAILABLE)
    ]
    a, b = baseline.context, contender.context
    return Gate(
        verdicts=compare(samples, threshold, noise),
        different=[*differences(a, b), *dataset_differences(a, b)],
        broken=broken,
        notes=[
            *failure_notes(failed, broken),
            *one_sided_notes(measured, failed),
            *kernel_differences(a, b),
            *(note for side, run in runs.items() for note in context_notes(side, run.context)),
        ],
    )


def failures(run, pattern):
    """{row: message} of rows that failed in some repetition; a failure rather than "not
    available here" where there are both."""
    errors = sorted(run.errors, key=lambda error: not error[1].startswith(NOT_AVAILABLE))
    return {row: message for row, message in errors if pattern.search(row)}


def dataset_differences(a, b):
    return [
        f"{key}: {a[key]} / {b[key]}"
        for key in DATASET
        if key in a and key in b and a[key] != b[key]
    ]


def failure_notes(failed, broken):
    for side, messages in failed.items():
        for row, message in messages.items():
            is_new = side == "contender" and row in broken
            though = ", though the baseline measured it" if is_new else ", not compared"
            yield f"failed in the {side}{though}: {short(row)}: {message}"


def one_sided_notes(measured, failed):
    known = {side: {*rows, *failed[side]} for side, rows in measured.items()}
    for side, other in (("baseline", "contender"), ("contender", "baseline")):
        for row in measured[side]:
            if row not in known[other]:
                yield f"only in the {side}, not compared: {short(row)}"


def context_notes(side, context):
    if context.get("build_type") == "Debug":
        yield f"the {side} is a debug build: its times say little of a release"
    if context.get("slow_down"):
        yield f"the {side} was made with --slow_down={context['slow_down']}"
    load, cpus = (context.get("load_avg") or [0])[0], context.get("num_cpus", 1)
    if load > BUSY * cpus:
        yield f"the machine was busy before the {side}: load {load:.1f}, {cpus} CPUs"


def summary(verdicts):
    counts = {name: 0 for name in ("same", "faster", "slower", "cannot tell")}
    for one in verdicts:
        counts[one.verdict] += 1
    rows = f"{len(verdicts)} row" + ("s" if len(verdicts) != 1 else "")
    return f"{rows}: " + ", ".join(f"{count} {name}" for name, count in counts.items())


def print_gate(result, file):
    print_verdicts(result.verdicts, file)
    print(file=file)
    for line in [*(f"different, {line}" for line in result.different), *result.notes]:
        print(f"note: {line}", file=file)
    print(summary(result.verdicts), file=file)


def run(arguments):
    if not (math.isfinite(arguments.threshold) and arguments.threshold > 0):
        raise BadInput(f"--threshold {arguments.threshold:g}: must be a percentage above 0")
    try:
        re.compile(arguments.filter)
    except re.error as error:
        raise BadInput(f"--filter '{arguments.filter}': no regular expression: {error}") from error
    baseline, contender = read(arguments.baseline), read(arguments.contender)
    result = gate(baseline, contender, arguments.threshold / 100, arguments.filter)
    if result.different and not arguments.anyway:
        raise BadInput(
            f"'{baseline.path}' and '{contender.path}' are of different machines, builds or "
            f"datasets ({'; '.join(result.different)}); compare them all the same with --anyway"
        )
    if not result.verdicts:
        for note in result.notes:
            print(f"note: {note}")
        raise BadInput(
            f"'{baseline.path}' and '{contender.path}': no row was measured in both"
            + (f" that matches --filter '{arguments.filter}'" if arguments.filter else "")
        )
    print_gate(result, sys.stdout)
    return result.exit_code

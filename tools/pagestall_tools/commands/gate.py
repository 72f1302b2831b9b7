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

import re
import sys

from pagestall_tools import left_out
from pagestall_tools.bad_input import BadInput
from pagestall_tools.commands.flags import add_any_machine, add_cpu_time, add_threshold
from pagestall_tools.comparison.cpu_time import in_cpu_time
from pagestall_tools.comparison.differences import build_and_dataset_differences
from pagestall_tools.comparison.gate import gate, print_gate
from pagestall_tools.comparison.printed_verdicts import noise_source, of_time
from pagestall_tools.history.opening import known_noise
from pagestall_tools.machine import check_known
from pagestall_tools.runs import read
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

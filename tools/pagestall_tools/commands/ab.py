"""Runs two binaries in turn and compares them: whether B is slower than A on this machine.

    tools/pagestall ab old/article_bench build/release/bench/article_bench
    tools/pagestall ab A B 'scan/exec:async' --rounds 30
    tools/pagestall ab A B 'io:mmap/' -- --data_dir=/mnt/disk --files=4
    tools/pagestall ab A A                 # A/A: the noise of this machine, stored

A round is one repetition of every row by each of the two. Who is first is drawn at random for
every second round, and the other is in the round after it, so that a machine that becomes slower
(or warmer) favours neither. The times of a row in one round are a pair; the verdict is on the
ratios B / A of the pairs. What follows -- goes to both. Any binary of Google Benchmark will do.

A binary with itself (A/A) shows what two equal runs differ by. The noise floor of each row (how
far from 1 the 95 % interval of the ratio reaches, either way) is printed and kept in the history
with the machine; later comparisons on the machine, by ab and by gate, call nothing slower that
differs by less. It shrinks with the number of rounds: measure it with as many as you compare
with. Should such a run be "slower" by chance, it still exits with 0, since nothing is slower
than itself.

Rows that fail or are skipped in either, of which there are only aggregates, or that only one has,
are named and not compared. Ctrl-C or kill ends the binary that runs, and compares the rounds that
are complete.

exit codes:
  0    no row is slower (rows of which one cannot tell may be)
  1    some row is slower
  2    no answer: a binary cannot be run; of no row one can tell; or a row that A measured
       failed or was skipped in B, or has no readable time in A (and no other is slower)
  130  ended by Ctrl-C
"""

import os
import sys

from pagestall_tools import machine
from pagestall_tools.bad_input import BadInput
from pagestall_tools.commands.flags import add_cpu_time, add_threshold
from pagestall_tools.comparison import printed_verdicts, rounds
from pagestall_tools.comparison.cpu_time import in_cpu_time
from pagestall_tools.comparison.differences import context_differences
from pagestall_tools.comparison.notes import context_notes
from pagestall_tools.comparison.pairs import pairs
from pagestall_tools.history.dates import date_of
from pagestall_tools.history.opening import known_noises, noise_of, open_history
from pagestall_tools.words import printable

# Flags that this command sets itself: what to use instead.
OWN_FLAGS = {
    "--benchmark_repetitions": "a round is one repetition: use --rounds",
    "--benchmark_out": "use --keep DIR, which keeps the JSON of every round",
    "--benchmark_out_format": "it is read as JSON",
}


def add_arguments(parser):
    parser.usage = "%(prog)s BINARY_A BINARY_B [FILTER] [options] [-- FLAGS of both]"
    parser.add_argument("a", metavar="BINARY_A", help="the one to compare with")
    parser.add_argument("b", metavar="BINARY_B", help="the one that may be slower; A again: the noise")
    parser.add_argument("filter", metavar="FILTER", nargs="?", help="only rows that this regular expression finds")
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="how many (%(default)s)")
    add_threshold(parser)
    add_cpu_time(parser)
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="draws who is first (%(default)s)")
    parser.add_argument(
        "--db", metavar="FILE|URL",
        help="the history that has the machine's noise (default: that of history, if one was "
        "begun; A/A begins one)",
    )  # fmt: skip
    parser.add_argument("--keep", metavar="DIR", help="keep the JSON of every round there")
    parser.parse_known_args = lambda words, space=None: parse_up_to_flags(parser, words, space)


def parse_up_to_flags(parser, words, space):
    """argparse itself would take the first word behind -- for FILTER."""
    end = words.index("--") if "--" in words else len(words)
    space, unknown = type(parser).parse_known_args(parser, words[:end], space)
    space.flags = words[end + 1 :]
    return space, unknown


def run(arguments):
    check(arguments)
    binaries = {"A": rounds.executable(arguments.a), "B": rounds.executable(arguments.b)}
    is_aa = os.path.samefile(*binaries.values())
    noises = {}
    if is_aa and arguments.cpu_time:
        raise BadInput("--cpu-time: the noise that is kept is that of real_time; leave it out")
    if is_aa:
        with open_history(arguments.db, create=True):
            pass  # an error now rather than after hours
    elif not arguments.cpu_time:
        noises = known_noises(arguments.db)
    flags = list(arguments.flags)
    if arguments.filter is not None:
        flags.append(f"--benchmark_filter={arguments.filter}")
    complete = []
    measured = rounds.measure(binaries, flags, arguments.rounds, arguments.seed, arguments.keep)
    try:
        for both in measured:
            if is_aa and not complete:
                date_of(both["A"])  # an error now as well
                machine.check_known(both["A"], False, "so the noise cannot be kept with it")
            if arguments.cpu_time:
                both = {side: in_cpu_time(run) for side, run in both.items()}
            complete.append(both)
    except KeyboardInterrupt:
        print(
            f"interrupted: {len(complete)} of {arguments.rounds} rounds are complete",
            file=sys.stderr,
        )
        if complete:
            show(arguments, complete, is_aa, noises)
        raise
    return show(arguments, complete, is_aa, noises)


def show(arguments, complete, is_aa, noises):
    """The exit code."""
    if is_aa:
        return show_noise(arguments, complete)
    return show_verdicts(arguments, complete, noises)


def check(arguments):
    if arguments.rounds < 1:
        raise BadInput(f"--rounds={arguments.rounds}: must be from 1 on")
    for flag in arguments.flags:
        name = flag.split("=", 1)[0]
        if name in OWN_FLAGS:
            raise BadInput(f"{flag}: {OWN_FLAGS[name]}")
        if name == "--benchmark_filter" and arguments.filter is not None:
            raise BadInput(f"{flag}: FILTER is given as well, '{arguments.filter}'")


def compared(complete, threshold, noise):
    """(verdicts, whether a row that A measured failed in B); names what is not compared."""
    from pagestall_tools.comparison.compare import compare_pairs

    samples, told, broken = pairs(complete)
    for row, why in told.items():
        print(f"not compared: {printable(row)}: {printable(why)}", file=sys.stderr)
    if not samples:
        raise BadInput("no row was measured by both binaries")
    return compare_pairs(samples, threshold, noise), broken


def show_verdicts(arguments, complete, noises):
    from pagestall_tools.comparison.compare import exit_code

    first = {f"run of {side}": complete[0][side] for side in "AB"}
    a, b = (run.context for run in first.values())
    noise = noise_of(noises, b)
    verdicts, broken = compared(complete, arguments.threshold, noise)
    print(f"B / A, {len(complete)} rounds. A: {arguments.a}, B: {arguments.b}")
    print(printed_verdicts.noise_source(verdicts, noise) + printed_verdicts.of_time(arguments.cpu_time))
    print()
    printed_verdicts.print_verdicts(verdicts, sys.stdout)
    print()
    notes = [*(f"different, {line}" for line in context_differences(a, b)), *context_notes(first)]
    for line in notes:
        print(f"note: {printable(line)}")
    print(printed_verdicts.summary(verdicts))
    return exit_code(verdicts, broken)


def show_noise(arguments, complete):
    from pagestall_tools.analysis.bootstrap import LEAST

    verdicts, _ = compared(complete, arguments.threshold, {})
    print(f"Noise: {arguments.a} with itself, {len(complete)} rounds")
    print()
    printed_verdicts.print_noise(verdicts, sys.stdout)
    print()
    if any(one.verdict == "slower" for one in verdicts):
        print("Slower by chance, as nothing is slower than itself: the interval is the noise.")
    if len(complete) < arguments.rounds:
        return 130
    if len(complete) < LEAST:
        raise BadInput(f"--rounds={arguments.rounds}: it takes {LEAST} to know the noise; not kept")
    context = complete[-1]["A"].context
    noise = {one.row: printed_verdicts.noise_floor(one) for one in verdicts}
    its_id, fingerprint = machine.machine_id(context), machine.fingerprint(context)
    with open_history(arguments.db, create=True) as history:
        history.add_noise(its_id, fingerprint, noise, context["date"])
        print(f"Kept for machine {its_id} in {history.database}")
    return 0

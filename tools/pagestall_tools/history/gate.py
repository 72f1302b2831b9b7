"""Compares a run with the runs before it, as tools/pagestall gate compares two."""

import collections
import dataclasses
import itertools
import statistics
import sys

from pagestall_tools import words
from pagestall_tools.bad_input import BadInput
from pagestall_tools.comparison.compare import RESOLUTION
from pagestall_tools.comparison.cpu_reference import adjusted
from pagestall_tools.comparison.differences import build_and_dataset_differences
from pagestall_tools.comparison.gate import gate, print_gate
from pagestall_tools.comparison.printed_verdicts import row_name
from pagestall_tools.history.between_runs import LEAST, noise_between
from pagestall_tools.history.machines import named, of_one_machine, stranger_notes
from pagestall_tools.history.opening import noise_of
from pagestall_tools.machine import machine_id
from pagestall_tools.runs import Run


def run(history, contender, window, threshold, any_machine=False):
    """The exit code. `any_machine`: compared with runs of whichever machine."""
    machine = None if any_machine else machine_id(contender.context)
    earlier, strangers = history.contexts(machine, contender.binary, before=contender), []
    if not any_machine:
        earlier, strangers = of_one_machine(earlier, contender.context)
    earlier = {
        key: context
        for key, context in earlier.items()
        if not build_and_dataset_differences(context, contender.context)
    }
    samples = history.samples(list(earlier), window)
    known = {row: samples[row] for row in contender.rows if row in samples}
    if not known and not any(row in samples for row, _ in contender.errors):
        raise BadInput(no_history(history, contender, machine, strangers))
    count = words.plural(max(map(len, samples.values())), "run")
    path = f"the last {count} of {words.binary(contender.binary)} before it"
    baseline = pooled(path, list(earlier.values())[-1], samples)
    result = gate(
        baseline,
        contender,
        threshold,
        noise=noise_of(history.noises(), contender.context),
        between_runs=known_noise(known, contender),
    )
    failures = history.failures(list(earlier)[-window:])
    notes = [
        *result.notes,
        *stranger_notes(strangers, "this run"),
        *failure_notes(failures),
        *too_few_notes(known),
    ]
    print(f"{words.printable(contender.path)}, compared with {path} on {named(machine)}:")
    print()
    print_gate(dataclasses.replace(result, notes=notes), sys.stdout)
    return result.exit_code


def pooled(path, context, samples):
    """All of {row: [Sample]} as one Run."""
    rows = {
        row: [
            dataclasses.replace(one, index=index)
            for index, one in enumerate(one for sample in its for one in sample.repetitions)
        ]
        for row, its in samples.items()
    }
    return Run(path, context, rows, {})


def known_noise(samples, contender):
    """{row: fraction} of what the runs differ by, in times as they are compared with those of
    the contender; without a row of which too few are known."""
    noise = {}
    for row, its in samples.items():
        every = [one for sample in its for one in sample.repetitions]
        seconds = iter(adjusted(every, contender.rows[row])[0])
        medians = [
            statistics.median(itertools.islice(seconds, len(sample.repetitions))) for sample in its
        ]
        if min(medians) <= 0:
            medians = [max(median, RESOLUTION) for median in medians]
        if (between := noise_between(medians, len(samples))) is not None:
            noise[row] = between
    return noise


def failure_notes(failures):
    for row, messages in failures.items():
        for message, count in messages.items():
            where = "an earlier run" if count == 1 else f"{count} earlier runs"
            left_out = "it" if count == 1 else "them"
            yield f"failed in {where}, left out of {left_out}: {row_name(row)}: {message}"


def too_few_notes(samples):
    counts = collections.Counter(len(its) for its in samples.values() if len(its) < LEAST)
    for runs, rows in sorted(counts.items()):
        yield (
            f"{words.plural(runs, 'run')} before it measured {words.plural(rows, 'row')}: the "
            f"noise between runs is not known yet, which takes {LEAST}"
        )


def no_history(history, run, machine, strangers):
    what = f"no run of this machine ({machine})"
    if machine is None:
        what = f"no earlier run of {words.binary(run.binary)} with any of these rows"
    elif machine in history.machines():
        binary = words.binary(run.binary)
        what = f"no earlier run of {binary} with any of these rows on this machine ({machine})"
    return "; ".join([
        f"gate '{run.path}': {what} in '{history.database}'",
        *stranger_notes(strangers, "this run"),
        "add one: tools/pagestall history add RUN.json",
    ])  # fmt: skip

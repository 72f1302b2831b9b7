"""Compares a run with the runs before it, as tools/pagestall gate compares two."""

import collections
import dataclasses
import sys

from pagestall_tools import words
from pagestall_tools.comparison.compare import RESOLUTION
from pagestall_tools.comparison.gate import gate, print_gate
from pagestall_tools.comparison.notes import dataset_differences
from pagestall_tools.comparison.verdict_table import row_name
from pagestall_tools.history.between_runs import LEAST, noise_between
from pagestall_tools.machine import machine_id
from pagestall_tools.runs import BadInput, Repetition, Run


def run(history, contender, window, threshold):
    """The exit code."""
    machine = machine_id(contender.context)
    earlier = {
        key: context
        for key, context in history.contexts(machine, contender.binary, before=contender).items()
        if not dataset_differences(context, contender.context)
    }
    samples = history.samples(list(earlier), window)
    known = {row: samples[row] for row in contender.rows if row in samples}
    if not known and not any(row in samples for row, _ in contender.errors):
        raise BadInput(no_history(history, contender, machine))
    count = words.plural(max(map(len, samples.values())), "run")
    path = f"the last {count} of {words.printable(contender.binary)} before it"
    baseline = pooled(path, list(earlier.values())[-1], samples)
    result = gate(
        baseline,
        contender,
        threshold,
        noise=history.noise(machine),
        between_runs=known_noise(known),
    )
    failures = history.failures(list(earlier)[-window:])
    notes = [*result.notes, *failure_notes(failures), *too_few_notes(known)]
    print(f"{words.printable(contender.path)}, compared with {path} on machine {machine}:")
    print()
    print_gate(dataclasses.replace(result, notes=notes), sys.stdout)
    return result.exit_code


def pooled(path, context, samples):
    """All of {row: [Sample]} as one Run."""
    rows = {
        row: [
            Repetition(one, {}, index)
            for index, one in enumerate(one for sample in its for one in sample.seconds)
        ]
        for row, its in samples.items()
    }
    return Run(path, context, rows, {})


def known_noise(samples):
    """{row: fraction} of what the runs differ by; without a row of which too few are known."""
    noise = {}
    for row, its in samples.items():
        medians = [sample.median for sample in its]
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


def no_history(history, run, machine):
    what = "no run of this machine"
    if machine in history.machines():
        binary = words.printable(run.binary)
        what = f"no earlier run of {binary} with any of these rows on this machine"
    return (
        f"gate '{run.path}': {what} ({machine}) in '{history.database}'; add one: "
        "tools/pagestall history add RUN.json"
    )

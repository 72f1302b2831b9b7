"""Compares a run with the runs before it, as tools/pagestall gate compares two."""

import sys

from pagestall_tools.comparison.compare import RESOLUTION
from pagestall_tools.comparison.gate import dataset_differences, gate, print_gate
from pagestall_tools.machine import machine_id
from pagestall_tools.runs import BadInput, Repetition, Run


def run(history, contender, window, threshold):
    """The exit code."""
    machine = machine_id(contender.context)
    earlier = {
        key: context
        for key, context in history.earlier(contender).items()
        if not dataset_differences(context, contender.context)
    }
    samples = history.samples(machine, contender.binary, window, only=list(earlier))
    known = [row for row in contender.rows if row in samples]
    if not known and not any(row in samples for row, _ in contender.errors):
        raise BadInput(no_history(history, contender, machine))
    runs = max(map(len, samples.values()))
    path = f"the last {runs} run{'s' * (runs != 1)} of {contender.binary} before it"
    noise = known_noise({row: samples[row] for row in known}, history.noise(machine))
    baseline = pooled(path, list(earlier.values())[-1], samples)
    result = gate(baseline, contender, threshold, noise=noise)
    print(f"{contender.path}, compared with {path} on machine {machine}:")
    print()
    print_gate(result, sys.stdout)
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


def known_noise(samples, measured):
    """{row: fraction}: the larger of what equal runs differed by and of what the runs themselves
    do; without a row of which neither is known."""
    noise = {}
    for row, its in samples.items():
        known = [measured[row]] if row in measured else []
        if len(its) > 1:
            known.append(spread(its))
        if known:
            noise[row] = max(known)
    return noise


def spread(samples):
    """By how much the medians of runs differ among themselves, as a fraction."""
    medians = [sample.median for sample in samples]
    if min(medians) <= 0:
        medians = [max(median, RESOLUTION) for median in medians]
    return max(medians) / min(medians) - 1


def no_history(history, run, machine):
    what = "no run of this machine"
    if machine in history.machines():
        what = f"no earlier run of {run.binary} with any of these rows on this machine"
    return (
        f"gate '{run.path}': {what} ({machine}) in '{history.database}'; add one: "
        "tools/pagestall history add RUN.json"
    )

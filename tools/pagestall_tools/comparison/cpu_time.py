"""Compares by CPU time in place of the clock."""

import dataclasses

from pagestall_tools.outcome import Outcome


def in_cpu_time(run):
    """The Run with each repetition's cpu_time as its time. One without is no measurement."""
    rows, errors = {}, dict(run.errors)
    for row, repetitions in run.rows.items():
        known = [one for one in repetitions if one.cpu_seconds]
        if len(known) < len(repetitions):
            why = Outcome.UNREADABLE.because("no cpu_time above 0")
            errors[row, why] = len(repetitions) - len(known)
        if known:
            rows[row] = [dataclasses.replace(one, seconds=one.cpu_seconds) for one in known]
    return dataclasses.replace(run, rows=rows, errors=errors)

"""The times of two binaries' rows, side by side."""

import statistics

from pagestall_tools.outcome import Outcome, outcome_of


def pairs(complete):
    """({row: (times of A, times of B)}, {row: why it cannot be compared}, whether a row that A
    measured failed in B)."""
    times, errors = {}, {}
    for side in "AB":
        times[side], errors[side] = gather([both[side] for both in complete])
    samples, told, broken = {}, {}, False
    for row in {row: None for of in (times, errors) for known in of.values() for row in known}:
        if why := why_not(row, times, errors, len(complete)):
            told[row] = why
            became = {
                side: {outcome_of(message) for message in of.get(row, ())}
                for side, of in errors.items()
            }
            failed = bool(became["B"] - {Outcome.NOT_AVAILABLE})
            lost = Outcome.UNREADABLE in became["A"]
            broken = broken or lost or (failed and row in times["A"] and row not in errors["A"])
        else:
            samples[row] = times["A"][row], times["B"][row]
    return samples, told, broken


def gather(measured):
    """({row: its seconds in each Run}, {row: {message: in how many}})."""
    times, errors = {}, {}
    for run in measured:
        for row in run.rows:
            times.setdefault(row, []).append(statistics.median(run.seconds(row)))
        for row, message in run.errors:
            counts = errors.setdefault(row, {})
            counts[message] = counts.get(message, 0) + 1
    return times, errors


def why_not(row, times, errors, count):
    """ "" if it can be compared."""
    for side, other in ("AB", "BA"):
        if row not in times[side] and row not in errors[side]:
            return f"only {other} has it"
    reasons = []
    for message in {message: None for side in "AB" for message in errors[side].get(row, ())}:
        counts = {side: errors[side].get(row, {}).get(message) for side in "AB"}
        where = ", ".join(f"{side} {failed}" for side, failed in counts.items() if failed)
        reasons.append(f"{' '.join(message.split())} ({where} of {count} rounds)")
    lengths = {side: len(times[side].get(row, ())) for side in "AB"}
    if not reasons and set(lengths.values()) != {count}:
        reasons.append(f"measured in {lengths['A']} and {lengths['B']} of {count} rounds")
    return "; ".join(reasons)

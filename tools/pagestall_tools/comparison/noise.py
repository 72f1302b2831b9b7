"""By how much two equal runs may differ, as far as the runs themselves show it."""

import math
import statistics

import numpy

# Standard errors of a row's ratio that count as noise. Fewer raise more false alarms, more hide
# more: tools/gate_rates measures both.
ERRORS = 2.5

# A row that changed the way the other rows did, and no more than this many times as much, is
# taken for one on a machine that changed: what slows a machine slows its rows unequally. From so
# many rows on, as of fewer one is no measure of others.
OTHERS, LEAST_ROWS = 2, 4

# A virtual machine may be slower by a factor of two. What is slower by more is no noise.
MOST = 1.0

# A row whose thread computes for less of its time than this, waits: for a device, for a pool.
COMPUTES = 0.9


def waits(row, repetitions):
    """Whether a row waits for something whose speed may be another in the next run, without that
    one run shows it. One with a time of its own (a stall) does so, and so does one of which
    nothing is known."""
    if "/manual_time" in row:
        return True
    shares = [
        one.cpu_seconds / one.seconds
        for one in repetitions
        if one.cpu_seconds is not None and one.seconds > 0
    ]
    return not shares or statistics.median(shares) < COMPUTES


def own_noise(series):
    """Of a row, as a fraction. Each of `series` would be constant without noise: a side's
    times, or the ratios of pairs. It is what their spread leaves uncertain about a ratio, with
    repetitions counted for less where each resembles the one before, as in a drift."""
    logs = [numpy.log(one) for one in series]
    autocorrelation = lag_1_autocorrelation(logs)
    variance = sum(spread(one) ** 2 / len(one) for one in logs) * math.pi / 2  # of medians
    error = math.sqrt(variance * (1 + autocorrelation) / (1 - autocorrelation))
    return math.expm1(ERRORS * error)


def spread(logs):
    """The standard deviation, of the quartiles: a burst does not count."""
    return float(numpy.subtract(*numpy.quantile(logs, [0.75, 0.25]))) / 1.349


def lag_1_autocorrelation(all_logs):
    """From 0 to 0.9, with bursts cut down and corrected for few repetitions."""
    products = squares = 0.0
    for logs in all_logs:
        most = 2.5 * spread(logs)
        cut = numpy.clip(logs - numpy.median(logs), -most, most)
        cut = (cut - cut.mean()) / (most or 1.0)
        products += float(cut[1:] @ cut[:-1])
        squares += float(cut @ cut)
    if squares == 0:
        return 0.0
    found = products / squares
    return min(0.9, max(0.0, found + (1 + 4 * found) / min(map(len, all_logs))))


def noise_of_others(ratios, threshold):
    """{row: fraction} of {row: ratio}: what a machine that is faster or slower as a whole may
    have added to each row. The change of the machine is the median of what the other rows did,
    up or down, so that rows that go apart are no such change. None is added to a row that went
    the other way by more than `threshold`: no machine does that."""
    if len(ratios) < LEAST_ROWS:
        return dict.fromkeys(ratios, 0.0)
    logs = {row: math.log(ratio) for row, ratio in ratios.items()}
    noise = {}
    for row, own in logs.items():
        machine = statistics.median(logs[one] for one in logs if one != row)
        goes_against = own * machine < 0 and abs(own) > math.log1p(threshold)
        noise[row] = 0.0 if goes_against else min(MOST, math.expm1(OTHERS * abs(machine)))
    return noise

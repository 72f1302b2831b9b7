"""By how much a run may differ from those before it though nothing has changed."""

import math
import statistics

# Runs that it takes: as of fewer, chance decides what they differ by.
LEAST = 5

# Of so many comparisons with equal runs, some row exceeds its noise.
CHANCE = 0.005


def noise_between(medians, rows):
    """Of one of so many rows, as a fraction; None if it cannot be known yet.

    It is how far the next run's median may lie from what those before it agree on: a prediction
    interval by Student's t, of the logarithms. The largest and the smallest of few runs are
    exceeded all too often."""
    count = len(medians)
    if count < LEAST:
        return None
    from scipy.stats import t

    deviation = statistics.stdev(map(math.log, medians))
    reach = float(t.isf(CHANCE / rows, count - 1)) * deviation * math.sqrt(1 + 1 / count)
    return math.expm1(min(reach, 700.0))

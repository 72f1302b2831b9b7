"""How far a figure made of noisy repetitions can be trusted."""

import math
import random
import statistics

# Repetitions of a row that it takes to know the noise.
LEAST = 5


def interval(statistic, samples, rounds=2000):
    """The 95 % interval of a statistic of several samples' medians, by bootstrap
    (percentiles of its value over samples drawn again, with replacement). Always the same
    for the same samples."""
    chance = random.Random(1)
    values = []
    for _ in range(rounds):
        drawn = [chance.choices(sample, k=len(sample)) for sample in samples]
        try:
            values.append(statistic(*map(statistics.median, drawn)))
        except ZeroDivisionError:
            values.append(math.inf)
    values.sort()
    return values[round(0.025 * rounds)], values[round(0.975 * rounds) - 1]


def ratio_interval(above, below):
    """That of the ratio of two samples' medians."""
    return interval(lambda a, b: a / b, [above, below])

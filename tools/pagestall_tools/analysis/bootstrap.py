"""How far a figure made of noisy repetitions can be trusted."""

import numpy

# Repetitions of a row that it takes to know the noise.
LEAST = 5

AT_ONCE = 1 << 22


def interval(statistic, samples, rounds=2000):
    """The 95 % interval of a statistic of several samples' medians, by bootstrap
    (percentiles of its value over samples drawn again, with replacement). Always the same
    for the same samples. `statistic` gets an array of medians of each sample, one for each
    round, and returns an array; what it cannot divide counts as infinite."""
    chance = numpy.random.default_rng(1)
    medians = [drawn_medians(chance, numpy.asarray(sample, float), rounds) for sample in samples]
    with numpy.errstate(divide="ignore", invalid="ignore"):
        values = statistic(*medians)
    values = numpy.sort(numpy.where(numpy.isfinite(values), values, numpy.inf))
    return float(values[round(0.025 * rounds)]), float(values[round(0.975 * rounds) - 1])


def drawn_medians(chance, sample, rounds):
    """Not all at once, which would take the memory of `rounds` samples."""
    step = max(1, AT_ONCE // len(sample))
    return numpy.concatenate([
        numpy.median(chance.choice(sample, (min(step, rounds - done), len(sample))), axis=1)
        for done in range(0, rounds, step)
    ])  # fmt: skip


def ratio_interval(above, below):
    """That of the ratio of two samples' medians."""
    return interval(lambda a, b: a / b, [above, below])


def pairs_interval(above, below):
    """That of the median of the ratios of two samples' pairs."""
    return interval(lambda ratio: ratio, [numpy.divide(above, below)])

"""Finds where a series changes its level for good.

E-divisive: Matteson and James, "A Nonparametric Approach for Multiple Change Point Analysis of
Multivariate Data", Journal of the American Statistical Association 109 (2014). What lies before
a split is compared by the energy statistic with what lies behind it up to some end (so that a
change back does not hide it); the best split is significant if few permutations of the series
have one as good; then both sides are searched. Here a side is tested as soon as it is searched,
not only the best split of all sides.
"""

import functools

import numpy

# A level has as many values at least: one is an outlier.
LEAST = 2

# Of a split's p, by permutations.
ALPHA = 0.01
PERMUTATIONS = 999


def change_points(values):
    """The indices, in order, of values that are the first of a new level. The same for the
    same values."""
    values = numpy.asarray(values, dtype=float)
    if len(values) < 2 * LEAST:
        return []
    distances = numpy.abs(values[:, None] - values[None, :])
    index, statistic = best_split(distances)
    if not is_significant(distances, statistic):
        return []
    after = [index + one for one in change_points(values[index:])]
    return [*change_points(values[:index]), index, *after]


def best_split(distances):
    """(index, statistic) of the split whose sides differ most, the right one up to any end."""
    sums = distances.cumsum(0).cumsum(1)
    left, ends, per_between, per_left, per_right = candidates(len(distances))
    within = sums.diagonal()
    between = sums[left - 1, ends - 1] - within[left - 1]
    within_right = within[ends - 1] - within[left - 1] - 2 * between
    statistics = per_between * between - per_left * within[left - 1] - per_right * within_right
    best = int(statistics.argmax())
    return int(left[best]), float(statistics[best])


@functools.lru_cache(maxsize=1)
def candidates(count):
    """Every split and end, and what the sums of distances between and within the sides count
    there: the energy statistic is scaled by the sides' sizes, left * right / (left + right)."""
    left, ends = numpy.triu_indices(count + 1, k=LEAST)
    left, ends = left[left >= LEAST], ends[left >= LEAST]
    right = ends - left
    return left, ends, 2 / ends, right / (left - 1) / ends, left / (right - 1) / ends


def is_significant(distances, statistic):
    """Whether few enough permutations reach the statistic; rounding errors do not count."""
    chance = numpy.random.default_rng(1)
    reached, most = 0, ALPHA * (PERMUTATIONS + 1) - 1
    for _ in range(PERMUTATIONS):
        order = chance.permutation(len(distances))
        reached += best_split(distances[order][:, order])[1] >= statistic * (1 - 1e-9)
        if reached > most:
            return False
    return True

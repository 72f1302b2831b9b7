"""Takes the speed of the CPU out of times.

A virtual CPU may share a core with others that its guest does not see, and compute more slowly
while they do. Each repetition says how long a fixed computation took right before and after it
(cpu_reference_us), and what a row's time has to do with that is taken out of it: an analysis of
covariance (Fisher, 1932), by the least squares of the logarithms within the sides, so that a
difference between the sides is no part of it.
"""

import numpy

from pagestall_tools.runs import MOST_COUNTED

COUNTER = "cpu_reference_us"
LEAST = 1e-3  # microseconds: a computation takes longer

# A time cannot depend on the CPU's speed by more than it all being computation.
MOST = 1.0


def adjusted(baseline, contender):
    """The seconds of two sides' Repetitions, each as it would have been at the speed that was
    the median of both; as they are where a reference is missing or cannot be one."""
    sides = [baseline, contender]
    seconds = [[one.seconds for one in side] for side in sides]
    references = [[one.counters.get(COUNTER, 0.0) for one in side] for side in sides]
    known = all(LEAST <= one < MOST_COUNTED for side in references for one in side)
    if not known or not all(map(all, seconds)):
        return seconds
    times, speeds = ([numpy.log(side) for side in both] for both in (seconds, references))
    share = slope(times, speeds)
    middle = numpy.median(numpy.concatenate(speeds))
    return [
        list(map(float, numpy.exp(its_times - share * (its_speeds - middle))))
        for its_times, its_speeds in zip(times, speeds)
    ]


def slope(times, speeds):
    """From 0 to MOST."""
    x, y = (numpy.concatenate([one - one.mean() for one in both]) for both in (speeds, times))
    if not x.any():
        return 0.0
    return min(MOST, max(0.0, float(x @ y / (x @ x))))

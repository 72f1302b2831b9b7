"""How the speed of the CPU is taken out of times: tools/pagestall_tools/comparison/cpu_reference.py."""

import random
import statistics
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))

from pagestall_tools.comparison.cpu_reference import COUNTER, adjusted  # noqa: E402
from pagestall_tools.entries import Repetition  # noqa: E402


def side(seconds, speeds):
    """Repetitions of which each took `seconds` times what a CPU of its speed makes of it."""
    return [
        Repetition(seconds * slower, {COUNTER: 1000 * slower}, index)
        for index, slower in enumerate(speeds)
    ]


def speeds(seed, count=20):
    """A core that is shared at times."""
    chance = random.Random(seed)
    return [chance.choice([1.0, 1.33]) * chance.lognormvariate(0, 0.01) for _ in range(count)]


def spread(seconds):
    return max(seconds) / min(seconds) - 1


def test_what_only_the_cpu_did_is_gone_and_what_the_code_did_is_left():
    a, b = adjusted(side(1.0, speeds(1)), side(1.1, speeds(2)))
    assert spread(a) < 1e-6 and spread(b) < 1e-6
    assert statistics.median(b) / statistics.median(a) == pytest.approx(1.1)


def test_a_difference_of_the_references_of_the_sides_is_taken_out_as_well():
    slow = [1.5 * speed for speed in speeds(3)]
    a, b = adjusted(side(1.0, speeds(1)), side(1.0, slow))
    assert statistics.median(b) / statistics.median(a) == pytest.approx(1.0)


def test_times_that_have_nothing_to_do_with_the_cpu_stay_about_as_they_are():
    chance = random.Random(4)
    sides = [
        [
            Repetition(chance.lognormvariate(0, 0.05), {COUNTER: speed}, index)
            for index, speed in enumerate(speeds(seed))
        ]
        for seed in (5, 6)
    ]
    for before, after in zip(sides, adjusted(*sides)):
        for one, seconds in zip(before, after):
            assert seconds == pytest.approx(one.seconds, rel=0.05)


def test_times_that_fall_with_a_slower_cpu_are_left_alone():
    opposite = [
        Repetition(1 / speed, {COUNTER: speed}, index) for index, speed in enumerate(speeds(1))
    ]
    a, _ = adjusted(opposite, opposite)
    assert a == pytest.approx([one.seconds for one in opposite])


@pytest.mark.parametrize("counters", [{}, {COUNTER: 0.0}])
def test_without_a_reference_of_each_repetition_times_are_as_measured(counters):
    a = [*side(1.0, speeds(1)), Repetition(3.0, counters, 20)]
    b = side(1.1, speeds(2))
    assert adjusted(a, b) == [[one.seconds for one in a], [one.seconds for one in b]]


def test_a_reference_that_is_always_the_same_changes_nothing():
    a = [Repetition(seconds, {COUNTER: 7.0}, 0) for seconds in (1.0, 2.0, 3.0)]
    assert adjusted(a, a) == [pytest.approx([1.0, 2.0, 3.0])] * 2

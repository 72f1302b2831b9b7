"""What is shown of repetitions."""

import statistics

from pagestall_tools.runs import values


def median(repetitions, key):
    """Of what is known of `key` in {key: figure} of each; None of nothing."""
    known = values(repetitions, key)
    return statistics.median(known) if known else None


def figures(repetitions):
    """{counter: value} of each of a row's repetitions, with its seconds as "s"."""
    return [one.counters | {"s": one.seconds} for one in repetitions]

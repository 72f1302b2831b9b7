"""What is shown of repetitions."""

import statistics


def values(repetitions, key):
    """What is known of `key`."""
    return [one[key] for one in repetitions if key in one]


def median(repetitions, key):
    """Of what is known of `key` in {key: figure} of each; None of nothing."""
    known = values(repetitions, key)
    return statistics.median(known) if known else None


def figures(repetitions):
    """{counter: value} of each of a row's repetitions, with its seconds as "s"."""
    return [one.counters | {"s": one.seconds} for one in repetitions]

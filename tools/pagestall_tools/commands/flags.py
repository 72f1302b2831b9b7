"""Flags that several commands have."""

import math

from pagestall_tools.bad_input import BadInput
from pagestall_tools.comparison.threshold import THRESHOLD


def add_threshold(parser):
    """--threshold, in percent: `arguments.threshold` is a fraction."""
    parser.add_argument(
        "--threshold", type=percent, default=THRESHOLD, metavar="PERCENT",
        help=f"the difference that counts (default: {100 * THRESHOLD:g})",
    )  # fmt: skip


def percent(word):
    """As a fraction. BadInput, which argparse lets through, if it is not above 0."""
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise BadInput(f"--threshold {word}: must be a percentage above 0")
    return number / 100


def add_cpu_time(parser):
    parser.add_argument(
        "--cpu-time", action="store_true",
        help="compare cpu_time in place of real_time: that of rows that are timed by it (their "
        "names do not end with /real_time or /manual_time)",
    )  # fmt: skip


def add_any_machine(parser, what):
    parser.add_argument("--any-machine", action="store_true", help=what)

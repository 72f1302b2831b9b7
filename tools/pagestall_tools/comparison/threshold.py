"""The difference that counts."""

import math

from pagestall_tools.runs import BadInput

# Where the user names no other, as a fraction.
THRESHOLD = 0.05


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

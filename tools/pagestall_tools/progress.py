"""Says on a terminal what goes on meanwhile."""

import sys


def show(text):
    """On stderr, in place of what it said before; "" takes that away. Nothing if that is no
    terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

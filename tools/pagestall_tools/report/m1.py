"""The article's own figures: 8 files of 256 MiB, every 512th byte, 200 repetitions, on an M1
MacBook Pro (macOS, APFS). Computed from the raw data that the article's repository holds."""

SOURCE = (
    "Huon Wilson, Async hazard: mmap is secretly blocking IO, 2024, raw data of its repository"
)

# Minimum and median seconds of (executor, source), by page cache. async_seq with mmap was not
# measured.
SECONDS = {
    ("seq", "mmap"): {"cold": (2.530, 2.673), "warm": (0.120, 0.123)},
    ("seq", "read"): {"cold": (0.670, 0.707), "warm": (0.141, 0.155)},
    ("threads", "mmap"): {"cold": (0.746, 0.786), "warm": (0.049, 0.053)},
    ("threads", "read"): {"cold": (0.619, 0.627), "warm": (0.063, 0.078)},
    ("async", "mmap"): {"cold": (2.526, 2.697), "warm": (0.121, 0.125)},
    ("async", "read"): {"cold": (0.622, 0.630), "warm": (0.219, 0.277)},
    ("async_seq", "read"): {"cold": (0.709, 0.749), "warm": (0.361, 0.394)},
}

# Each machine's times are told as multiples of its own.
REFERENCE = ("seq", "read")


def figures(key, cache):
    """Minimum, median and the median's ratio to one thread's read; None where not measured."""
    if key not in SECONDS:
        return None
    least, median = SECONDS[key][cache]
    return least, median, median / SECONDS[REFERENCE][cache][1]

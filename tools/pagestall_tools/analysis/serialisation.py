"""How much of the threads' gain over one thread an async executor lost."""

import statistics

from pagestall_tools.analysis.bootstrap import LEAST, interval


def serialisation(lines):
    """What to say of S = (async - threads) / (seq - threads), for cold mmap. None without
    the three rows."""
    samples = [
        [one["s"] for one in lines.get((executor, "mmap"), {}).get("cold", [])]
        for executor in ("async", "threads", "seq")
    ]
    if not all(samples):
        return None
    in_async, in_threads, in_seq = map(statistics.median, samples)
    if min(map(len, samples)) < LEAST:
        return f"not defined here: it takes {LEAST} repetitions of a row to know the noise"
    low, _ = interval(lambda _, threads, seq: seq - threads, samples)
    if low <= 0:
        return (
            "not defined here: seq and threads do not differ by more than the noise "
            f"(medians {in_seq:.3f} s and {in_threads:.3f} s)"
        )
    value = (in_async - in_threads) / (in_seq - in_threads)
    bounds = interval(lambda a, threads, seq: (a - threads) / (seq - threads), samples)
    return f"{value:.2f} (95 % interval {bounds[0]:.2f} to {bounds[1]:.2f})"

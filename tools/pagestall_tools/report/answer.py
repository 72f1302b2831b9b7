"""What a run says to "does mmap block my executor here, and what should I use?"."""

import dataclasses
import re
import statistics

from pagestall_tools import words
from pagestall_tools.analysis.advice import advice
from pagestall_tools.analysis.bootstrap import LEAST, interval, pairs_interval
from pagestall_tools.analysis.figures import values
from pagestall_tools.analysis.scans import HAZARD

# It is blocked if it sleeps for longer than this of a scan, both in milliseconds (the probe
# looks every millisecond) and as a share.
LEAST_MS, LEAST_SHARE = 1, 0.01

# File systems that are memory.
IN_MEMORY = {"tmpfs", "ramfs", "hugetlbfs"}


@dataclasses.dataclass(frozen=True)
class Answer:
    verdict: str  # "Yes"
    because: str  # the sentence with the figures
    use: str  # what to do, or ""
    sure: str  # how far it can be trusted


def answer(lines, files, filesystem=""):
    """Of one place's lines (runs.collect), of scans over so many files."""
    caches = lines.get(HAZARD, {})
    cold, warm = caches.get("cold", []), caches.get("warm", [])
    if not cold:
        return without_cold(warm, filesystem)
    watched = [one for one in cold if one["s"] > 0 and "blocked_ms" in one]
    seconds, blocked = values(watched, "s"), values(watched, "blocked_ms")
    if not watched:
        because = "The executor was not watched in this run's cold scans by mmap."
        return Answer("Not known.", because, run("tools/run"), certainty(cold))
    sure = certainty(watched)
    where = f"{files} coroutines on one thread" if files else "coroutines on one thread"
    said = (
        f"{words.milliseconds(statistics.median(blocked))} of a scan's "
        f"{words.milliseconds(statistics.median(seconds) * 1e3)} ms"
    )
    if len(watched) < LEAST:
        because = (
            f"Cold mmap in {where} was blocked for {said} (medians), but of "
            f"{words.plural(len(seconds), 'repetition')}: it takes {LEAST} to know the noise."
        )
        return Answer("Too little data.", because, run("tools/run"), sure)
    low_ms, high_ms = interval(lambda middle: middle, [blocked])
    # No thread sleeps for longer than the scan takes, whatever two clocks make of it.
    slept = [min(its / 1e3, scan) for its, scan in zip(blocked, seconds)]
    share = statistics.median(its / scan for its, scan in zip(slept, seconds))
    low, high = pairs_interval(slept, seconds)
    bounds = f"95 % interval {words.milliseconds(low_ms)} to {words.milliseconds(high_ms)} ms"
    if low_ms > LEAST_MS and low > LEAST_SHARE:
        because = (
            f"Cold mmap in {where} put the thread to sleep in page faults for {said}, "
            f"{share * 100:.0f} % of the time (95 % interval {low * 100:.0f} to "
            f"{high * 100:.0f} %).{worst(cold)}"
        )
        return Answer("Yes.", because, remedy(lines), sure)
    if high_ms <= LEAST_MS or high <= LEAST_SHARE:
        because = f"Cold mmap in {where} was blocked for {said} ({bounds}).{computes(lines)}"
        return Answer("No, not measurably.", because, "", sure)
    because = (
        f"Cold mmap in {where} was blocked for {said} ({bounds}): within the noise that is both "
        f"more and less than what counts ({LEAST_MS} ms and {LEAST_SHARE * 100:g} % of the scan)."
    )
    return Answer("Not clear.", because, run("tools/run --benchmark_repetitions=30"), sure)


def without_cold(warm, filesystem):
    if not warm:
        because = (
            "This run has no scan by mmap in coroutines from a cold page cache (async, mmap, "
            "cold), the row that tells."
        )
        return Answer("Not known.", because, run("tools/run"), "")
    blocked = values(warm, "blocked_ms")
    said = (
        f" Warm, mmap blocked the executor for {words.milliseconds(statistics.median(blocked))} "
        "ms in the median scan."
        if blocked
        else ""
    )
    if filesystem in IN_MEMORY:
        because = (
            f"The files are in memory ({filesystem}) and cannot be cold: a touch of the mapping "
            f"waits for no device.{said}"
        )
        return Answer("No, not in memory.", because, "", certainty(warm))
    because = f"This run has no cold scan by mmap in coroutines, only warm ones.{said}"
    return Answer("Not known.", because, run("tools/run"), certainty(warm))


def worst(cold):
    stalls = values(cold, "stall_ms")
    if not stalls:
        return ""
    return f" Nothing else ran there for up to {words.milliseconds(max(stalls))} ms at a time."


def computes(lines):
    """A scan that waits for nothing is in the way all the same."""
    stalls = values(lines[HAZARD].get("warm", []), "stall_p99_ms")
    if not stalls or statistics.median(stalls) <= LEAST_MS:
        return ""
    return (
        " It stands in the way while it computes, though: warm, stall p99 is "
        f"{words.milliseconds(statistics.median(stalls))} ms, which yielding cuts."
    )


def remedy(lines):
    known = {
        words.plain_source(source) for executor, source in lines if executor == HAZARD[0]
    } - {"mmap"}
    if not known:
        return run("tools/run remedies", "It measures what to use instead")
    text = re.sub(r"\bio:", "", advice(lines) or "No advice for this machine.")
    text = re.sub("^Advice for this machine: ", "Use ", text)
    if known <= {"read"}:
        text += " " + run("tools/run remedies", "That is of what was measured here; for the others")
    return text


def run(command, why="To know"):
    return f"{why}: {command}"


def certainty(repetitions):
    count = words.plural(len(repetitions), "repetition")
    return f"{count} of this row; medians, with 95 % intervals by bootstrap."

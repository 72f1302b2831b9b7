"""Which remedy to take on the machine that was measured, if the noise lets one say so."""

import statistics

from pagestall_tools.analysis.bootstrap import LEAST, ratio_interval
from pagestall_tools.analysis.figures import values
from pagestall_tools.analysis.scans import HAZARD
from pagestall_tools.words import milliseconds, number

# They read the device however often they have read the same: nothing to advise who will read
# again.
NEVER_WARM = {"uring_direct", "uncached"}

# A remedy's stalls and blocked time are this part of the hazard's at most.
QUIET = 0.25

# Whoever may be so many times as slow as another is not known to be as fast.
NOISE = 2


class Remedy:
    def __init__(self, source, caches):
        cold = caches.get("cold", [])
        self.name = f"io:{source}"
        self.cold_s = values(cold, "s")
        self.warm_s = values(caches.get("warm", []), "s")
        self.stall_ms = values(cold, "stall_p99_ms")
        self.blocked_ms = values(cold, "blocked_ms")

    def is_known(self):
        return all(
            len(sample) >= LEAST
            for sample in (self.cold_s, self.warm_s, self.stall_ms, self.blocked_ms)
        )

    def is_quieter_than(self, hazard):
        return all(
            ratio_interval(own, its)[1] < QUIET
            for own, its in (
                (self.stall_ms, hazard.stall_ms),
                (self.blocked_ms, hazard.blocked_ms),
            )
        )

    def warm(self):
        return statistics.median(self.warm_s)

    def cold(self):
        return statistics.median(self.cold_s)


def advice(lines):
    """A text, or None without the hazard or any remedy. The advice is, of the remedies that
    are quiet, the fastest warm of those whose cold time is within the noise of the fastest."""
    remedies = [
        Remedy(source, caches)
        for (executor, source), caches in lines.items()
        if executor == HAZARD[0] and source not in NEVER_WARM and (executor, source) != HAZARD
    ]
    if HAZARD not in lines or not remedies:
        return None
    hazard = Remedy(HAZARD[1], lines[HAZARD])
    known = [remedy for remedy in remedies if remedy.is_known()]
    if not hazard.is_known() or not known:
        return (
            f"No advice for this machine: it takes {LEAST} repetitions of async mmap and of a "
            "remedy, cold and warm, with their stalls and blocked time, to know the noise."
        )
    quiet = [remedy for remedy in known if remedy.is_quieter_than(hazard)]
    if not quiet:
        return (
            "No advice for this machine: there is no remedy whose stall p99 and blocked time, "
            f"cold, are both below {QUIET:g} of async mmap's by more than the noise."
        )
    fastest = min(quiet, key=Remedy.cold)
    as_fast = [one for one in quiet if ratio_interval(one.cold_s, fastest.cold_s)[0] <= 1]
    best = min(as_fast, key=Remedy.warm)
    most = ratio_interval(best.cold_s, fastest.cold_s)[1]
    if best is not fastest and most > NOISE:
        return (
            f"No advice for this machine: warm, {best.name} is the fastest remedy, but cold the "
            f"noise lets it take up to {most:.1f} times as long as {fastest.name}."
        )
    equals = [
        one
        for one in as_fast
        if one is not best and ratio_interval(one.warm_s, best.warm_s)[0] <= 1
    ]
    names = " or ".join(one.name for one in [best, *sorted(equals, key=Remedy.warm)])
    why = reason(best, quiet, as_fast, equals)
    return f"Advice for this machine: {names}. {figures(best, hazard)} {why}"


def figures(best, hazard):
    low, high = ratio_interval(best.cold_s, hazard.cold_s)
    blocked, its_blocked, stall, its_stall = (
        milliseconds(statistics.median(sample))
        for sample in (best.blocked_ms, hazard.blocked_ms, best.stall_ms, hazard.stall_ms)
    )
    return (
        f"Cold {best.name} takes {number(best.cold())} s ({best.cold() / hazard.cold():.2f} of "
        f"async mmap, 95 % {low:.2f} to {high:.2f}), blocks {blocked} ms instead of {its_blocked} "
        f"and its stall p99 is {stall} ms instead of {its_stall}; warm it takes "
        f"{number(best.warm())} s."
    )


def reason(best, quiet, as_fast, equals):
    """Why it is `best` of `quiet`: `as_fast` are within the noise of the fastest cold, `equals`
    of them within the noise of the best warm."""
    others = [one for one in quiet if one is not best]
    if not others:
        return "No other remedy is as quiet."
    if equals:
        return "Cold and warm, these are within the noise of each other."
    if len(as_fast) == 1:
        following = min(others, key=Remedy.cold)
        cold = number(following.cold())
        return f"Cold it is clear of the next remedy, {following.name} ({cold} s)."
    following = min((one for one in as_fast if one is not best), key=Remedy.warm)
    return (
        "Cold it is within the noise of the fastest remedy; warm it is clear of the next of "
        f"those, {following.name} ({number(following.warm())} s)."
    )

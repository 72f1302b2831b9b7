"""Which rows of two runs differ, by more than the noise and by enough to count."""

import dataclasses
import itertools
import math
import statistics
import warnings

from pagestall_tools.analysis.bootstrap import pairs_interval, ratio_interval
from pagestall_tools.comparison.noise import noise_of_others, own_noise
from pagestall_tools.comparison.threshold import THRESHOLD
from pagestall_tools.words import number

# Of the adjusted p. tools/gate_rates measures what follows from it.
ALPHA = 0.005

# Seconds. Rows of blocked time are 0 where nothing blocked, and then have no ratio: there,
# whatever is shorter than this counts as this.
RESOLUTION = 1e-3

EXACT_UP_TO = 50


@dataclasses.dataclass(frozen=True)
class Verdict:
    row: str
    baseline: int  # repetitions
    contender: int
    ratio: float | None  # contender / baseline, of medians; None where not comparable
    low: float | None  # of its 95 % interval, by bootstrap
    high: float | None
    p: float | None  # two-sided, adjusted by Benjamini-Hochberg for the number of rows
    noise: float  # by how much two equal runs differ in this row, as a fraction
    verdict: str  # "same", "faster", "slower" or "cannot tell"
    why: str  # what keeps it from another verdict, or ""


def compare(samples, threshold=THRESHOLD, noise=None):
    """A Verdict for each row of {row: (baseline, contender)}, both in seconds and in the order
    of measurement. By the medians and Mann-Whitney's U.

    "slower" and "faster" take all of: an adjusted p below ALPHA, an interval clear of 1, and an
    effect larger than `threshold` and than the row's noise. "same" takes an interval within
    the threshold on both sides, and noise below it. Anything else is "cannot tell".

    The noise is the largest of what the row's samples show of it, of what the other rows do (if
    all differ alike, one cannot tell a change of what was measured from a change of the machine,
    up to a factor of two) and of `noise`, what was measured of it before: {row: fraction}."""
    return judge(samples, threshold, noise or {}, INDEPENDENT)


def compare_pairs(samples, threshold=THRESHOLD, noise=None):
    """As compare(), where a[i] and b[i] of a row's (a, b) were measured side by side. By the
    median of the pairs' ratios, and Wilcoxon's signed-rank test of their logarithms. What the
    machine does to both sides of a pair is no noise, so that other rows do not count."""
    for row, (a, b) in samples.items():
        if len(a) != len(b):
            raise ValueError(f"{row}: {len(a)} and {len(b)} repetitions are no pairs")
    return judge(samples, threshold, noise or {}, PAIRED)


def mann_whitney(a, b):
    from scipy.stats import mannwhitneyu

    exact = max(len(a), len(b)) <= EXACT_UP_TO and len({*a, *b}) == len(a) + len(b)
    return float(mannwhitneyu(a, b, method="exact" if exact else "asymptotic").pvalue)


def wilcoxon_of_logs(a, b):
    from scipy.stats import wilcoxon

    logs = [math.log(its / own) for own, its in zip(a, b)]
    sizes = {abs(log) for log in logs}
    if sizes == {0.0}:
        return 1.0
    exact = len(logs) <= EXACT_UP_TO and len(sizes) == len(logs) and 0.0 not in sizes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few repetitions, which decide() knows
        return float(wilcoxon(logs, mode="exact" if exact else "approx").pvalue)


@dataclasses.dataclass(frozen=True)
class Design:
    """How the two sides of a row belong together, and what follows from it."""

    ratio: object
    interval: object  # of (contender, baseline)
    p: object  # of (baseline, contender)
    least_p: object  # of how many on each side: what total separation would give
    series: object  # of (baseline, contender): what would be constant without noise
    drifts_apart: bool  # whether the machine may change from one side to the other


INDEPENDENT = Design(
    ratio=lambda a, b: statistics.median(b) / statistics.median(a),
    interval=ratio_interval,
    p=mann_whitney,
    least_p=lambda a, b: 2 / math.comb(a + b, a),
    series=lambda a, b: [a, b],
    drifts_apart=True,
)

PAIRED = Design(
    ratio=lambda a, b: statistics.median(its / own for own, its in zip(a, b)),
    interval=pairs_interval,
    p=wilcoxon_of_logs,
    least_p=lambda a, _: 2 / 2**a,
    series=lambda a, b: [[its / own for own, its in zip(a, b)]],
    drifts_apart=False,
)


def benjamini_hochberg(ps):
    """Benjamini and Hochberg's adjusted p of each."""
    order = sorted(range(len(ps)), key=ps.__getitem__, reverse=True)
    adjusted, least = [1.0] * len(ps), 1.0
    for index, rank in zip(order, range(len(ps), 0, -1)):
        least = min(least, ps[index] * len(ps) / rank)
        adjusted[index] = least
    return adjusted


def needed(design, rows=1):
    """Repetitions on each side of which total separation of one of `rows` is significant."""
    return next(n for n in itertools.count(1) if design.least_p(n, n) * rows < ALPHA)


def judge(samples, threshold, noise, design):
    samples = {row: clamped(*sides) for row, sides in samples.items()}
    tested = [row for row, (a, b) in samples.items() if a and b]
    ps = [design.p(*samples[row]) for row in tested]
    adjusted = dict(zip(tested, benjamini_hochberg(ps)))
    ratios = {row: design.ratio(*samples[row]) for row in tested}
    others = noise_of_others(ratios, threshold) if design.drifts_apart else {}
    verdicts = []
    for row, (a, b) in samples.items():
        verdict = Verdict(row, len(a), len(b), None, None, None, None, 0.0, "cannot tell", "")
        if row in adjusted:
            low, high = design.interval(b, a)
            own = own_noise(design.series(a, b))
            its_noise = max(own, others.get(row, 0.0), noise.get(row, 0.0))
            verdict = dataclasses.replace(
                verdict, ratio=ratios[row], low=low, high=high, p=adjusted[row], noise=its_noise
            )
        said, why = decide(verdict, threshold, design, len(tested))
        verdicts.append(dataclasses.replace(verdict, verdict=said, why=why))
    return verdicts


def clamped(a, b):
    if a and b and min(*a, *b) <= 0:
        return [max(one, RESOLUTION) for one in a], [max(one, RESOLUTION) for one in b]
    return list(a), list(b)


def decide(one, threshold, design, rows):
    """(verdict, why) of one of so many rows, by its figures."""
    least = design.least_p(one.baseline, one.contender) if one.ratio else 1.0
    if least >= ALPHA:
        return "cannot tell", f"needs {needed(design)} repetitions on each side"
    effect = max(one.ratio, 1 / one.ratio) - 1
    if effect > threshold:
        if one.p >= ALPHA and least * rows >= ALPHA:
            many = needed(design, rows)
            return "cannot tell", f"needs {many} repetitions on each side, among {rows} rows"
        if one.p >= ALPHA:
            return "cannot tell", f"not significant: p is not below {ALPHA:g}"
        if one.low <= 1 <= one.high:
            return "cannot tell", "not significant: the interval includes 1"
        if effect <= one.noise:
            return "cannot tell", f"within the noise of {number(100 * one.noise)} %"
        return ("slower" if one.ratio > 1 else "faster"), ""
    if one.low < 1 / (1 + threshold) or one.high > 1 + threshold:
        return "cannot tell", f"the interval reaches beyond {number(100 * threshold)} %"
    if one.noise > threshold:
        return "cannot tell", f"the noise of {number(100 * one.noise)} % could hide a difference"
    return "same", ""


def exit_code(verdicts, broken):
    """Of a comparison: 1 if a row is slower; 2 if none is, and of none one can tell or one is
    `broken` (was measured, and failed now); else 0."""
    said = {one.verdict for one in verdicts}
    if "slower" in said:
        return 1
    return 2 if broken or said <= {"cannot tell"} else 0

"""What counts as slower, faster and the same: tools/pagestall_tools/comparison/compare.py."""

import dataclasses
import io
import random
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))

from pagestall_tools.comparison import compare as module  # noqa: E402
from pagestall_tools.comparison.compare import benjamini_hochberg, compare  # noqa: E402
from pagestall_tools.comparison.compare import compare_pairs  # noqa: E402
from pagestall_tools.comparison.printed_verdicts import print_verdicts  # noqa: E402

ROW = (
    "scan/exec:{}/io:read/cache:warm/buffer_kib:64"
    "/files:8/mib:256/stride:512/iterations:1/real_time"
)


def noisy(median, count=20, noise=0.02, seed=1):
    chance = random.Random(seed)
    return [median * chance.lognormvariate(0, noise) for _ in range(count)]


def steps(start, count=20, step=0.0001):
    """Repetitions with no ties, of a median little above `start`, that do not drift."""
    made = [start * (1 + step * index) for index in range(count)]
    return made[::2] + made[1::2][::-1]


def only(verdicts):
    (verdict,) = verdicts
    return verdict


@pytest.mark.parametrize("comparison", [compare, compare_pairs])
@pytest.mark.parametrize(
    ("factor", "said"), [(1.1, "slower"), (1 / 1.1, "faster"), (1.0, "same"), (2.0, "slower")]
)
def test_tells_a_difference_from_none(comparison, factor, said):
    samples = {"row": (noisy(1, seed=1), noisy(factor, seed=2))}
    verdict = only(comparison(samples))
    assert (verdict.verdict, verdict.why) == (said, "")
    assert verdict.low < verdict.ratio < verdict.high
    assert verdict.ratio == pytest.approx(factor, rel=0.03)
    assert comparison(samples) == comparison(samples)


@pytest.mark.parametrize("comparison", [compare, compare_pairs])
def test_equal_runs_are_hardly_ever_slower(comparison):
    verdicts = [
        only(comparison({"row": (noisy(1, 10, 0.03, seed), noisy(1, 10, 0.03, -seed - 1))}))
        for seed in range(100)
    ]
    assert sum(verdict.verdict in ("slower", "faster") for verdict in verdicts) <= 1


def test_significant_but_small_is_not_slower():
    verdict = only(compare({"row": (steps(1), steps(1.04))}))
    assert verdict.p < 0.005 and verdict.low > 1
    assert (verdict.verdict, verdict.why) == ("same", "")
    assert only(compare({"row": (steps(1), steps(1.04))}, threshold=0.03)).verdict == "slower"


def test_large_but_not_significant_is_not_slower():
    a, b = noisy(1, 10, 0.5, seed=1), noisy(1, 10, 0.5, seed=5)
    verdict = only(compare({"row": (a, b)}, noise={"row": 0.01}))
    assert abs(verdict.ratio - 1) > 0.05 and verdict.p > 0.005
    assert verdict.verdict == "cannot tell"
    assert verdict.why == "not significant: p is not below 0.005"


def test_large_and_significant_within_the_noise_is_not_slower():
    samples = {"row": (steps(1), steps(1.2))}
    assert only(compare(samples, noise={"row": 0.19})).verdict == "slower"
    verdict = only(compare(samples, noise={"row": 0.21}))
    assert verdict.p < 0.005 and verdict.low > 1
    assert (verdict.verdict, verdict.why) == ("cannot tell", "within the noise of 21 %")
    faster = {"row": samples["row"][::-1]}
    assert only(compare(faster, noise={"row": 0.19})).verdict == "faster"
    assert only(compare(faster, noise={"row": 0.21})).verdict == "cannot tell"


@pytest.mark.parametrize("comparison", [compare, compare_pairs])
def test_noise_that_was_measured_makes_no_shaky_row_quiet(comparison):
    samples = {"row": (noisy(1, 20, 0.2, seed=1), noisy(1.4, 20, 0.2, seed=2))}
    own = only(comparison(samples)).noise
    assert only(comparison(samples, noise={"row": own / 2})).noise == own > 0.05
    assert only(comparison(samples, noise={"row": own * 2})).noise == own * 2


def test_noise_that_was_measured_is_no_word_on_a_machine_that_changed():
    rows = rows_that_differ([1.3] * 6)
    quiet = dict.fromkeys(rows, 0.01)
    assert {verdict.verdict for verdict in compare(rows, noise=quiet)} == {"cannot tell"}


def test_an_interval_that_includes_1_is_not_slower(monkeypatch):
    design = dataclasses.replace(module.INDEPENDENT, interval=lambda a, b: (0.99, 1.3))
    monkeypatch.setattr(module, "INDEPENDENT", design)
    verdict = only(compare({"row": (steps(1), steps(1.2))}))
    assert (verdict.verdict, verdict.why) == (
        "cannot tell",
        "not significant: the interval includes 1",
    )


def test_a_side_that_drifts_is_noise():
    drifting = steps(1, 10) + steps(1.3, 10)
    verdict = only(compare({"row": (drifting, steps(1.35))}))
    assert verdict.p < 0.005 and verdict.low > 1 and verdict.ratio > 1.1
    assert verdict.noise >= 0.3
    assert verdict.verdict == "cannot tell" and verdict.why.startswith("within the noise")


def test_noise_that_is_not_given_grows_with_the_spread_and_with_repetitions_alike():
    def noise(sample):
        return only(compare({"row": (sample, steps(1))})).noise

    quiet, loud = noisy(1, 20, 0.01, seed=3), noisy(1, 20, 0.05, seed=3)
    assert 3 * noise(quiet) < noise(loud)
    waves = [1.05 if index // 5 % 2 else 1 / 1.05 for index in range(20)]
    flips = [1.05 if index % 2 else 1 / 1.05 for index in range(20)]
    assert 1.3 * noise(flips) < noise(waves)


def rows_that_differ(factors):
    return {
        str(index): (noisy(1, seed=index), noisy(factor, seed=100 + index))
        for index, factor in enumerate(factors)
    }


def test_what_all_rows_do_alike_may_be_the_machine():
    alike = compare(rows_that_differ([1.3] * 6))
    assert {verdict.verdict for verdict in alike} == {"cannot tell"}
    assert {verdict.verdict for verdict in compare_pairs(rows_that_differ([1.3] * 6))} == {"slower"}
    one = compare(rows_that_differ([1.3, 1, 1, 1, 1, 1]))
    assert [verdict.verdict == "slower" for verdict in one] == [True] + [False] * 5
    half = compare(rows_that_differ([1.3, 1.3, 1.3, 1, 1, 1]))
    assert [verdict.verdict == "slower" for verdict in half] == [True] * 3 + [False] * 3
    assert {verdict.verdict for verdict in compare(rows_that_differ([2.5] * 6))} == {"slower"}
    assert {verdict.verdict for verdict in compare(rows_that_differ([1.3] * 3))} == {"slower"}


def said_of_rows_that_differ(factors):
    return [verdict.verdict for verdict in compare(rows_that_differ(factors))]


def test_rows_that_go_apart_are_not_the_machine():
    apart = said_of_rows_that_differ([1.3, 1.3, 1.3, 1 / 1.3, 1 / 1.3, 1 / 1.3])
    assert apart == ["slower"] * 3 + ["faster"] * 3
    few_against_many = said_of_rows_that_differ([1.3, 1.3] + [1 / 1.3] * 4)
    assert few_against_many == ["slower"] * 2 + ["cannot tell"] * 4


def test_a_machine_that_changed_could_hide_what_stayed_as_it_was():
    said = said_of_rows_that_differ([1.01, 0.99] + [1.3] * 4)
    assert said == ["cannot tell"] * 6


@pytest.mark.parametrize("comparison", [compare, compare_pairs])
def test_same_is_said_only_of_what_is_known_to_be(comparison):
    wide = noisy(1, 10, 0.2, seed=1)
    unknown = only(comparison({"row": (wide, wide[::-1])}, noise={"row": 0.01}))
    assert 0.95 < unknown.ratio < 1.05
    assert (unknown.verdict, unknown.why) == ("cannot tell", "the interval reaches beyond 5 %")
    quiet = {"row": (steps(1), steps(1))}
    assert only(comparison(quiet)).verdict == "same"
    assert only(comparison(quiet, noise={"row": 0.06})).verdict == "cannot tell"


def test_p_is_adjusted_for_the_number_of_rows():
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert benjamini_hochberg([0.04, 0.03]) == pytest.approx([0.04, 0.04])
    assert benjamini_hochberg([0.9, 0.001]) == pytest.approx([0.9, 0.002])
    alone = only(compare({"row": (steps(1), steps(1.2))}))
    many = {"row": (steps(1), steps(1.2))} | {str(i): (steps(1), steps(1)) for i in range(9)}
    assert compare(many)[0].p == pytest.approx(10 * alone.p)


@pytest.mark.parametrize(("comparison", "least"), [(compare, 6), (compare_pairs, 9)])
def test_too_few_repetitions_say_how_many_it_takes(comparison, least):
    few = only(comparison({"row": (steps(1, least - 1), steps(2, least - 1))}))
    assert few.verdict == "cannot tell"
    assert few.why == f"needs {least} repetitions on each side"
    assert few.ratio == pytest.approx(2, rel=0.01)
    enough = only(comparison({"row": (steps(1, least), noisy(2, least, 0.01))}))
    assert enough.verdict == "slower"


def test_one_of_many_rows_needs_more_repetitions():
    rows = {"slow": (steps(1, 6), steps(2, 6))}
    rows |= {str(index): (steps(1, 6), steps(1, 6)) for index in range(5)}
    assert compare(rows)[0].why == "needs 7 repetitions on each side, among 6 rows"


def test_a_side_without_repetitions_is_not_compared():
    verdict = only(compare({"row": ([], steps(1))}))
    assert (verdict.ratio, verdict.p, verdict.verdict) == (None, None, "cannot tell")
    assert (verdict.baseline, verdict.contender) == (0, 20)


@pytest.mark.parametrize("comparison", [compare, compare_pairs])
def test_ties_and_zeros_are_no_obstacle(comparison):
    equal, nothing = [1.0] * 10, [0.0] * 10
    both = only(comparison({"row": (equal, equal)}))
    assert (both.verdict, both.p, both.noise) == ("same", 1, 0)
    assert only(comparison({"row": (equal, [1.2] * 10)})).verdict == "slower"
    assert only(comparison({"row": (nothing, nothing)})).verdict == "same"
    assert only(comparison({"row": (nothing, [1e-4] * 10)})).verdict == "same"
    assert only(comparison({"row": (nothing, steps(0.5, 10))})).verdict == "slower"
    assert only(comparison({"row": (steps(0.5, 10), nothing)})).verdict == "faster"


def test_pairs_see_through_a_drift_that_both_share():
    drift = [1 + 0.1 * index for index in range(20)]
    a = [one * its for one, its in zip(noisy(1, seed=1), drift)]
    b = [one * its for one, its in zip(noisy(1.1, seed=2), drift)]
    assert only(compare({"row": (a, b)})).verdict == "cannot tell"
    assert only(compare_pairs({"row": (a, b)})).verdict == "slower"
    with pytest.raises(ValueError, match="20 and 19 repetitions are no pairs"):
        compare_pairs({"row": (a, b[:-1])})


def test_table_shows_slower_rows_first_in_a_hundred_columns():
    samples = {
        ROW.format("same"): (noisy(1, seed=3), noisy(1, seed=4)),
        ROW.format("fast"): (noisy(1, seed=3), noisy(0.5, seed=4)),
        ROW.format("slowslow"): (noisy(1, seed=3), noisy(1.5, seed=4)),
        ROW.format("few"): (steps(1, 3), steps(1, 4)),
    }
    out = io.StringIO()
    print_verdicts(compare(samples), out)
    lines = out.getvalue().splitlines()
    assert lines[0] == "rows: scan/.../files:8/mib:256/stride:512"
    told = [line.split("/")[0] for line in lines if line.startswith("exec:")]
    assert told == ["exec:slowslow", "exec:fast", "exec:few", "exec:same"]
    assert "iterations" not in out.getvalue()
    assert max(map(len, lines)) <= 100
    assert lines[1].split()[:6] == ["row", "n", "ratio", "95", "%", "adj."]
    few = next(index for index, line in enumerate(lines) if "exec:few/" in line)
    assert " 3/4 " in lines[few]
    assert lines[few + 1].strip() == "needs 6 repetitions on each side"

"""Glances: intervals, signal detection, curves and staircases of simulated raters whose threshold is known."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import binom

from saddle.evaluation.human.glance import detection, expected_judgements, sprt
from saddle.evaluation.human.plan import EXPOSURES
from saddle.evaluation.human.psychometric import (
    THREE_UP_ONE_DOWN,
    fit_curve,
    logistic,
    reversal_threshold,
    staircase_durations,
    weibull,
)
from saddle.evaluation.intervals import clopper_pearson, wilson


def answers(p, seed):
    """Right or wrong with probabilities p (N,)."""
    p = torch.as_tensor(p, dtype=torch.float64)
    return (torch.rand(len(p), generator=torch.Generator().manual_seed(seed), dtype=torch.float64) < p).tolist()


def share_right(t, threshold, slope=2.0, lapse=0.02):
    return 0.5 + (0.5 - lapse) / (1 + (threshold / np.asarray(t, dtype=float)) ** slope)


def test_the_exact_interval_is_where_the_tails_are_a_fortieth():
    low, high = clopper_pearson(7, 20)
    assert binom.sf(6, 20, low) == pytest.approx(0.025, rel=1e-9)
    assert binom.cdf(7, 20, high) == pytest.approx(0.025, rel=1e-9)
    assert clopper_pearson(0, 10) == pytest.approx((0.0, 1 - 0.025**0.1))
    assert clopper_pearson(10, 10) == pytest.approx((0.025**0.1, 1.0))


@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 0.9])
def test_coverage_of_the_intervals_summed_over_all_counts(p):
    """The exact one never covers less than 95 %; Wilson's stays near it."""
    n = 40

    def covered(interval):
        return sum(binom.pmf(k, n, p) for k in range(n + 1) if interval(k, n)[0] <= p <= interval(k, n)[1])

    assert covered(clopper_pearson) >= 0.95
    assert 0.92 <= covered(wilson) <= 0.985


def test_wilsons_interval_holds_the_share_itself():
    for n in range(1, 60):
        for k in (0, n):
            low, high = wilson(k, n)
            assert low <= k / n <= high


def test_wilsons_ends_solve_its_equation():
    """|p_hat - p| = z sqrt(p (1 - p) / n) at both ends."""
    for end in wilson(13, 50):
        assert abs(13 / 50 - end) == pytest.approx(1.959963985 * math.sqrt(end * (1 - end) / 50), rel=1e-9)


@pytest.mark.proves("scene-categorisation", "closed form")
def test_detection_of_known_shares():
    """H = 84.13 %, F = 15.87 %: d' = 2, c = 0; the log-linear halves are lost among 10^6 images."""
    n = 1_000_000
    found = detection(round(0.8413447 * n), n, round(0.1586553 * n), n)
    assert found.d_prime == pytest.approx(2, abs=1e-4)
    assert found.criterion == pytest.approx(0, abs=1e-4)
    shifted = detection(round(0.5 * n), n, round(0.0227501 * n), n)
    assert (shifted.d_prime, shifted.criterion) == pytest.approx((2, 1), abs=1e-4)


def test_detection_at_chance_with_bias_has_no_sensitivity():
    """Nine in ten judged real of either kind: d' = 0, c = -z(0.9) < 0."""
    found = detection(900_000, 1_000_000, 900_000, 1_000_000)
    assert found.d_prime == 0
    assert found.criterion == pytest.approx(-1.2815516, abs=1e-4)


def test_detection_stays_finite_without_errors():
    """H = 10.5 / 11, F = 0.5 / 11: d' = 2 z(10.5 / 11)."""
    found = detection(10, 10, 0, 10)
    assert found.d_prime == pytest.approx(2 * 1.6906, abs=1e-3)
    assert found.interval[0] > 0


def test_the_interval_of_sensitivity_covers_it():
    """d' = 1 and no bias, 100 images of each kind: 300 studies."""
    p = 0.6914624612740131
    rs = np.random.default_rng(0)
    held = 0
    for hits, alarms in zip(rs.binomial(100, p, 300), rs.binomial(100, 1 - p, 300), strict=True):
        low, high = detection(int(hits), 100, int(alarms), 100).interval
        held += low < 1 < high
    assert 0.91 < held / 300 <= 0.99


def test_the_sequential_test_takes_as_many_as_wald_says_or_a_little_more():
    """About 130 at p = 0.5 and 0.6; the overshoot of the bounds adds a few per cent; errors stay below 5 %."""
    assert expected_judgements(0.5) == pytest.approx(129.83, abs=0.01)
    assert expected_judgements(0.6) == pytest.approx(131.6, abs=0.1)
    for p, wrong in ((0.5, "better than chance"), (0.6, "chance")):
        runs = [sprt(answers(np.full(2000, p), seed)) for seed in range(300)]
        assert all(run.decision != "undecided" for run in runs)
        mean = np.mean([run.judgements for run in runs])
        assert 0.85 * expected_judgements(p) < mean < 1.25 * expected_judgements(p)
        assert np.mean([run.decision == wrong for run in runs]) < 0.08


def test_the_sequential_test_says_when_it_has_too_few():
    found = sprt([True, False] * 5)
    assert (found.decision, found.judgements) == ("undecided", 10)
    assert found.log_ratio == pytest.approx(5 * math.log(0.96))


@pytest.mark.parametrize("threshold", [120.0, 400.0])
def test_a_curve_finds_the_planted_threshold(threshold):
    t = np.repeat(EXPOSURES, 200)
    right = answers(share_right(t, threshold), seed=4)
    total = [200] * len(EXPOSURES)
    curve = fit_curve(EXPOSURES, [sum(right[200 * i : 200 * i + 200]) for i in range(11)], total)
    assert curve.interval[0] < threshold < curve.interval[1]
    assert curve.interval[1] / curve.interval[0] < 1.6
    assert curve.threshold == pytest.approx(threshold, rel=0.2)
    assert curve.p_chance < 1e-6
    assert curve.duration_at(0.75) == pytest.approx(threshold * (0.25 / 0.23) ** 0.5, rel=0.25)


def test_a_fit_without_noise_is_exact():
    """Shares of the curve itself, as if of 10^9 answers, give back every parameter; one at a time or together."""
    t = np.array(EXPOSURES, dtype=float)
    total = np.full(11, 10**9)
    curve = fit_curve(t, np.round(share_right(t, 250.0, 3.0, 0.04) * total), total)
    assert (curve.threshold, curve.slope, curve.lapse) == pytest.approx((250, 3, 0.04), rel=2e-2)
    p = 0.5 + 0.47 * (1 - np.exp(-((t / 200) ** 1.5)))
    other = fit_curve(t, np.round(p * total), total, weibull)
    assert (other.threshold, other.slope, other.lapse) == pytest.approx((200, 1.5, 0.03), rel=2e-2)


def test_the_interval_of_the_threshold_covers_it():
    t = np.repeat(EXPOSURES, 20)
    held = 0
    for seed in range(25):
        right = np.array(answers(share_right(t, 200.0), seed)).reshape(11, 20).sum(1)
        low, high = fit_curve(EXPOSURES, right.tolist(), [20] * 11).interval
        held += low < 200 < high
    assert held >= 21  # 95 % of 25 is 23.75; fewer than 21 has probability 0.007


def test_a_rater_at_chance_has_no_threshold():
    """The interval runs to the end of what was searched, and guessing explains the answers."""
    t = np.repeat(EXPOSURES, 40)
    right = np.array(answers(np.full(440, 0.5), 1)).reshape(11, 40).sum(1)
    curve = fit_curve(EXPOSURES, right.tolist(), [40] * 11)
    assert curve.interval[1] == pytest.approx(curve.bounds[1])
    assert curve.p_chance > 0.05
    assert len(t) == 440


def test_the_curves_reach_their_named_share_at_the_threshold():
    at = np.array([100.0])
    assert logistic(at, 100.0, 3.0)[0] == 0.5
    assert weibull(at, 100.0, 3.0)[0] == pytest.approx(1 - math.exp(-1))


def test_lapses_can_keep_a_share_out_of_reach():
    total = np.full(11, 10**6)
    curve = fit_curve(EXPOSURES, np.round(share_right(EXPOSURES, 100.0, 4.0, 0.1) * total), total)
    assert curve.duration_at(0.95) == math.inf


def test_staircase_moves():
    """Three right: shorter. One wrong: longer, and the count starts anew. The ends hold."""
    right = [True] * 3 + [True, True, False] + [True] * 6 + [False] * 9
    durations = staircase_durations(right, start=400, step=2, low=100, high=1600)
    assert durations[:7] == [400, 400, 400, 200, 200, 200, 400]
    assert durations[9] == 200
    assert durations[12] == 100
    assert durations[-1] == 1600
    assert reversal_threshold([100, 200], discard=0) is None


def run_staircase(threshold, trials, seed, step=1.25):
    u = torch.rand(trials, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).tolist()
    right, now = [], 500.0
    for value in u:
        right.append(value < float(share_right([now], threshold, lapse=0.0)[0]))
        now = staircase_durations(right, step=step)[-1]
    return staircase_durations(right, step=step)[:-1]


def test_a_staircase_settles_where_79_percent_are_right():
    """psi(t) = 0.794 at t = threshold sqrt(0.294 / 0.206); mean of 30 raters, 200 trials each, in log duration."""
    truth = 200.0 * math.sqrt((THREE_UP_ONE_DOWN - 0.5) / (1 - THREE_UP_ONE_DOWN))
    found = [math.log(reversal_threshold(run_staircase(200.0, 200, seed))) for seed in range(30)]
    assert math.exp(np.mean(found)) == pytest.approx(truth, rel=0.08)
    at = share_right([math.exp(np.mean(found))], 200.0, lapse=0.0)[0]
    assert at == pytest.approx(0.794, abs=0.02)


@pytest.mark.parametrize(
    "call",
    [
        lambda: clopper_pearson(0, 0),
        lambda: wilson(3, 2),
        lambda: detection(1, 0, 1, 2),
        lambda: sprt([True], p0=0.6, p1=0.5),
        lambda: expected_judgements(0.55),
        lambda: fit_curve([100, 100], [1, 1], [2, 2]),
        lambda: fit_curve([100, 0], [1, 1], [2, 2]),
        lambda: fit_curve([100, 200], [3, 1], [2, 2]),
        lambda: fit_curve([100, 200], [1], [2]),
        lambda: staircase_durations([], step=1.0),
    ],
)
def test_what_is_no_data_is_refused(call):
    with pytest.raises(ValueError, match="expected"):
        call()

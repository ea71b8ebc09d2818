"""Comparisons and ratings: planted strengths come back, intervals hold what they promise."""

import math

import pytest
import torch

from saddle.evaluation.human.pairwise import mean_opinion, over_raters, strengths, thurstone, win_rates


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def compare(log_odds, raters, each, seed):
    """(R, K, K): each rater compares every pair ``each`` times, winning with the odds planted."""
    theta = torch.tensor(log_odds, dtype=torch.float64)
    p = torch.sigmoid(theta[:, None] - theta)
    won = torch.binomial(
        torch.full((raters, *p.shape), float(each), dtype=torch.float64), p.expand(raters, -1, -1), generator=rng(seed)
    )
    upper = won.triu(1)
    return upper + (each - upper).triu(1).mT


@pytest.mark.proves("preference", "closed form")
def test_two_sources_give_the_log_odds():
    """(12 + 1/2) : (4 + 1/2), the halves being the prior."""
    found = strengths(torch.tensor([[[0.0, 4.0], [12.0, 0.0]]]), rng())
    assert found.log_odds.tolist() == pytest.approx([0.0, math.log(12.5 / 4.5)], rel=1e-9)
    assert found.low is None


def test_planted_strengths_come_back_within_their_interval():
    planted = [0.0, -0.5, -1.5, 0.7]
    found = strengths(compare(planted, raters=40, each=25, seed=3), rng())
    for truth, value, low, high in zip(planted[1:], found.log_odds[1:], found.low[1:], found.high[1:], strict=True):
        assert low < truth < high
        assert abs(value - truth) < 0.2
    assert found.low[0] == found.high[0] == 0


def test_the_interval_over_raters_knows_that_raters_differ():
    """Raters of opposite taste, each quite sure: judgements taken as independent would say +- 0.03."""
    taste = torch.tensor([0.9, 0.1] * 5, dtype=torch.float64)
    table = torch.stack([100 * taste, torch.full_like(taste, 100.0)], 1)
    low, high = over_raters(table, lambda t: (t[0] / t[1])[None], rng())
    assert float(high - low) == pytest.approx(2 * 1.96 * 0.4 / math.sqrt(10), rel=0.1)


def test_raters_interval_covers_the_truth():
    """Means of 20 raters' normal tastes: 95 % intervals hold 0 in about 92 % (a bootstrap of 20 is a little short)."""
    held = 0
    for seed in range(200):
        taste = torch.randn(20, 1, generator=rng(seed), dtype=torch.float64)
        table = torch.cat([taste, torch.ones_like(taste)], 1)
        low, high = over_raters(table, lambda t: (t[0] / t[1])[None], rng(seed), repeats=300)
        held += bool(low < 0 < high)
    assert 0.87 < held / 200 < 0.98


def test_a_source_that_never_lost_is_strong_but_finite():
    found = strengths(torch.tensor([[[0.0, 0.0], [50.0, 0.0]]]), rng())
    assert float(found.log_odds[1]) == pytest.approx(math.log(101))


def test_thurstone_of_two_is_the_normal_quantile():
    """Phi(s) = (12 + 1/2) / 17."""
    s = float(thurstone(torch.tensor([[0.0, 4.0], [12.0, 0.0]]))[1])
    assert 0.5 * (1 + math.erf(s / math.sqrt(2))) == pytest.approx(12.5 / 17, abs=1e-7)


def test_thurstone_recovers_a_planted_scale():
    planted = torch.tensor([0.0, 0.4, -0.8], dtype=torch.float64)
    p = torch.special.ndtr(planted[:, None] - planted)
    assert torch.allclose(thurstone(1e6 * p.fill_diagonal_(0)), planted, atol=1e-4)


def test_win_rates_add_to_one_and_are_a_half_where_two_never_met():
    rates = win_rates(torch.tensor([[0, 3, 0], [1, 0, 0], [0, 0, 0]]))
    assert rates[0, 1] + rates[1, 0] == 1
    assert rates[0, 2] == rates[2, 0] == rates[1, 1] == 0.5


def test_mean_opinion_is_students_interval_of_the_raters_means():
    """Means 2, 3, 4 of three raters, one of whom skipped an item: 3 +- 4.3027 / sqrt(3), cut at 1 and 5."""
    value, ends = mean_opinion(torch.tensor([[1.0, 3.0], [3.0, torch.nan], [4.0, 4.0]]))
    assert value == 3
    assert ends == pytest.approx((1.0, 5.0))
    value, ends = mean_opinion(torch.tensor([[3.0], [3.0], [3.0], [4.0]]))
    half = 3.182446305 * 0.5 / 2
    assert ends == pytest.approx((3.25 - half, 3.25 + half))
    assert mean_opinion(torch.tensor([[2.0, 4.0]])) == (3.0, None)


@pytest.mark.parametrize(
    "call",
    [
        lambda: win_rates(torch.zeros(2, 3)),
        lambda: win_rates(torch.tensor([[0.0, -1.0], [0.0, 0.0]])),
        lambda: strengths(torch.zeros(2, 2), rng()),
        lambda: thurstone(torch.tensor([[0.0, torch.nan], [0.0, 0.0]])),
        lambda: over_raters(torch.zeros(4, 2), lambda t: t, rng()),
        lambda: mean_opinion(torch.full((2, 2), torch.nan)),
        lambda: mean_opinion(torch.tensor([[6.0]])),
    ],
)
def test_what_are_no_answers_is_refused(call):
    with pytest.raises(ValueError, match="expected"):
        call()

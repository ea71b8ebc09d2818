"""Bradley-Terry and Glicko-2 against closed forms and Glickman's own example."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saddle.evaluation.measures.glicko import Rating, bradley_terry, expected_score, glicko2, rate_tournament

OPPONENTS = [Rating(1400, 30), Rating(1550, 100), Rating(1700, 300)]


@pytest.mark.proves("skill-rating", "golden")
def test_glickmans_example():
    """The superseded iteration of the volatility gives 0.0599934 here."""
    after = glicko2(Rating(1500, 200, 0.06), OPPONENTS, [1, 0, 0], tau=0.5)
    assert after.rating == pytest.approx(1464.0506705, rel=1e-9)
    assert after.deviation == pytest.approx(151.5165241, rel=1e-9)
    assert after.volatility == pytest.approx(0.0599959844, rel=1e-9)  # the root to all digits, by bisection


@given(st.permutations(range(3)))
def test_the_order_of_games_in_a_period_plays_no_part(order):
    scores = [1.0, 0.25, 0.0]
    expected = glicko2(Rating(1500, 200), OPPONENTS, scores)
    found = glicko2(Rating(1500, 200), [OPPONENTS[i] for i in order], [scores[i] for i in order])
    assert (found.rating, found.deviation) == pytest.approx((expected.rating, expected.deviation), rel=1e-13)


def test_an_idle_period_only_widens_the_deviation():
    after = glicko2(Rating(1600, 173.7178, 0.06), [], [])
    assert after.rating == 1600
    assert after.deviation == pytest.approx(173.7178 * math.sqrt(1 + 0.06**2), rel=1e-12)


@settings(deadline=None)
@given(st.floats(1000, 2000), st.floats(30, 350), st.floats(30, 350), st.floats(0, 1), st.floats(0.3, 1.2))
def test_the_volatility_solves_its_equation(rating, deviation, other, score, tau):
    """Step 5: f(ln sigma'^2) = 0, with delta and v of one game."""
    player, opponent = Rating(rating, deviation), Rating(1500, other)
    after = glicko2(player, [opponent], [score], tau)
    phi, g = deviation / 173.7178, 1 / math.sqrt(1 + 3 * (other / 173.7178) ** 2 / math.pi**2)
    e = expected_score(player, opponent)
    v = 1 / (g**2 * e * (1 - e))
    delta, x = v * g * (score - e), 2 * math.log(after.volatility)
    spread = phi**2 + v + math.exp(x)
    f = math.exp(x) * (delta**2 - spread) / (2 * spread**2) - (x - math.log(0.06**2)) / tau**2
    assert f == pytest.approx(0, abs=1e-9)


def test_a_surprise_raises_the_volatility():
    """delta^2 > phi^2 + v, the other way to bracket the root."""
    after = glicko2(Rating(1500, 50, 0.06), [Rating(2300, 30)] * 20, [1.0] * 20)
    assert after.volatility > 0.06


def test_equal_players_of_two_teams_keep_equal_ratings():
    """Everybody scores a half: nobody moves from 1500, and the deviations shrink."""
    a, b = rate_tournament(torch.full((20, 3, 2), 0.5))
    assert [player.rating for player in a + b] == pytest.approx([1500.0] * 5, abs=1e-9)
    assert max(player.deviation for player in a + b) < 100


def test_ratings_follow_the_players_when_these_change_places():
    outcomes = torch.rand(4, 3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    a, b = rate_tournament(outcomes)
    order = [2, 0, 1]
    turned, same = rate_tournament(outcomes[:, order])
    assert [p.rating for p in turned] == pytest.approx([a[i].rating for i in order], rel=1e-12)
    assert [p.rating for p in same] == pytest.approx([p.rating for p in b], rel=1e-12)


def test_ratings_recover_a_known_difference_of_strength():
    """Outcomes of exactly 1 / (1 + 10^(-200/400)) bring B's player to 200 points above A's."""
    share = 1 / (1 + 10 ** (-200 / 400))
    (a,), (b,) = rate_tournament(torch.full((2000, 1, 1), share, dtype=torch.float64))
    g = 1 / math.sqrt(1 + 3 * (a.deviation / 173.7178) ** 2 / math.pi**2)  # what doubt about the other leaves of it
    assert g * (b.rating - a.rating) == pytest.approx(200, abs=1)


def test_scores_out_of_range_are_refused():
    with pytest.raises(ValueError, match="scores="):
        glicko2(Rating(), [Rating()], [1.5])
    with pytest.raises(ValueError, match="one for each opponent"):
        glicko2(Rating(), [Rating()], [])
    with pytest.raises(ValueError, match="outcomes="):
        rate_tournament(torch.zeros(2, 2))


def test_bradley_terry_of_two_is_the_share_of_wins():
    p = bradley_terry(torch.tensor([[0, 7], [3, 0]]))
    torch.testing.assert_close(p, torch.tensor([0.7, 0.3], dtype=torch.float64), rtol=1e-12, atol=0)


@settings(deadline=None)
@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=6), st.floats(1, 50))
def test_bradley_terry_recovers_the_strengths_behind_an_exact_table(strengths, games):
    p = torch.tensor(strengths, dtype=torch.float64)
    p = p / p.sum()
    found = bradley_terry(games * p[:, None] / (p[:, None] + p))
    torch.testing.assert_close(found, p, rtol=1e-9, atol=0)


def test_bradley_terry_of_a_chain():
    """Pairs (1, 2) and (2, 3) alone: the odds multiply, 2:1 and 3:1."""
    p = bradley_terry(torch.tensor([[0.0, 2, 0], [1, 0, 3], [0, 1, 0]]))
    torch.testing.assert_close(p, torch.tensor([6.0, 3.0, 1.0], dtype=torch.float64) / 10, rtol=1e-9, atol=0)


def test_bradley_terry_meets_its_first_order_condition():
    """At the maximum each player's wins are those that the strengths expect."""
    wins = torch.randint(1, 20, (5, 5), generator=torch.Generator().manual_seed(0)).double().fill_diagonal_(0)
    p = bradley_terry(wins)
    expected = ((wins + wins.T) * p[:, None] / (p[:, None] + p)).sum(1)
    torch.testing.assert_close(wins.sum(1), expected, rtol=1e-10, atol=0)


def test_bradley_terry_refuses_what_has_no_maximum_and_takes_a_prior_for_it():
    wins = torch.tensor([[0.0, 4, 4], [0, 0, 2], [0, 1, 0]])  # nobody ever beat the first
    with pytest.raises(ValueError, match="prior"):
        bradley_terry(wins)
    p = bradley_terry(wins, prior=0.5)
    assert p[0] > p[1] > p[2] > 0
    two = bradley_terry(torch.tensor([[0.0, 4], [0, 0]]), prior=0.5)
    assert two.tolist() == pytest.approx([0.9, 0.1], rel=1e-12)


@pytest.mark.parametrize("wins", [torch.zeros(2, 3), torch.tensor([[0.0, -1], [1, 0]]), torch.full((2, 2), torch.nan)])
def test_bradley_terry_refuses_other_tables(wins):
    with pytest.raises(ValueError, match="wins="):
        bradley_terry(wins)

"""Battles of critics: ratios, tests and winners in closed form, and planted models whose winner is known."""

import math

import pytest
import torch
from scipy.stats import chi2_contingency, kstest
from torch import nn

from saddle import recipes
from saddle.data.spec import Spec
from saddle.evaluation.features import Identity
from saddle.evaluation.measures.gam import (
    Critic,
    battle,
    calibrate,
    errors,
    gam,
    play_all,
    smoothed_rate,
    two_proportion_test,
)
from saddle.evaluation.side import Model, Side
from saddle.evaluation.study import Study
from saddle.game import Game, Player, Sampler


def model(name, shift, direction=1.0, at=0.0, classes=0):
    """G(z) = z + shift on the line; D(x) = direction * (x - at)."""
    G, D = nn.Linear(1, 1), nn.Linear(1, 1)
    with torch.no_grad():
        G.weight.fill_(1.0)
        G.bias.fill_(shift)
        D.weight.fill_(direction)
        D.bias.fill_(-direction * at)
    players = [Player(n, net, torch.optim.SGD(net.parameters(), lr=0.1)) for n, net in (("G", G), ("D", D))]
    sampler = Sampler(
        prior=lambda n, rng: torch.randn(n, 1, generator=rng),
        generate=lambda nets, z, y: nets["G"](z),
        score=lambda nets, x, y: nets["D"](x)[:, 0],
        classes=classes,
    )
    return Model(Game(players, [], sampler), Spec(channels=1, classes=classes), name)


def real(n=2000, seed=0):
    return torch.randn(n, 1, generator=torch.Generator().manual_seed(seed))


def study(mine, *rivals, **more):
    sides = [Side.of_model(rival, 50, seed=1) for rival in rivals]
    return Study(Side.of_features(real()), Side.of_model(mine, 50), Identity(), rivals=sides, **more)


def wrong(k, n):
    return torch.tensor([1.0] * k + [0.0] * (n - k), dtype=torch.float64)


@pytest.mark.proves("gam", "closed form")
def test_ratios_of_known_errors():
    """Jeffreys: (20 + 1/2) / 101 over (40 + 1/2) / 101."""
    found = battle((wrong(30, 100), wrong(30, 100)), (wrong(20, 100), wrong(40, 100)))
    assert (found.r_test, found.r_sample) == pytest.approx((1.0, 20.5 / 40.5), rel=1e-15)
    assert found.winner == 1


def test_swapping_the_models_inverts_both_ratios():
    test, sample = (wrong(33, 100), wrong(30, 90)), (wrong(20, 100), wrong(40, 80))
    one, two = battle(test, sample), battle(test[::-1], sample[::-1])
    assert (two.r_test, two.r_sample) == pytest.approx((1 / one.r_test, 1 / one.r_sample), rel=1e-14)
    assert (one.p_test, one.p_sample) == pytest.approx((two.p_test, two.p_sample), rel=1e-12)
    assert (one.winner, two.winner) == (1, 2)


def test_critics_that_differ_on_real_samples_tie():
    """The reference script names a winner here without a look at r_test."""
    found = battle((wrong(5, 100), wrong(60, 100)), (wrong(10, 100), wrong(90, 100)))
    assert found.r_sample < 0.2
    assert found.winner == 0


def test_equal_errors_on_samples_tie():
    assert battle((wrong(30, 100), wrong(31, 100)), (wrong(20, 100), wrong(21, 100))).winner == 0


def test_perfect_critics_give_finite_ratios():
    found = battle((wrong(0, 50), wrong(0, 50)), (wrong(0, 50), wrong(20, 50)))
    assert (found.r_test, found.p_test) == (1.0, 1.0)
    assert found.r_sample == pytest.approx(0.5 / 20.5)
    assert smoothed_rate(0, 9) == 0.05


@pytest.mark.parametrize("k1, n1, k2, n2", [(45, 100, 30, 100), (3, 40, 9, 70), (10, 20, 11, 22)])
def test_two_proportions_agree_with_the_chi_square_of_the_table(k1, n1, k2, n2):
    expected = chi2_contingency([[k1, n1 - k1], [k2, n2 - k2]], correction=False).pvalue
    assert two_proportion_test(k1, n1, k2, n2) == pytest.approx(expected, rel=1e-10)


def test_p_values_of_equal_proportions_are_uniform():
    rng = torch.Generator().manual_seed(0)
    k = (torch.rand(2, 300, 4000, generator=rng) < 0.3).sum(2).tolist()
    p = [two_proportion_test(a, 4000, b, 4000) for a, b in zip(*k, strict=True)]
    assert kstest(p, "uniform").pvalue > 0.01


def test_a_threshold_halfway_between_the_medians_and_its_sign():
    high = calibrate(torch.tensor([3.0, 4.0, 100.0]), torch.tensor([0.0, 1.0, 2.0]))
    assert high == Critic(2.5, 1.0)
    energy = calibrate(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([3.0, 4.0, 100.0]))
    assert energy == Critic(2.5, -1.0)
    assert errors(torch.tensor([0.0, 9.0, 2.5]), energy, real=True).tolist() == [0.0, 1.0, 0.5]
    assert errors(torch.tensor([0.0, 9.0, 2.5]), energy, real=False).tolist() == [1.0, 0.0, 0.5]


def test_a_critic_that_always_says_the_same_errs_half_the_time():
    flat = calibrate(torch.ones(5), torch.ones(5))
    assert errors(torch.ones(4), flat, real=True).tolist() == [0.5] * 4


def test_a_critic_that_has_diverged_is_refused():
    with pytest.raises(ValueError, match="critic="):
        calibrate(torch.tensor([math.nan]), torch.tensor([0.0]))


def test_error_rates_of_a_contest_are_those_of_gaussians():
    """Real N(0, 1), fakes N(s, 1); the threshold comes to s/2: the critic errs with probability Phi(-s/2)."""
    contest = play_all([model("near", 1.0, -1.0), model("far", 3.0, -1.0)], real(8000), None, _rng(), match=5000)
    Phi = torch.distributions.Normal(0.0, 1.0).cdf
    for i, s in enumerate((1.0, 3.0)):
        t = contest.critics[i].threshold / -1.0
        assert t == pytest.approx(s / 2, abs=0.15)
        assert float(contest.real[i].mean()) == pytest.approx(float(Phi(torch.tensor(-t))), abs=0.03)
        for j, other in enumerate((1.0, 3.0)):
            assert float(contest.fake[i, j].mean()) == pytest.approx(float(Phi(torch.tensor(t - other))), abs=0.03)


def _rng():
    return torch.Generator().manual_seed(3)


def test_critics_with_different_thresholds_name_no_winner():
    """Thresholds at 1/2 and 1: one critic rejects more of the data than the other, whatever it says of samples."""
    found = gam(study(model("near", 1.0, -1.0), model("far", 2.0, -1.0)))
    assert found.value == 0.5
    assert found.details["battles"]["far"]["p_test"] < 0.05
    assert found.details["gam_2"]["near"]["mean"] > found.details["gam_2"]["far"]["mean"]


def bullseye(name, inside):
    """D(x) = -|x|; G puts so large a share of its samples in the middle of the data, and the others at 1.5."""
    base = model(name, 0.0)
    edge = torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor(inside)) if inside else torch.tensor(-9.0)
    sampler = Sampler(
        prior=base.game.sampler.prior,
        generate=lambda nets, z, y: torch.where(z < edge, 0.01 * z, 1.5 + 0.01 * z),
        score=lambda nets, x, y: -x[:, 0].abs(),
    )
    return Model(Game(base.game.players, [], sampler), base.spec, name)


@pytest.mark.proves("gam", "planted defect")
def test_a_planted_winner_is_found_from_both_sides():
    """Equal medians, hence equal thresholds; 40 % of one model's samples pass for data, and none of the other's."""
    good, bad = bullseye("good", 0.4), bullseye("bad", 0.0)
    won, lost = gam(study(good, bad)), gam(study(bad, good))
    assert (won.value, lost.value) == (1.0, 0.0)
    fight = won.details["battles"]["bad"]
    assert fight["r_test"] == pytest.approx(1, abs=0.1)
    assert fight["r_sample"] < 0.01
    assert won.details["gam_2_ratio"] < 0.01 and lost.details["gam_2_ratio"] > 100
    assert won.details["gam_2"]["good"]["mean"] == pytest.approx(0.4, abs=0.1)
    assert won.interval == pytest.approx((0.025, 1.0))


def test_energies_and_logits_meet_in_one_battle():
    """The same two models, one's critic turned upside down: nothing changes."""
    one, two, energy = model("one", 1.5, -1.0), model("two", -1.5, 1.0), model("two", -1.5, -1.0)
    a, b = gam(study(one, two)), gam(study(one, energy))
    assert a.value == b.value
    assert a.details["battles"] == b.details["battles"]
    assert (a.details["critics"]["two"]["sign"], b.details["critics"]["two"]["sign"]) == (1.0, -1.0)


def test_a_model_against_itself_ties():
    found = gam(study(model("same", 1.0, -1.0), model("same", 1.0, -1.0)))
    assert found.value == 0.5
    assert found.details["battles"].keys() == {"same (1)"}


def test_real_networks_with_labels_play():
    """Two conditional games on images: labels go with the samples, and every error is 0, 1/2 or 1."""
    recipe = recipes.find("cgan")
    spec = Spec(channels=1, size=16, classes=3)
    torch.manual_seed(0)
    models = [Model(recipe.build(recipe.SMALL, spec).seed(1), spec, name) for name in "ab"]
    rng = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (40, 1, 16, 16), dtype=torch.uint8, generator=rng)
    labels = torch.arange(40) % 3
    contest = play_all(models, x, labels, rng)
    assert contest.real.shape == (2, 20)
    assert contest.fake.shape == (2, 2, 20)
    assert set(contest.fake.unique().tolist()) <= {0.0, 0.5, 1.0}
    with pytest.raises(ValueError, match="labels="):
        play_all(models, x, None, rng)


def test_what_cannot_play_is_refused_or_left_out():
    mine = model("mine", 1.0)
    with pytest.raises(ValueError, match="--against"):
        gam(study(mine))
    pictures = Side.of_features(real(20), "pictures")
    both = Study(
        Side.of_features(real()),
        Side.of_model(mine, 50),
        Identity(),
        rivals=[pictures, Side.of_model(model("b", 2.0), 50)],
    )
    assert gam(both).details["left_out"] == ["pictures"]
    with pytest.raises(ValueError, match="labels"):
        play_all([mine, model("labelled", 1.0, classes=2)], real(), None, _rng())
    with pytest.raises(ValueError, match="real samples=4"):
        play_all([mine], real(4), None, _rng())
    with pytest.raises(ValueError, match="as the real ones are"):
        play_all([mine], torch.zeros(20, 2), None, _rng())
    with pytest.raises(ValueError, match="samples="):
        battle((torch.empty(0), torch.empty(0)), (wrong(1, 2), wrong(1, 2)))

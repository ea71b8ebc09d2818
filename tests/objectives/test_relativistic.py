"""The pairing game: symmetry between the players, invariance to a shift of the critic, closed-form slopes."""

import pytest
import torch

from saddle.objectives.relativistic import exchanged, relativistic_critic, relativistic_generator

REAL = torch.tensor([0.3, -1.0, 4.0], dtype=torch.float64)
FAKE = torch.tensor([1.0, -2.5, 0.0], dtype=torch.float64)


def test_the_value_is_minus_the_log_probability_of_telling_each_pair_apart():
    told = (REAL.exp() / (REAL.exp() + FAKE.exp())).log()
    torch.testing.assert_close(relativistic_critic(REAL, FAKE)["pair"], -told.mean())


def test_the_generator_plays_the_critic_with_exchanged_samples():
    assert relativistic_generator(REAL, FAKE) == relativistic_critic(FAKE, REAL)["pair"]


def test_only_differences_of_outputs_count():
    torch.testing.assert_close(relativistic_critic(REAL + 7, FAKE + 7)["pair"], relativistic_critic(REAL, FAKE)["pair"])


def test_slopes_are_the_probabilities_of_being_wrong():
    real, fake = REAL.clone().requires_grad_(True), FAKE.clone().requires_grad_(True)
    for loss, sign in [(relativistic_critic(real, fake)["pair"], 1), (relativistic_generator(real, fake), -1)]:
        by_real, by_fake = torch.autograd.grad(loss, [real, fake])
        wrong = (-sign * (REAL - FAKE)).sigmoid() / 3
        torch.testing.assert_close(by_real, -sign * wrong)
        torch.testing.assert_close(by_fake, sign * wrong)


def test_extreme_logits_give_the_asymptotes():
    high, low = torch.tensor([1e4]), torch.tensor([-1e4])
    assert relativistic_critic(high, low)["pair"].item() == 0
    assert relativistic_critic(low, high)["pair"].item() == 2e4
    assert relativistic_generator(high, low).item() == 2e4


def test_unpaired_samples_are_refused():
    with pytest.raises(ValueError, match="one fake for each real"):
        relativistic_critic(REAL, FAKE[:2])


def test_exchanging_pairs_bounds_the_margin_of_the_best_critic():
    """Its slope in the margin m is sigmoid(m) - (1 - eps), which vanishes at m = log((1 - eps) / eps)."""
    margin = REAL.clone().requires_grad_(True)
    for epsilon in (0.0, 0.1, 0.4):
        (slope,) = torch.autograd.grad(exchanged(relativistic_critic, epsilon)(margin, 0 * REAL)["pair"], margin)
        torch.testing.assert_close(slope, (REAL.sigmoid() - (1 - epsilon)) / 3)


def test_more_than_half_of_the_pairs_cannot_be_exchanged():
    with pytest.raises(ValueError, match=r"epsilon=0.5: expected a weight in"):
        exchanged(relativistic_critic, 0.5)

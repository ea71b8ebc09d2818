"""Losses of codes, encoders and many critics in closed form."""

import math

import pytest
import torch

from saddle.objectives import code_description, inference_generator, minimax_critic, soft_maximum

REAL = torch.tensor([0.3, -1.0, 4.0], dtype=torch.float64)
FAKE = torch.tensor([1.0, -2.5, 0.0], dtype=torch.float64)


def test_generator_and_encoder_play_the_critic_with_exchanged_kinds():
    ours, exchanged = inference_generator(REAL, FAKE), minimax_critic(FAKE, REAL)
    torch.testing.assert_close(ours["adversarial"], exchanged["real"])
    torch.testing.assert_close(ours["encoder"], exchanged["fake"])


def test_at_its_best_the_critic_gives_both_log_2():
    """Where pairs of both kinds have one density the optimal logit is 0."""
    zero = torch.zeros(5)
    assert [value.item() for value in inference_generator(zero, zero).values()] == pytest.approx([math.log(2)] * 2)


def test_the_description_of_a_code_is_its_cross_entropy():
    """Q with the codes' own distribution leaves their entropy: log K, and 1/2 log(2 pi e) for a normal code."""
    rng = torch.Generator().manual_seed(0)
    c, u = torch.randint(5, (40_000,), generator=rng), torch.randn(40_000, 1, generator=rng)
    terms = code_description(torch.zeros(40_000, 5), c, torch.zeros(40_000, 1), u)
    assert terms["category"].item() == pytest.approx(math.log(5), rel=1e-4)
    assert terms["continuous"].item() == pytest.approx(0.5 * math.log(2 * math.pi * math.e), rel=0.01)


def test_a_code_that_is_told_costs_nothing_but_its_constant():
    c, u = torch.tensor([0, 2]), torch.tensor([[0.5, -0.5], [0.1, 0.2]])
    terms = code_description(100.0 * torch.nn.functional.one_hot(c, 3), c, u, u)
    assert terms["category"].item() == pytest.approx(0, abs=1e-6)
    assert terms["continuous"].item() == pytest.approx(math.log(2 * math.pi))


def test_there_may_be_no_continuous_code():
    empty = torch.zeros(2, 0)
    assert code_description(torch.zeros(2, 3), torch.tensor([0, 1]), empty, empty)["continuous"] == 0


def test_codes_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="a number for each code"):
        code_description(torch.zeros(2, 3), torch.tensor([0, 1]), torch.zeros(2, 1), torch.zeros(2, 2))


def test_the_soft_maximum_goes_from_the_mean_to_the_maximum():
    values = torch.tensor([0.2, 1.5, 0.9], dtype=torch.float64)
    found = [soft_maximum(values, sharpness).item() for sharpness in (0.0, 0.5, 2.0, 50.0)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(values.mean().item())
    assert found[3] == pytest.approx(1.5)


@pytest.mark.parametrize("sharpness", [0.0, 1.0, 3.0])
def test_its_slope_is_the_weight_and_what_the_weight_does(sharpness):
    values = torch.tensor([0.2, 1.5, 0.9], dtype=torch.float64, requires_grad=True)
    weight = torch.softmax(sharpness * values.detach(), 0)
    mean = (weight * values.detach()).sum()
    (slope,) = torch.autograd.grad(soft_maximum(values, sharpness), values)
    torch.testing.assert_close(slope, weight * (1 + sharpness * (values.detach() - mean)))


def test_critics_that_agree_have_no_favourite():
    assert soft_maximum(torch.full((4,), 0.7), 3.0).item() == pytest.approx(0.7)


@pytest.mark.parametrize(
    "values, sharpness",
    [(torch.zeros(2, 2), 1.0), (torch.zeros(0), 1.0), (torch.zeros(2), -1.0), (torch.zeros(2), math.inf)],
)
def test_what_cannot_be_meant_is_refused(values, sharpness):
    with pytest.raises(ValueError, match="expected"):
        soft_maximum(values, sharpness)

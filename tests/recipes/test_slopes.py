"""Penalties on the critic's slope as remedies: closed forms, and what else a recipe may have beside them."""

import pytest
import torch

from saddle.game import DYNAMICS, gradient, play
from saddle.objectives import minimax_critic, r1, r2
from saddle.recipes import common
from saddle.recipes.slopes import slope
from saddle.recipes.watch import Call
from small_games import start


def terms_of(game, batch):
    """What D's move minimises, with random numbers that are always the same."""
    torch.manual_seed(3)
    return game.moves[0].loss(batch, torch.Generator().manual_seed(1))


def asked(critic, x, rng):
    """The slope of a critic that was shown x."""
    x = x.clone().requires_grad_(True)
    return slope(Call(x, (), critic(x)), rng)


def test_the_slope_of_a_linear_critic_is_its_weight(rng):
    w = torch.tensor([3.0, -4.0])
    assert asked(lambda x: x @ w, torch.randn(7, 2), rng).item() == pytest.approx(25)


def test_the_slope_of_a_quadratic_critic_is_its_argument(rng):
    """D(x) = a |x|^2 / 2 has the gradient a x; its own gradient in a is 2 a E|x|^2."""
    x, a = torch.randn(6, 1, 4, 4), torch.tensor(0.5, requires_grad=True)
    found = asked(lambda x: a * x.square().flatten(1).sum(1) / 2, x, rng)
    size = x.square().sum().item() / 6
    assert found.item() == pytest.approx(0.25 * size, rel=1e-5)
    found.backward()
    assert a.grad.item() == pytest.approx(size, rel=1e-5)


def test_a_pack_is_one_sample_and_the_rest_counts_for_nothing(rng):
    """Seven points in packs of two: three outputs, each of slope |w|^2 in four numbers."""
    w = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert asked(lambda x: x[:6].reshape(3, 4) @ w, torch.randn(7, 2), rng).item() == pytest.approx(30)


def test_outputs_that_share_their_batch_do_not_cancel(rng):
    """D_i = x_i - mean(x): the sum of all is 0 whatever x, the slope of each is 1 - 1/N."""
    x = torch.randn(5, 1)
    found = [asked(lambda x: (x - x.mean()).squeeze(1), x, rng).item() for _ in range(2000)]
    assert sum(found) / 2000 == pytest.approx(1 - 1 / 5, rel=0.02)


def test_the_terms_are_the_papers_and_cost_no_look_of_the_critic():
    (game, draw), (plain, _) = start(remedies="r1=0.5,r2=3"), start()
    batch, D, passes = draw(), game["D"].module, {}
    for name, one in (("with", game), ("without", plain)):
        one["D"].module.register_forward_hook(lambda *_, name=name: passes.update({name: passes.get(name, 0) + 1}))
        terms_of(one, batch)
    assert passes["with"] == passes["without"] == 2
    _, found = gradient(game.seed(1), game.moves[0], batch)
    fake = game["G"].module(common.noise(batch, 8, torch.Generator().manual_seed(1))).detach()
    wanted = sum(minimax_critic(D(batch.x), D(fake)).values()) + 0.5 * r1(D, batch.x) + 3 * r2(D, fake)
    for f, e in zip(found, torch.autograd.grad(wanted, game["D"].parameters), strict=True):
        assert torch.allclose(f, e, rtol=1e-4, atol=1e-6)


def test_instance_noise_moves_the_point_where_the_slope_is_taken():
    game, draw = start(remedies="r1", instance_noise=0.5)
    batch = draw()
    term = terms_of(game, batch)["r1"].item()
    torch.manual_seed(3)
    noisy = batch.x + 0.5 * torch.randn_like(batch.x)
    assert term == pytest.approx(r1(game["D"].module.module, noisy).item(), rel=1e-5)


def test_a_linear_critic_under_spectral_norm_has_slope_1():
    game, draw = start(remedies="r1=4,r2=6,spectral-norm", layers=0)
    terms = terms_of(game, draw())
    assert terms["r1"].item() == pytest.approx(2, rel=1e-5)
    assert terms["r2"].item() == pytest.approx(3, rel=1e-5)


def test_a_linear_critic_of_packs_has_the_slope_of_its_whole_weight():
    game, draw = start(remedies="r1=2,packing=3", layers=0, batch=8)
    weight = game["D"].module.critic.output.weight
    assert weight.shape == (1, 6)
    assert terms_of(game, draw())["r1"].item() == pytest.approx(weight.square().sum().item(), rel=1e-5)


@pytest.mark.parametrize("dynamics", sorted(DYNAMICS))
def test_slopes_are_penalised_under_every_dynamics(dynamics):
    game, draw = start(dynamics=dynamics, remedies="r1,r2")
    reports = [report.values() for report in play(game, draw, 2)]
    assert all(report["D.r1"] > 0 < report["D.r2"] for report in reports)


def test_a_strong_penalty_makes_the_critic_flat():
    ends = []
    for gamma in ("0.001", "100"):
        game, draw = start(remedies=f"r1={gamma},r2={gamma}", lr_critic=0.01)
        list(play(game, draw, 100))
        ends.append(r1(game["D"].module, draw().x).item())
    assert ends[1] < ends[0] / 100


@pytest.mark.parametrize("name", ["r1", "r2"])
@pytest.mark.parametrize(
    "recipe, expected",
    [("wgan-gp", "slope already"), ("dragan", "slope already"), ("r3gan", "slope already"), ("ebgan", "no energies")],
)
def test_a_recipe_with_a_penalty_of_its_own_or_an_energy_refuses(name, recipe, expected):
    with pytest.raises(ValueError, match=f"remedies={name}: expected .*{expected}"):
        start(recipe, remedies=name)


def test_a_recipe_whose_own_penalty_is_off_takes_them():
    game, draw = start("wgan-gp", remedies="r1", gp_weight=0.0, n_critic=1)
    assert terms_of(game, draw())["r1"] > 0

"""SNGAN, SAGAN and BigGAN as games: what they ask of data, what they minimise, how they are published."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from saddle.data.spec import Batch, Spec
from saddle.game import generate, gradient, latents, play, score
from saddle.networks import ProjectionCritic
from saddle.networks.layers import filters
from saddle.networks.spectral import SPECTRAL
from saddle.objectives import hinge_critic, hinge_generator, off_orthogonal
from saddle.recipes.deep import biggan, sagan, sngan

LABELLED = Spec(1, 16, classes=3)
PLAIN = Spec(1, 16)
GAMES = {
    "sngan": lambda: sngan.build(sngan.SMALL, LABELLED),
    "sngan, labels": lambda: sngan.build(sngan.Config(batch=8, z_dim=8, conditional=True), LABELLED),
    "sagan": lambda: sagan.build(sagan.SMALL, LABELLED),
    "sagan, no labels": lambda: sagan.build(sagan.Config(batch=8, z_dim=8, conditional=False), PLAIN),
    "biggan": lambda: biggan.build(biggan.SMALL, LABELLED),
}


def count(net):
    return sum(p.numel() for p in net.parameters())


def drawn():
    rng = torch.Generator().manual_seed(1)
    return Batch(torch.rand(8, 1, 16, 16, generator=rng) * 2 - 1, torch.arange(8) % 3)


def move_of(game, player):
    return next(move for move in game.moves if move.player == player)


@pytest.mark.parametrize("name", GAMES)
def test_labels_are_asked_for_where_they_are_played(name):
    """The same z under another label is another sample, once G has moved; the same x has another score."""
    game = GAMES[name]()
    list(play(game, drawn, 2))
    z, x = latents(game, 3, seed=0), drawn().x[:3]
    if not game.sampler.classes:
        assert generate(game, z).shape == (3, 1, 16, 16)
        assert score(game, x).shape == (3,)
        return
    zeros, twos = torch.zeros(3, dtype=torch.int64), torch.full((3,), 2)
    assert (generate(game, z, zeros) - generate(game, z, twos)).flatten(1).norm(dim=1).min() > 0
    assert (score(game, x, zeros) - score(game, x, twos)).abs().min() > 0
    with pytest.raises(ValueError, match="label=None"):
        score(game, x)
    with pytest.raises(ValueError, match=r"labels=\[3\]"):
        generate(game, z, torch.tensor([0, 1, 3]))


@pytest.mark.parametrize(
    "build, instead",
    [
        (lambda: sngan.build(sngan.Config(conditional=True), PLAIN), "; or --conditional false$"),
        (lambda: sagan.build(sagan.SMALL, PLAIN), "; or --conditional false$"),
        (lambda: biggan.build(biggan.SMALL, PLAIN), r"a sub-folder a label\)$"),
    ],
)
def test_data_without_labels_are_refused_in_words(build, instead):
    with pytest.raises(ValueError, match=f"classes=0: expected data with 2 or more labels .*{instead}"):
        build()


@pytest.mark.parametrize("name", GAMES)
def test_every_layer_that_should_has_spectral_norm(name):
    """All of D, its labels' rows included; all of G but embeddings in SAGAN and BigGAN, none of it in SNGAN."""
    game = GAMES[name]()
    D, G = game["D"].module, game["G"].module
    assert all(parametrize.is_parametrized(m) for m in D.modules() if isinstance(m, (*SPECTRAL, nn.Embedding)))
    assert any(isinstance(m, nn.Embedding) for m in D.modules()) == isinstance(D, ProjectionCritic)
    found = {parametrize.is_parametrized(m) for m in G.modules() if isinstance(m, SPECTRAL)}
    assert found == {not name.startswith("sngan")}
    assert not any(parametrize.is_parametrized(m) for m in G.modules() if isinstance(m, nn.Embedding))


def test_the_generators_step_may_have_more_samples():
    """Twice as many z, under the batch's labels twice; D sees the first of them."""
    config = sngan.Config(batch=8, z_dim=8, generator_batch=2, conditional=True)
    game, batch = sngan.build(config, LABELLED), drawn()
    shared = game.look(move_of(game, "D"), lambda: batch)
    D = game["D"].module.eval()
    assert shared.fake.shape == (16, 1, 16, 16)
    for player, wanted in (
        ("D", hinge_critic(D(batch.x, batch.y), D(shared.fake[:8], batch.y))),
        ("G", {"adversarial": hinge_generator(D(shared.fake, torch.cat([batch.y, batch.y])))}),
    ):
        terms, _ = gradient(game, move_of(game, player), shared)
        assert {name: terms[name].item() for name in wanted} == pytest.approx({k: v.item() for k, v in wanted.items()})


def test_orthogonal_regularisation_pulls_at_the_raw_weights_of_g():
    """Its share of G's gradient is beta times that of the penalty; the labels' shared rows feel nothing of it."""
    grads = []
    for beta in (0.0, 0.5):
        torch.manual_seed(2)
        game = biggan.build(biggan.Config(batch=8, z_dim=8, orthogonal=beta), LABELLED).seed(0)
        batch = game.look(move_of(game, "G"), drawn)
        grads.append(gradient(game, move_of(game, "G"), batch)[1])
    G = game["G"].module
    pull = torch.autograd.grad(off_orthogonal(filters(G)), list(G.parameters()), allow_unused=True)
    for plain, pulled, own in zip(*grads, pull, strict=True):
        torch.testing.assert_close(pulled - plain, 0.5 * own if own is not None else 0 * plain, atol=1e-5, rtol=1e-4)
    names = [name for (name, _), own in zip(G.named_parameters(), pull, strict=True) if own is None]
    assert "shared.weight" in names
    assert all(name.endswith(("bias", "gamma", "weight")) and "original" not in name for name in names)


@pytest.mark.parametrize(
    "recipe, spec, g, d",
    [
        (sngan, Spec(3, 32), 4_276_739, 1_053_824),
        (sagan, Spec(3, 128, classes=1000), 42_078_852, 39_463_618),
        (biggan, Spec(3, 128, classes=1000), 70_433_988, 87_982_370),
    ],
)
def test_the_published_presets_have_the_papers_sizes(recipe, spec, g, d):
    """Counted by hand in tests/networks; BigGAN's sum is the 158 million of the paper's table 1."""
    with torch.device("meta"):
        G, D = recipe.networks(recipe.PRESETS["published"], spec, spec.classes)
        y = (torch.zeros(2, dtype=torch.int64),) * (spec.classes > 0)
        x = G(torch.empty(2, recipe.PRESETS["published"].z_dim), *y)
        assert (x.shape, D(x, *y).shape) == ((2, *spec.shape), (2,))
    assert (count(G), count(D)) == (g, d)


def test_sngans_published_run_ends_after_50000_steps_of_g():
    config = sngan.PRESETS["published"]
    assert config.decay_until == 50_000 * config.n_critic * config.batch
    assert config.decay_from == 0


@pytest.mark.parametrize("recipe", [sngan, sagan, biggan])
@pytest.mark.parametrize("size", [16, 64])
def test_the_defaults_fit_any_power_of_two(recipe, size):
    spec = Spec(3, size, classes=4)
    game = recipe.build(recipe.Config(), spec)
    y = torch.arange(2) if game.sampler.classes else None
    x = generate(game, latents(game, 2, seed=0), y)
    assert x.shape == (2, 3, size, size)
    assert score(game, x, y).shape == (2,)


@pytest.mark.parametrize(
    "recipe, spec, settings, what",
    [
        (sngan, Spec(1, 24), {}, "size=24"),
        (sngan, PLAIN, {"plain": 3}, "plain=3: expected fewer than the 3 blocks"),
        (sngan, PLAIN, {"critic_widest": 3}, "critic_widest=3"),
        (sngan, PLAIN, {"generator_batch": 0}, "generator_batch=0"),
        (sngan, PLAIN, {"weights": "normal"}, "no way to start the weights is called .normal."),
        (sagan, LABELLED, {"width": 4}, "width=4"),
        (sagan, LABELLED, {"attention": 12}, "attention=12: expected a power of two"),
        (biggan, LABELLED, {"z_dim": 2}, "z_dim=2: expected 3 or more"),
        (biggan, LABELLED, {"orthogonal": -1.0}, "orthogonal=-1.0"),
        (sngan, PLAIN, {"remedies": "spectral-norm"}, "remedies=spectral-norm: .* already"),
        (sagan, LABELLED, {"remedies": "packing"}, "remedies=packing: .* without labels"),
        (sagan, LABELLED, {"remedies": "self-attention"}, "remedies=self-attention: expected networks without"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(recipe, spec, settings, what):
    with pytest.raises(ValueError, match=what):
        recipe.build(replace(recipe.SMALL, **settings), spec)


@pytest.mark.parametrize("recipe", [sngan, sagan, biggan])
def test_a_remedys_layer_comes_beneath_the_norm(recipe):
    """A feature more before the last layer, whose weights the norm then covers."""
    config = replace(recipe.SMALL, remedies="minibatch-stddev,diffaugment,lecam")
    game = recipe.build(config, LABELLED)
    list(play(game, drawn, 2))
    shapes = {
        name: tuple(p.shape) for name, p in game["D"].module.named_parameters() if "linear.1.parametrizations" in name
    }
    assert list(shapes.values()) == [(1, 9)]


def test_orthogonal_weights_give_the_critic_a_slope_to_begin_with():
    """Beneath spectral norm Glorot's leave it several times flatter: 32 pixels, the mean of three starts."""
    x, y = (2 * torch.rand(8, 1, 32, 32) - 1).requires_grad_(), torch.arange(8) % 3
    slopes = dict.fromkeys(("orthogonal", "glorot"), 0.0)
    for weights in slopes:
        for seed in range(3):
            torch.manual_seed(seed)
            D = sagan.build(sagan.Config(weights=weights), Spec(1, 32, classes=3))["D"].module
            (slope,) = torch.autograd.grad(D(x, y).sum(), x)
            slopes[weights] += slope.flatten(1).norm(dim=1).mean().item()
    assert slopes["orthogonal"] > 3 * slopes["glorot"]

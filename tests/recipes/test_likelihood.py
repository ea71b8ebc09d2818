"""Games of one player: a bound on the likelihood, codes to draw from, reconstructions."""

import math

import pytest
import torch
from torch import nn

from saddle.data import gaussian1d, load
from saddle.data.spec import Batch, Spec
from saddle.game import play, reconstruct, sample
from saddle.networks import Autoencoder
from saddle.recipes.likelihood import ae, vae


def trained(recipe, config, data, rounds, seed=0):
    """The game, and each round's terms."""
    torch.manual_seed(seed)
    game = recipe.build(config, data.spec).seed(seed)
    return game, [report.values() for report in play(game, data.draw(config.batch, seed), rounds)]


def test_the_terms_are_nats_per_sample():
    """A decoder of zeros and an encoder that answers the prior: S^2 log 2 for the pixels, and no divergence."""
    game = vae.build(vae.Config(z_dim=3), Spec(1, 8))
    with torch.no_grad():
        for p in game["VAE"].parameters:
            p.zero_()
    terms = game.moves[0].loss(Batch(torch.rand(5, 1, 8, 8) * 2 - 1), game.rng)
    assert terms["reconstruction"].item() == pytest.approx(64 * math.log(2), rel=1e-5)
    assert terms["kl"].item() == 0


def test_a_point_is_gaussian_around_its_decoding():
    """A decoder of zeros: -log N(x; 0, sigma^2 I)."""
    game = vae.build(vae.Config(z_dim=3, sigma=0.5), Spec(2))
    with torch.no_grad():
        for p in game["VAE"].parameters:
            p.zero_()
    x = torch.tensor([[1.0, -2.0]])
    expected = (1 + 4) / (2 * 0.25) + 2 * math.log(0.5) + math.log(2 * math.pi)
    assert game.moves[0].loss(Batch(x), game.rng)["reconstruction"].item() == pytest.approx(expected)


@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("recipe", [ae, vae])
def test_both_kinds_of_networks_fit_images(recipe, network):
    game = recipe.build(recipe.Config(network=network, z_dim=2, width=8, hidden=16), Spec(3, 16))
    x = torch.rand(4, 3, 16, 16) * 2 - 1
    again = reconstruct(game, x)
    assert again.shape == x.shape
    assert again.abs().max() <= 1
    assert sample(game, 2, seed=0)[0].shape == (2, 3, 16, 16)


@pytest.mark.parametrize("recipe", [ae, vae])
def test_convolutions_are_refused_for_points(recipe):
    with pytest.raises(ValueError, match="network=conv: expected images"):
        recipe.build(recipe.Config(network="conv"), Spec(2))


def test_the_fitted_gaussian_has_the_codes_moments():
    """With nothing but identities inside, z goes to mean + R z with R R^T the covariance, singular ones included."""
    codes = torch.randn(500, 2, generator=torch.Generator().manual_seed(0)) @ torch.tensor(
        [[1.0, 0.5, 0.0], [0.0, 2.0, 0.0]]
    )
    codes += torch.tensor([3.0, 0.0, -1.0])  # (500, 3), in a plane
    net = ae.FittedAutoencoder(Autoencoder(nn.Identity(), nn.Identity()), z_dim=3).train()
    for part in codes.split(100):
        net(part)
    mean = net.generate(torch.zeros(1, 3))
    root = net.generate(torch.eye(3)) - mean  # rows are R's columns
    assert torch.allclose(mean[0], codes.mean(0), atol=1e-5)
    assert torch.allclose(root.T @ root, codes.T.cov(correction=0), atol=1e-4)


def test_codes_are_counted_while_training_only():
    net = ae.FittedAutoencoder(Autoencoder(nn.Identity(), nn.Identity()), z_dim=3).eval()
    net(torch.ones(4, 3))
    assert net.batches == 0
    assert net.mean.abs().sum() == 0


@pytest.mark.slow
def test_the_bound_stays_below_the_likelihood_and_comes_near():
    """For N(2, 1/2) no model has more than minus the entropy, -log(sigma sqrt(2 pi e)) nats a sample."""
    _, terms = trained(vae, vae.Config(batch=500, z_dim=1), gaussian1d(), 2000)
    elbo = [-(t["VAE.reconstruction"] + t["VAE.kl"]) for t in terms]
    best = -math.log(0.5 * math.sqrt(2 * math.pi * math.e))
    last = sum(elbo[-200:]) / 200
    assert best - 0.1 < last < best + 0.02  # 0.02: four standard errors of the mean of 200 batches
    assert elbo[0] < best - 1


@pytest.mark.slow
def test_a_vae_reconstructs_digits_better_than_their_mean():
    data = load("digits")
    game, terms = trained(vae, vae.Config(z_dim=10, hidden=200), data, 400)
    x = data.sample(500, torch.Generator().manual_seed(1)).x
    error = (reconstruct(game, x) - x).square().mean()
    assert error < 0.5 * (x - x.mean(0)).square().mean()
    bound = [t["VAE.reconstruction"] + t["VAE.kl"] for t in terms]
    assert sum(bound[-20:]) < 0.9 * sum(bound[:20])


@pytest.mark.slow
def test_an_autoencoder_draws_what_it_was_shown():
    """Codes of one Gaussian are Gaussian: decoded draws have the data's moments."""
    game, _ = trained(ae, ae.Config(z_dim=1), gaussian1d(), 500)
    x, _ = sample(game, 4000, seed=0)
    assert x.mean().item() == pytest.approx(2, abs=0.1)
    assert x.std().item() == pytest.approx(0.5, rel=0.1)

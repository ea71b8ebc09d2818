"""Variational autoencoder: maximises a lower bound on the likelihood, reconstruction minus KL. A game of one player.

The two terms logged are ``reconstruction``, -E_q[log p(x|z)] with one draw of z, and ``kl``, KL(q(z|x) || N(0, I)) in
closed form, both in nats per sample; minus their sum is the ELBO. Images are Bernoulli over pixels in [0, 1], the
paper's choice for MNIST (for grey values a cross-entropy, not a likelihood); points are Gaussian with a fixed
``sigma``. A sample is the mean of p(x|z), z ~ N(0, I), and a reconstruction the mean of p(x|z) at the mean of q(z|x).
With ``--z_dim 2`` decoding a grid of z shows the latent plane. Differences from the paper: Adam 1e-3 in place of
Adagrad, and no weight decay.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Move, Nets, Player, Sampler, Terms, make_optimizer
from saddle.networks import conv_decoder, conv_encoder, mlp_decoder, mlp_encoder
from saddle.objectives import bernoulli_nll, gaussian_kl, gaussian_nll
from saddle.recipes import common

SOURCE = "Kingma, Welling 2014, arXiv:1312.6114"


@dataclass(frozen=True)
class Config(common.Autoencoding):
    """The paper's networks for MNIST: one tanh layer of 500 each, batch 100, L = 1."""

    sigma: float = 0.1
    """Standard deviation of p(x|z) for points."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.sigma > 0, "sigma", self.sigma, "a standard deviation above 0")


SMALL = Config(batch=8, z_dim=4, hidden=16, width=8)


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    encoder, decoder = networks(config, spec)
    VAE = nn.ModuleDict({"encoder": encoder, "decoder": decoder})

    def loss(batch: Batch, rng: torch.Generator) -> Terms:
        mean, log_variance = encoder(batch.x)  # q(z|x) = N(mu, diag sigma^2), each (N, z_dim)
        epsilon = torch.randn(mean.shape, generator=rng, device=rng.device)
        z = mean + (log_variance / 2).exp() * epsilon
        return {"reconstruction": nll(decoder(z), batch.x).mean(), "kl": gaussian_kl(mean, log_variance).mean()}

    def nll(output: Tensor, x: Tensor) -> Tensor:  # -log p(x|z), (N,)
        return gaussian_nll(output, x, config.sigma) if spec.points else bernoulli_nll(output, (x + 1) / 2)

    def decode(nets: Nets, z: Tensor) -> Tensor:
        output: Tensor = nets["VAE"].get_submodule("decoder")(z)
        return output if spec.points else 2 * output.sigmoid() - 1  # E[x|z]

    sampler = Sampler(
        prior=lambda n, rng: torch.randn(n, config.z_dim, generator=rng, device=rng.device),
        generate=lambda nets, z, y: decode(nets, z),
        reconstruct=lambda nets, x: decode(nets, nets["VAE"].get_submodule("encoder")(x)[0]),
    )
    optimizer = make_optimizer(config.optimizer, VAE, config.lr, config.beta1, config.beta2)
    return Game([Player("VAE", VAE, optimizer)], [Move("VAE", loss)], sampler)


def networks(config: Config, spec: Spec) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder."""
    if common.network_of(config, spec, "conv", least=8) == "mlp":
        shape, hidden = spec.shape, config.hidden
        return mlp_encoder(shape, config.z_dim, hidden), mlp_decoder(config.z_dim, shape, hidden)
    size, channels, width = spec.size, spec.channels, config.width
    return conv_encoder(size, channels, config.z_dim, width), conv_decoder(config.z_dim, size, channels, width)

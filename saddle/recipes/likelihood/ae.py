"""Autoencoder: an encoder to a short code and a decoder back, by least squares. A game of one player.

An autoencoder has no density of its own. To draw from it, a Gaussian is fitted to the codes of the training data while
it trains (mean and covariance, averaged over the latest hundred batches or so); a sample is the decoding of a draw from
that Gaussian. The networks are those of the ``vae`` recipe, so the two can be compared.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from saddle.data.spec import Batch, Spec
from saddle.game import Game, Move, Nets, Player, Sampler, Terms, make_optimizer
from saddle.networks import Autoencoder, ConvAutoencoder, MLPAutoencoder
from saddle.recipes import common

SOURCE = "Hinton, Salakhutdinov 2006, doi:10.1126/science.1127647"


@dataclass(frozen=True)
class Config(common.Autoencoding):
    """Adam 1e-3, codes of 20 numbers."""


SMALL = Config(batch=8, z_dim=4, hidden=16, width=8)


class FittedAutoencoder(nn.Module):
    """x -> decode(encode(x)); while training it keeps the mean and covariance of the codes, to draw new ones from.

    Args:
        net: the autoencoder.
        z_dim: length of its codes.
        memory: batches over which the two are averaged.
    """

    mean: Tensor
    second: Tensor
    batches: Tensor

    def __init__(self, net: Autoencoder, z_dim: int, memory: float = 100.0) -> None:
        super().__init__()
        self.net, self.memory = net, memory
        self.register_buffer("mean", torch.zeros(z_dim))
        self.register_buffer("second", torch.eye(z_dim))
        self.register_buffer("batches", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        codes = self.net.encode(x)  # (N, z_dim)
        if self.training:
            self.observe(codes.detach().to(self.mean))
        return self.net.decode(codes)

    def observe(self, codes: Tensor) -> None:
        """Follow the codes' mean and second moment, as a plain average at first and with a memory later."""
        self.batches += 1
        share = 1 / self.batches.clamp(max=self.memory)
        self.mean.lerp_(codes.mean(0), share)
        with torch.autocast(codes.device.type, enabled=False):  # a moment is not kept in bfloat16
            self.second.lerp_(codes.T @ codes / len(codes), share)

    def generate(self, z: Tensor) -> Tensor:
        """z ~ N(0, I) (N, z_dim) -> decodings of codes of the fitted Gaussian."""
        covariance = (self.second - torch.outer(self.mean, self.mean)).cpu().double()
        values, vectors = torch.linalg.eigh(covariance)  # a square root that bears directions without spread
        root = (vectors * values.clamp(min=0).sqrt()).to(z)  # (z_dim, z_dim), root root^T = covariance
        return self.net.decode(self.mean + z @ root.T)


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    AE = FittedAutoencoder(network(config, spec), config.z_dim)

    def loss(batch: Batch, rng: torch.Generator) -> Terms:
        squares = (AE(batch.x) - batch.x).square().flatten(1).sum(1)  # |x - Dec(Enc(x))|^2, (N,)
        return {"reconstruction": squares.mean()}

    def generate(nets: Nets, z: Tensor, y: Tensor | None) -> Tensor:
        net = nets["AE"]
        assert isinstance(net, FittedAutoencoder)
        return net.generate(z)

    sampler = Sampler(
        prior=lambda n, rng: torch.randn(n, config.z_dim, generator=rng, device=rng.device),
        generate=generate,
        reconstruct=lambda nets, x: nets["AE"](x),
    )
    optimizer = make_optimizer(config.optimizer, AE, config.lr, config.beta1, config.beta2)
    return Game([Player("AE", AE, optimizer)], [Move("AE", loss)], sampler)


def network(config: Config, spec: Spec) -> Autoencoder:
    """Encoder and decoder."""
    if common.network_of(config, spec, "conv", least=8) == "mlp":
        return MLPAutoencoder(spec.shape, (config.hidden,), config.z_dim, bounded=not spec.points)
    return ConvAutoencoder(spec.size, spec.channels, config.width, config.z_dim, norm="group")

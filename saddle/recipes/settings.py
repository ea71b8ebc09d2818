"""Settings that several recipes share: those of every adversarial game, and those of every autoencoder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from saddle.config import require, typed
from saddle.game import choose_dynamics
from saddle.recipes import remedies

__all__ = ["MOST", "Adversarial", "Autoencoding"]

MOST = 2**16
"""Samples, units or channels beyond this are a slip of the keyboard."""


@dataclass(frozen=True)
class Adversarial:
    """Settings of a game of a generator against a critic. A recipe inherits them and sets its paper's values."""

    batch: int = 64
    """Real samples per step of the critic."""
    z_dim: int = 100
    """Dimensions of the latent vector z ~ N(0, I)."""
    network: str = "auto"
    """Networks of both players: dcgan (images of 16 pixels or more), mlp, or auto: dcgan where it can be, else mlp;
    published pairs: pacgan, metz-ring (points), metz-half, metz-quarter, metz-plain (28 pixels), small-resnet."""
    width: int = 64
    """Channels of the convolutional networks at their highest resolution."""
    hidden: int = 128
    """Units in each hidden layer of the mlp networks."""
    layers: int = 2
    """Hidden layers of the mlp networks."""
    optimizer: str = "adam"
    """Optimiser of both players: adam, rmsprop or sgd."""
    lr_generator: float = 2e-4
    """Step size of the generator."""
    lr_critic: float = 2e-4
    """Step size of the critic; a larger one than the generator's is TTUR (arXiv:1706.08500)."""
    beta1: float = 0.5
    """Adam's decay of the mean gradient, or momentum of the other optimisers."""
    beta2: float = 0.999
    """Adam's and RMSProp's decay of the mean squared gradient."""
    n_critic: int = 1
    """Critic steps per generator step: the k of Algorithm 1."""
    dynamics: str = "alternating"
    """How a round is played: alternating, simultaneous, extragradient, optimistic or consensus."""
    consensus_weight: float = 1.0
    """Weight of the joint gradient's norm, with dynamics=consensus."""
    ema_half_life: float = 1000.0
    """Half-life in images of the moving average of G's weights that samples are drawn from; 0: no average."""
    label_smoothing: float = 0.0
    """One-sided label smoothing: each real sample counts as fake with this weight (0.1 gives the target 0.9)."""
    instance_noise: float = 0.0
    """Standard deviation of noise added to all that the critic sees; falls linearly to 0."""
    instance_noise_images: int = 100_000
    """Images after which the instance noise has fallen to 0."""
    decay_from: int = 0
    """Images after which both step sizes begin to fall linearly."""
    decay_until: int = 0
    """Images at which both step sizes reach 0; 0: they stay constant."""
    remedies: str = ""
    """NAME or NAME=NUMBER from saddle list remedies, with commas: spectral-norm,lecam=0.1. They treat any recipe."""
    # settings that earlier runs do not hold, because there were none, and the values those runs played with
    added: ClassVar[Mapping[str, object]] = {"remedies": ""}
    outputs = "logit"
    """What the critic's outputs are: logit (above 0 for real samples), value, pair (only differences count), energy."""

    def __post_init__(self) -> None:
        typed(self)
        for name in ("batch", "z_dim", "width", "hidden"):
            require(1 <= getattr(self, name) <= MOST, name, getattr(self, name), f"1 to {MOST}")
        require(1 <= self.n_critic <= 1000, "n_critic", self.n_critic, "1 to 1000 critic steps")
        require(0 <= self.layers <= 100, "layers", self.layers, "0 to 100 hidden layers")
        for name in ("lr_generator", "lr_critic"):
            require(getattr(self, name) > 0, name, getattr(self, name), "a step size above 0")
        for name in ("ema_half_life", "instance_noise", "decay_from", "decay_until"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        require(
            self.instance_noise_images >= 1, "instance_noise_images", self.instance_noise_images, "1 or more images"
        )
        require(0 <= self.label_smoothing < 0.5, "label_smoothing", self.label_smoothing, "a weight in [0, 0.5)")
        require(
            not self.decay_until or self.decay_from < self.decay_until,
            "decay_from",
            self.decay_from,
            f"fewer images than decay_until={self.decay_until}",
        )
        choose_dynamics(self.dynamics)
        remedies.read(self.remedies)


@dataclass(frozen=True)
class Autoencoding:
    """Settings of a game of one player that holds an encoder and a decoder."""

    batch: int = 100
    """Samples per step."""
    z_dim: int = 20
    """Dimensions of the code z; 2 lets the whole latent plane be looked at."""
    network: str = "mlp"
    """Encoder and decoder: mlp, or conv for images with a power of two of 8 pixels or more."""
    hidden: int = 500
    """Units in the hidden layer of the mlp networks."""
    width: int = 32
    """Channels of the conv networks at their highest resolution; they double with each halving."""
    optimizer: str = "adam"
    """Optimiser: adam, rmsprop or sgd."""
    lr: float = 1e-3
    """Step size."""
    beta1: float = 0.9
    """Adam's decay of the mean gradient, or momentum of the other optimisers."""
    beta2: float = 0.999
    """Adam's and RMSProp's decay of the mean squared gradient."""

    def __post_init__(self) -> None:
        typed(self)
        for name in ("batch", "z_dim", "hidden", "width"):
            require(1 <= getattr(self, name) <= MOST, name, getattr(self, name), f"1 to {MOST}")
        require(self.lr > 0, "lr", self.lr, "a step size above 0")

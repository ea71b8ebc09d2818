"""DCGAN: convolutional generator and critic with batch normalisation, non-saturating loss.

The defaults are for minutes on a CPU: a quarter of the paper's width, batch 32 and steps of 1e-3 reach in half a minute
what the published settings reach in five (bench/time_to_quality.py); ``--preset published`` gives those. Kernels are
4x4 as in the widely used PyTorch port, z is normal, not uniform. Samples come from a moving average of G, with running
statistics in its batch norms where the paper's code uses those of the batch. One fake batch serves D's step and then
G's. It needs images: points have no convolutional form.
"""

from dataclasses import dataclass, replace

import torch

from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.objectives import minimax_critic, non_saturating_generator
from saddle.recipes import common

SOURCE = "Radford, Metz, Chintala 2016, arXiv:1511.06434"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """DCGAN for minutes on a CPU."""

    batch: int = 32
    """Real samples per step of the critic."""
    width: int = 32
    """Channels of the convolutional networks at their highest resolution; they double with each halving."""
    lr_generator: float = 1e-3
    """Step size of the generator."""
    lr_critic: float = 1e-3
    """Step size of the critic."""
    beta2: float = 0.99
    """Adam's decay of the mean squared gradient."""
    ema_half_life: float = 2000.0
    """Half-life in images of the moving average of G's weights that samples are drawn from; 0: no average."""
    network: str = "dcgan"
    """Networks of both players: dcgan; or mlp, for comparison."""


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16)
MIN_SIZE = 16
"""Smaller images are enlarged to this."""
PRESETS = {
    "published": Config(
        batch=128, width=128, lr_generator=2e-4, lr_critic=2e-4, beta1=0.5, beta2=0.999, ema_half_life=0.0
    )
}
"""The paper's settings: Adam 2e-4 with beta1 0.5, batch 128, width 128."""


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape; each fake batch serves D's step and then G's."""
    G, D = common.treated(config, spec, common.generator(config, spec), common.critic(config, spec))
    critic = common.smoothed(config, minimax_critic)

    def share(batch: Batch, rng: torch.Generator) -> Batch:
        return replace(batch, fake=G(common.noise(batch, config.z_dim, rng)))

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        return critic(D(batch.x), D(batch.fake))

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        return {"adversarial": non_saturating_generator(D(batch.fake))}

    return common.adversaries(config, G, D, critic_loss, generator_loss, share=share)

"""f-GAN: the generator minimises any f-divergence through its variational bound.

Each divergence brings its output activation g_f and conjugate f*; D's raw output v becomes T = g_f(v). The saddle loss
is the paper's Algorithm 1 with both players on one objective; the heuristic one maximises E[g_f(v)] instead (section
3.2): on images it is the one to take, since with the saddle loss a convolutional critic soon wins and G stays at one
texture. The paper's MNIST run has its own perceptrons (1200-1200 with batch norm against 240-240 ELU) and batch 4096;
here images are played with DCGAN's networks and batch 64. For kl, reverse-kl, neyman and squared-hellinger the loss is
an exponential in D's output and can leave the float range: the run then stops with the term named; a smaller
``--lr_critic`` or some ``--instance_noise`` keeps D moderate. For total-variation T = tanh(v) / 2 saturates where |v|
is large, and both players can come to rest far from the data, as they do on gaussian1d with these settings.
"""

from dataclasses import dataclass

import torch

from saddle.config import choose
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.objectives import DIVERGENCES, fgan_critic, fgan_generator, fgan_generator_heuristic
from saddle.recipes import common

SOURCE = "Nowozin, Cseke, Tomioka 2016, arXiv:1606.00709"
GENERATOR_LOSSES = {"saddle": fgan_generator, "heuristic": fgan_generator_heuristic}
"""What G may minimise."""


@dataclass(frozen=True)
class Config(common.Adversarial):
    """Adam 2e-4, as in the paper, and the divergence."""

    outputs = "value"
    """What the critic gives for a sample."""
    divergence: str = "jensen-shannon"
    """kl, reverse-kl, pearson, neyman, squared-hellinger, jensen-shannon, gan or total-variation."""
    loss: str = "saddle"
    """What G minimises: saddle -E[f*(g_f(v))], or heuristic -E[g_f(v)], which is steeper early in training."""

    def __post_init__(self) -> None:
        super().__post_init__()
        choose(self.divergence, DIVERGENCES, "divergence")
        choose(self.loss, GENERATOR_LOSSES, "loss")


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16)


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    G, D = common.treated(config, spec, common.generator(config, spec), common.critic(config, spec))
    divergence, objective = DIVERGENCES[config.divergence], GENERATOR_LOSSES[config.loss]
    critic = common.smoothed(config, fgan_critic(divergence))

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return critic(D(batch.x), D(fake))  # -F(theta, omega) = -E[g_f(V(x))] + E[f*(g_f(V(G(z))))]

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return {"adversarial": objective(divergence, D(fake))}

    return common.adversaries(config, G, D, critic_loss, generator_loss)

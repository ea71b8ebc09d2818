"""GMAN: several critics that share nothing, and a generator that heeds the harsher of them more.

Each critic plays the original game. The generator minimises the mean of its losses by each of them, weighted by a
softmax of lambda times the loss: lambda 0 is the plain mean, a large one leaves only the worst. The paper's critics
also differ in their dropout and look at different parts of a batch; here they differ in their initial weights and see
the same. Its GMAN* learns lambda; here it is constant. Networks and the other settings are DCGAN's with batch 64.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from saddle.config import choose, require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Nets, Terms
from saddle.networks import Critics
from saddle.objectives import minimax_critic, minimax_generator, non_saturating_generator, soft_maximum
from saddle.recipes import common, remedies

SOURCE = "Durugkar, Gemp, Mahadevan 2017, arXiv:1611.01673"
LOSSES = {"non-saturating": non_saturating_generator, "minimax": minimax_generator}
"""G's loss by one critic."""
SINGLE = ("top-k", "r1", "r2")
"""Remedies that ask for one output a sample."""


@dataclass(frozen=True)
class Config(common.Adversarial):
    """DCGAN's settings with batch 64, and the critics'."""

    critics: int = 3
    """How many critics; 2 and 5 in the paper."""
    sharpness: float = 1.0
    """lambda, the weight of a critic's loss in the softmax; 0: all count alike; large: only the worst counts."""
    loss: str = "non-saturating"
    """What G minimises by each critic: non-saturating -E[log D(G(z))], or minimax E[log(1 - D(G(z)))]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(1 <= self.critics <= 100, "critics", self.critics, "1 to 100")
        require(0 <= self.sharpness < float("inf"), "sharpness", self.sharpness, "a finite number of 0 or more")
        choose(self.loss, LOSSES, "loss")
        for name in remedies.read(self.remedies):
            require(name not in SINGLE, "remedies", name, "a game of one critic, with one output for each sample")


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16, critics=2)


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    G = common.generator(config, spec)
    G, D = common.treated(config, spec, G, Critics(*(common.critic(config, spec) for _ in range(config.critics))))
    critic, generator = common.smoothed(config, minimax_critic), LOSSES[config.loss]

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        terms = critic(D(batch.x), D(fake))  # means over all critics
        return {name: config.critics * value for name, value in terms.items()}  # sum_i -V(D_i, G)

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = D(G(common.noise(batch, config.z_dim, rng)))  # (N, M)
        each = torch.stack([generator(logits) for logits in fake.unbind(1)])  # (M,)
        return {"adversarial": soft_maximum(each, config.sharpness)}

    def score(nets: Nets, x: Tensor, y: Tensor | None) -> Tensor:
        logits: Tensor = nets["D"](x)
        return logits.mean(1)

    return common.adversaries(config, G, D, critic_loss, generator_loss, score=score)

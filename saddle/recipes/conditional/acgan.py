"""AC-GAN: the critic also says which label a sample has, and the generator is asked for one.

Labels come with the real batch, for G as for D. The class head shares all but the last layer with the critic. D learns
the label of real samples from it, and G that of its own. Unlike cgan's, this critic is not told the label.

The defaults are for minutes on a CPU, and in two things not the paper's. There D also minimises the cross-entropy of
generated samples (``--fake_class_weight 1``): on digits the players then agree on signs for the labels that are no
digits, and after a minute a classifier of real digits reads 3 to 8 samples in ten as asked for, by the seed. And D has
spectral norm in place of batch norm (``--remedies ""``, ``--critic_norm batch``), without which each label soon has one
sample. ``--preset published`` takes the paper's terms, step size, batch and norm. Differences from the paper that
remain: DCGAN's networks on images (y as a learned row beside z), leaky ReLU perceptrons on points, no dropout, and one
game for all labels where the paper plays one for ten of ImageNet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from saddle.config import choose, require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.networks import Headed, LabelledGenerator, with_head
from saddle.networks.normalise import NORMS
from saddle.objectives import minimax_critic, non_saturating_generator, supervised
from saddle.recipes import common
from saddle.recipes.labelled import classes_of

SOURCE = "Odena, Olah, Shlens 2017, arXiv:1610.09585"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """AC-GAN for minutes on a CPU."""

    # what earlier runs do not hold
    added: ClassVar[Mapping[str, object]] = {
        **common.Adversarial.added,
        "critic_norm": "batch",
        "fake_class_weight": 1.0,
    }
    batch: int = 32
    """Real samples per step of the critic."""
    width: int = 32
    """Channels of the convolutional networks at their highest resolution; they double with each halving."""
    critic_norm: str = "none"
    """Normalisation in the convolutional critic: none, group, layer or batch, which the paper has."""
    lr_generator: float = 1e-3
    """Step size of the generator."""
    lr_critic: float = 1e-3
    """Step size of the critic."""
    beta2: float = 0.99
    """Adam's decay of the mean squared gradient."""
    ema_half_life: float = 2000.0
    """Half-life in images of the moving average of G's weights that samples are drawn from; 0: no average."""
    remedies: str = "spectral-norm"
    """NAME or NAME=NUMBER from saddle list remedies, with commas: spectral-norm,lecam=0.1. They treat any recipe."""
    embedding: int = 16
    """Numbers that a label becomes beside z."""
    class_weight: float = 1.0
    """Weight of the label's cross-entropy in what both players minimise."""
    fake_class_weight: float = 0.0
    """Factor on it in D's loss for generated samples; 1 in the paper."""

    def __post_init__(self) -> None:
        super().__post_init__()
        choose(self.critic_norm, NORMS, "critic norm")
        require(1 <= self.embedding <= common.MOST, "embedding", self.embedding, f"1 to {common.MOST}")
        for name in ("class_weight", "fake_class_weight"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "a weight of 0 or more")


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16, embedding=4, fake_class_weight=1.0, remedies="")
PRESETS = {
    "published": Config(
        batch=100, width=64, critic_norm="batch", lr_generator=2e-4, lr_critic=2e-4, beta2=0.999, ema_half_life=0.0,
        remedies="", fake_class_weight=1.0,
    )
}  # fmt: skip
"""The paper's loss, Adam 2e-4, batch of 100 and batch norm."""


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape, which must have labels."""
    classes = classes_of(spec)
    net = common.generator(replace(config, z_dim=config.z_dim + config.embedding), spec)
    headed = Headed(common.critic(config, spec, config.critic_norm), classes)
    G, D = common.treated(config, spec, LabelledGenerator(net, classes, config.embedding), headed)
    critic, weight = common.smoothed(config, minimax_critic), config.class_weight
    fake_weight = weight * config.fake_class_weight

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        assert batch.y is not None
        real, real_classes = with_head(D, headed, batch.x)
        fake, fake_classes = with_head(D, headed, G(common.noise(batch, config.z_dim, rng), batch.y))
        terms = critic(real, fake) | {"class_real": weight * supervised(real_classes, batch.y)}  # -L_S, -L_C
        if fake_weight:
            terms["class_fake"] = fake_weight * supervised(fake_classes, batch.y)
        return terms

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        assert batch.y is not None
        fake, fake_classes = with_head(D, headed, G(common.noise(batch, config.z_dim, rng), batch.y))
        return {"adversarial": non_saturating_generator(fake), "class": weight * supervised(fake_classes, batch.y)}

    return common.adversaries(config, G, D, critic_loss, generator_loss, classes=classes)

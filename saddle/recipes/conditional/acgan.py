"""AC-GAN: the critic also says which label a sample has, and the generator is asked for one.

Labels come with the real batch, for G as for D. The class head shares all but the last layer with the critic, and both
players minimise the cross-entropy of the label: D on real and generated samples, G on its own. Unlike cgan's, this
critic is not told the label. Differences from the paper: DCGAN's networks on images (y as a learned row beside z),
leaky ReLU perceptrons on points, no dropout, and one game for all labels where the paper plays one for ten of ImageNet.
"""

from dataclasses import dataclass, replace

import torch

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.networks import Headed, LabelledGenerator, with_head
from saddle.objectives import minimax_critic, non_saturating_generator, supervised
from saddle.recipes import common

SOURCE = "Odena, Olah, Shlens 2017, arXiv:1610.09585"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """Adam 2e-4 and batch 100 as in the paper, and the labels' settings."""

    batch: int = 100
    """Real samples per step of the critic."""
    embedding: int = 16
    """Numbers that a label becomes beside z."""
    class_weight: float = 1.0
    """Weight of the label's cross-entropy in what both players minimise."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(1 <= self.embedding <= common.MOST, "embedding", self.embedding, f"1 to {common.MOST}")
        require(self.class_weight >= 0, "class_weight", self.class_weight, "a weight of 0 or more")


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16, embedding=4)


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape, which must have labels."""
    require(
        spec.classes >= 2, "classes", spec.classes, "data with 2 or more labels (a folder needs a sub-folder a label)"
    )
    net = common.generator(replace(config, z_dim=config.z_dim + config.embedding), spec)
    headed = Headed(common.critic(config, spec), spec.classes)
    G, D = common.treated(config, spec, LabelledGenerator(net, spec.classes, config.embedding), headed)
    critic, weight = common.smoothed(config, minimax_critic), config.class_weight

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        assert batch.y is not None
        real, real_classes = with_head(D, headed, batch.x)
        fake, fake_classes = with_head(D, headed, G(common.noise(batch, config.z_dim, rng), batch.y))
        source = critic(real, fake)  # -L_S
        return source | {  # -L_C
            "class_real": weight * supervised(real_classes, batch.y),
            "class_fake": weight * supervised(fake_classes, batch.y),
        }

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        assert batch.y is not None
        fake, classes = with_head(D, headed, G(common.noise(batch, config.z_dim, rng), batch.y))
        return {"adversarial": non_saturating_generator(fake), "class": weight * supervised(classes, batch.y)}

    return common.adversaries(
        config,
        G,
        D,
        critic_loss,
        generator_loss,
        generate=lambda nets, z, y: nets["G"](z, y),
        classes=spec.classes,
    )

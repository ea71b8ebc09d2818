"""Batch norm by a fixed reference batch in both players, so that no sample depends on the company that it comes in.

Each batch norm becomes the paper's virtual one: a sample is normalised with the statistics of the reference batch and
itself. G's reference are 64 latent rows drawn at the start, or as many as the batch has, with all labels equally often
where it takes labels, whose gains and biases stay. D's are the first real samples that the game draws. Both are saved
with the networks. A pass costs as much as one with so many samples more, for which reason the paper has it in G only.
The critic sees its reference as it is, without augmentation or instance noise.
"""

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Loss, Terms
from saddle.networks import (
    BigGANGenerator,
    DCGANGenerator,
    DigitsGenerator,
    LabelledGenerator,
    PacGANGenerator,
    Referenced,
    ResNetGenerator,
    referenced,
)
from saddle.recipes.critics import single
from saddle.recipes.remedies import read
from saddle.recipes.settings import Adversarial
from saddle.recipes.watch import changed

__all__ = ["GENERATORS", "RANGE", "STRENGTH", "fill", "networks", "rules"]

SOURCE = "Salimans et al. 2016, arXiv:1606.03498"
KIND = "layer"
STRENGTH = 64
"""Samples in the reference batch."""
RANGE = "a whole number of samples in the reference batch in [2, 4096]"
"""Fewer are a noisy reference, more are slow."""
TOLD = (BigGANGenerator, LabelledGenerator, ResNetGenerator)
"""Networks that make samples of latent rows and of labels, if they have ``classes``."""
GENERATORS = (DCGANGenerator, DigitsGenerator, PacGANGenerator, *TOLD)
"""Networks that can have batch norm and make samples of latent rows, and labels, alone."""
COMPANY = ("minibatch-discrimination", "minibatch-stddev", "packing")
"""Remedies by which the critic compares samples, and would compare them with the reference."""


def networks(config: Adversarial, spec: Spec, G: nn.Module, D: nn.Module, strength: int) -> tuple[nn.Module, nn.Module]:
    """Both behind their references, where they have batch norm."""
    expected = "networks with batch norm, as dcgan's, sngan's and biggan's: these have none that couples samples"
    require(_normed(G) or _normed(D), "remedies", "virtual-norm", expected)
    beside = [name for name in COMPANY if name in read(config.remedies)]
    require(not beside, "remedies", "virtual-norm", f"no {' or '.join(COMPANY)}, which compare samples")
    rows = min(strength, config.batch)
    if _normed(D):
        D = referenced(single(D, "virtual-norm"), torch.zeros(rows, *spec.shape))
        D.register_buffer("filled", torch.zeros((), dtype=torch.bool))
    if _normed(G):
        known = ", ".join(kind.__name__ for kind in GENERATORS)
        expected = f"a generator of z and labels alone, of whose parts no other is asked: {known}"
        require(type(G) in GENERATORS, "remedies", "virtual-norm", expected)
        classes = G.classes if isinstance(G, TOLD) else 0
        labels = [torch.arange(rows) % classes] if classes else []
        G = referenced(G, torch.randn(rows, config.z_dim), *labels)
    return G, D


def rules(game: Game, config: Adversarial, strength: int) -> Game:
    """The game whose first real samples become the critic's reference."""
    found = [module for module in game["D"].module.modules() if isinstance(module, Referenced)]

    def change(old: Loss) -> Loss:
        def loss(batch: Batch, rng: torch.Generator) -> Terms:
            for net in found:
                fill(net, batch.x)
            return old(batch, rng)

        return loss

    return changed(game, "D", change)


@torch.no_grad()
def fill(net: Referenced, x: Tensor) -> None:
    """Make the first rows of x the reference, unless there is one; without asking the device which it is."""
    reference, filled = net.get_buffer("reference0"), net.get_buffer("filled")
    reference.copy_(torch.where(filled, reference, x[: len(reference)]))
    filled.fill_(True)


def _normed(net: nn.Module) -> bool:
    return any(isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in net.modules())

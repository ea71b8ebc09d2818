"""PacGAN: the critic judges two samples at once, both real or both generated, and so sees that they are alike.

Its first layer takes twice the channels; the new weights are drawn with the old ones' deviation over sqrt(2), which
keeps the scale of what comes out. A sample's score is that of the pack of it and the next one.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Spec
from saddle.game import Game, Nets
from saddle.networks import Packed
from saddle.recipes.critics import core, takes_labels
from saddle.recipes.settings import Adversarial

__all__ = ["PACK", "networks", "rules"]

SOURCE = "Lin et al. 2018, arXiv:1712.04086"
KIND = "layer"
PACK = 2
"""m, samples in a pack."""


def networks(config: Adversarial, spec: Spec, G: nn.Module, D: nn.Module) -> tuple[nn.Module, nn.Module]:
    """D, widened in place, behind the packing."""
    net = core(D, "packing-2")
    require(not takes_labels(D), "remedies", "packing-2", "a critic without labels, of which a pack would hold several")
    alone = not hasattr(config, "gp_weight")
    require(alone, "remedies", "packing-2", "a critic whose slope is not held to 1 at each sample of a pack")
    require(config.batch >= PACK, "batch", config.batch, f"{PACK} or more, for remedies=packing-2")
    first = next(layer for layer in net.modules() if isinstance(layer, nn.Linear | nn.Conv2d))
    outputs, inputs, *places = first.weight.shape
    drawn = torch.randn(outputs, PACK * inputs, *places) * first.weight.detach().std() / math.sqrt(PACK)
    if isinstance(first, nn.Linear):
        first.weight, first.in_features = nn.Parameter(drawn), PACK * inputs
    else:
        kernel = drawn.contiguous(memory_format=torch.channels_last)
        first.weight, first.in_channels = nn.Parameter(kernel), PACK * inputs
    return G, Packed(D, PACK)


def rules(game: Game, config: Adversarial) -> Game:
    """The game with a score for each sample, N of them and not N / 2."""
    assert game.sampler is not None
    judge = game.sampler.score
    assert judge is not None

    def score(nets: Nets, x: Tensor, y: Tensor | None) -> Tensor:
        packs = torch.stack([x.roll(-i, 0) for i in range(PACK)], dim=1)  # (N, m, ...), round and round
        return judge(nets, packs.flatten(0, 1), y)

    game.sampler = replace(game.sampler, score=score)
    return game

"""PacGAN: the critic judges m samples at once, all real or all generated, and so sees that they are alike.

The layers that see the samples (a residual block has two) take m times the channels; the new weights are drawn with
the old ones' deviation over sqrt(m), which keeps the scale of what comes out. A sample's score is that of the pack
of it and the next m - 1. The paper plays 2, 3 and 4; samples that fill no pack are left out, so m should divide
the batch.
"""

import math
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Spec
from saddle.game import Game, Nets
from saddle.networks import Packed
from saddle.recipes.critics import single
from saddle.recipes.settings import Adversarial

__all__ = ["RANGE", "STRENGTH", "entrances", "networks", "rules"]

SOURCE = "Lin et al. 2018, arXiv:1712.04086"
KIND = "layer"
STRENGTH = 2
"""m, samples in a pack."""
RANGE = "a whole number of samples in a pack m in [2, 16]"
"""The first layer grows with m, and the number of outputs for a batch falls."""


def networks(config: Adversarial, spec: Spec, G: nn.Module, D: nn.Module, strength: int) -> tuple[nn.Module, nn.Module]:
    """D, widened in place, behind the packing."""
    net = single(D, "packing")
    alone = not hasattr(config, "gp_weight")
    require(alone, "remedies", "packing", "a critic whose slope is not held to 1 at each sample of a pack")
    require(config.batch >= strength, "batch", config.batch, f"{strength} or more, for remedies=packing={strength}")
    for layer in entrances(net, torch.zeros(2, *spec.shape)):
        _widen(layer, strength)
    return G, Packed(D, strength)


def rules(game: Game, config: Adversarial, strength: int) -> Game:
    """The game with a score for each sample, N of them and not N / m."""
    assert game.sampler is not None
    judge = game.sampler.score
    assert judge is not None

    def score(nets: Nets, x: Tensor, y: Tensor | None) -> Tensor:
        packs = torch.stack([x.roll(-i, 0) for i in range(strength)], dim=1)  # (N, m, ...), round and round
        return judge(nets, packs.flatten(0, 1), y)

    game.sampler = replace(game.sampler, score=score)
    return game


@torch.no_grad()
def entrances(net: nn.Module, x: Tensor) -> list[nn.Linear | nn.Conv2d]:
    """The linear layers and convolutions that see x itself, and not what another of them has made of it.

    Each one's output is made NaN while x passes, which taints all that comes behind.

    Args:
        net: a critic.
        x: some samples.
    """
    found: list[nn.Linear | nn.Conv2d] = []

    def taint(layer: nn.Module, args: Any, out: Tensor) -> Tensor:
        if isinstance(layer, nn.Linear | nn.Conv2d) and bool(args[0].isfinite().all()):
            found.append(layer)
        return torch.full_like(out, math.nan)

    was = net.training
    net.eval()  # norms take no note of x
    with ExitStack() as hooks:
        for layer in net.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d):
                hooks.enter_context(layer.register_forward_hook(taint))
        net(x)
    net.train(was)
    return found


def _widen(layer: nn.Linear | nn.Conv2d, m: int) -> None:
    outputs, inputs, *places = layer.weight.shape
    drawn = torch.randn(outputs, m * inputs, *places) * layer.weight.detach().std() / math.sqrt(m)
    if isinstance(layer, nn.Linear):
        layer.weight, layer.in_features = nn.Parameter(drawn), m * inputs
    else:
        kernel = drawn.contiguous(memory_format=torch.channels_last)
        layer.weight, layer.in_channels = nn.Parameter(kernel), m * inputs

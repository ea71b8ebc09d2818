"""StyleGAN2: modulated convolutions, image skips and a residual critic, with lazy R1 and path-length regularisation.

The non-saturating loss. R1 and the path length, every 16th and 4th round in the paper, are steps of their own, weighted
by how seldom they are, and Adam's step size and betas are those of the paper for k + 1 steps in k rounds. The defaults
are for minutes on a CPU: 8 channels at the highest resolution, doubling towards 4x4 up to 64, two mapping layers of 64,
batch 8, steps of 1.5e-2, R1 every 8th round, and neither path length nor mixing, which the same authors leave out for
CIFAR-10 as well (arXiv:2006.06676). ``--conditional true`` tells both players the labels, as some of their runs there
do: a learned row stands beside z, each normalised, and D's output is a product with another row. ``--preset published``
gives the paper's 1024 pixels (configuration F), ``--preset ffhq-256`` the half as wide form at 256 pixels. At other
sizes set ``--width``: 512 at 32 pixels and below.

Where this differs from the published run: one fake batch serves D's step and then G's; styles are mixed by the sample,
not by the batch; path lengths are taken in one w for all layers, as the formula has them, without mixing, and their
running mean is corrected for its start, as Adam's means are. The weight of the path length is in units of the paper's
ln 2 / (r^2 (ln r - ln 2)). D's row of a label has no layers of its own. Samples are made with noise that is drawn once,
without truncation (``StyleGenerator.truncated``), and are cut to [-1, 1]. The gradients logged in a round with a lazy
step are that step's. Logged besides the terms: ``path.length``, the mean path length.
"""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Move, Player, Terms
from saddle.networks.condition import EqualLabelDotCritic
from saddle.networks.stylegan2 import StyleGAN2Critic, StyleGAN2Synthesis
from saddle.networks.styles import LabelledMapping, Mapping, StyleGenerator
from saddle.objectives import minimax_critic, non_saturating_generator, r1
from saddle.objectives.path_length import path_length_penalty, path_lengths
from saddle.recipes import common, growing
from saddle.recipes.labelled import classes_of, score, told

SOURCE = "Karras et al. 2020, arXiv:1912.04958"


@dataclass(frozen=True)
class Config(growing.Stages):
    """StyleGAN2 for minutes on a CPU."""

    added: ClassVar[dict[str, object]] = {**growing.Stages.added, "conditional": False}  # what earlier runs do not hold
    batch: int = 8
    """Real samples per step of the critic."""
    z_dim: int = 64
    """Dimensions of the latent vector z ~ N(0, I), which the mapping normalises."""
    conditional: bool = False
    """Whether both players are told the data's labels."""
    w_dim: int = 64
    """Dimensions of the style vector w."""
    mapping_layers: int = 2
    """Layers from z to w."""
    mapping_speed: float = 0.1
    """Factor on the step size of these layers; 0.01 in the paper."""
    network: str = "auto"
    """Networks of both players: stylegan2 (images of 8 pixels or more), which auto stands for."""
    lr_generator: float = 1.5e-2
    """Step size of the generator, before it is scaled for lazy regularisation."""
    lr_critic: float = 1.5e-2
    """Step size of the critic, before it is scaled for lazy regularisation."""
    beta1: float = 0.0
    """Adam's decay of the mean gradient, before it is scaled for lazy regularisation."""
    beta2: float = 0.99
    """Adam's decay of the mean squared gradient, before it is scaled for lazy regularisation."""
    ema_half_life: float = 5000.0
    """Half-life in images of the moving average of G's weights that samples are drawn from; 0: no average."""
    r1_gamma: float = 3.0
    """Weight of the penalty on the critic's slope at real samples, gamma / 2 E[|grad D(x)|^2]; 0: none."""
    r1_every: int = 8
    """Rounds from one step on it to the next."""
    path_weight: float = 0.0
    """Weight of the path-length penalty, in units of the paper's; 0: none."""
    path_every: int = 4
    """Rounds from one step on it to the next."""
    path_decay: float = 0.99
    """Decay of the running mean of path lengths, a step."""
    mixing: float = 0.0
    """Share of samples whose finer layers get the styles of a second z; 0.9 in the paper."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.optimizer == "adam", "optimizer", self.optimizer, "adam, whose betas are scaled")
        require(1 <= self.w_dim <= common.MOST, "w_dim", self.w_dim, f"1 to {common.MOST}")
        require(1 <= self.mapping_layers <= 100, "mapping_layers", self.mapping_layers, "1 to 100")
        require(self.mapping_speed > 0, "mapping_speed", self.mapping_speed, "a factor above 0")
        for name in ("r1_gamma", "path_weight"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        for name in ("r1_every", "path_every"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more rounds")
        require(0 <= self.path_decay < 1, "path_decay", self.path_decay, "a weight in [0, 1)")
        require(0 <= self.mixing <= 1, "mixing", self.mixing, "a share in [0, 1]")


SMALL = Config(
    z_dim=8, w_dim=8, mapping_speed=0.01, width=4, widest=8, lr_generator=3e-3, lr_critic=3e-3, r1_every=2,
    path_weight=1.0, path_every=1, mixing=0.9, ema_half_life=100.0,
)  # fmt: skip
MIN_SIZE = 8
"""Smaller images are enlarged to this."""
PRESETS = {
    "published": Config(
        batch=32, z_dim=512, w_dim=512, mapping_layers=8, width=32, widest=512, lr_generator=2e-3, lr_critic=2e-3,
        ema_half_life=10_000.0, r1_gamma=10.0, r1_every=16, path_weight=1.0, mixing=0.9, mapping_speed=0.01,
    ),
    "ffhq-256": Config(
        batch=32, z_dim=512, w_dim=512, mapping_layers=8, width=64, widest=512, lr_generator=2e-3, lr_critic=2e-3,
        ema_half_life=10_000.0, r1_gamma=1.0, r1_every=16, path_weight=1.0, mixing=0.9, mapping_speed=0.01,
    ),
}  # fmt: skip
"""Configuration F at 1024 pixels, 30.4 and 29.0 million weights; and at 256 pixels, 24.8 and 24.0 million."""


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape; each fake batch serves D's step and then G's."""
    growing.refuse(config, growing.EQUALISED)
    classes = classes_of(spec, config.conditional)
    generator, judge = networks(config, spec, classes)
    G, D = common.treated(config, spec, generator, judge)
    critic, path = common.smoothed(config, minimax_critic), Path(config.path_decay)

    def made(batch: Batch, rng: torch.Generator) -> Batch:
        return replace(batch, fake=G(common.noise(batch, config.z_dim, rng), *told(batch, classes), rng=rng))

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        y = told(batch, classes)
        return critic(D(batch.x, *y), D(batch.fake, *y))

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        return {"adversarial": non_saturating_generator(D(batch.fake, *told(batch, classes)))}

    lazy = lazy_moves(config, spec, generator, D, path, classes)
    scaled = replace(config, **{LR[move.player]: getattr(config, LR[move.player]) * share(move) for move in lazy})
    game = common.adversaries(
        scaled,
        G,
        D,
        critic_loss,
        generator_loss,
        generate=common.clamped(spec),
        score=partial(score, classes=classes),
        share=made,
        classes=classes,
        controls={"path": path},
    )
    for move in lazy:
        scale_betas(game[move.player], share(move))
    game.moves = [*game.moves, *lazy]  # behind what remedies change: they treat the adversarial moves
    return game


def lazy_moves(config: Config, spec: Spec, G: StyleGenerator, D: nn.Module, path: "Path", classes: int) -> list[Move]:
    """The steps on the two penalties, each weighted by the rounds between them; none where the weight is 0.

    Args:
        config: weights and rounds.
        spec: the data.
        G: the generator, by its halves.
        D: the critic, with what wraps it.
        path: keeps the mean path length.
        classes: labels that both players are told, or 0.
    """
    r1_weight = config.r1_gamma * config.r1_every
    path_weight = config.path_weight * config.path_every / (math.log2(spec.size) - 1)  # ln 2 / (ln r - ln 2)

    def critic_slope(batch: Batch, rng: torch.Generator) -> Terms:
        y = told(batch, classes)
        return {"r1": r1_weight * r1(lambda x: D(x, *y), batch.x)}

    def path_length(batch: Batch, rng: torch.Generator) -> Terms:
        half = (len(batch.x) + 1) // 2  # as in the published program
        w = G.mapping(common.noise(batch, config.z_dim, rng)[:half], *(y[:half] for y in told(batch, classes)))
        lengths = path_lengths(G.synthesis(w, rng), w, rng)
        return {"path": path_weight * path_length_penalty(lengths, path.with_these(lengths))}

    slope = Move("D", critic_slope, every=config.r1_every, fresh=False)
    length = Move("G", path_length, every=config.path_every, fresh=False, after=path.follow)
    return [move for weight, move in [(config.r1_gamma, slope), (config.path_weight, length)] if weight]


LR = {"D": "lr_critic", "G": "lr_generator"}
"""The setting that holds each player's step size."""


def share(lazy: Move) -> float:
    """c = k / (k + 1) of a move that is due every k rounds: appendix B's factor on lr, and exponent of the betas."""
    return lazy.every / (lazy.every + 1)


def scale_betas(player: Player, c: float) -> None:
    """beta^c for both betas of Adam, so that k + 1 steps forget as much as k would."""
    for group in player.optimizer.param_groups:
        group["betas"] = tuple(beta**c for beta in group["betas"])


class Path(nn.Module):
    """The running mean of path lengths, saved with the game.

    Args:
        decay: of the mean, a step.
    """

    length: Tensor
    steps: Tensor

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("length", torch.zeros(()))
        self.register_buffer("steps", torch.zeros(()))
        self.seen: Tensor | None = None  # lives from the loss to the end of its step: no need to save

    def with_these(self, lengths: Tensor) -> Tensor:
        """a with these lengths (N,) counted: all so far, of which each step forgets a share of 1 - decay."""
        share = (1 - self.decay) / (1 - self.decay ** (self.steps + 1))  # 1 at first: Adam's correction
        self.seen = torch.lerp(self.length, lengths.detach().mean().to(self.length), share)
        return self.seen

    def follow(self, terms: Terms) -> None:
        """Keep the mean that the last step was made with."""
        assert self.seen is not None
        self.length.copy_(self.seen)
        self.steps.add_(1)


def networks(config: Config, spec: Spec, classes: int) -> tuple[StyleGenerator, nn.Module]:
    """Generator and critic; with labels a label's row is as long as z for G, and as the critic's features for D."""
    widths = growing.widths_of(config, spec, "stylegan2")
    inputs, outputs = (2 * config.z_dim, widths[0]) if classes else (config.z_dim, 1)
    mapping = Mapping(inputs, config.w_dim, config.mapping_layers, config.mapping_speed)
    synthesis = StyleGAN2Synthesis(config.w_dim, widths, spec.channels)
    critic = StyleGAN2Critic(widths, spec.channels, group=config.group, outputs=outputs)
    if not classes:
        return StyleGenerator(mapping, synthesis, config.mixing), critic
    told_z = LabelledMapping(mapping, classes, embedding=config.z_dim)
    return StyleGenerator(told_z, synthesis, config.mixing), EqualLabelDotCritic(critic, classes, outputs)

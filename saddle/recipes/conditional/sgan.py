"""Semi-supervised GAN: a critic with a class for each label learns from a few labels and from many samples without.

The critic's K class logits l say what a sample is, and log sum_k exp(l_k) whether it is real: D(x) = Z / (Z + 1). The
``labelled`` samples are the first to be drawn, as many of each label, and no other label is ever looked at; each step
of D sees as many draws of them as samples without label. `error_rate` is the test error. By default G matches features,
which the paper finds to serve the classifier, and samples less so. The networks are DCGAN's on images, with batch norm
in the critic too, and leaky ReLU perceptrons on points and small images; ``--preset published`` plays with the paper's
perceptrons for MNIST, whose critic has weight norm, and noise in every layer. A critic that judges each sample by
itself lets G prefer some labels: with group norm in place of batch norm the rarest and the commonest digit had 2 and
20 % of the samples after 1,500 rounds, where they have 7 and 14 % now. Differences from the paper: weights do not start
from a first batch; the classifier is D as it is, not an average of it. Logged: ``labelled.count``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from saddle.config import choose, require
from saddle.data.spec import Batch, Spec, checked
from saddle.game import Game, Terms
from saddle.game.sample import at_rest
from saddle.networks import ClassCritic, DCGANCritic, MLPCritic, NoisyMLPCritic, SoftplusGenerator, overheard
from saddle.objectives import feature_matching, minimax_critic, non_saturating_generator, supervised
from saddle.recipes import common
from saddle.recipes.labelled import classes_of

__all__ = ["LOSSES", "PRESETS", "SMALL", "SOURCE", "Config", "Labelled", "build", "error_rate"]

SOURCE = "Salimans et al. 2016, arXiv:1606.03498"
Look = Callable[[Tensor], tuple[Tensor, Tensor]]
"""x -> the critic's outputs and its features, of one look."""


def matching(look: Look, x: Tensor, fake: Tensor) -> Terms:
    """|E f(x) - E f(G(z))|^2 of what goes into the critic's last layer."""
    (_, real), (_, made) = look(x), look(fake)
    return {"feature_matching": feature_matching(real, made)}


def adversarial(look: Look, x: Tensor, fake: Tensor) -> Terms:
    """-E[log D(G(z))]."""
    return {"adversarial": non_saturating_generator(look(fake)[0])}


LOSSES = {"feature-matching": matching, "non-saturating": adversarial}
"""What G may minimise."""


@dataclass(frozen=True)
class Config(common.Adversarial):
    """The paper's batch and number of labels for MNIST."""

    batch: int = 100
    """Real samples per step of the critic, without labels; as many with labels."""
    labelled: int = 100
    """Real samples whose labels are used, evenly by label."""
    network: str = "auto"
    """Networks of both players: dcgan (images), mlp, salimans (the paper's for MNIST), or auto: dcgan or mlp."""
    loss: str = "feature-matching"
    """What G minimises: feature-matching |E f(x) - E f(G(z))|^2, or non-saturating -E[log D(G(z))]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(1 <= self.labelled <= common.MOST, "labelled", self.labelled, f"1 to {common.MOST}")
        choose(self.loss, LOSSES, "loss")


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16, labelled=6)
PRESETS = {"published": Config(network="salimans", z_dim=100, lr_generator=3e-3, lr_critic=3e-3)}
"""The paper's run on MNIST with 100 labels."""


class Labelled(nn.Module):
    """The samples whose labels are used: the first of each label to be drawn, saved with the game.

    Args:
        n: how many; labels that come first in order have one more where n is no multiple of K.
        spec: the data's shape and its K labels. A label with fewer samples has some of them twice.
    """

    x: Tensor
    y: Tensor
    of: Tensor
    count: Tensor

    def __init__(self, n: int, spec: Spec) -> None:
        super().__init__()
        self.n = n
        self.quota = [len(range(k, n, spec.classes)) for k in range(spec.classes)]
        self.register_buffer("x", torch.zeros(n + 1, *spec.shape))  # the last row takes what is not kept
        self.register_buffer("y", torch.zeros(n + 1, dtype=torch.int64))
        self.register_buffer("of", torch.zeros(spec.classes, dtype=torch.int64))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def see(self, batch: Batch, rng: torch.Generator) -> Batch:
        """Keep what is still wanted of a batch; gives the batch back."""
        require(batch.y is not None, "labels", None, "a label for each of the data's samples")
        assert batch.y is not None
        mine = F.one_hot(checked(batch.y, len(self.quota)), len(self.quota))  # (N, K)
        place = (self.of + mine.cumsum(0) - mine).gather(1, batch.y[:, None]).squeeze(1)  # how many were there before
        kept = place < torch.tensor(self.quota, device=batch.y.device)[batch.y]  # (N,)
        row = torch.where(kept, self.count + kept.cumsum(0) - 1, self.n)
        self.x[row], self.y[row] = batch.x, batch.y
        self.x[self.n].zero_()
        self.y[self.n].zero_()
        self.of.add_((mine * kept[:, None]).sum(0))
        self.count.add_(kept.sum())
        return batch

    def draw(self, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """n of them with their labels, each drawn from all that there are so far."""
        share = torch.rand(n, generator=rng, device=rng.device)
        row = (share * self.count).long().clamp(max=self.count - 1)
        return self.x[row], self.y[row]


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape, which must have labels."""
    classes = classes_of(spec)
    require(config.labelled >= classes, "labelled", config.labelled, f"{classes} or more, one of each label")
    generator, net = networks(config, spec)
    labelled = Labelled(config.labelled, spec)
    G, D = common.treated(config, spec, generator, ClassCritic(net))
    critic, body, last = common.smoothed(config, minimax_critic), net.get_submodule("body"), LOSSES[config.loss]

    def look(x: Tensor) -> tuple[Tensor, Tensor]:
        return overheard(D, body, x)

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        terms = critic(D(batch.x), D(fake))  # -E[log D(x)] - E[log(1 - D(G(z)))], D = Z / (Z + 1)
        x, y = labelled.draw(len(batch.x), rng)
        _, logits = overheard(D, net, x)
        return terms | {"supervised": supervised(logits, y)}  # -E[log p(y | x, y <= K)]

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        return last(look, batch.x, G(common.noise(batch, config.z_dim, rng)))

    return common.adversaries(
        config, G, D, critic_loss, generator_loss, share=labelled.see, controls={"labelled": labelled}
    )


def networks(config: Config, spec: Spec) -> tuple[nn.Module, nn.Module]:
    """Generator, and x -> class logits (N, K), whose ``body`` makes the features."""
    if config.network == "salimans":
        require(not spec.points, "network", "salimans", "images, whose pixels are bounded: use mlp for points")
        return SoftplusGenerator(config.z_dim, spec.shape), NoisyMLPCritic(spec.shape, spec.classes)
    name = common.network_of(config, spec)
    require(
        name in ("mlp", "dcgan"), "network", name, "salimans, mlp or dcgan: this critic has an output for each label"
    )
    generator = common.generator(config, spec)
    if name == "mlp":
        return generator, MLPCritic(spec.shape, (config.hidden,) * config.layers, spec.classes)
    return generator, DCGANCritic(spec.size, spec.channels, config.width, outputs=spec.classes)


def error_rate(game: Game, x: Tensor, y: Tensor, batch: int = 250) -> float:
    """Share of samples that the critic gives another label than theirs, in [0, 1].

    Args:
        game: a semi-supervised one; is left as it is.
        x: samples (n, ...), which should not have been trained on.
        y: their labels (n,) int64.
        batch: samples judged at a time.
    Raises:
        ValueError: another kind of game, or not one label for each sample.
    """
    critics = [part for part in game["D"].module.modules() if isinstance(part, ClassCritic)]
    require(len(critics) == 1, "game", "no class logits", "one of the recipe sgan")
    require(len(x) == len(y) > 0, "labels", len(y), f"one for each of the {len(x)} samples")
    with at_rest(game):
        found = torch.cat([critics[0].net(part.to(game.device)).argmax(1).cpu() for part in x.split(batch)])  # (n,)
    return float((found != y).double().mean())

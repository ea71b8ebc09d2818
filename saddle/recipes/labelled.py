"""What recipes share whose players may be told a label."""

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Nets
from saddle.networks import LabelledCritic, LabelledGenerator, orthogonal_weights, spectral_norm
from saddle.networks.resnet_gan import glorot_weights
from saddle.recipes import common, remedies

__all__ = ["WEIGHTS", "classes_of", "normalised", "perceptrons", "pyramid", "score", "told"]

WEIGHTS: dict[str, Callable[[nn.Module], None]] = {"orthogonal": orthogonal_weights, "glorot": glorot_weights}
"""How residual networks may start. Beneath spectral norm a layer of orthogonal weights passes on most of what it is
given, so that a critic has a slope to learn from at once; with Glorot's, the papers', it is flat at first."""
EMBEDDING = 16  # numbers that a label becomes beside z, in the networks that know of no labels


def classes_of(spec: Spec, conditional: bool | None = None) -> int:
    """How many labels the players are told: those of the data, or 0 where a setting says that they are told none.

    Args:
        spec: the data.
        conditional: what the setting says; None: there is no such setting.
    Raises:
        ValueError: labels are asked for, and these data have none.
    """
    if conditional is False:
        return 0
    instead = "" if conditional is None else "; or --conditional false"
    expected = f"data with 2 or more labels (a folder needs a sub-folder a label){instead}"
    require(spec.classes >= 2, "classes", spec.classes, expected)
    return spec.classes


def told(batch: Batch, classes: int) -> tuple[Tensor, ...]:
    """What a player is told beside z or x: the labels (N,) of the batch, or nothing."""
    return (batch.y,) if classes and batch.y is not None else ()


def score(nets: Nets, x: Tensor, y: Tensor | None, classes: int) -> Tensor:
    """D(x), or D(x, y) in a game with labels.

    Raises:
        ValueError: the game has labels and none are given.
    """
    require(not classes or y is not None, "label", y, "the labels of the samples, which this critic judges them by")
    out: Tensor = nets["D"](x, y) if classes else nets["D"](x)
    return out


def pyramid(width: int, widest: int, maps: int) -> list[int]:
    """Channels of so many maps, the finest first: doubling with each halving of the side, up to the widest.

    >>> pyramid(64, 1024, maps=6)
    [64, 128, 256, 512, 1024, 1024]
    """
    return [min(widest, width * 2**k) for k in range(maps)]


def perceptrons(config: common.Adversarial, name: str, spec: Spec, classes: int) -> tuple[nn.Module, nn.Module]:
    """Both players for what has no residual networks: points and tiny images, or a published pair by name.

    With labels y goes beside z as a learned row and beside x as one-hot columns or maps, as in cgan.
    """
    named = replace(config, network=name)
    if not classes:
        return common.generator(named, spec), common.critic(named, spec, norm="none")
    G = LabelledGenerator(common.generator(replace(named, z_dim=named.z_dim + EMBEDDING), spec), classes, EMBEDDING)
    D = common.critic(named, replace(spec, channels=spec.channels + classes), norm="none")
    return G, LabelledCritic(D, classes, spec.size)


def normalised(config: common.Adversarial, D: nn.Module, G: nn.Module | None = None) -> None:
    """Spectral norm on every layer, in place, once the remedies' layers are there; G's embeddings are left alone.

    Raises:
        ValueError: the remedy of that name would come twice.
    """
    twice = "spectral-norm" in remedies.read(config.remedies)
    require(not twice, "remedies", "spectral-norm", "a recipe that does not have it already")
    spectral_norm(D, embeddings=True)
    if G is not None:
        spectral_norm(G)

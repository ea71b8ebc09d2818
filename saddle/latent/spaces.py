"""Spaces that samples are made from: z, a label's row beside it, and the w of generators with styles.

A space is opened for one generator at rest and one label. What is drawn from it, moved and made into samples by the
other modules here does not depend on which space it is.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from saddle.config import choose, require
from saddle.evaluation.side import Model
from saddle.networks import LabelledGenerator, LabelledMapping

__all__ = ["SPACES", "Space", "Styled", "label_space", "mixed", "open_space", "styled", "w_space", "z_space"]


class Styled(Protocol):
    """A generator in two halves: z is mapped to w, and w, once for each layer, says what that layer does."""

    @property
    def layers(self) -> int:
        """L, layers that read a w of their own, from coarse to fine."""

    def mapping(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """z (N, z_dim), with labels (N,) for generators that take them -> w (N, w_dim)."""

    synthesis: nn.Module
    """w (N, L, w_dim) -> x (N, ...), which the game may still enlarge or cut to make a sample of it."""


@dataclass(frozen=True)
class Space:
    """Rows that one generator makes samples of."""

    name: str
    """``z``, ``w``, or ``z and label``."""
    draw: Callable[[int, torch.Generator], Tensor]
    """n -> rows (n, d) of the law that the generator was trained on."""
    make: Callable[[Tensor], Tensor]
    """rows (n, d), in w also (n, L, d), one for each layer -> samples (n, ...); gradients flow through the rows."""

    def samples(self, rows: Tensor, batch: int = 250) -> Tensor:
        """Samples of rows (n, d) or (n, L, d), without gradients, float32, in batches."""
        with torch.no_grad():
            return torch.cat([self.make(part).float() for part in rows.split(batch)])

    def centre(self, n: int = 10_000) -> Tensor:
        """Mean of n draws (d,): where truncation of w goes."""
        return self.draw(n, torch.Generator().manual_seed(0)).double().mean(0).float()


@contextmanager
def z_space(model: Model, label: int | None = None) -> Iterator[Space]:
    """z itself, with one label for generators that take any.

    Raises:
        ValueError: a label is missing, out of range, or of no use.
    """
    require_label(model, label)
    with model.generator() as G:
        yield Space("z", model.prior, lambda z: G(z, labels_of(label, len(z))))


@contextmanager
def w_space(model: Model, label: int | None = None) -> Iterator[Space]:
    """The w that a generator with styles maps z to; every layer reads the same, unless each is given its own.

    Samples are those of the game: enlarged while a network grows, and cut to [-1, 1].

    Raises:
        ValueError: as in `z_space`, or the generator has no styles.
    """
    require_label(model, label)
    net = require_styles(model)

    def draw(n: int, rng: torch.Generator) -> Tensor:
        z, y = model.prior(n, rng), labels_of(label, n)
        with torch.no_grad():
            return net.mapping(z) if y is None else net.mapping(z, y)

    with model.generator() as G:

        def make(w: Tensor) -> Tensor:
            rows = mixed(w, w, 0, net.layers) if w.dim() == 2 else w  # (n, L, w_dim)
            return made_of(rows, net.synthesis, model, G, label)

        yield Space("w", draw, make)


@contextmanager
def label_space(model: Model, label: int | None = None) -> Iterator[Space]:
    """z with the label's learned row beside it, so that labels can be added and taken away like anything else.

    Where styles are made of the two, each has been normalised, as the mapping is given them.

    Raises:
        ValueError: as in `z_space`, or this generator's labels are no rows beside z.
    """
    require_label(model, label)
    nets = model.game.nets(averaged=True).values()
    found = [part for net in nets for part in net.modules() if isinstance(part, LabelledGenerator | LabelledMapping)]
    expected = "a generator that a label enters as a row beside z, such as cgan's on DCGAN's networks"
    require(len(found) == 1, "run", model.name, expected)
    inner = found[0].net if isinstance(found[0], LabelledGenerator) else found[0].mapping
    with model.generator() as G:

        def draw(n: int, rng: torch.Generator) -> Tensor:
            caught: list[Tensor] = []

            def catch(_: nn.Module, given: tuple[Tensor, ...]) -> None:
                caught.append(given[0])

            with inner.register_forward_pre_hook(catch), torch.no_grad():
                G(model.prior(n, rng), labels_of(label, n))
            return caught[0]  # (n, z_dim + embedding)

        yield Space("z and label", draw, lambda rows: made_of(rows, inner, model, G, label))


SPACES: dict[str, Callable[[Model, int | None], AbstractContextManager[Space]]] = {
    "z": z_space,
    "w": w_space,
}
"""Spaces by name."""


def open_space(model: Model, name: str | None = None, label: int | None = None) -> AbstractContextManager[Space]:
    """A space by its name; without one, w where the generator has it, else z.

    Raises:
        ValueError: no such space, or none of this generator.
    """
    return choose(name or ("z" if styled(model) is None else "w"), SPACES, "latent space")(model, label)


def styled(model: Model) -> Styled | None:
    """The part of a model's averaged generator that is `Styled`; None: it has none."""
    parts = (part for net in model.game.nets(averaged=True).values() for part in net.modules())
    told = ("mapping", "synthesis", "layers")
    return next((part for part in parts if all(hasattr(part, name) for name in told)), None)  # type: ignore[return-value]


def mixed(first: Tensor, second: Tensor, cut: int, layers: int) -> Tensor:
    """Style mixing: the first ``cut`` layers read one w, the others another.

    Args:
        first: w (n, d) of the coarse layers.
        second: w (n, d) of the fine ones.
        cut: from 0, all are second's, to L.
        layers: L, in all.
    Returns:
        (n, L, d).
    Source: Karras et al. 2019, arXiv:1812.04948, section 3.1.

    >>> mixed(torch.tensor([[1.0]]), torch.tensor([[2.0]]), 1, 3).flatten()
    tensor([1., 2., 2.])
    """
    require(0 <= cut <= layers, "cut", cut, f"0 to {layers}, the layers of this generator")
    coarse = (torch.arange(layers, device=first.device) < cut)[:, None]  # (L, 1)
    return torch.where(coarse, first.unsqueeze(1), second.unsqueeze(1))


def require_styles(model: Model) -> Styled:
    """The generator's halves.

    Raises:
        ValueError: it has none.
    """
    found = styled(model)
    if found is None:
        raise ValueError(f"run={model.name}: expected a generator with styles (a mapping from z to w), as StyleGAN has")
    return found


def require_label(model: Model, label: int | None) -> None:
    """Refuse a label that is missing, out of range, or of no use."""
    if model.classes:
        known = label is not None and 0 <= label < model.classes
        require(known, "label", label, f"a label from 0 to {model.classes - 1}, which this generator is asked for")
    else:
        require(label is None, "label", label, "no label: this run does not take any")


def made_of(
    rows: Tensor, part: nn.Module, model: Model, G: Callable[[Tensor, Tensor | None], Tensor], label: int | None
) -> Tensor:
    """Samples of the game whose ``part`` reads these rows (n, ...) first, whatever z and label would have given it."""
    any_z = model.prior(len(rows), torch.Generator().manual_seed(0))
    with part.register_forward_pre_hook(lambda _, given: (rows, *given[1:])):
        return G(any_z, labels_of(label, len(rows)))


def labels_of(label: int | None, n: int) -> Tensor | None:
    """One label n times (n,), or None."""
    return None if label is None else torch.full((n,), label)

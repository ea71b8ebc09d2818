"""One side of a comparison: images or features, with their labels, and the model that made them if there is one."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import torch
from torch import Tensor

from saddle.config import require
from saddle.data.dataset import Dataset, Images, to_floats
from saddle.data.spec import Spec
from saddle.game import Game, sample, score
from saddle.game.sample import at_rest

__all__ = ["Model", "Side", "to_bytes"]


def to_bytes(x: Tensor) -> Tensor:
    """float images in [-1, 1] to uint8, rounded to the nearest level, as a saved picture holds them.

    Raises:
        ValueError: not finite, or outside [-1, 1] by more than rounding.

    >>> to_bytes(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([  0, 128, 255], dtype=torch.uint8)
    """
    low, high = (float(x.min()), float(x.max())) if x.numel() else (0.0, 0.0)
    require(low >= -1.001 and high <= 1.001, "images", f"from {low:.4g} to {high:.4g}", "numbers in [-1, 1], or uint8")
    return x.float().add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)


@dataclass(frozen=True)
class Model:
    """A game's generator and critic, as measures use them."""

    game: Game
    """The game, whose sampler says how z becomes x."""
    spec: Spec
    """Shape and labels of what it makes."""
    name: str = "model"
    """What to call it."""
    earlier: Mapping[str, Callable[[], Game]] = field(default_factory=dict)
    """Earlier checkpoints of the same run by name, loaded when called: who skill is rated against."""

    @property
    def classes(self) -> int:
        """Number of labels the generator asks for; 0: none."""
        assert self.game.sampler is not None
        return self.game.sampler.classes

    @property
    def labels_of_data(self) -> bool:
        """Whether those are the labels of the data, not some that the game found for itself."""
        assert self.game.sampler is not None
        return not self.game.sampler.own_labels

    @property
    def has_critic(self) -> bool:
        """Whether samples can be scored."""
        return self.game.sampler is not None and self.game.sampler.score is not None

    def prior(self, n: int, rng: torch.Generator) -> Tensor:
        """n draws of z (n, z_dim), float32."""
        assert self.game.sampler is not None
        return self.game.sampler.prior(n, rng)

    def labels(self, n: int, rng: torch.Generator) -> Tensor | None:
        """Uniform labels (n,) where the generator asks for them, else None."""
        return torch.randint(self.classes, (n,), generator=rng) if self.classes else None

    @contextmanager
    def generator(self) -> Iterator[Callable[[Tensor, Tensor | None], Tensor]]:
        """The averaged generator at rest: (z, labels or None) -> x in [-1, 1]; gradients flow through z."""
        assert self.game.sampler is not None
        make = self.game.sampler.generate
        with at_rest(self.game) as nets, torch.enable_grad():

            def generate(z: Tensor, y: Tensor | None = None) -> Tensor:
                return make(nets, z, y)

            weights = [p for net in nets.values() for p in net.parameters()]
            wanted = [p.requires_grad for p in weights]
            for p in weights:
                p.requires_grad_(False)
            try:
                yield generate
            finally:
                for p, grad in zip(weights, wanted, strict=True):
                    p.requires_grad_(grad)

    def sample(self, n: int, seed: int) -> tuple[Tensor, Tensor | None]:
        """n samples as the game makes them, float32, and their labels if it takes any."""
        return sample(self.game, n, seed)

    def score(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The critic's output (N,) for float samples of one kind, real or generated.

        Raises:
            ValueError: no critic.
        """
        return score(self.game, x, y)


@dataclass(frozen=True)
class Side:
    """Samples of one kind: N images or N rows of features.

    Make one by `of_images`, `of_features`, `of_data` or `of_model`.
    """

    name: str
    """What to call it in tables."""
    images: Tensor | None = None
    """uint8 (N, C, H, W), C = 1 or 3; None where features or points were given."""
    rows: Tensor | None = None
    """float (N, d): features taken as they are, or points; None where images were given."""
    labels: Tensor | None = None
    """int64 (N,) in [0, classes), where known."""
    classes: int = 0
    """Number of labels."""
    class_names: tuple[str, ...] = ()
    """Names of the labels, where they have any."""
    model: Model | None = None
    """What generated the samples, where it is at hand."""
    data: Dataset | None = None
    """The data set they were drawn from, where it is at hand: a toy density knows its modes."""
    groups: Tensor | None = None
    """int64 (N,), the same for samples that are variants of one, where that is known: see `saddle.data.Images`."""

    def __post_init__(self) -> None:
        require((self.images is None) != (self.rows is None), "side", self.name, "images or features, one of the two")
        x = self.samples
        require(len(x) >= 1, self.name, tuple(x.shape), "1 or more samples")
        if self.labels is not None:
            require(len(self.labels) == len(x), f"{self.name} labels", len(self.labels), f"{len(x)}, one a sample")

    @classmethod
    def of_images(cls, images: Tensor, name: str = "images", labels: Tensor | None = None, classes: int = 0) -> "Side":
        """From uint8 images (N, C, H, W), or float ones in [-1, 1], with 1 or 3 channels.

        Raises:
            ValueError: another shape (NHWC is named), another range, not finite.
        """
        shape = tuple(images.shape)
        require(images.ndim == 4, name, shape, "images (N, C, H, W)")
        swapped = "; these look like (N, H, W, C): permute them" if shape[-1] in (1, 3) else ""
        require(shape[1] in (1, 3), name, shape, f"(N, C, H, W) with C = 1 or 3{swapped}")
        if images.dtype != torch.uint8:
            require(images.dtype.is_floating_point, name, images.dtype, "uint8, or floats in [-1, 1]")
            require(bool(images.isfinite().all()), name, "NaN or infinity", "finite numbers")
            images = to_bytes(images)
        if labels is not None and not classes:
            classes = int(labels.max()) + 1
        return cls(name, images=images.contiguous(), labels=labels, classes=classes)

    @classmethod
    def of_features(
        cls, rows: Tensor, name: str = "features", labels: Tensor | None = None, classes: int = 0
    ) -> "Side":
        """From features or points (N, d), taken as they are, in their own precision.

        Raises:
            ValueError: another shape, or not finite.
        """
        require(rows.ndim == 2 and rows.shape[1] >= 1, name, tuple(rows.shape), "features (N, d)")
        require(rows.dtype in (torch.float32, torch.float64), name, rows.dtype, "float32 or float64")
        require(bool(rows.isfinite().all()), name, "NaN or infinity", "finite numbers")
        if labels is not None and not classes:
            classes = int(labels.max()) + 1
        return cls(name, rows=rows, labels=labels, classes=classes)

    @classmethod
    def of_data(cls, data: Dataset, n: int | None = None, seed: int = 0) -> "Side":
        """n samples of a data set, chosen by the seed; all of them, in order, without n.

        Raises:
            ValueError: n is missing where the data never end, or more than there are.
        """
        spec = data.spec
        if isinstance(data, Images):
            index = _some(len(data), n, seed, data.name)
            labels = None if data.labels is None else data.labels[index]
            images = data.images[index].contiguous()
            groups = None if data.groups is None else data.groups[index]
            return cls(data.name, images, None, labels, spec.classes, spec.class_names, data=data, groups=groups)
        require(n is not None or len(data) > 0, "n", n, f"a number of samples, because {data.name} has no end")
        require(not len(data) or n is None or n <= len(data), "n", n, f"at most {len(data)}, all of {data.name}")
        batch = data.sample(n or len(data), torch.Generator().manual_seed(seed))
        if not spec.points:
            return cls(data.name, to_bytes(batch.x), None, batch.y, spec.classes, spec.class_names, data=data)
        return cls(data.name, None, batch.x, batch.y, spec.classes, spec.class_names, data=data)

    @classmethod
    def of_model(cls, model: Model, n: int, seed: int = 0) -> "Side":
        """n samples of a model, and the model with them."""
        x, y = model.sample(n, seed)
        require(
            bool(x.isfinite().all()),
            model.name,
            "samples that are NaN or infinite",
            "a generator that has not diverged",
        )
        if not model.labels_of_data:
            y = None
        if model.spec.points:
            return cls(model.name, rows=x, labels=y, classes=model.classes, model=model)
        return cls(model.name, to_bytes(x), None, y, model.classes, model.spec.class_names, model)

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def samples(self) -> Tensor:
        """Images or rows, whichever was given."""
        x = self.images if self.images is not None else self.rows
        assert x is not None
        return x

    @property
    def floats(self) -> Tensor:
        """The samples as players see them: float32, images in [-1, 1]."""
        return self.samples.float() if self.images is None else to_floats(self.images)

    @property
    def fingerprint(self) -> str:
        """32 hex digits of the samples themselves."""
        x = self.samples.contiguous()
        digest = blake2b(f"{x.dtype} {tuple(x.shape)}".encode(), digest_size=16)
        digest.update(x.numpy().data)
        return digest.hexdigest()

    def take(self, index: Tensor) -> "Side":
        """Some of the samples, by index (n,), with their labels and groups."""
        part = {
            name: None if held is None else held[index]
            for name, held in (
                ("images", self.images),
                ("rows", self.rows),
                ("labels", self.labels),
                ("groups", self.groups),
            )
        }
        return replace(self, **part)  # type: ignore[arg-type]


def _some(count: int, n: int | None, seed: int, name: str) -> Tensor:
    require(n is None or 1 <= n <= count, "n", n, f"1 to {count}, all of {name}")
    if n is None or n == count:
        return torch.arange(count)
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:n].sort().values

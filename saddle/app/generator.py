"""A trained run as a plain network: z in, samples out, for programs that know nothing of games."""

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from saddle import __version__
from saddle.app.runs import Run, build, checked, rebuild
from saddle.config import require
from saddle.data.spec import Spec
from saddle.game import Game, Nets
from saddle.game.sample import at_rest

__all__ = ["Generator", "load", "load_file", "of_run"]

BATCH = 250
"""Samples made at a time."""


class Generator(nn.Module):
    """z (N, z_dim), and labels y (N,) where it takes any -> x: images (N, C, S, S) in [-1, 1], or points (N, d).

    It has a copy of the averaged weights where the run keeps an average, is at rest, and wants no gradients of its own.

    Args:
        game: a game that generates something.
        spec: shape and labels of what it was trained on.
        about: facts to carry along, as JSON has them: recipe, settings, data and their licence.
    Raises:
        ValueError: the game generates nothing.
    """

    def __init__(self, game: Game, spec: Spec, about: Mapping[str, Any]) -> None:
        super().__init__()
        if game.sampler is None:
            raise ValueError("sampler=None: expected a game that generates something")
        self._prior, self._generate = game.sampler.prior, game.sampler.generate
        self.spec = spec
        self.classes = game.sampler.classes
        theirs = game.sampler.own_labels or spec.classes != self.classes  # labels that the game found for itself
        self.class_names = () if theirs else spec.class_names
        self.z_dim = self._prior(1, torch.Generator()).shape[1]
        with at_rest(game) as nets:
            noted = _Noted(nets)
            self._generate(noted, *self.example(1, game.device))
        self.nets = nn.ModuleDict({name: deepcopy(nets[name]) for name in sorted(noted.names)})
        shape = ["N", *spec.shape]
        inputs = {"z": ["N", self.z_dim]} | ({"y": ["N"]} if self.classes else {})
        shapes = {"inputs": inputs, "outputs": {"x": shape}}
        self.about = {**shapes, "classes": self.classes, "class_names": [*self.class_names], **about}
        self.eval().requires_grad_(False)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """What the networks make of z, for labels y where they take any. Gradients flow to z."""
        return self._generate(dict(self.nets.items()), z, y)

    def example(self, n: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor | None]:
        """n inputs to try it with: z ~ N(0, I) and the labels one after another, always the same."""
        z = self._prior(n, torch.Generator().manual_seed(0)).to(device)
        return z, torch.arange(n, device=device) % self.classes if self.classes else None

    def sample(self, n: int, seed: int = 0, labels: int | Sequence[int] | Tensor | None = None) -> Tensor:
        """n samples on the CPU, the same that ``saddle sample -n N --seed SEED`` draws.

        Args:
            n: how many, 1 or more.
            seed: of z, and of the labels where they are not given.
            labels: one for all, or one for each, in [0, classes); None: drawn at random where it takes any.
        Returns:
            float32 images (n, C, S, S) in [-1, 1], or points (n, d).
        Raises:
            ValueError: n or a label is out of range, or there are labels and it takes none.
        """
        require(n >= 1, "n", n, "1 or more samples")
        y = self._labels(n, seed, labels)
        device = next(self.parameters()).device
        z = self._prior(n, torch.Generator().manual_seed(seed)).to(device)  # (n, z_dim)
        with torch.no_grad():
            pieces = [
                self(z[i : i + BATCH], None if y is None else y[i : i + BATCH].to(device)).float().cpu()
                for i in range(0, n, BATCH)
            ]
        return torch.cat(pieces).contiguous()

    def _labels(self, n: int, seed: int, labels: int | Sequence[int] | Tensor | None) -> Tensor | None:
        if not self.classes:
            require(labels is None, "labels", labels, "none: this generator does not take any")
            return None
        if labels is None:
            return torch.randint(self.classes, (n,), generator=torch.Generator().manual_seed(seed))
        y = torch.as_tensor(labels).cpu()
        y = y.expand(n) if y.ndim == 0 else y
        whole = not (y.is_floating_point() or y.dtype == torch.bool)
        require(whole and y.shape == (n,), "labels", labels, f"a whole number, or {n} of them, one for each sample")
        least, most = int(y.min()), int(y.max())
        require(least >= 0 and most < self.classes, "labels", (least, most), f"labels from 0 to {self.classes - 1}")
        return y.long()


class _Noted(dict[str, nn.Module]):
    """Networks by name, and which of them were asked for."""

    def __init__(self, nets: Nets) -> None:
        super().__init__(nets)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> nn.Module:
        self.names.add(name)
        return super().__getitem__(name)

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("a sampler asks for its networks by name")


def load(path: str | Path) -> Generator:
    """What a run learnt to make, as a plain network.

    Args:
        path: a run's folder, one that ``saddle pull`` fetched, or a file that ``saddle export --format safetensors``
            wrote.
    Returns:
        The generator at its newest whole checkpoint, on the CPU.
    Raises:
        ValueError: no run or file there, a damaged one, or a run that generates nothing.
    """
    path = Path(path).expanduser()
    return load_file(path) if path.suffix == ".safetensors" else of_run(Run.open(path))


def of_run(run: Run) -> Generator:
    """The generator of a run at its newest whole checkpoint, with the facts that are handed on with it.

    Raises:
        ValueError: no checkpoint is whole, or the run generates nothing.
    """
    game = rebuild(run)
    data = {key: value for key, value in run.config["data"].items() if key != "count"}
    about = {
        "range": "unbounded" if run.spec.points else [-1, 1],
        "recipe": run.config["recipe"],
        "settings": run.config["settings"],
        "data": data,
        "round": game.round,
        "images": game.images,
        "saddle": __version__,
    }
    return Generator(game, run.spec, about)


def load_file(path: Path) -> Generator:
    """A generator from its weights and the facts in the file's head.

    Raises:
        ValueError: the file is not there, not whole, or of something else.
    """
    require(path.is_file(), "file", path, "a file that saddle export --format safetensors wrote")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            about = json.loads((file.metadata() or {})["saddle"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"file={path}: expected a whole file that saddle export --format safetensors wrote ({reason})"
        ) from error
    config = checked({"threads": 1, "device": "cpu", "options": {"data": ""}, **_mapping(about)}, path)
    run = Run(path, config)
    made = Generator(build(run), run.spec, about)
    ours = {name: tuple(value.shape) for name, value in made.state_dict().items()}
    theirs = {name: tuple(value.shape) for name, value in tensors.items()}
    other = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    require(not other, f"{path}: weights", other[:1], f"those of a {config['recipe']} with its settings")
    made.load_state_dict(tensors)
    return made


def _mapping(about: Any) -> dict[str, Any]:
    return about if isinstance(about, dict) else {}

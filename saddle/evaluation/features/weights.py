"""Other people's weights: found where they usually lie, known by their hash, read without running what is in them.

Nothing is downloaded. Files that hold programs (``.pkl``, TorchScript) are refused, whoever made them.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from saddle.config import require

__all__ = ["digest", "file_hash", "load_into", "loaded", "read", "resolve"]

M = TypeVar("M", bound=nn.Module)

FOLDER = "SADDLE_WEIGHTS"
"""The environment variable that names a folder of weights files."""


def resolve(
    names: Sequence[str], hashes: Sequence[str], given: str | Path | None = None, *, repos: Sequence[str] = ()
) -> tuple[Path, str]:
    """Where a network's weights file is.

    Looked for, in this order: the path given; the folder ``$SADDLE_WEIGHTS``; torch hub's folder of checkpoints; the
    Hugging Face Hub's cache (any file of a right hash, and the known names in the repositories given).

    Args:
        names: every file name that it is known by.
        hashes: sha256 in hex of every file that is right, whole or its first digits (8 or more); empty where none is
            known: then any file that is called so will do, and the caller shows its hash with each number.
        given: what the user named: a file, or a folder to look into.
        repos: Hugging Face repositories, ``owner/name``, in which the names are looked for.
    Returns:
        The file and its sha256.
    Raises:
        ValueError: no such file, or none with the right hash; says what to put where.
    """
    assert all(len(known) >= 8 and known == known.lower() for known in hashes)
    wrong = []
    for path in _given(Path(given).expanduser(), names) if given is not None else _usual(names, hashes, repos):
        found = file_hash(path)
        if not hashes or found.startswith(tuple(hashes)):
            return path, found
        wrong.append(f"{path} has sha256 {found[:16]}..., so it is damaged or another file")
    expected = " or ".join(f"{known[:16]}{'...' if len(known) > 8 else ''}" for known in hashes)
    told = f", sha256 {expected}" if hashes else ""
    where = f"in a folder that the environment variable {FOLDER} names, or in {_hub()}"
    advice = f"expected {' or '.join(names)}{told}; give its path, or put it {where}. Nothing is downloaded"
    raise ValueError(f"weights={given or names[0]}: {'; '.join([*wrong, advice])}")


def read(path: Path) -> dict[str, Tensor]:
    """The named tensors of a weights file, on the CPU: safetensors, or what ``torch.save`` made of a state dict.

    A dictionary that holds the tensors under ``state_dict`` or ``model`` is opened.

    Raises:
        ValueError: damaged, or holding anything but named tensors: programs are refused unread.
    """
    require(path.is_file(), "weights", path, "a file")
    require(path.suffix.lower() not in (".pkl", ".pickle"), "weights", path, _PROGRAM)
    try:
        if path.suffix.lower() == ".safetensors":
            return load_file(path)
        require(not _is_torchscript(path), "weights", path, _PROGRAM)
        held = torch.load(path, map_location="cpu", weights_only=True)
    except ValueError:
        raise
    except Exception as error:  # damaged bytes make torch raise nearly anything, and a pickle of objects its own kind
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise ValueError(f"weights={path}: expected a whole file of named tensors ({reason})") from None
    return _tensors(held, path)


_PROGRAM = (
    "named tensors (.pth made of a state dict, or .safetensors); this one holds a program, which loading would run"
)


def load_into(module: nn.Module, tensors: Mapping[str, Tensor], source: str | Path) -> None:
    """Give a network its weights, all of them.

    Batch normalisation's count of batches, which nothing uses here, may be missing or left over.

    Raises:
        ValueError: names that are missing, left over, or of another shape; says how many, and the first.
    """
    ours, theirs = (_without_counts(held) for held in (module.state_dict(), tensors))
    missing, extra = sorted(ours.keys() - theirs.keys()), sorted(theirs.keys() - ours.keys())
    other = [name for name in ours.keys() & theirs.keys() if ours[name].shape != theirs[name].shape]
    if missing or extra or other:
        first = [f"{len(missing)} names missing, such as {missing[0]}"] if missing else []
        first += [f"{len(extra)} too many, such as {extra[0]}"] if extra else []
        for name in sorted(other)[:1]:
            shapes = f"{tuple(theirs[name].shape)}, not {tuple(ours[name].shape)}"
            first.append(f"{len(other)} of another shape, such as {name}: {shapes}")
        raise ValueError(f"weights={source}: expected those of {type(module).__name__}; {', '.join(first)}")
    require(all(bool(t.isfinite().all()) for t in theirs.values()), "weights", source, "finite numbers")
    module.load_state_dict(theirs, strict=False)


def loaded(build: Callable[[], M], tensors: Mapping[str, Tensor], source: str | Path) -> M:
    """A network with these weights, at rest and without gradients of its own.

    It has no initial weights, which nobody would see: they would take time, and random numbers from somebody else.

    Raises:
        ValueError: see `load_into`.
    """
    with torch.device("meta"):
        empty = build()
    net = empty.to_empty(device="cpu")
    load_into(net, tensors, source)
    return net.eval().requires_grad_(False)


def file_hash(path: Path) -> str:
    """sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(tensors: Mapping[str, Tensor]) -> str:
    """sha256 of named tensors, whatever file they came from.

    >>> digest({"a": torch.zeros(2)}) == digest({"a": torch.zeros(2)}) != digest({"a": torch.zeros(3)})
    True
    """
    found = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        found.update(json.dumps([name, str(value.dtype), list(value.shape)]).encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _given(path: Path, names: Sequence[str]) -> Iterator[Path]:
    require(path.exists(), "weights", path, f"a file that exists: {' or '.join(names)}, or a folder that holds it")
    yield from _in_folder(path, names) if path.is_dir() else [path]


def _usual(names: Sequence[str], hashes: Sequence[str], repos: Sequence[str]) -> Iterator[Path]:
    if folder := os.environ.get(FOLDER):
        yield from _in_folder(Path(folder).expanduser(), names)
    yield from _in_folder(_hub(), names)
    cache = _hugging_face()
    for known in hashes:  # large files lie there under their whole sha256
        yield from (path for path in sorted(cache.glob(f"models--*/blobs/{known}*")) if len(path.name) == 64)
    for repo in repos:
        for snapshot in sorted(cache.glob(f"models--{repo.replace('/', '--')}/snapshots/*")):
            yield from _in_folder(snapshot, names)


def _in_folder(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    yield from (folder / name for name in names if (folder / name).is_file())


def _hub() -> Path:
    """Torch hub's folder of checkpoints, as torch finds it."""
    return Path(torch.hub.get_dir(), "checkpoints")


def _hugging_face() -> Path:
    """The Hub's cache, as huggingface_hub finds it."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = Path(os.environ.get("HF_HOME") or caches / "huggingface").expanduser()
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") or "/code/" in name for name in archive.namelist())


def _tensors(held: Any, path: Path) -> dict[str, Tensor]:
    for inner in ("state_dict", "model"):
        if isinstance(held, Mapping) and isinstance(held.get(inner), Mapping):
            held = held[inner]
    named = isinstance(held, Mapping) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in held.items())
    require(named and len(held) > 0, "weights", path, "named tensors, as of a state dict")
    return dict(held)


def _without_counts(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in tensors.items() if not name.endswith("num_batches_tracked")}

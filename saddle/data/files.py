"""Finding images: in a folder or in a zip, with labels from the sub-folders."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile, ZipInfo

from saddle.config import require

__all__ = ["MANIFEST", "SUFFIXES", "Found", "Item", "Manifest", "find_images"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2")
"""How the names of images end, in lower or upper case."""

MANIFEST = "saddle.json"
"""The file in which `saddle.data.pack` says what it wrote."""

_MOST_BYTES = 2**28
"""Bytes one file in a zip may unpack to."""


@dataclass(frozen=True)
class Item:
    """One image file."""

    name: str
    """Its path from the root, with forward slashes."""
    label: str | None
    """The sub-folder of the root it lies in, at whatever depth; None directly in the root."""
    open: Callable[[], BinaryIO] = field(compare=False)
    """Opens it for reading."""


@dataclass(frozen=True)
class Manifest:
    """What a packed set says of itself."""

    size: int
    """Side of its images, which is the default when it is loaded."""
    channels: int
    """Their channels, likewise."""
    classes: tuple[str, ...]
    """Its labels in order; empty if it has none."""


@dataclass(frozen=True)
class Found:
    """What a folder or zip holds."""

    items: tuple[Item, ...]
    """Its images, in order."""
    ignored: int
    """Number of other files; hidden ones are not counted."""
    manifest: Manifest | None
    """Where it was packed by saddle: how."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels, sorted: none unless every image lies in a sub-folder, and there are two of those."""
        if self.manifest:
            return self.manifest.classes
        labels = {item.label for item in self.items}
        return tuple(sorted(label for label in labels if label)) if None not in labels and len(labels) > 1 else ()


@contextmanager
def find_images(path: Path) -> Iterator[Found]:
    """The images in a folder or zip, which can be opened until the context ends; a zip is not unpacked.

    Hidden files and folders (``.name``, ``__MACOSX``) are passed over, links to folders followed. A root that holds
    nothing but one folder is entered, so that a folder or zip around the real one does no harm.

    Raises:
        ValueError: not a zip that can be read, an encrypted one, or a damaged manifest.
        OSError: a folder that may not be looked into.
    """
    if path.is_dir():
        yield _arrange({_printable(name): partial(_open_file, path / name) for name in _walk(path)}, path)
        return
    try:
        archive = ZipFile(path)
    except (BadZipFile, NotImplementedError, ValueError, OSError) as error:
        if getattr(error, "filename", None):  # the system's refusal, which names the file itself
            raise
        raise ValueError(f"{path}: not a zip file that can be read ({error})") from None
    with archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        encrypted = next((entry.filename for entry in entries if entry.flag_bits & 1), None)
        require(encrypted is None, str(path), encrypted, "a zip without a password")
        names = [_printable(entry.filename.lstrip("/")) for entry in entries]
        yield _arrange({n: partial(_open_entry, archive, entry) for n, entry in zip(names, entries, strict=True)}, path)


def _walk(root: Path) -> Iterator[str]:
    """Paths of all files below a folder, from it, with links followed but never in a circle."""
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, onerror=_refuse, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        yield from ((Path(folder) / name).relative_to(root).as_posix() for name in files)


def _refuse(error: OSError) -> None:
    raise error


def _printable(name: str) -> str:
    """The name with bytes that are no text spelt out, so that it can be printed."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _open_file(path: Path) -> BinaryIO:
    require(path.is_file(), "file", path.name, "an ordinary file")  # a pipe would be waited on for ever
    return path.open("rb")


def _open_entry(archive: ZipFile, entry: ZipInfo) -> BinaryIO:
    require(entry.file_size <= _MOST_BYTES, "unpacked", f"{entry.file_size} bytes", f"at most {_MOST_BYTES}")
    return BytesIO(archive.read(entry))


def _arrange(files: dict[str, Callable[[], BinaryIO]], path: Path) -> Found:
    """Sort the images out and give them their labels."""
    visible = {name: opener for name, opener in files.items() if not _hidden(name)}
    manifest = _read_manifest(visible.pop(MANIFEST), path) if MANIFEST in visible else None
    names = sorted(name for name in visible if name.lower().endswith(SUFFIXES))
    if manifest:
        names.sort(key=lambda name: PurePosixPath(name).stem)  # numbered in their order over all classes
    depth = 0 if manifest else _common_depth(names)
    items = []
    for name in names:
        parts = PurePosixPath(name).parts[depth:]
        items.append(Item(name, parts[0] if len(parts) > 1 else None, visible[name]))
    if manifest:
        known: set[str | None] = set(manifest.classes) or {None}
        strange = next((item.name for item in items if item.label not in known), None)
        require(strange is None, f"{path}: {MANIFEST}", manifest.classes, f"a class for {strange}")
    return Found(tuple(items), len(visible) - len(names), manifest)


def _hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _common_depth(names: list[str]) -> int:
    """How many folders all names share at their beginning."""
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    levels = zip(*folders, strict=False)  # as deep as the shallowest
    return sum(1 for _ in takewhile(lambda level: len(set(level)) == 1, levels))


def _read_manifest(opener: Callable[[], BinaryIO], path: Path) -> Manifest:
    try:
        with opener() as file:
            held = json.loads(file.read(1 << 22))
        manifest = Manifest(held["size"], held["channels"], tuple(held["classes"]))
        sound = type(manifest.size) is int and 4 <= manifest.size <= 1024 and manifest.channels in (1, 3)
        sound = sound and all(isinstance(name, str) for name in manifest.classes)
    except (ValueError, TypeError, KeyError, RecursionError, OSError, BadZipFile) as error:
        raise ValueError(f"{path}: {MANIFEST} is damaged ({error}); delete it or pack again") from None
    require(sound, f"{path}: {MANIFEST}", held, "size, channels (1 or 3) and classes as saddle data pack writes them")
    return manifest

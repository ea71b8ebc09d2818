"""Looking over a user's data: what is wrong with it, and what will be done about each thing."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path

from torch import Tensor

from saddle.config import require
from saddle.data.dataset import Images, Skipped
from saddle.data.decode import Decoded, decode
from saddle.data.files import Found, find_images
from saddle.data.paths import MOST_BAD, class_labels, kind_of, load_path, looked_for

__all__ = ["Report", "check"]

_ACTIONS = {
    "1": "becomes black and white in eight bits",
    "P": "palette: becomes RGB",
    "PA": "palette with transparency: composited on white",
    "LA": "grey with transparency: composited on white",
    "La": "grey with transparency: composited on white",
    "RGBA": "transparency: composited on white",
    "RGBa": "transparency: composited on white",
    "CMYK": "print colours: becomes RGB",
    "YCbCr": "becomes RGB",
    "LAB": "becomes RGB",
    "HSV": "becomes RGB",
    "I": "32-bit numbers: taken as 16-bit grey and scaled to eight",
    "F": "32-bit fractions: scaled from [0, 1] to eight bits",
}
"""What is done with pictures in Pillow's modes other than plain "L" and "RGB"."""

Progress = Callable[[int, int], None] | None


@dataclass(frozen=True)
class Report:
    """What `check` found; each problem with what will be done about it."""

    path: str
    """What was looked at."""
    kind: str
    """``"images"``, ``"array"`` or ``"idx"``."""
    found: int
    """Samples there."""
    usable: int
    """Samples that training will see."""
    size: int
    """Side they are brought to, in pixels; 0 for points."""
    channels: int
    """Channels they are brought to; for points, dimensions."""
    grey: int
    """Images whose channels are all equal."""
    duplicates: tuple[tuple[str, ...], ...]
    """Groups of samples whose pixels are the same at the training size; all are kept."""
    classes: dict[str, int]
    """Samples of each label; empty where there are no labels."""
    actions: tuple[str, ...]
    """What is wrong and what will be done about it, one sentence each."""
    ignored: int = 0
    """Files that are not images by their names, and are passed over; hidden ones are not counted."""
    unreadable: tuple[Skipped, ...] = ()
    """Files that will be skipped."""
    small: tuple[str, ...] = ()
    """Images with a side shorter than ``size``, which will be enlarged."""
    modes: dict[str, int] = field(default_factory=dict)
    """How many of the images are stored how, in Pillow's terms."""
    ok: bool = True
    """Whether ``saddle train`` will take it."""

    def document(self) -> dict[str, object]:
        """Everything, ready for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Everything, to read."""
        what = f"{self.channels} x {self.size} x {self.size}" if self.size else f"points of {self.channels} dimensions"
        told = [f"{self.path}: {self.usable} of {self.found} samples can be used, as {what}"]
        told += [f"  class {name}: {count}" for name, count in self.classes.items()]
        told += [f"  - {action}" for action in self.actions]
        told += _first([f"  unreadable: {file.name} ({file.reason})" for file in self.unreadable])
        told += _first([f"  too small: {name}" for name in self.small])
        told += _first([f"  same content: {_shorten(group)}" for group in self.duplicates])
        return [*told, "Training will take it." if self.ok else "Training will refuse it."]


def check(path: Path, size: int | None = None, progress: Progress = None) -> Report:
    """Look over a folder, zip, array file or folder of IDX files.

    Args:
        path: of the user's data.
        size: side to train at; by default the one that `saddle.data.load` would take.
        progress: called with (samples read, samples in all).
    Raises:
        ValueError: there is nothing to look over, or, of an array, a value that cannot be used.
    """
    require(size is None or 4 <= size <= 1024, "size", size, "a side of 4 to 1024 pixels")
    kind = kind_of(path)
    return _check_files(path, size, progress) if kind == "images" else _check_array(path, kind, size, progress)


def _check_files(path: Path, size: int | None, progress: Progress) -> Report:
    with find_images(path) as found:
        require(bool(found.items), "data", path, looked_for(found))
        packed = found.manifest
        size = size or (packed.size if packed else None)
        decoded = decode(found.items, size, packed.channels if packed else None, progress)
    side, channels = decoded.pixels.shape[1], decoded.pixels.shape[3]
    names = [found.items[index].name for index in decoded.good]
    sides = [decoded.heads[index].short_side for index in decoded.good]
    small = tuple(name for name, short in zip(names, sides, strict=True) if short < side)
    bad = tuple(Skipped(found.items[index].name, reason) for index, reason in sorted(decoded.bad.items()))
    refused = len(bad) > MOST_BAD * len(found.items)
    duplicates = _same([image.tobytes() for image in decoded.pixels], names)
    balance = _balance(*class_labels(found, decoded))
    actions = _on_files(found, bad, refused) + _on_pixels(decoded, small, side, channels)
    return Report(
        path=str(path),
        kind="images",
        found=len(found.items),
        usable=len(names),
        size=side,
        channels=channels,
        grey=sum(decoded.grey),
        duplicates=duplicates,
        classes=balance,
        actions=(*actions, *_on_content(duplicates, balance)),
        ignored=found.ignored,
        unreadable=bad,
        small=small,
        modes=decoded.modes,
        ok=not refused,
    )


def _check_array(path: Path, kind: str, size: int | None, progress: Progress) -> Report:
    data = load_path(path, size, None, progress)
    held = data.images if isinstance(data, Images) else data.x
    duplicates = _same([row.contiguous().numpy().tobytes() for row in held], [f"[{row}]" for row in range(len(held))])
    classes = data.spec.class_names or tuple(str(label) for label in range(data.spec.classes))
    balance = _balance(data.labels, classes)
    return Report(
        path=str(path),
        kind=kind,
        found=len(held),
        usable=len(held),
        size=data.spec.size,
        channels=data.spec.channels,
        grey=len(held) if data.spec.size and data.spec.channels == 1 else 0,
        duplicates=duplicates,
        classes=balance,
        actions=tuple(_on_content(duplicates, balance)),
    )


def _same(contents: list[bytes], names: list[str]) -> tuple[tuple[str, ...], ...]:
    """Groups of names whose content is the same."""
    groups: dict[bytes, list[str]] = defaultdict(list)
    for content, name in zip(contents, names, strict=True):
        groups[blake2b(content, digest_size=16).digest()].append(name)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _first(lines: list[str], most: int = 20) -> list[str]:
    """The first lines, and how many more there are."""
    return lines if len(lines) <= most else [*lines[:most], f"  ... and {len(lines) - most} more (--json lists all)"]


def _shorten(group: tuple[str, ...], most: int = 5) -> str:
    more = f", ... ({len(group)} in all)" if len(group) > most else ""
    return ", ".join(group[:most]) + more


def _balance(labels: Tensor | None, classes: tuple[str, ...]) -> dict[str, int]:
    counts = Counter([] if labels is None else labels.tolist())
    return {name: counts[label] for label, name in enumerate(classes)}


def _on_files(found: Found, bad: tuple[Skipped, ...], refused: bool) -> list[str]:
    actions = []
    if bad:
        done = "more than 10 %, so training will refuse the set" if refused else "they will be skipped"
        actions.append(f"{len(bad)} cannot be read: {done}")
    if found.ignored:
        actions.append(f"{found.ignored} other files do not have an image's name: they will be passed over")
    if not found.classes and any(item.label for item in found.items):
        actions.append("some images lie in sub-folders and some do not: there will be no labels")
    return actions


def _on_pixels(decoded: Decoded, small: tuple[str, ...], side: int, channels: int) -> list[str]:
    actions = [
        f"{count} in mode {mode}: {_ACTIONS.get(mode, '16-bit grey: scaled to eight bits')}"
        for mode, count in decoded.modes.items()
        if mode not in ("L", "RGB")
    ]
    grey, count = sum(decoded.grey), len(decoded.grey)
    if channels == 3 and grey:
        actions.append(f"{grey} are grey among {count - grey} in colour: grey will be repeated into three channels")
    if channels == 1 and grey < count:
        actions.append(f"{count - grey} are in colour among {grey} grey ones: they will be made grey")
    if small:
        actions.append(f"{len(small)} have a side shorter than {side} pixels: they will be enlarged")
    return actions


def _on_content(duplicates: tuple[tuple[str, ...], ...], balance: dict[str, int]) -> list[str]:
    actions = []
    if duplicates:
        extra = sum(len(group) - 1 for group in duplicates)
        actions.append(
            f"{extra} repeat another's content: they are kept, and will be seen more often; delete them if not meant"
        )
    empty = [name for name, count in balance.items() if count == 0]
    if empty:
        actions.append(f"no samples of class {', '.join(empty)}: the class is kept, and cannot be learned")
    if balance and max(balance.values()) > 2 * min(balance.values()):
        least, most = min(balance, key=lambda name: balance[name]), max(balance, key=lambda name: balance[name])
        told = f"classes are uneven, from {balance[least]} of {least} to {balance[most]} of {most}"
        actions.append(f"{told}: each will be seen as often as it occurs")
    return actions

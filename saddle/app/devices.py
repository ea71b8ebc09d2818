"""Devices by name: where a run trains, and where it is looked at."""

from typing import Any

from saddle.config import require

__all__ = ["LOOKS", "device_of"]

LOOKS: dict[str, Any] = {
    "default": "cpu",
    "choices": ("cpu", "cuda"),
    "help": "where networks work: cpu or cuda, the same numbers within rounding (default: cpu)",
}
"""What ``--device`` is to commands that look at a run."""


def device_of(name: str) -> str:
    """The device that ``--device`` stands for: auto is the fastest there is.

    Raises:
        ValueError: one that this machine does not have.
    """
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if there[device])
    require(
        there[name], "device", name, "a device of this machine: " + ", ".join(d for d, found in there.items() if found)
    )
    return name

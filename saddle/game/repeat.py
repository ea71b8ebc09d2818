"""Giving the same bits every time on an accelerator, as a CPU does of itself."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

__all__ = ["repeatable"]


@contextmanager
def repeatable(device: torch.device | str) -> Iterator[None]:
    """Inside, a seed means the same run bit for bit on this device; torch's settings come back after.

    On a CUDA device threads add to the same place in whatever order they come, in gradients of convolutions and of
    indexing, and float sums depend on the order. Torch has forms of these operations that do not, somewhat slower;
    ``bench/device.py`` says by how much. An operation that has none is warned of, and played all the same. Nothing is
    changed for a CPU, which repeats itself with one number of threads.

    Args:
        device: where the game stands. To be entered before the first operation on it.

    >>> with repeatable("cpu"):
    ...     torch.are_deterministic_algorithms_enabled()
    False
    """
    if torch.device(device).type != "cuda":
        yield
        return
    ours: Any = torch.utils.deterministic  # whose settings its types do not tell
    filled = ours.fill_uninitialized_memory
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # asked for by cuBLAS, once, when it starts
    ours.fill_uninitialized_memory = False  # nothing here reads what it has not written
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with (
            torch.backends.cudnn.flags(
                enabled=True, benchmark=False, deterministic=True, allow_tf32=torch.backends.cudnn.allow_tf32
            ),
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings("once", message=".*does not have a deterministic implementation")
            yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        ours.fill_uninitialized_memory = filled

"""Extraction divided among the ranks of torch.distributed."""

from typing import TYPE_CHECKING

import torch
from torch import distributed

from saddle.config import require
from saddle.evaluation.features.base import Extractor, Features
from saddle.evaluation.features.extraction import Progress, extract
from saddle.evaluation.ranks import gather_rows

if TYPE_CHECKING:
    from saddle.evaluation.side import Side

__all__ = ["extract_sharded"]


def extract_sharded(side: "Side", extractor: Extractor, progress: Progress | None = None) -> Features:
    """Features of a side that every rank holds: each looks at its part, and all end with the whole.

    The same, bit for bit, as `saddle.evaluation.features.extract` makes in one process on such a machine.

    Args:
        side: the same images on every rank, at least as many as there are ranks.
        extractor: what looks at them, the same on every rank.
        progress: called with this rank's (images done, images to do).
    Raises:
        ValueError: fewer images than ranks, or features that are not finite.
    """
    if side.rows is not None:
        return Features(side.rows)
    rank, world = distributed.get_rank(), distributed.get_world_size()
    require(len(side) >= world, side.name, len(side), f"{world} or more images, one a rank")
    mine = extract(side.take(torch.arange(len(side)).tensor_split(world)[rank]), extractor, progress)
    return Features(gather_rows(mine.rows), None if mine.log_probs is None else gather_rows(mine.log_probs))

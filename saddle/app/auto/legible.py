"""How plainly a sample shows its label: what a linear reader makes of a few pixels."""

import torch
import torch.nn.functional as F

from saddle.data import Dataset

__all__ = ["legible"]

MOST = 4_000
"""Samples that are looked at: half to learn from, half to be read."""
SIDE = 8
"""Images are brought to this many pixels a side by means."""
RIDGE = 0.1
"""Weight of the penalty, in mean variances of a pixel."""


def legible(data: Dataset) -> float:
    """The skill of ridge regression on labels as one-hot rows, (accuracy - c) / (1 - c).

    c is the share of the commonest label among the samples that are read, so that 0 is no better than always saying
    it, and 1 is no mistake.

    Args:
        data: labelled images.
    Returns:
        At most 1; 0 where there are fewer than four samples or one label only.

    >>> from saddle.data import load
    >>> legible(load("digits")) > 0.8
    True
    """
    batch = data.sample(min(len(data), MOST), torch.Generator().manual_seed(0))
    assert batch.y is not None
    x = F.adaptive_avg_pool2d(batch.x, min(SIDE, data.spec.size)).flatten(1).double()  # (N, d)
    half = len(x) // 2
    target = F.one_hot(batch.y, data.spec.classes).double()  # (N, K)
    commonest = float(target[half:].mean(0).max())
    if half < 2 or commonest == 1:
        return 0.0
    x, mean = x - x[:half].mean(0), target[:half].mean(0)
    gram = x[:half].T @ x[:half] / half  # (d, d)
    gram += (RIDGE * gram.diagonal().mean() + 1e-12) * torch.eye(len(gram), dtype=gram.dtype)
    weights = torch.linalg.solve(gram, x[:half].T @ (target[:half] - mean) / half)  # (d, K)
    read = (x[half:] @ weights + mean).argmax(1) == batch.y[half:]
    return (float(read.double().mean()) - commonest) / (1 - commonest)

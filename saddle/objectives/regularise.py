r"""Regularisers of a critic that sees few data, and the generator's choice of its best samples.

Consistency terms ask that an output stay the same when its input is augmented; LeCam holds outputs near moving
anchors; top-k lets the generator learn only from the samples that the critic finds most real. All take ready outputs.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from saddle.config import require

__all__ = [
    "Anchors",
    "balanced_consistency",
    "consistency",
    "latent_consistency_generator",
    "lecam",
    "lecam_anchors",
    "top_k",
    "top_k_size",
]


def consistency(outputs: Tensor, augmented: Tensor) -> Tensor:
    r"""Critic's term E[(D(x) - D(T(x)))^2] for a random augmentation T: CR for real x; with T(z) in G(z) zCR's.

    For zCR the critic minimises it between D(G(z)) and D(G(z + sigma e)): a small step in z shall not matter to it.

    Args:
        outputs: the critic's raw outputs, any shape.
        augmented: its outputs on the augmented samples, in the same order.
    Returns:
        Scalar in [0, inf), before the weight (10 in the first paper).
    Raises:
        ValueError: the shapes differ.
    Source: Zhang et al. 2020, arXiv:1910.12027; Zhao et al. 2021, algorithm 2, arXiv:2002.04724.

    >>> consistency(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """
    _same_shapes(outputs, augmented)
    return (outputs - augmented).square().mean()


def balanced_consistency(
    real: Tensor, real_augmented: Tensor, fake: Tensor, fake_augmented: Tensor
) -> dict[str, Tensor]:
    r"""bCR: the critic's :func:`consistency` on real and on generated samples, so that no augmentation leaks into G.

    Args:
        real: the critic's raw outputs on real samples.
        real_augmented: its outputs on the same samples augmented.
        fake: its outputs on generated samples.
        fake_augmented: its outputs on the same samples augmented.
    Returns:
        ``consistency_real`` and ``consistency_fake``, scalars in [0, inf), before their weights (10 each in the paper).
    Raises:
        ValueError: the shapes of a pair differ.
    Source: Zhao et al. 2021, algorithm 1, arXiv:2002.04724.

    >>> a = torch.zeros(2)
    >>> balanced_consistency(a, a + 1, a, a)
    {'consistency_real': tensor(1.), 'consistency_fake': tensor(0.)}
    """
    return {
        "consistency_real": consistency(real, real_augmented),
        "consistency_fake": consistency(fake, fake_augmented),
    }


def latent_consistency_generator(fake: Tensor, shifted: Tensor) -> Tensor:
    r"""zCR's generator term -E[(G(z) - G(z + sigma e))^2]: nearby z shall give samples that differ.

    Unbounded below: it needs a small weight and a generator whose samples are bounded.

    Args:
        fake: G(z), any shape.
        shifted: G of z with a little noise, in the same order.
    Returns:
        Scalar in (-inf, 0], averaged over all elements, before the weight.
    Raises:
        ValueError: the shapes differ.
    Source: Zhao et al. 2021, algorithm 2, arXiv:2002.04724.

    >>> latent_consistency_generator(torch.zeros(2, 2), torch.ones(2, 2))
    tensor(-1.)
    """
    return -consistency(fake, shifted)


class Anchors(NamedTuple):
    """Moving averages of the critic's outputs, two scalars that the caller keeps where a restart finds them."""

    real: Tensor
    """alpha_R, the average of D(x)."""
    fake: Tensor
    """alpha_F, the average of D(G(z))."""


def lecam(real: Tensor, fake: Tensor, anchors: Anchors) -> Tensor:
    r"""LeCam's regulariser E[(D(x) - alpha_F)^2] + E[(D(G(z)) - alpha_R)^2]: each kind near the other's anchor.

    With the Wasserstein loss, a weight lambda and constant anchors alpha_R = -alpha_F = alpha, the optimal critic is
    (1/(2 lambda) - alpha) (p - p_g) / (p + p_g), and the generator faces that factor times the LeCam divergence
    sum (p - p_g)² / (p + p_g). The published program counts D(x) - alpha_F and alpha_R - D(G(z)) only where positive;
    this is the paper's formula.

    Args:
        real: the critic's raw outputs on real samples, any shape.
        fake: its outputs on generated samples, any shape.
        anchors: from :func:`lecam_anchors`, without gradient.
    Returns:
        Scalar in [0, inf), before the weight lambda; below 1/(2 alpha), or the critic turns round.
    Source: Tseng et al. 2021, section 3.2 and proposition 1, arXiv:2104.03310.

    >>> lecam(torch.tensor([1.0]), torch.tensor([-1.0]), Anchors(torch.tensor(1.0), torch.tensor(-1.0)))
    tensor(8.)
    """
    alpha_r, alpha_f = anchors.real.detach(), anchors.fake.detach()
    return (real - alpha_f).square().mean() + (fake - alpha_r).square().mean()


def lecam_anchors(real: Tensor, fake: Tensor, anchors: Anchors, decay: float = 0.99) -> Anchors:
    r"""The anchors after one more batch, alpha <- decay alpha + (1 - decay) mean of the outputs.

    Args:
        real: the critic's raw outputs on real samples, any shape.
        fake: its outputs on generated samples, any shape.
        anchors: as they were; zeros at the start.
        decay: share of the past that stays, in [0, 1); 0.99 in the paper.
    Returns:
        New anchors, without graph.
    Raises:
        ValueError: ``decay`` outside [0, 1).
    Source: Tseng et al. 2021, section 3.2, arXiv:2104.03310.

    >>> lecam_anchors(torch.ones(2), -torch.ones(2), Anchors(torch.tensor(0.0), torch.tensor(0.0)), decay=0.9)
    Anchors(real=tensor(0.1000), fake=tensor(-0.1000))
    """
    require(0 <= decay < 1, "decay", decay, "a share in [0, 1)")
    return Anchors(
        torch.lerp(anchors.real.detach(), real.detach().mean(), 1 - decay),
        torch.lerp(anchors.fake.detach(), fake.detach().mean(), 1 - decay),
    )


def top_k(outputs: Tensor, k: int) -> Tensor:
    r"""The k largest of the critic's outputs on generated samples: what a generator loss is then taken of.

    The samples that the critic finds least real give no gradient; theirs can point away from the nearest mode.
    Energies, which are low for what looks real, are to be negated before and after.

    Args:
        outputs: one number for each generated sample, (N,).
        k: how many count, 1 to N; see :func:`top_k_size`.
    Returns:
        (k,), in descending order, with gradient.
    Raises:
        ValueError: ``outputs`` is no vector or ``k`` outside 1 .. N.
    Source: Sinha et al. 2020, section 3, arXiv:2002.06224.

    >>> top_k(torch.tensor([0.0, 3.0, 1.0]), k=2)
    tensor([3., 1.])
    """
    require(outputs.dim() == 1, "outputs.shape", tuple(outputs.shape), "one output for each sample, (N,)")
    require(1 <= k <= len(outputs), "k", k, f"1 to the {len(outputs)} samples of the batch")
    best, _ = outputs.topk(k)
    return best


def top_k_size(batch: int, epoch: float, gamma: float = 0.99, least: float = 0.5) -> int:
    r"""The schedule of k: the whole batch at first, then gamma^epoch of it, but never below a share nu.

    k = max(gamma^epoch B, nu B), rounded up.

    Args:
        batch: B, generated samples in a batch, 1 or more.
        epoch: passes over the data so far, 0 or more; may be a fraction. At the start all samples count, since the
            critic knows nothing yet.
        gamma: what a pass leaves of k, in (0, 1]; 0.99 in the paper.
        least: nu, the share of the batch that always counts, in (0, 1]; 0.5 in the paper.
    Returns:
        k in 1 .. B.
    Raises:
        ValueError: a value out of its range.
    Source: Sinha et al. 2020, section 3, arXiv:2002.06224.

    >>> [top_k_size(100, epoch) for epoch in (0, 10, 1000)]
    [100, 91, 50]
    """
    require(batch >= 1, "batch", batch, "1 or more samples")
    require(epoch >= 0, "epoch", epoch, "0 or more passes")
    require(0 < gamma <= 1, "gamma", gamma, "a share in (0, 1]")
    require(0 < least <= 1, "least", least, "a share in (0, 1]")
    return math.ceil(max(gamma**epoch, least) * batch)


def _same_shapes(a: Tensor, b: Tensor) -> None:
    shapes = (tuple(a.shape), tuple(b.shape))
    require(a.shape == b.shape, "shapes", shapes, "equal ones, each output beside that of its augmented sample")

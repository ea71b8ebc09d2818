r"""Relativistic pairing losses: the critic compares one real with one generated sample instead of judging each alone.

Only the difference ``D(x) - D(G(z))`` counts, so the losses are not separable, and smoothing one side has no meaning: a
pair is smoothed, by :func:`exchanged`.
"""

import torch.nn.functional as F
from torch import Tensor

from saddle.config import require
from saddle.objectives.adversarial import CriticLoss

__all__ = ["exchanged", "relativistic_critic", "relativistic_generator"]


def relativistic_critic(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    r"""Critic of the pairing game, E[softplus(-(D(x) - D(G(z))))]: -log of the probability to tell which one is real.

    Args:
        real: critic logits of real samples, any shape.
        fake: critic logits of generated samples, the same shape; the i-th real sample is paired with the i-th fake.
    Returns:
        ``pair``, a scalar in (0, inf), in nats; log 2 for a critic that cannot tell.
    Raises:
        ValueError: the shapes differ.
    Source: Jolicoeur-Martineau 2018, arXiv:1807.00734; as in R3GAN, Huang et al. 2024, arXiv:2501.05441.

    >>> import torch
    >>> relativistic_critic(torch.tensor([3.0, 7.0]), torch.tensor([3.0, 7.0]))
    {'pair': tensor(0.6931)}
    """
    return {"pair": F.softplus(-_margin(real, fake)).mean()}


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    r"""Generator of the pairing game, E[softplus(-(D(G(z)) - D(x)))]: the critic's loss with the samples exchanged.

    Args:
        real: critic logits of real samples, any shape.
        fake: critic logits of generated samples, the same shape.
    Returns:
        Scalar in (0, inf), in nats.
    Raises:
        ValueError: the shapes differ.
    Source: Huang et al. 2024 (R3GAN), arXiv:2501.05441, in the non-saturating form of its training code.

    >>> import torch
    >>> relativistic_generator(torch.tensor([0.0]), torch.tensor([2.0]))
    tensor(0.1269)
    """
    return F.softplus(_margin(real, fake)).mean()


def exchanged(critic: CriticLoss, epsilon: float) -> CriticLoss:
    r"""The critic loss in which the two samples of a pair change places with weight ``epsilon``.

    Every term becomes (1 - eps) L(real, fake) + eps L(fake, real): the expectation of telling the critic the wrong way
    round with probability eps. For :func:`relativistic_critic` it is the cross-entropy with target 1 - eps, and keeps
    the critic's optimal margin below log((1 - eps) / eps). It stands in for one-sided label smoothing
    (:func:`~saddle.objectives.adversarial.one_sided`), which needs a loss with a side for real samples.

    Args:
        critic: a critic loss on pairs.
        epsilon: weight in [0, 1/2); 0 changes nothing.
    Raises:
        ValueError: ``epsilon`` outside [0, 1/2).

    >>> import torch
    >>> exchanged(relativistic_critic, 0.1)(torch.tensor([0.3]), torch.tensor([0.0]))
    {'pair': tensor(0.5844)}
    >>> F.binary_cross_entropy_with_logits(torch.tensor([0.3]), torch.tensor([0.9]))
    tensor(0.5844)
    """
    require(0 <= epsilon < 0.5, "epsilon", epsilon, "a weight in [0, 0.5)")

    def smoothed(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        straight, swapped = critic(real, fake), critic(fake, real)
        return {name: (1 - epsilon) * straight[name] + epsilon * swapped[name] for name in straight}

    return smoothed if epsilon else critic


def _margin(real: Tensor, fake: Tensor) -> Tensor:
    shapes = (tuple(real.shape), tuple(fake.shape))
    require(real.shape == fake.shape, "shapes of real and fake", shapes, "equal ones, one fake for each real")
    return real - fake

r"""Separable adversarial losses: what critic and generator minimise, as functions of the critic's raw outputs.

A critic loss takes the outputs on real and on generated samples and returns ``{"real": ..., "fake": ...}``, two scalars
whose sum the critic minimises; the first depends on the real outputs only and the second on the generated ones only.
A generator loss takes the outputs on generated samples and returns the scalar that the generator minimises. Outputs may
have any shape and are averaged over all elements. Where a probability is meant it is ``D = sigmoid(a)`` of the output
``a`` (the logit), never computed as such: ``log D = -softplus(-a)`` and ``log(1 - D) = -softplus(a)`` hold at any size.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from saddle.config import require

__all__ = [
    "ADVERSARIAL",
    "Adversarial",
    "CriticLoss",
    "GeneratorLoss",
    "hinge_critic",
    "hinge_generator",
    "least_squares_critic",
    "least_squares_generator",
    "maximum_likelihood_generator",
    "minimax_critic",
    "minimax_generator",
    "non_saturating_generator",
    "one_sided",
    "wasserstein_critic",
    "wasserstein_generator",
]

CriticLoss = Callable[[Tensor, Tensor], dict[str, Tensor]]
"""(outputs on real, outputs on generated) -> named scalars; the critic minimises their sum."""

GeneratorLoss = Callable[[Tensor], Tensor]
"""Outputs on generated samples -> the scalar that the generator minimises."""


def minimax_critic(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    r"""Critic's side of the original game, -E[log D(x)] - E[log(1 - D(G(z)))]: binary cross-entropy.

    At the optimal critic, whose logit is log(p / p_g), the sum is log 4 - 2 JSD(p, p_g).

    Args:
        real: critic logits of real samples, any shape.
        fake: critic logits of generated samples, any shape.
    Returns:
        ``real`` and ``fake``, scalars in (0, inf), in nats. Both are log 2 for a critic that answers 1/2 everywhere.
    Source: Goodfellow et al. 2014, eq. 1, arXiv:1406.2661.

    >>> minimax_critic(torch.zeros(4), torch.zeros(4))
    {'real': tensor(0.6931), 'fake': tensor(0.6931)}
    """
    return {"real": F.softplus(-real).mean(), "fake": F.softplus(fake).mean()}


def minimax_generator(fake: Tensor) -> Tensor:
    r"""Generator's side of the original game, E[log(1 - D(G(z)))]. Saturates early in training.

    Its slope in a logit a is -sigmoid(a), which vanishes exactly where the critic is sure that a sample is generated.

    Args:
        fake: critic logits of generated samples, any shape.
    Returns:
        Scalar in (-inf, 0), in nats.
    Source: Goodfellow et al. 2014, eq. 1, arXiv:1406.2661.

    >>> minimax_generator(torch.zeros(4))
    tensor(-0.6931)
    """
    return -F.softplus(fake).mean()  # log(1 - sigmoid(a)) = -softplus(a)


def non_saturating_generator(fake: Tensor) -> Tensor:
    r"""The generator's alternative, -E[log D(G(z))]: the same fixed point, a slope that does not vanish.

    Its slope in a logit a is -sigmoid(-a), close to -1 where the critic is sure that a sample is generated.

    Args:
        fake: critic logits of generated samples, any shape.
    Returns:
        Scalar in (0, inf), in nats.
    Source: Goodfellow et al. 2014, section 3, arXiv:1406.2661.

    >>> non_saturating_generator(torch.zeros(4))
    tensor(0.6931)
    """
    return F.softplus(-fake).mean()


def maximum_likelihood_generator(fake: Tensor) -> Tensor:
    r"""The generator's maximum-likelihood cost, -E[exp(a)] = -E[D / (1 - D)], a = sigmoid^-1(D(G(z))).

    Against the optimal critic exp(a) = p / p_g, and the expected gradient is that of KL(p || p_g). The tutorial puts a
    factor 1/2 before every cost of both players: this function is exactly twice its -1/2 E[exp(sigmoid^-1(D(G(z))))],
    as :func:`minimax_critic` is twice its critic cost, so the balance between the players is the same.

    Args:
        fake: critic logits of generated samples, any shape.
    Returns:
        Scalar in (-inf, 0), a density ratio without unit. The exponential is the formula's own: a float32 logit above
        88.7 gives -inf, so this cost needs a critic that is kept moderate. It is meant for study.
    Source: Goodfellow 2016, NIPS tutorial, section 3.2.4, arXiv:1701.00160; derived in arXiv:1412.6515.

    >>> maximum_likelihood_generator(torch.zeros(4))
    tensor(-1.)
    """
    return -torch.exp(fake).mean()


def wasserstein_critic(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    r"""Critic of the Wasserstein GAN, -E[f(x)] + E[f(G(z))]; minus their sum estimates W1 if f is 1-Lipschitz.

    The Lipschitz bound is somebody else's work: :func:`~saddle.objectives.penalties.clip_weights` or a penalty.

    Args:
        real: critic values of real samples, any shape.
        fake: critic values of generated samples, any shape.
    Returns:
        ``real`` and ``fake``, scalars in (-inf, inf), in the unit of distance between samples.
    Source: Arjovsky et al. 2017, eq. 2 and algorithm 1, arXiv:1701.07875.

    >>> wasserstein_critic(torch.tensor([1.0, 2.0]), torch.tensor([0.5]))
    {'real': tensor(-1.5000), 'fake': tensor(0.5000)}
    """
    return {"real": -real.mean(), "fake": fake.mean()}


def wasserstein_generator(fake: Tensor) -> Tensor:
    r"""Generator of the Wasserstein GAN, -E[f(G(z))].

    Args:
        fake: critic values of generated samples, any shape.
    Returns:
        Scalar in (-inf, inf). Only differences mean something: f is defined up to a constant.
    Source: Arjovsky et al. 2017, algorithm 1, arXiv:1701.07875.

    >>> wasserstein_generator(torch.tensor([1.0, 2.0]))
    tensor(-1.5000)
    """
    return -fake.mean()


def least_squares_critic(real: Tensor, fake: Tensor, a: float = 0.0, b: float = 1.0) -> dict[str, Tensor]:
    r"""Critic of the least-squares GAN, 1/2 E[(D(x) - b)^2] + 1/2 E[(D(G(z)) - a)^2].

    D is the raw output, with no sigmoid. The optimum is the mean label, (b p + a p_g) / (p + p_g).

    Args:
        real: critic outputs of real samples, any shape.
        fake: critic outputs of generated samples, any shape.
        a: label of generated samples.
        b: label of real samples.
    Returns:
        ``real`` and ``fake``, scalars in [0, inf), in squared label units.
    Source: Mao et al. 2017, eq. 2, arXiv:1611.04076. Tables that omit the factor 1/2 show twice these values.

    >>> least_squares_critic(torch.zeros(4), torch.zeros(4))
    {'real': tensor(0.5000), 'fake': tensor(0.)}
    """
    return {"real": (real - b).square().mean() / 2, "fake": (fake - a).square().mean() / 2}


def least_squares_generator(fake: Tensor, c: float = 1.0) -> Tensor:
    r"""Generator of the least-squares GAN, 1/2 E[(D(G(z)) - c)^2].

    With b - c = 1 and b - a = 2 (say a = -1, b = 1, c = 0), at the optimal critic and with the same cost added over
    real samples (no gradient for G in it), this is 1/2 sum (p - p_g)^2 / (p + p_g), half a chi-square divergence
    between p + p_g and 2 p_g; a = 0, b = c = 1 is the paper's other choice. Lecture 000 prints D(x - 1)^2 and means
    (D(x) - 1)^2.

    Args:
        fake: critic outputs of generated samples, any shape.
        c: the output that the generator wants.
    Returns:
        Scalar in [0, inf), in squared label units.
    Source: Mao et al. 2017, eq. 2, arXiv:1611.04076.

    >>> least_squares_generator(torch.zeros(4))
    tensor(0.5000)
    """
    return (fake - c).square().mean() / 2


def hinge_critic(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    r"""Critic with a margin of 1 on both sides, E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))].

    Args:
        real: critic outputs of real samples, any shape.
        fake: critic outputs of generated samples, any shape.
    Returns:
        ``real`` and ``fake``, scalars in [0, inf); 0 once every sample is beyond its margin.
    Source: Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, eq. 16, arXiv:1802.05957.

    >>> hinge_critic(torch.tensor([0.0, 2.0]), torch.tensor([0.0]))
    {'real': tensor(0.5000), 'fake': tensor(1.)}
    """
    return {"real": torch.relu(1 - real).mean(), "fake": torch.relu(1 + fake).mean()}


def hinge_generator(fake: Tensor) -> Tensor:
    r"""Generator against the hinge critic, -E[D(G(z))].

    Args:
        fake: critic outputs of generated samples, any shape.
    Returns:
        Scalar in (-inf, inf).
    Source: Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, eq. 17, arXiv:1802.05957.

    >>> hinge_generator(torch.tensor([1.0, 2.0]))
    tensor(-1.5000)
    """
    return -fake.mean()


def one_sided(critic: CriticLoss, epsilon: float) -> CriticLoss:
    r"""The critic loss in which each real sample counts as generated with weight ``epsilon``.

    The real term becomes (1 - eps) R(D(x)) + eps F(D(x)), with R and F the two halves of ``critic``; the fake term
    stays. It is the expectation of flipping each real label with probability eps.

    - For :func:`minimax_critic` this *is* one-sided label smoothing: -(1 - eps) log D - eps log(1 - D) is the
      cross-entropy with target 1 - eps. It keeps the critic's optimal logit bounded above by log((1 - eps) / eps).
    - For :func:`least_squares_critic` it is the target (1 - eps) b + eps a in place of b, plus the constant
      eps (1 - eps) (b - a)^2 / 2.
    - For :func:`wasserstein_critic` it scales the real term by 1 - 2 eps.

    So smoothing has a meaning for every separable critic, also where there are no labels to smooth.

    Args:
        critic: a separable critic loss.
        epsilon: weight in [0, 1/2); 0 changes nothing. 0.1 is usual.
    Raises:
        ValueError: ``epsilon`` outside [0, 1/2).
    Source: Salimans et al. 2016, section 3.4, arXiv:1606.03498.

    >>> a = torch.tensor([0.3, -2.0])
    >>> one_sided(minimax_critic, 0.1)(a, a)["real"]
    tensor(1.2556)
    >>> F.binary_cross_entropy_with_logits(a, torch.full((2,), 0.9))
    tensor(1.2556)
    """
    require(0 <= epsilon < 0.5, "epsilon", epsilon, "a weight in [0, 0.5)")

    def smoothed(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        straight, swapped = critic(real, fake), critic(fake, real)
        return straight | {"real": (1 - epsilon) * straight["real"] + epsilon * swapped["fake"]}

    return smoothed


class Adversarial(NamedTuple):
    """A pair of losses that make a game."""

    critic: CriticLoss
    """What the critic minimises."""
    generator: GeneratorLoss
    """What the generator minimises."""
    source: str
    """The paper."""


ADVERSARIAL: dict[str, Adversarial] = {
    "minimax": Adversarial(minimax_critic, minimax_generator, "arXiv:1406.2661"),
    "non-saturating": Adversarial(minimax_critic, non_saturating_generator, "arXiv:1406.2661"),
    "maximum-likelihood": Adversarial(minimax_critic, maximum_likelihood_generator, "arXiv:1701.00160"),
    "wasserstein": Adversarial(wasserstein_critic, wasserstein_generator, "arXiv:1701.07875"),
    "least-squares": Adversarial(least_squares_critic, least_squares_generator, "arXiv:1611.04076"),
    "hinge": Adversarial(hinge_critic, hinge_generator, "arXiv:1705.02894"),
}
"""Separable losses by name; ``choose(name, ADVERSARIAL, "loss")`` picks one."""

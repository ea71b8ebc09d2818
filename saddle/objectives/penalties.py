r"""Constraints on the critic's slope: gradient penalties, and the weight clipping that came before them.

Each penalty is a scalar to be weighted and added to the critic's loss. It evaluates the critic at points of its own,
takes the gradient there in the *points*, and keeps the graph, so that its own gradient reaches the critic's weights.
Points are detached: no gradient flows back into a generator. The gradient of one sample's output is meant, so the
critic must treat samples independently: no batch norm in a penalised critic (layer, group or no norm instead).

Shapes: samples (N, ...), points or images alike; norms run over all dimensions but the first and are Euclidean, in
critic units per sample unit. A vanishing gradient has norm 0 and, by choice of subgradient, no slope: never NaN.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from saddle.config import require

__all__ = ["clip_weights", "dragan_penalty", "gradient_penalty", "one_sided_gradient_penalty", "r1", "r2"]

Critic = Callable[[Tensor], Tensor]
"""Samples (N, ...) -> outputs, each depending on its own sample only."""


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, rng: torch.Generator, target: float = 1.0) -> Tensor:
    r"""Two-sided penalty of WGAN-GP, E[(|grad D(x_hat)| - target)^2], x_hat = alpha x + (1 - alpha) G(z).

    Args:
        critic: (N, ...) -> outputs.
        real: real samples, (N, ...).
        fake: generated samples, the same shape; the i-th line runs from ``fake[i]`` to ``real[i]``.
        rng: draws alpha from U[0, 1), one for each sample.
        target: the slope wanted, >= 0; 1 in the paper.
    Returns:
        Scalar in [0, inf), before the weight (10 in the paper).
    Raises:
        ValueError: the shapes differ or ``target`` is negative.
    Source: Gulrajani et al. 2017, eq. 3 and algorithm 1, arXiv:1704.00028.

    >>> steep = nn.Linear(2, 1, bias=False)
    >>> _ = nn.init.constant_(steep.weight, 3.0)
    >>> x = torch.zeros(4, 2)
    >>> gradient_penalty(steep, x, x + 1, torch.Generator()).item()  # (3 sqrt(2) - 1)^2
    10.514...
    """
    return (_slopes(critic, _between(real, fake, rng)) - _slope_target(target)).square().mean()


def one_sided_gradient_penalty(
    critic: Critic, real: Tensor, fake: Tensor, rng: torch.Generator, target: float = 1.0
) -> Tensor:
    r"""Penalty on excess slope only, E[max(0, |grad D(x_hat)| - target)^2], on the lines of :func:`gradient_penalty`.

    A 1-Lipschitz critic may be flat somewhere; this one does not punish it for that.

    Args:
        critic: (N, ...) -> outputs.
        real: real samples, (N, ...).
        fake: generated samples, the same shape.
        rng: draws alpha from U[0, 1), one for each sample.
        target: the slope allowed, >= 0.
    Returns:
        Scalar in [0, inf); 0 when every slope met is at most ``target``.
    Raises:
        ValueError: the shapes differ or ``target`` is negative.
    Source: Gulrajani et al. 2017, section 4, arXiv:1704.00028; Petzka et al. 2018 (WGAN-LP), arXiv:1709.08894.

    >>> x = torch.zeros(4, 2)
    >>> one_sided_gradient_penalty(lambda x: 0.5 * x[:, 0], x, x + 1, torch.Generator())
    tensor(0.)
    """
    return torch.relu(_slopes(critic, _between(real, fake, rng)) - _slope_target(target)).square().mean()


def dragan_penalty(
    critic: Critic, real: Tensor, rng: torch.Generator, scale: float = 0.5, target: float = 1.0
) -> Tensor:
    r"""DRAGAN's penalty around the data, E[(|grad D(x + delta)| - target)^2], delta = scale * std(batch) * U[0, 1).

    The noise is that of the authors' program: uniform and non-negative, one number for each element of each sample,
    scaled by a single standard deviation over all elements of the batch (divided by their number, not one less). The
    paper's text speaks of Gaussian noise. D is the raw output, not its sigmoid.

    Args:
        critic: (N, ...) -> outputs.
        real: real samples, (N, ...).
        rng: draws the noise.
        scale: size of the noise in standard deviations of the batch, >= 0.
        target: the slope wanted, >= 0; called k in the paper.
    Returns:
        Scalar in [0, inf), before the weight (10 in the paper).
    Raises:
        ValueError: ``scale`` or ``target`` is negative.
    Source: Kodali et al. 2017, arXiv:1705.07215.

    >>> dragan_penalty(lambda x: 3 * x[:, 0], torch.zeros(4, 2), torch.Generator()).item()  # (3 - 1)^2
    4.0
    """
    require(scale >= 0, "scale", scale, "a size of noise of 0 or more")
    noise = scale * real.std(correction=0) * _uniform(real.shape, real, rng)
    return (_slopes(critic, real + noise) - _slope_target(target)).square().mean()


def r1(critic: Critic, real: Tensor) -> Tensor:
    r"""Zero-centred penalty on the data, 1/2 E[|grad D(x)|^2]; times gamma it is the paper's gamma/2 E[|grad D(x)|^2].

    Args:
        critic: (N, ...) -> outputs.
        real: real samples, (N, ...).
    Returns:
        Scalar in [0, inf), before the weight gamma.
    Source: Mescheder et al. 2018, section 4.1, arXiv:1801.04406. Programs that leave out the 1/2 need half our gamma.

    >>> r1(lambda x: 3 * x[:, 0], torch.zeros(4, 2)).item()
    4.5
    """
    return _squared_slopes(critic, real).mean() / 2


def r2(critic: Critic, fake: Tensor) -> Tensor:
    r"""Zero-centred penalty on generated samples, 1/2 E[|grad D(G(z))|^2]: the formula of :func:`r1` at other points.

    Args:
        critic: (N, ...) -> outputs.
        fake: generated samples, (N, ...); detached, so that the generator does not feel the penalty.
    Returns:
        Scalar in [0, inf), before the weight gamma.
    Source: Mescheder et al. 2018, section 4.1, arXiv:1801.04406.

    >>> r2(lambda x: 3 * x[:, 0], torch.zeros(4, 2)).item()
    4.5
    """
    return _squared_slopes(critic, fake).mean() / 2


def clip_weights(module: nn.Module, bound: float) -> None:
    r"""WGAN's weight clipping: project every parameter into [-bound, bound], in place, after the critic's step.

    It keeps the critic in a compact family, hence Lipschitz with *some* constant. Buffers are left alone.

    Args:
        module: the critic.
        bound: c > 0; 0.01 in the paper.
    Raises:
        ValueError: ``bound`` is not positive.
    Source: Arjovsky et al. 2017, algorithm 1, arXiv:1701.07875.

    >>> layer = nn.Linear(2, 1)
    >>> clip_weights(layer, 0.01)
    >>> max(p.abs().max().item() for p in layer.parameters()) <= 0.01
    True
    """
    require(bound > 0, "bound", bound, "a size of weights above 0")
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.clamp_(-bound, bound)


def _squared_slopes(critic: Critic, points: Tensor) -> Tensor:
    """|grad D|^2 at each point, (N,), with the graph that leads to the critic's weights."""
    x = points.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)  # row i: D's gradient at x_i alone
    return gradient.flatten(1).square().sum(1)  # (N,)


def _slopes(critic: Critic, points: Tensor) -> Tensor:
    """|grad D| at each point, (N,). The square root never sees 0, where its slope would be infinite."""
    squared = _squared_slopes(critic, points)
    steep = squared > 0
    return torch.where(steep, torch.where(steep, squared, 1.0).sqrt(), 0.0)


def _between(real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    shapes = (tuple(real.shape), tuple(fake.shape))
    require(real.shape == fake.shape, "shapes of real and fake", shapes, "equal ones, a line for each pair")
    alpha = _uniform(torch.Size([len(real)] + [1] * (real.dim() - 1)), real, rng)  # (N, 1, ...)
    return alpha * real + (1 - alpha) * fake


def _uniform(shape: torch.Size, like: Tensor, rng: torch.Generator) -> Tensor:
    """U[0, 1), drawn where ``rng`` lives, so that a seed means the same numbers whatever the samples' device."""
    return torch.rand(shape, generator=rng, device=rng.device, dtype=like.dtype).to(like.device)


def _slope_target(target: float) -> float:
    require(target >= 0, "target", target, "a slope of 0 or more")
    return target

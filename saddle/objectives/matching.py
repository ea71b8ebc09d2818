r"""Terms for the generator that look at a whole batch or at its history: what a collapsed generator cannot satisfy.

Feature matching, historical averaging, the determinantal diversity of GDPP, and VEEGAN's reconstruction of the noise.
Features are those of an inner layer of the critic, (N, ...), and are compared flattened.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_unary

from saddle.config import require

__all__ = [
    "feature_matching",
    "gdpp",
    "historical_averaging",
    "historical_means",
    "latent_reconstruction",
    "veegan_generator",
]


def feature_matching(real: Tensor, fake: Tensor) -> Tensor:
    r"""The generator's term |E f(x) - E f(G(z))|_2^2: the batches shall have the same mean features.

    Args:
        real: features f of real samples, (N, ...); taken as they are, without gradient.
        fake: features of generated samples, (M, ...), of the same shape but for M.
    Returns:
        Scalar in [0, inf), in squared units of the features, summed over them.
    Raises:
        ValueError: the features differ in shape.
    Source: Salimans et al. 2016, section 3.1, arXiv:1606.03498.

    >>> feature_matching(torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.tensor([[0.0, 1.0]]))  # (2, 0) and (0, 1)
    tensor(5.)
    """
    shapes = (tuple(real.shape), tuple(fake.shape))
    require(real.shape[1:] == fake.shape[1:], "shapes of real and fake", shapes, "features of one layer in both")
    return (real.detach().mean(0) - fake.mean(0)).square().sum()


def historical_averaging(parameters: Sequence[Tensor], means: Sequence[Tensor]) -> Tensor:
    r"""Either player's term |theta - 1/t sum_{i <= t} theta[i]|^2, which pulls a player that circles to the centre.

    Args:
        parameters: theta, all of a player's parameters.
        means: their means over the past, from :func:`historical_means`, same shapes and order.
    Returns:
        Scalar in [0, inf), before the weight.
    Raises:
        ValueError: not one mean for each parameter.
    Source: Salimans et al. 2016, section 3.3, arXiv:1606.03498.

    >>> historical_averaging([torch.tensor([3.0]), torch.tensor([1.0])], [torch.tensor([1.0]), torch.tensor([0.0])])
    tensor(5.)
    """
    require(len(means) == len(parameters) > 0, "means", len(means), f"one for each of {len(parameters)} parameters")
    distances = [(p - mean.detach()).square().sum() for p, mean in zip(parameters, means, strict=True)]
    return torch.stack(distances).sum()


def historical_means(parameters: Sequence[Tensor], means: Sequence[Tensor], t: Tensor | int) -> list[Tensor]:
    r"""The means over t steps from those over t - 1, mean_t = mean_{t-1} + (theta[t] - mean_{t-1}) / t.

    Args:
        parameters: theta[t], the parameters now.
        means: the means before; of any value at t = 1.
        t: steps so far with this one, 1 or more.
    Returns:
        New tensors, without graph: state for the caller to keep, where a restart finds it.
    Source: Salimans et al. 2016, section 3.3, arXiv:1606.03498; it can be kept online, as said there.

    >>> historical_means([torch.tensor([4.0])], [torch.tensor([1.0])], t=3)
    [tensor([2.])]
    """
    return [torch.lerp(mean.detach(), p.detach(), 1 / t) for p, mean in zip(parameters, means, strict=True)]


def gdpp(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    r"""GDPP's terms for the generator: the kernels of a generated and a real batch shall have the same spectrum.

    With rows phi scaled to length 1, L = phi phi^T has eigenvalues lambda_i and eigenvectors v_i, and

        magnitude = 1/N sum_i (lambda_i - lambda~_i)^2,   structure = sum_i w_i (1 - |cos(v_i, v~_i)|),

    where ~ marks the generated batch and w is the real spectrum scaled to [0, 1] by its smallest and largest value. A
    collapsed batch has one eigenvalue N and zeros, one without similar samples has all of them 1. The published program
    weights magnitude by 1e-4. Differences: 1 is added to each cosine's term, so that equal batches give 0, and the sign
    of an eigenvector, which is arbitrary, does not count.

    The eigenvectors live in the space of the batch's places, so the second term depends on which generated sample
    stands beside which real one. Between eigenvalues closer than 1e-4 of the largest, whose eigenvectors turn
    arbitrarily fast, the gradient is damped: a collapsed batch gives a finite one.

    Args:
        real: features of real samples, (N, ...), N >= 2; without gradient.
        fake: features of as many generated samples.
    Returns:
        ``magnitude`` in [0, N] and ``structure`` in [0, N], before weights.
    Raises:
        ValueError: the shapes differ, or N is 1.
    Source: Elfeki et al. 2019, section 3, arXiv:1812.00068.

    >>> collapsed, spread = torch.ones(4, 8), torch.eye(4, 8)
    >>> gdpp(spread, collapsed)["magnitude"]  # ((4 - 1)^2 + 3) / 4
    tensor(3.)
    """
    shapes = (tuple(real.shape), tuple(fake.shape))
    require(real.shape == fake.shape and len(real) >= 2, "shapes of real and fake", shapes, "equal ones, N at least 2")
    values, vectors = torch.linalg.eigh(_kernel(real.detach()))  # ascending (N,), columns (N, N)
    fake_values, fake_vectors = _spectrum(_kernel(fake))
    span = values[-1] - values[0]
    weights = (values - values[0]) / torch.where(span > 0, span, 1.0)  # all alike: no direction matters
    cosines = (vectors * fake_vectors).sum(0)  # (N,)
    return {
        "magnitude": (values - fake_values).square().mean(),
        "structure": (weights * (1 - cosines.abs())).sum(),
    }


def latent_reconstruction(z: Tensor, rebuilt: Tensor) -> Tensor:
    r"""VEEGAN's distance d(z, F(G(z))) = E |z - F(G(z))|_2^2, which reconstructor F and generator G both minimise.

    If G drops a mode, F, trained to map samples to noise, spreads what G never makes elsewhere, and z is not found.

    Args:
        z: latent rows, (N, z_dim).
        rebuilt: F(G(z)), the same shape.
    Returns:
        Scalar in [0, inf), summed over dimensions; z_dim for F = 0 and z ~ N(0, I).
    Raises:
        ValueError: the shapes differ.
    Source: Srivastava et al. 2017, algorithm 1, arXiv:1705.07761.

    >>> latent_reconstruction(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2))
    tensor(5.)
    """
    shapes = (tuple(z.shape), tuple(rebuilt.shape))
    require(z.shape == rebuilt.shape, "shapes of z and F(G(z))", shapes, "equal ones, a row for each row")
    return (z - rebuilt).flatten(1).square().sum(1).mean()


def veegan_generator(fake: Tensor, z: Tensor, rebuilt: Tensor) -> dict[str, Tensor]:
    r"""VEEGAN's generator, -E[a(z, G(z))] + E |z - F(G(z))|^2.

    The critic's logit a is high for real pairs (F(x), x) and low for generated ones (z, G(z)): it is trained by
    :func:`~saddle.objectives.adversarial.minimax_critic` on the two kinds, and its optimum is a log ratio of their
    densities. The paper's D is -a. The reconstructor minimises :func:`latent_reconstruction` alone.

    Args:
        fake: logits of generated pairs, any shape.
        z: latent rows, (N, z_dim).
        rebuilt: F(G(z)), the same shape.
    Returns:
        ``adversarial`` in (-inf, inf) and ``reconstruction`` in [0, inf).
    Raises:
        ValueError: the shapes of z and its reconstruction differ.
    Source: Srivastava et al. 2017, algorithm 1, arXiv:1705.07761.

    >>> z = torch.ones(2, 3)
    >>> veegan_generator(torch.tensor([1.0, 2.0]), z, z)
    {'adversarial': tensor(-1.5000), 'reconstruction': tensor(0.)}
    """
    return {"adversarial": -fake.mean(), "reconstruction": latent_reconstruction(z, rebuilt)}


def _kernel(features: Tensor) -> Tensor:
    phi = F.normalize(features.flatten(1), dim=1)  # (N, d)
    return phi @ phi.T  # (N, N)


def _spectrum(matrix: Tensor) -> tuple[Tensor, Tensor]:
    if has_torch_function_unary(matrix):  # a kind of tensor that wants to see the whole step, backward included
        return handle_torch_function(_spectrum, (matrix,), matrix)
    return _Spectrum.apply(matrix)  # type: ignore[no-untyped-call]


class _Spectrum(torch.autograd.Function):
    """Eigenvalues and eigenvectors of a symmetric matrix, with a gradient that stays finite where eigenvalues meet."""

    generate_vmap_rule = True

    @staticmethod
    def forward(matrix: Tensor) -> tuple[Tensor, Tensor]:
        values, vectors = torch.linalg.eigh(matrix)
        return values, vectors

    @staticmethod
    def setup_context(
        ctx: torch.autograd.function.FunctionCtx, inputs: tuple[Tensor], output: tuple[Tensor, Tensor]
    ) -> None:
        ctx.save_for_backward(*output)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> Tensor:
        """V (diag(g_lambda) + (V^T g_V) / (lambda_j - lambda_i)) V^T, each 1/gap replaced by gap / (gap^2 + tiny^2)."""
        values, V = ctx.saved_tensors  # type: ignore[attr-defined]
        of_values, of_vectors = grads
        gap = values[None, :] - values[:, None]  # (N, N)
        tiny = 1e-4 * values.abs().max().clamp(min=1e-30)
        inner = torch.diag(of_values) + (V.T @ of_vectors) * gap / (gap.square() + tiny.square())
        full = V @ inner @ V.T
        return (full + full.T) / 2

r"""Spectral normalisation: every weight matrix divided by its largest singular value.

    W_SN = W / sigma(W),   sigma(W) = max_{|h| = 1} |W h| = u^T W v,

with u and v found by power iteration that goes on from step to step (algorithm 1). A layer's Lipschitz constant is then
1 where the layer is the matrix: a linear layer. A convolution is normalised as its kernel reshaped to (outputs, inputs
x places), whose norm bounds that of the convolution with k x k places at stride 1 up to a factor k.

It is a parametrisation of ``weight``: a layer stays what it is, its trained tensor is called
``parametrizations.weight.original`` and u lies beside it in a buffer, so that checkpoints, moving averages and
``torch.func.functional_call`` hold both. Gradients go through sigma with u and v held constant. At the singular
vectors that is the exact gradient, also of a gradient penalty; second derivatives in the weights (unrolling,
consensus) leave out how the singular vectors turn.
Source: Miyato et al. 2018, arXiv:1802.05957.
"""

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from saddle.config import require

__all__ = ["SPECTRAL", "SpectralNorm", "spectral_norm"]

Convolutions = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
Transposed = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
SPECTRAL = (nn.Linear, *Convolutions, *Transposed)
"""The layers that ``spectral_norm`` normalises."""
WARM_UP = 15  # iterations before the first step: a random u may see far less than sigma
Net = TypeVar("Net", bound=nn.Module)


class SpectralNorm(nn.Module):
    """W -> W / sigma(W), the form that ``torch.nn.utils.parametrize`` asks for.

    In training each use makes ``iterations`` steps of the power iteration and keeps u. At rest the same steps are made
    and forgotten, so that outputs do not depend on how often one looks, and the mean of several u that a moving average
    holds is a good start for its own weights.

    Args:
        weight: the tensor to be normalised; not all zeros.
        iterations: steps of the power iteration a use, 1 or more; 1 in the paper.
        axis: of the weight that counts outputs: 1 for transposed convolutions, else 0.
    Raises:
        ValueError: the weight is zero, which no factor can normalise, or ``iterations`` is below 1.
    """

    u: Tensor

    def __init__(self, weight: Tensor, iterations: int = 1, axis: int = 0) -> None:
        super().__init__()
        require(iterations >= 1, "iterations", iterations, "1 or more steps of the power iteration")
        require(
            bool(weight.count_nonzero() > 0), "weight", "all zeros", "weights with a largest singular value above 0"
        )
        self.iterations, self.axis = iterations, axis
        matrix = self._matrix(weight.detach())
        u = matrix @ torch.randn_like(matrix[0])  # in the range of W, so that no iteration can lose it
        u, _ = _power_iteration(matrix, u, WARM_UP)
        self.register_buffer("u", F.normalize(u, dim=0))  # (outputs,)

    def forward(self, weight: Tensor) -> Tensor:
        """W / sigma(W), of W's shape."""
        matrix = self._matrix(weight)  # (outputs, inputs * places)
        iterate = _apart if self.training and torch.compiler.is_compiling() else _power_iteration
        with torch.no_grad():
            u, v = iterate(matrix, self.u, self.iterations)
            if self.training:
                self.u.copy_(u)
        sigma = (u * (matrix * v).sum(1)).sum()  # products and sums: autocast leaves their precision alone
        return weight / sigma

    def _matrix(self, weight: Tensor) -> Tensor:
        return weight.movedim(self.axis, 0).flatten(1)


def spectral_norm(module: Net, iterations: int = 1, embeddings: bool = False) -> Net:
    """Normalise every linear layer and convolution in a network, in place; returns the network.

    Apply it when the initial weights stand and before an optimiser or a moving average is made: the trained tensors
    change their names, though neither values nor order. Norms and single parameters are left alone.

    Args:
        module: a network or a single layer of ``SPECTRAL``.
        iterations: steps of the power iteration a use.
        embeddings: whether embeddings are normalised too, as in a critic that projects labels (arXiv:1802.05637).
    Returns:
        The same module.
    Raises:
        ValueError: it holds no such layer, one that is normalised already, or one whose weights are all zero.
    Source: Miyato et al. 2018, arXiv:1802.05957; on the generator too, Zhang et al. 2019 (SAGAN), arXiv:1805.08318.

    >>> layer = spectral_norm(nn.Linear(3, 4), iterations=50)
    >>> torch.linalg.matrix_norm(layer.weight, 2).item()
    1.000
    >>> list(layer.state_dict())
    ['bias', 'parametrizations.weight.original', 'parametrizations.weight.0.u']
    """
    kinds = (*SPECTRAL, nn.Embedding) if embeddings else SPECTRAL
    layers = [layer for layer in module.modules() if isinstance(layer, kinds)]
    require(bool(layers), "module", type(module).__name__, "a network with linear layers or convolutions")
    for layer in layers:
        name = type(layer).__name__
        require(not parametrize.is_parametrized(layer, "weight"), "module", name, "a weight not yet parametrised")
        norm = SpectralNorm(layer.weight, iterations, axis=int(isinstance(layer, Transposed)))
        norm.train(layer.training)
        parametrize.register_parametrization(layer, "weight", norm)
    return module


def _power_iteration(matrix: Tensor, u: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """v = W^T u / |W^T u|,  u = W v / |W v|, so many times: algorithm 1, lines 4 and 5; new tensors u and v."""
    for _ in range(iterations):
        v = F.normalize((matrix * u[:, None]).sum(0), dim=0)  # (inputs * places,)
        u = F.normalize((matrix * v).sum(1), dim=0)
    return u, v


@torch.library.custom_op("saddle::power_iteration", mutates_args=())
def _apart(matrix: Tensor, u: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """The same where ``torch.compile`` cannot look inside.

    A compiled backward pass may save what it recomputes cheaply: v from the buffer u of before, which this very use
    and the critic's next one overwrite. The outputs of an operation of one's own are saved as they are.
    """
    return _power_iteration(matrix, u, iterations)


@_apart.register_fake
def _(matrix: Tensor, u: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    return torch.empty_like(u), matrix.new_empty(matrix.shape[1])

"""A generator's inside: conditioning of its Jacobian, main directions of z, interpolation and vector arithmetic."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score
from torch import Tensor, nn

from saddle.config import require
from saddle.evaluation.interpolation import lerp, slerp
from saddle.evaluation.result import Result
from saddle.evaluation.side import Model, to_bytes
from saddle.evaluation.study import Study

__all__ = [
    "arithmetic",
    "first_layer",
    "internals",
    "jacobian",
    "log_condition",
    "mutual_information_gap",
    "principal_directions",
    "sefa",
    "separability",
]

Generate = Callable[[Tensor], Tensor]
POINTS = 32
"""Places z at which the Jacobian is taken."""
PATHS = 6
"""Interpolations in the picture, each once along the line and once along the arc."""
STOPS = 9
"""Samples on each of them."""
LAYERS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
"""What may be the first layer that z meets."""


def arithmetic(start: Tensor, minus: Tensor, plus: Tensor) -> Tensor:
    """z of "start - minus + plus", each concept being the mean of its examples' z.

    Args:
        start: (k, d), examples of the first concept; three or more make it stable.
        minus: (l, d), of what is taken away.
        plus: (m, d), of what is added.
    Returns:
        (d,).
    Source: Radford, Metz, Chintala 2016, arXiv:1511.06434, section 6.3.2.

    >>> arithmetic(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 2.0]]), torch.tensor([[0.0, 5.0]]))
    tensor([1., 5.])
    """
    return start.mean(0) - minus.mean(0) + plus.mean(0)


def jacobian(generate: Generate, z: Tensor) -> Tensor:
    """J = dG/dz at each z: forward-mode products, one for each number of z and all places at once.

    Args:
        generate: rows (n, z_dim) -> samples (n, ...), each of its own row alone.
        z: (n, z_dim).
    Returns:
        (n, D, z_dim), D numbers in a sample, in the generator's precision.
    """
    columns = []
    for k in range(z.shape[1]):
        e = torch.zeros_like(z)
        e[:, k] = 1
        columns.append(torch.func.jvp(generate, (z,), (e,))[1].flatten(1))
    return torch.stack(columns, 2)


def log_condition(J: Tensor) -> Tensor:
    """Natural logarithm of the condition number of J^T J, 2 log(s_max / s_min), by the singular values s of J.

    Of the min(D, z_dim) singular values that can differ from 0. Those below ``max(D, z_dim) eps s_max`` are rounding
    noise and count as so much, so that the number is bounded; a Jacobian of zeros counts as the bound.

    Args:
        J: (n, D, z_dim), float32 or float64, whose eps is taken.
    Returns:
        float64 (n,), in [0, -2 log(max(D, z_dim) eps)]: 0 where all directions change the sample alike.
    Raises:
        ValueError: not finite.
    Source: Odena et al. 2018, arXiv:1802.08768, section 2.
    """
    require(bool(J.isfinite().all()), "Jacobian", "NaN or infinity", "a generator that has not diverged")
    floor = max(J.shape[1:]) * torch.finfo(J.dtype).eps
    s = torch.linalg.svdvals(J.double())
    ratio = s[:, -1] / s[:, 0].clamp_min(torch.finfo(s.dtype).tiny)
    return -2 * ratio.clamp_min(floor).log()


def sefa(A: Tensor) -> tuple[Tensor, Tensor]:
    """Directions of z that change the first layer's output most: eigenvectors of A^T A.

    Args:
        A: (m, z_dim), the layer's weight.
    Returns:
        Unit directions in rows (k, z_dim), the strongest first, and the singular values (k,) of A, float64. The sign
        of a direction means nothing.
    Source: Shen and Zhou 2021, arXiv:2007.06600, eq. 5.
    """
    _, s, Vh = torch.linalg.svd(A.double(), full_matrices=False)
    return Vh, s


def principal_directions(h: Tensor, z: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """GANSpace: principal components of a layer's outputs, and the directions of z that move along them.

    Args:
        h: outputs (n, m).
        z: what they came from (n, z_dim).
        k: components.
    Returns:
        Directions (k, z_dim), least-squares slopes of z on the coordinates; and each component's share of the
        variance (k,), float64, 0 where the outputs are all the same.
    Raises:
        ValueError: k is above what n outputs of m numbers can have.
    Source: Härkönen et al. 2020, arXiv:2004.02546, section 2.
    """
    require(1 <= k < len(h) and k <= h.shape[1], "k", k, f"1 to {min(len(h) - 1, h.shape[1])} components")
    h, z = h.double() - h.double().mean(0), z.double() - z.double().mean(0)
    U, s, _ = torch.linalg.svd(h, full_matrices=False)  # coordinates are U s
    held = s[:k] > s[0] * max(h.shape) * torch.finfo(torch.float64).eps
    slopes = torch.where(held, 1 / s[:k].clamp_min(torch.finfo(s.dtype).tiny), 0.0)
    return (slopes * U[:, :k]).T @ z, s[:k].square() / s.square().sum().clamp_min(torch.finfo(s.dtype).tiny)


def mutual_information_gap(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    r"""MIG: how much more the best code tells of a factor than the next best, in shares of the factor's entropy.

    $$\frac{1}{K}\sum_k \frac{I(c_{(1)}; v_k) - I(c_{(2)}; v_k)}{H(v_k)}$$

    Args:
        codes: (N, d), d at least 2, cut into bins of equal width.
        factors: (N, K), the true factors' values, integers.
        bins: how many.
    Returns:
        In [0, 1]: 1 where each factor has one code that tells all of it.
    Raises:
        ValueError: one code, or a factor that never changes.
    Source: Chen et al. 2018, arXiv:1802.04942, eq. 6.
    """
    require(codes.ndim == 2 and codes.shape[1] >= 2, "codes", tuple(codes.shape), "(N, d), d at least 2")
    gaps = []
    for factor in factors.T.numpy():
        entropy = mutual_info_score(factor, factor)
        require(entropy > 0, "factor", factor[0].item(), "factors that take 2 or more values")
        cut = [np.digitize(c, np.histogram_bin_edges(c, bins)[1:-1]) for c in codes.double().T.numpy()]
        first, second = sorted((mutual_info_score(c, factor) for c in cut), reverse=True)[:2]
        gaps.append((first - second) / entropy)
    return float(np.mean(gaps))


def separability(z: Tensor, attributes: Tensor) -> float:
    r"""Linear separability of latents: exp of the summed H(Y | X), X being a linear classifier's answer.

    Args:
        z: (N, d).
        attributes: (N, K) of 0 and 1: what a classifier says of each sample.
    Returns:
        In [1, 2^K]: 1 where every attribute has a plane in z that parts it without error.
    Raises:
        ValueError: an attribute that all samples share.
    Source: Karras et al. 2019, arXiv:1812.04948, section 4.2; there 40 attributes, the surest half of 200,000 samples.
    """
    total, x = 0.0, z.double().numpy()
    for y in attributes.T.long().numpy():
        require(0 < y.mean() < 1, "attribute", int(y[0]), "attributes that some samples have and some have not")
        said = LogisticRegression(max_iter=1000).fit(x, y).predict(x)
        total += max(0.0, mutual_info_score(y, y) - mutual_info_score(y, said))  # H(Y | X) = H(Y) - I(X; Y)
    return float(np.exp(total))


def first_layer(model: Model, y: Tensor | None) -> Callable[[Tensor], Tensor]:
    """z (n, z_dim) -> outputs (n, m) of the first convolution or linear layer that z reaches in the generator.

    Args:
        model: whose averaged generator at rest is asked.
        y: one label (1,) for labelled generators, the same for all z.
    Raises:
        ValueError: the generator has no such layer.
    """
    nets = model.game.nets(averaged=True).values()
    layers = [layer for net in nets for layer in net.modules() if isinstance(layer, LAYERS)]
    two = torch.stack([torch.zeros_like(z := model.prior(1, torch.Generator().manual_seed(0))[0]), z])
    moved = [layer for layer, out in _watch(model, layers, two, y) if not torch.equal(out[0], out[1])]
    require(bool(moved), model.name, "no layer", "a generator with a linear or convolutional layer that z reaches")
    return lambda z: _watch(model, moved[:1], z, y)[0][1]


def _watch(model: Model, layers: Sequence[nn.Module], z: Tensor, y: Tensor | None) -> list[tuple[nn.Module, Tensor]]:
    """Outputs (n, m) of those layers while the generator works, in the order of their calls."""
    caught: list[tuple[nn.Module, Tensor]] = []

    def catch(layer: nn.Module, _: object, out: Tensor) -> None:
        caught.append((layer, out.flatten(1)))

    with model.generator() as G, torch.no_grad():
        hooks = [layer.register_forward_hook(catch) for layer in layers]
        try:
            G(z, None if y is None else y.expand(len(z)))
        finally:
            for hook in hooks:
                hook.remove()
    return caught


def internals(study: Study) -> Result:
    """Looks into the generator's latent space.

    value: mean log condition number of J^T J over draws of z. interval: normal, over these draws. details: its
    quartiles (``quartiles``), ``rank_deficient`` (share of draws at ``bound``, where some directions do nothing);
    ``sefa`` (largest singular values of the first layer) and ``sefa_share`` (the first one's share of all their
    squares), ``ganspace`` (shares of variance of that layer's outputs); ``midpoint_lerp`` and ``midpoint_slerp``
    (length of the middle between two draws over that of draws: about 0.71 along the line, 1 on the arc). pictures:
    ``interpolation``, line above arc for each pair; ``directions``, a sample moved along the strongest directions.
    """
    model, rng = study.model, study.rng("internals")
    y = model.labels(1, rng)
    z = model.prior(POINTS, rng)
    with model.generator() as G:
        J = jacobian(lambda z: G(z, None if y is None else y.expand(len(z))), z)
    logs = log_condition(J)
    bound = -2 * float(torch.tensor(max(J.shape[1:]) * torch.finfo(J.dtype).eps).log())
    layer = first_layer(model, y)
    A = (layer(torch.eye(z.shape[1])) - layer(torch.zeros_like(z[:1]))).T  # (m, z_dim): the layer is affine in z
    directions, s = sefa(A)
    many = model.prior(500, rng)
    _, shares = principal_directions(layer(many), many, min(10, z.shape[1], len(A)))
    a, b = model.prior(1000, rng), model.prior(1000, rng)
    length = (a.norm(dim=1).mean() + b.norm(dim=1).mean()) / 2
    details = {
        "quartiles": logs.quantile(torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)).tolist(),
        "rank_deficient": float((logs >= bound * (1 - 1e-6)).double().mean()),
        "bound": bound,
        "jacobian": list(J.shape[1:]),
        "draws": POINTS,
        "sefa": s[:10].tolist(),
        "sefa_share": float(s[0].square() / s.square().sum().clamp_min(1e-300)),
        "ganspace": shares.tolist(),
        "midpoint_lerp": float(lerp(a, b, 0.5).norm(dim=1).mean() / length),
        "midpoint_slerp": float(slerp(a, b, 0.5).norm(dim=1).mean() / length),
        "interval_over": "draws of z",
    }
    half = 1.96 * float(logs.std()) / len(logs) ** 0.5
    mean = float(logs.mean())
    pictures = {} if model.spec.points else _pictures(model, y, a, b, directions.float())
    return Result(mean, (max(0.0, mean - half), mean + half), details, pictures)


def _pictures(model: Model, y: Tensor | None, a: Tensor, b: Tensor, directions: Tensor) -> dict[str, Tensor]:
    """Interpolations of a few pairs, and moves of a sample along the strongest directions."""
    t = torch.linspace(0, 1, STOPS)
    rows = [path(a[i], b[i], t[:, None]) for i in range(min(PATHS, len(a))) for path in (lerp, _arc)]
    moves = [a[0] + torch.linspace(-3, 3, STOPS)[:, None] * v for v in directions[:PATHS]]
    return {"interpolation": _sheet(model, y, rows), "directions": _sheet(model, y, moves)}


def _arc(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    return slerp(a.expand(len(t), -1), b.expand(len(t), -1), t)


def _sheet(model: Model, y: Tensor | None, rows: list[Tensor]) -> Tensor:
    """uint8 (H, W, 3): what the generator makes of each row of z (STOPS, z_dim)."""
    z = torch.cat(rows)
    with model.generator() as G, torch.no_grad():
        x = to_bytes(G(z, None if y is None else y.expand(len(z))))  # (rows * STOPS, C, S, S)
    lines = [torch.cat(list(line), 2) for line in x.split(STOPS)]
    return torch.cat(lines, 1).expand(3, -1, -1).permute(1, 2, 0).contiguous()

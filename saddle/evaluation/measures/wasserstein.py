"""Wasserstein distances: the gap of an independent critic on samples it never saw, exact ones and sliced ones."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from saddle.config import require
from saddle.evaluation.result import Result
from saddle.evaluation.study import Study

__all__ = [
    "Critic",
    "exact",
    "fit_critic",
    "frames",
    "gap",
    "laplacian_pyramid",
    "mind",
    "sliced",
    "swd",
    "wasserstein_critic",
]

STEPS, BATCH, LOOK_EVERY, PATIENCE = 600, 128, 25, 4
"""The critic's recipe: most steps, samples of each kind a step, steps between looks at the held-out gap, and looks
without a gain before it stops."""
LEARNING_RATE = 1e-2
"""Adam's, for inputs brought to a mean distance of sqrt(d) from their mean; spectral normalisation bears it."""
EXACT_MOST, SLICED_MOST = 500, 2000
"""Most samples of a side that the adapter assigns exactly, in a time that grows with their cube, and that it sorts."""
DIRECTIONS = 1000
"""Lines that features are projected on."""
FRAMES_MOST = 500
"""Lines that the adapter takes: orthogonal ones, so that their number adds less to the noise than the samples do."""
PATCH = 7
"""Side of the patches that SWD compares."""
SWD_NUMBERS = 2**25
"""Most pixels that the adapter gives to SWD, and 512 images at most."""


class Critic(nn.Module):
    """x (N, d) -> f(x) (N,), a 1-Lipschitz network: spectral normalisation and MaxMin, which keeps gradients' norms.

    Without hidden layers it is a linear function with a unit gradient. After Anil et al. 2019, arXiv:1811.05381.
    """

    def __init__(self, d: int, widths: Sequence[int] = (64, 64)) -> None:
        super().__init__()
        sizes = [d, *widths, 1]
        self.layers = nn.ModuleList([_Spectral(inputs, outputs) for inputs, outputs in pairwise(sizes)])

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers
        for layer in hidden:
            a, b = layer(x).chunk(2, dim=1)
            x = torch.cat([torch.maximum(a, b), torch.minimum(a, b)], dim=1)  # (N, width)
        return last(x).squeeze(1)  # (N,)

    @property
    def lipschitz(self) -> float:
        """Product of the layers' exact spectral norms: 1, but for what power iteration has left to do."""
        with torch.no_grad():
            return math.prod(float(torch.linalg.matrix_norm(layer.weight, 2)) for layer in self.layers)


def fit_critic(
    real: Tensor,
    fake: Tensor,
    held_real: Tensor,
    held_fake: Tensor,
    rng: torch.Generator,
    widths: Sequence[int] = (64, 64),
    steps: int = STEPS,
) -> nn.Module:
    """Train f to maximise E f(real) - E f(fake), and stop when the gap on held-out samples no longer grows.

    Args:
        real: features to train on (N, d), (M, d).
        fake: likewise.
        held_real: features to stop by.
        held_fake: likewise.
        rng: random numbers: weights and batches.
        widths: hidden layers, of even widths; none: a linear critic.
        steps: at most so many.
    Returns:
        f with a Lipschitz constant of 1 at most in the units of the features, so that its gap on samples it never saw
        is, on average, no more than W1.
    Source: Arjovsky et al. 2017, arXiv:1701.07875, eq. 2; stopped and judged on held-out samples as in Danihelka et al.
        2017, arXiv:1705.05263.
    """
    both = torch.cat([real, fake]).double()
    centre = both.mean(0)
    scale = float((both - centre).square().mean().sqrt()) or 1.0
    sides = [((x.double() - centre) / scale).float() for x in (real, fake, held_real, held_fake)]
    with torch.random.fork_rng(devices=[]):  # nn.Linear draws from torch's own numbers
        torch.manual_seed(int(torch.randint(2**62, (), generator=rng)))
        critic = Critic(real.shape[1], widths)
    _ascend(critic, sides, rng, steps)
    return _Scaled(critic, centre, scale)


def gap(critic: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """E f(x) - E f(y), a scalar."""
    return critic(x).mean() - critic(y).mean()


def exact(x: Tensor, y: Tensor, order: int = 1) -> float:
    """Wasserstein distance W_p of two sets of as many points each, by the cheapest assignment: O(N^3).

    Args:
        x: (N, d).
        y: likewise.
        order: p.
    Returns:
        (1/N min_perm sum_i |x_i - y_perm(i)|^p)^(1/p), in [0, inf).
    Raises:
        ValueError: not as many points on both sides.

    >>> exact(torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[2.0], [3.0], [1.0]]))
    1.0
    """
    _check(x, y)
    require(len(x) == len(y), "samples", (len(x), len(y)), "as many of each: take some of the larger side")
    cost = torch.cdist(x.double(), y.double(), compute_mode="donot_use_mm_for_euclid_dist").numpy() ** order
    return float(cost[linear_sum_assignment(cost)].mean() ** (1 / order))


def frames(count: int, d: int, rng: torch.Generator) -> Tensor:
    """Unit directions, float64 (count, d): uniform up to their sign, orthogonal within each d: less noise."""
    blocks = [
        torch.linalg.qr(torch.randn(d, min(d, count - i), generator=rng, dtype=torch.float64)).Q.T
        for i in range(0, count, d)
    ]
    return torch.cat(blocks)


def sliced(x: Tensor, y: Tensor, directions: Tensor, order: int = 2) -> Tensor:
    """W_p^p of the projections on each direction: one product with all of them, then sorting.

    Args:
        x: (N, d), (M, d); N and M may differ.
        y: likewise.
        directions: (L, d), unit vectors.
        order: p.
    Returns:
        float64 (L,), in [0, inf); their mean is the sliced Wasserstein distance to the power of p.
    Source: Rabin et al. 2011; Bonneel et al. 2015.

    >>> sliced(torch.zeros(2, 2), torch.ones(3, 2), torch.eye(2))
    tensor([1., 1.], dtype=torch.float64)
    """
    _check(x, y)
    lines = directions.double()
    return _transport(lines @ x.double().T, lines @ y.double().T, order)


def mind(x: Tensor, y: Tensor, rng: torch.Generator, directions: int = DIRECTIONS) -> float:
    """3 d times the mean squared sliced W2: 3 |mu|^2 for a shift by mu, whatever d.

    Source: the measure of this name in torch-fidelity.
    """
    return 3 * x.shape[1] * float(sliced(x, y, frames(directions, x.shape[1], rng)).mean())


def laplacian_pyramid(images: Tensor, least: int = 16) -> list[Tensor]:
    """What each scale adds to the next, and the coarsest image last: float32 (N, C, S, S), S halved while >= least.

    Source: Burt and Adelson 1983, with the binomial filter (1, 4, 6, 4, 1) / 16 and mirrored edges.
    """
    line = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    channels = images.shape[1]
    kernel = (line[:, None] * line).expand(channels, 1, 5, 5)

    def blur(x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, groups=channels)

    levels = [images.float()]
    while min(levels[-1].shape[2:]) // 2 >= least:
        small = blur(levels[-1])[..., ::2, ::2]
        spread = torch.zeros_like(levels[-1])
        spread[..., ::2, ::2] = small
        levels[-1] = levels[-1] - 4 * blur(spread)
        levels.append(small)
    return levels


def swd(real: Tensor, fake: Tensor, rng: torch.Generator, patches: int = 128, repeats: int = 4) -> dict[int, float]:
    """Sliced Wasserstein distance of local image patches, 7 x 7, at each scale of a Laplacian pyramid, times 1000.

    Patches of each side are normalised by that side's own mean and deviation a channel, so overall colour and contrast
    do not count; a channel without any deviation stays 0.

    Args:
        real: images (N, C, S, S), (M, C, S, S), S >= 8, uint8 or float; left as they are.
        fake: likewise.
        rng: random numbers: patches and directions. Equal ones give equal results.
        patches: patches of each image and scale.
        repeats: times 128 random directions.
    Returns:
        By side of the scale in pixels, S first, down to 16: in [0, inf). Depends on the number of images.
    Raises:
        ValueError: other shapes, or images smaller than 8 pixels.
    Source: Karras et al. 2018, arXiv:1710.10196, section 5.
    """
    shapes = (tuple(real.shape), tuple(fake.shape))
    square = real.ndim == fake.ndim == 4 and shapes[0][1:] == shapes[1][1:] and shapes[0][2] == shapes[0][3]
    require(square and real.shape[2] >= 8, "images", shapes, "square images (N, C, S, S) of one shape, S >= 8")
    found = {}
    for one, other in zip(laplacian_pyramid(real), laplacian_pyramid(fake), strict=True):
        x, y = (_patches(level, patches, rng) for level in (one, other))
        lines = [F.normalize(torch.randn(128, x.shape[1], generator=rng), dim=1) for _ in range(repeats)]
        means = [float(_transport(line @ x.T, line @ y.T, order=1).mean()) for line in lines]
        found[one.shape[2]] = 1000 * sum(means) / repeats
    return found


def wasserstein_critic(study: Study) -> Result:
    """Value: E f(real) - E f(fake) of a small critic on samples kept from it, in the units of the features.

    The critic has a Lipschitz constant of at most 1, so the value bounds W1 from below on average. Interval: over the
    test samples, the critic as it is. Details: ``train_gap``, ``real_train_minus_test`` (above 0: what it was trained
    on has been learnt by heart), the recipe, ``exact_w1``, ``sliced_w2`` and ``mind`` with the same of two halves of
    the real side (``..._real``), and ``swd`` by scale for images.
    """
    rng = study.rng("wasserstein-critic")
    real, real_kept = study.half_features
    n, m = len(real_kept), len(study.fake)
    require(min(n, m) >= 8, "samples", (n, m), "8 or more generated ones and 8 or more real ones kept from training")
    fake = study.fake_features[torch.randperm(m, generator=rng)]
    train, stop, test = fake[: m // 2], fake[m // 2 : 3 * m // 4], fake[3 * m // 4 :]
    real_kept = real_kept[torch.randperm(n, generator=rng)]
    real_stop, real_test = real_kept[: n // 2], real_kept[n // 2 :]
    critic = fit_critic(real, train, real_stop, stop, rng)
    scores = {name: critic(x) for name, x in (("train", real), ("test", real_test), ("fake", test))}
    value = float(scores["test"].mean() - scores["fake"].mean())
    error = 1.96 * math.sqrt(sum(float(scores[x].var()) / len(scores[x]) for x in ("test", "fake")))
    details = {
        "train_gap": float(gap(critic, real, train)),
        "test_gap": value,
        "real_train_minus_test": float(scores["train"].mean() - scores["test"].mean()),
        "critic": "spectral norm, MaxMin, hidden 64 and 64, Adam 0.01, batches of 128, stopped on held-out samples",
        "tested": [len(real_test), len(test)],
        "interval_over": "test samples, with the critic as it is",
        **_distances(study.real_features, study.fake_features, rng),
        **_swd_of(study, rng),
    }
    return Result(value, (value - error, value + error), details)


class _Spectral(nn.Module):
    """x (N, d) -> W x + b over the spectral norm of W, which follows W by one power iteration a pass in training.

    After Miyato et al. 2018, arXiv:1802.05957; torch's own keeps a module and four checks for each weight, which costs
    networks this small more than their products do.
    """

    u: Tensor
    v: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.raw = nn.Linear(inputs, outputs)
        u, _, vh = torch.linalg.svd(self.raw.weight.detach(), full_matrices=False)
        self.register_buffer("u", u[:, 0].contiguous())
        self.register_buffer("v", vh[0].contiguous())

    @property
    def weight(self) -> Tensor:
        """W over u.Wv, of the spectral norm 1 where u and v are its singular vectors."""
        W = self.raw.weight
        return W / self.u.dot(W.mv(self.v))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            W = self.raw.weight.detach()
            self.v = F.normalize(W.T.mv(self.u), dim=0)
            self.u = F.normalize(W.mv(self.v), dim=0)
        return F.linear(x, self.weight, self.raw.bias)


class _Scaled(nn.Module):
    """f(x) = s g((x - c) / s) / Lip(g): a critic of normalised features, in the units of the features."""

    def __init__(self, critic: Critic, centre: Tensor, scale: float) -> None:
        super().__init__()
        self.critic, self.centre, self.scale = critic, centre, scale
        self.factor = scale / critic.lipschitz

    def forward(self, x: Tensor) -> Tensor:
        return self.critic(((x.double() - self.centre) / self.scale).float()).double() * self.factor  # (N,)


def _ascend(critic: Critic, sides: Sequence[Tensor], rng: torch.Generator, steps: int) -> None:
    """Raise the gap on sides (real, fake, held real, held fake); leaves the weights of the widest held-out gap."""
    best, kept, since = -math.inf, critic.state_dict(), 0
    optimizer = torch.optim.Adam(critic.parameters(), LEARNING_RATE, fused=True)
    for step in range(1, steps + 1):
        real, fake = (x[torch.randint(len(x), (min(BATCH, len(x)),), generator=rng)] for x in sides[:2])
        scores = critic(torch.cat([fake, real]))
        optimizer.zero_grad()
        (scores[: len(fake)].mean() - scores[len(fake) :].mean()).backward()
        optimizer.step()
        if step % LOOK_EVERY == 0:
            critic.eval()  # or each look would be a step of the power iteration
            with torch.no_grad():
                found = float(gap(critic, sides[2], sides[3])) / critic.lipschitz
            critic.train()
            since += 1
            if found > best:
                best, since = found, 0
                kept = {name: value.clone() for name, value in critic.state_dict().items()}
            if since == PATIENCE:
                break
    critic.load_state_dict(kept)
    critic.eval().requires_grad_(False)


def _check(x: Tensor, y: Tensor) -> None:
    shapes = (tuple(x.shape), tuple(y.shape))
    require(x.ndim == y.ndim == 2 and x.shape[1] == y.shape[1], "samples", shapes, "(N, d) and (M, d)")
    require(min(len(x), len(y)) >= 1, "samples", shapes, "1 or more of each")
    require(bool(x.isfinite().all() and y.isfinite().all()), "samples", "NaN or infinity", "finite numbers")


def _transport(x: Tensor, y: Tensor, order: int) -> Tensor:
    """W_p^p on the line of each row of x (L, N) and y (L, M), float64 (L,): the difference of quantile functions."""
    a, b = (torch.from_numpy(np.sort(side.numpy(), axis=1)) for side in (x, y))  # NumPy's is many times as fast
    n, m = a.shape[1], b.shape[1]
    if n == m:
        return (a - b).abs().pow(order).mean(1, dtype=torch.float64)
    ends = torch.cat([torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n]).unique()  # where either steps, times n m
    share = ends.diff(prepend=torch.zeros(1, dtype=ends.dtype)).double() / (n * m)
    return (a[:, (ends - 1) // m] - b[:, (ends - 1) // n]).abs().pow(order).double() @ share


def _patches(level: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """Random patches (N * count, C * 49) of a level (N, C, S, S), normalised a channel over all of them."""
    n, channels, height, width = level.shape
    corner = [torch.randint(side - PATCH + 1, (n, count), generator=rng) for side in (height, width)]
    offset = torch.arange(PATCH)
    row = corner[0][:, :, None, None] + offset[:, None]  # (N, count, 7, 1)
    column = corner[1][:, :, None, None] + offset  # (N, count, 1, 7)
    pixel = (row * width + column).view(n, 1, -1).expand(-1, channels, -1)  # (N, C, count * 49)
    found = level.flatten(2).gather(2, pixel).view(n, channels, count, -1)
    mean, deviation = found.mean((0, 2, 3), keepdim=True), found.std((0, 2, 3), correction=0, keepdim=True)
    found = (found - mean) / torch.where(deviation > 0, deviation, 1.0)
    return found.transpose(1, 2).reshape(n * count, -1)


def _distances(real: Tensor, fake: Tensor, rng: torch.Generator) -> dict[str, Any]:
    """Exact and sliced distances of real from fake, and of two halves of real, of as many samples each."""
    n = min(SLICED_MOST, len(real) // 2, len(fake))
    few = min(EXACT_MOST, n)
    order, other = torch.randperm(len(real), generator=rng), torch.randperm(len(fake), generator=rng)
    one, two, made = real[order[:n]], real[order[n : 2 * n]], fake[other[:n]]
    lines = frames(FRAMES_MOST, real.shape[1], rng)
    found: dict[str, Any] = {"exact_samples": few, "sliced_samples": n, "directions": len(lines)}
    for name, x, y in (("", one, made), ("_real", one, two)):
        squares = float(sliced(x, y, lines).mean())
        found[f"exact_w1{name}"] = exact(x[:few], y[:few])
        found[f"sliced_w2{name}"] = math.sqrt(squares)
        found[f"mind{name}"] = 3 * real.shape[1] * squares
    return found


def _swd_of(study: Study, rng: torch.Generator) -> dict[str, Any]:
    real, fake = study.real.images, study.fake.images
    if real is None or fake is None or real.shape[1:] != fake.shape[1:]:
        return {}
    if real.shape[2] != real.shape[3] or real.shape[2] < 8:
        return {}
    n = min(512, SWD_NUMBERS // real[0].numel(), len(real), len(fake))
    some = [x[torch.randperm(len(x), generator=rng)[:n]] for x in (real, fake)]
    return {"swd": {str(size): value for size, value in swd(some[0], some[1], rng).items()}, "swd_images": n}

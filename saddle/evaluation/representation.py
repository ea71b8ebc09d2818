"""What a trained critic or encoder knows of the data: linear probes of its features, and clusters against labels.

DCGAN's protocol: the outputs of all hidden layers, maps max-pooled to 4x4, side by side, under a linear classifier,
whose regularisation is chosen on samples that it could have learnt from, never on those that it is tested on.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d, one_hot

from saddle.config import require
from saddle.data.divide import divide
from saddle.game import Game
from saddle.game.sample import at_rest
from saddle.networks import Headed, with_head

__all__ = [
    "STRENGTHS",
    "Probed",
    "answers",
    "categories",
    "clustering_accuracy",
    "critic_rows",
    "fitted",
    "hidden",
    "linear_svm",
    "probe",
    "scaled",
    "splits",
]

ACTIVATIONS = (nn.LeakyReLU, nn.ReLU, nn.Tanh, nn.ELU, nn.SiLU, nn.GELU, nn.Sigmoid)
"""Layers whose outputs are a network's hidden features."""
SIDE = 4
"""Maps larger than this a side are pooled to it."""
STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
"""C, of which a classifier takes the best, and of several the one that regularises most."""
APART = 5
"""One in so many of the samples to learn from is kept to choose C by."""


@dataclass(frozen=True)
class Probed:
    """Test accuracies of a linear classifier, one for each split."""

    accuracies: tuple[float, ...]
    """Shares of test samples named right, in [0, 1]."""
    dimensions: int
    """Numbers in a row of features."""
    C: tuple[float, ...] = ()
    """What was chosen of `STRENGTHS` in each split."""

    @property
    def mean(self) -> float:
        """Over splits."""
        return sum(self.accuracies) / len(self.accuracies)

    @property
    def stderr(self) -> float | None:
        """Standard error of the mean over splits, which share samples; None of one split."""
        n = len(self.accuracies)
        if n < 2:
            return None
        return math.sqrt(sum((a - self.mean) ** 2 for a in self.accuracies) / (n - 1) / n)


def hidden(game: Game, net: nn.Module, ask: Callable[[Tensor], object], x: Tensor, batch: int = 100) -> Tensor:
    """The outputs of all hidden layers of a network at rest, side by side.

    Args:
        game: whose network it is; is left as it was.
        net: the critic, or an encoder: its activation layers are listened to.
        ask: makes the network look at samples.
        x: samples (n, ...).
        batch: samples at a time.
    Returns:
        (n, d): maps larger than 4x4 are max-pooled to it.
    Raises:
        ValueError: the network has no hidden layer.
    Source: Radford, Metz, Chintala 2016, arXiv:1511.06434, section 5.1.
    """
    layers = [part for part in net.modules() if isinstance(part, ACTIVATIONS)]
    caught: list[Tensor] = []

    def catch(_: nn.Module, __: object, out: Tensor) -> None:
        caught.append(_pooled(out))

    hooks = [layer.register_forward_hook(catch) for layer in layers]
    rows = []
    try:
        with at_rest(game, averaged=False):
            for part in x.split(batch):
                caught.clear()
                ask(part.to(game.device))
                require(bool(caught), "critic", type(net).__name__, "a network with hidden layers")
                rows.append(torch.cat(caught, 1))
    finally:
        for hook in hooks:
            hook.remove()
    return torch.cat(rows)


def _pooled(out: Tensor) -> Tensor:
    small = out.ndim < 4 or max(out.shape[-2:]) <= SIDE
    return (out if small else adaptive_max_pool2d(out, SIDE)).flatten(1).float().cpu()


def splits(n: int, train: int, count: int, seed: int = 0, groups: Tensor | None = None) -> list[tuple[Tensor, Tensor]]:
    """Random splits of n samples into ``train`` to learn from and the rest to test on: places (train,), (n - train,).

    Where samples have ``groups`` (n,), none is parted, and ``train`` is only as near as they allow.

    Raises:
        ValueError: nothing is left to test on, or no split.
    """
    require(1 <= train < n, "train", train, f"1 to {n - 1} of {n} samples, so that some are left to test on")
    require(count >= 1, "splits", count, "1 or more splits")
    rng = torch.Generator().manual_seed(seed)
    return [divide(n, train, rng, groups) for _ in range(count)]


def probe(
    rows: Tensor,
    y: Tensor,
    parts: Sequence[tuple[Tensor, Tensor]],
    seed: int = 0,
    groups: Tensor | None = None,
    progress: Callable[[], object] = lambda: None,
) -> Probed:
    """Accuracy of a linear classifier that learns from the first part of each split and is tested on the second.

    All that is chosen, C and the features' scale, is chosen on the first part.

    Args:
        rows: features (n, d).
        y: labels (n,).
        parts: from `splits`.
        seed: of the samples that C is chosen on.
        groups: of the samples to learn from at least, see `splits`.
        progress: called after each split.
    """
    accuracies, chosen, rng = [], [], torch.Generator().manual_seed(seed)
    for train, test in parts:
        x = scaled(rows, rows[train])
        wb, C = fitted(x[train], y[train], rng, None if groups is None else groups[train])
        accuracies.append(_accuracy(wb, x[test], y[test]))
        chosen.append(C)
        progress()
    return Probed(tuple(accuracies), rows.shape[1], tuple(chosen))


def scaled(rows: Tensor, like: Tensor | None = None) -> Tensor:
    """Rows (n, d) centred, with a mean squared length of 1, so that the same C suit features of every kind: float32.

    Args:
        rows: what is scaled.
        like: rows (m, d) whose mean and length are taken; by default their own.

    >>> scaled(torch.tensor([[1.0], [5.0]])).flatten()
    tensor([-1., 1.])
    """
    seen = rows if like is None else like
    mean = seen.double().mean(0).to(rows)
    length = (seen - mean).square().sum(1).double().mean().sqrt().clamp_min(1e-30)
    return (rows - mean) / length.to(rows)


def fitted(x: Tensor, y: Tensor, rng: torch.Generator, groups: Tensor | None = None) -> tuple[Tensor, float]:
    """A `linear_svm` with the C of `STRENGTHS` that names most right of a fifth of its samples, which is kept for that.

    With that C it learns from all of them.

    Args:
        x: (n, d), of mean squared length near 1; n at least 2.
        y: (n,) in [0, K).
        rng: draws the fifth.
        groups: (n,), the same for samples that may not be parted.
    Returns:
        (d + 1, K) as of `linear_svm`, and C.
    Raises:
        ValueError: fewer than two samples, or groups.
    """
    fit, kept = divide(len(x), len(x) - max(1, len(x) // APART), rng, groups, "train")
    C = max(STRENGTHS, key=lambda C: _accuracy(linear_svm(x[fit], y[fit], C), x[kept], y[kept]))
    return linear_svm(x, y, C), C


def _accuracy(wb: Tensor, x: Tensor, y: Tensor) -> float:
    return float((answers(wb, x).argmax(1) == y).double().mean())


def linear_svm(x: Tensor, y: Tensor, C: float = 1.0, iterations: int = 100) -> Tensor:
    r"""L2-regularised linear classifier under the squared hinge loss, each label against the rest, by L-BFGS:

    $$\min_{w, b}\ \tfrac12 |w|^2 + C \sum_i \max(0, 1 - t_i (w \cdot x_i + b))^2, \qquad t_i = \pm 1$$

    Args:
        x: (n, d), of mean squared length near 1.
        y: (n,) in [0, K).
        C: weight of the loss.
        iterations: at most; all labels at once, and convex, so no seed.
    Returns:
        (d + 1, K): w in columns, and b below.
    """
    t = 2.0 * one_hot(y).to(x) - 1  # (n, K)
    wb = torch.zeros(x.shape[1] + 1, t.shape[1], dtype=x.dtype, requires_grad=True)
    solver = torch.optim.LBFGS([wb], max_iter=iterations, tolerance_grad=1e-6, line_search_fn="strong_wolfe")

    def objective() -> Tensor:
        slack = (1 - t * answers(wb, x)).clamp_min(0).square().sum()
        value = (wb[:-1].square().sum() / (2 * C) + slack) / len(x)
        (wb.grad,) = torch.autograd.grad(value, [wb])
        return value.detach()

    with torch.enable_grad():
        solver.step(objective)
    return wb.detach()


def answers(wb: Tensor, x: Tensor) -> Tensor:
    """What a `linear_svm` says of rows (m, d): (m, K), the largest is the label."""
    return x @ wb[:-1] + wb[-1]


def clustering_accuracy(clusters: Tensor, y: Tensor) -> float:
    """Share of samples whose cluster is that of their label, under the best pairing of clusters with labels.

    Args:
        clusters: (n,) int64, 0 or more.
        y: (n,) int64, 0 or more.
    Returns:
        In (0, 1]. A label can go with one cluster only; clusters beyond the number of labels count as wrong.

    >>> clustering_accuracy(torch.tensor([2, 2, 0, 1]), torch.tensor([0, 0, 1, 1]))
    0.75
    """
    require(len(clusters) == len(y) > 0, "clusters", len(clusters), f"one for each of the {len(y)} labels")
    size = int(max(clusters.max(), y.max())) + 1
    together = torch.zeros(size, size, dtype=torch.int64)
    together.index_put_((clusters, y), torch.ones_like(y), accumulate=True)
    row, column = linear_sum_assignment(together.numpy(), maximize=True)
    return float(together[row, column].sum()) / len(y)


def categories(game: Game, x: Tensor, batch: int = 250) -> Tensor:
    """The category that InfoGAN's Q finds likeliest for each sample, argmax_c Q(c | x).

    Args:
        game: one whose generator is asked for categories that it found for itself; is left as it is.
        x: samples (n, ...).
        batch: samples at a time.
    Returns:
        (n,) int64 in [0, K).
    Raises:
        ValueError: another kind of game.
    Source: Chen et al. 2016, arXiv:1606.03657, section 7.
    """
    heads = [part for part in game["D"].module.modules() if isinstance(part, Headed)]
    own = game.sampler is not None and game.sampler.own_labels
    require(own and len(heads) == 1, "game", "no categories of its own", "one of the recipe infogan")
    assert game.sampler is not None
    found = []
    with at_rest(game) as nets:
        for part in x.split(batch):
            _, told = with_head(nets["D"], heads[0], part.to(game.device))
            found.append(told[:, : game.sampler.classes].argmax(1).cpu())
    return torch.cat(found)


def critic_rows(game: Game, x: Tensor) -> Tensor:
    """`hidden` features (n, d) of a game's critic or, in a game of one player, of its autoencoder.

    Raises:
        ValueError: a critic that is told the label beside the sample, or none of the two.
    """
    sampler, nets = game.sampler, game.nets()
    if sampler is not None and sampler.score is not None:
        rate = sampler.score
        try:
            return hidden(game, nets["D"], lambda part: rate(nets, part, None), x)
        except ValueError as error:
            expected = "one that judges samples by themselves, so that nothing but them is in its features"
            raise ValueError(f"critic={type(nets['D']).__name__}: expected {expected} ({error})") from error
    if sampler is not None and sampler.reconstruct is not None:
        rebuild, (net, *_) = sampler.reconstruct, nets.values()
        return hidden(game, net, lambda part: rebuild(nets, part), x)
    raise ValueError("critic=None: expected a game with a critic or an encoder")

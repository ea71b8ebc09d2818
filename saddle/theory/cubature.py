r"""Adaptive integration over the line and the plane, with an error estimate, told where the narrow places are.

Gauss-Kronrod rules (7 and 15 points a side) on cells that are halved where the two rules differ most. Space is mapped
by x = c + w sinh(t), so that one box of t holds all of it. Cells near a centre start no wider than a few of its scales:
a narrow mode cannot be missed.

Source: Piessens et al. 1983 (QUADPACK) for the rules; the error here is their plain difference, without its scaling.
"""

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from saddle.config import require

__all__ = ["Function", "Value", "integrate"]

Function = Callable[[Tensor], Tensor]
"""Points (N, d) -> numbers (N,), float64."""

REACH = 40.0
"""The box of t is [-REACH, REACH]: x runs to w e^40 / 2, about 1e17 widths away."""
NEAR, FINE = 8.0, 4.0
"""Cells within NEAR scales of a centre start at most FINE scales wide."""
GOLDEN = (3 - math.sqrt(5)) / 2
CHUNK = 1 << 17
"""Points given to the integrand at once."""

_HALF_RULES = (  # node, weight of Kronrod's rule, weight of Gauss's; mirrored at 0
    (0.991455371120812639, 0.022935322010529225, 0.0),
    (0.949107912342758525, 0.063092092629978553, 0.129484966168869693),
    (0.864864423359769073, 0.104790010322250184, 0.0),
    (0.741531185599394440, 0.140653259715525919, 0.279705391489276668),
    (0.586087235467691130, 0.169004726639267903, 0.0),
    (0.405845151377397167, 0.190350578064785410, 0.381830050505118945),
    (0.207784955007898468, 0.204432940075298892, 0.0),
    (0.0, 0.209482141084727828, 0.417959183673469388),
)


class Value(NamedTuple):
    """An integral."""

    value: float
    """Its value; inf where the integral is infinite."""
    error: float
    """Estimated absolute error: the sum over cells of the difference between the two rules, usually far too large."""
    note: str = ""
    """Why it is infinite, or that the error wanted was not reached; else empty."""


def integrate(
    function: Function,
    centres: Tensor,
    scales: Tensor,
    edges: Tensor | None = None,
    tolerance: float = 1e-9,
    budget: int = 1 << 22,
) -> Value:
    """The integral of ``function`` over R or R^2.

    Args:
        function: points (N, d) -> numbers (N,); +inf anywhere makes the integral infinite.
        centres: places worth a close look, (K, d), d = 1 or 2.
        scales: how narrow the function is at each, (K,), > 0.
        edges: points (E, d) through whose coordinates it may jump; the cells are cut there.
        tolerance: error to reach, absolute or as a share of the value, whichever allows more.
        budget: points looked at before giving up, in all.
    Raises:
        ValueError: the function is NaN somewhere, or an argument out of range.

    >>> value, error, note = integrate(lambda x: (-x[:, 0].square()).exp(), torch.zeros(1, 1), torch.ones(1))
    >>> round(value**2, 9), error < 1e-9, note
    (3.141592654, True, '')
    """
    require(tolerance > 0, "tolerance", tolerance, "an error above 0")
    space = _Space(centres.double(), scales.double())
    cells = _first_cells(space, edges)  # (C, 2, d)
    rules = _rules(centres.shape[1])
    results = _evaluate(function, space, cells, rules)  # (C, 2): value, error
    spent, checked = len(cells) * len(rules[0]), centres.shape[1] > 1
    while True:
        value, error = (float(column) for column in results.sum(0))
        if value == math.inf:
            return Value(math.inf, math.inf, "the integral is infinite")
        allowed = tolerance * max(1.0, abs(value))
        if error <= allowed and checked:
            return Value(value, error)
        if error <= allowed:  # on the line all is looked at again with other cells: a jump beside an end hides there
            cells, checked = _moved(cells, space, edges), True
            results = _evaluate(function, space, cells, rules)
            spent += len(cells) * len(rules[0])
            continue
        order = results[:, 1].argsort()
        bad = order[results[order, 1].cumsum(0) > allowed / 2]  # the rest may stay: together they are good enough
        spent += len(bad) * 2 ** centres.shape[1] * len(rules[0])
        if spent > budget:
            return Value(value, error, f"stopped after {budget} points, before an error of {allowed:.1g} was reached")
        keep = torch.ones(len(cells), dtype=torch.bool).index_fill_(0, bad, False)
        halves = _halve(cells[bad])
        results = torch.cat([results[keep], _evaluate(function, space, halves, rules)])
        cells = torch.cat([cells[keep], halves])


class _Space(NamedTuple):
    """The map from t to x, and what is to be found in x."""

    centres: Tensor  # (K, d)
    scales: Tensor  # (K,)

    def origin(self) -> tuple[Tensor, Tensor]:
        low, high = self.centres.min(0).values, self.centres.max(0).values  # (d,)
        return (low + high) / 2, (high - low).max() / 2 + self.scales.max()

    def x(self, t: Tensor) -> Tensor:
        c, w = self.origin()
        return c + w * t.sinh()

    def t(self, x: Tensor) -> Tensor:
        c, w = self.origin()
        return ((x - c) / w).asinh()

    def stretch(self, t: Tensor) -> Tensor:
        """|dx/dt| at points (..., d) -> (...)."""
        _, w = self.origin()
        return (w * t.cosh()).prod(-1)


def _first_cells(space: _Space, edges: Tensor | None) -> Tensor:
    """Boxes of t (C, 2, d), cut at the edges, small where a centre is near."""
    d = space.centres.shape[1]
    ends = space.centres.new_tensor([[-REACH] * d, [REACH] * d])
    cuts = ends if edges is None else torch.cat([ends, space.t(edges.double())])
    axes = [cuts[:, j].unique() for j in range(d)]  # sorted
    pairs = [torch.stack([axis[:-1], axis[1:]], 1) for axis in axes]
    cells = torch.stack([torch.stack(sides, 1) for sides in itertools.product(*pairs)])  # (C, 2, d)
    finished = []
    while len(cells):
        low, high = space.x(cells[:, :1]), space.x(cells[:, 1:])  # (C, 1, d)
        margin = NEAR * space.scales[:, None]  # (K, 1)
        near = ((low - margin < space.centres) & (space.centres < high + margin)).all(2)  # (C, K)
        coarse = (near & ((high - low).amax(2) > FINE * space.scales)).any(1)  # (C,)
        finished.append(cells[~coarse])
        cells = _halve(cells[coarse])
    return torch.cat(finished)


def _moved(cells: Tensor, space: _Space, edges: Tensor | None) -> Tensor:
    """Cells of the line (C, 2, 1) that meet inside the given ones, and at the edges.

    Between a rule's last node and the end of its cell a jump changes neither rule, so that no error shows. The new ends
    divide the old cells in the golden ratio: halving the new ones never leads back to the old ends.
    """
    ends, inside = torch.stack([cells.min(), cells.max()]), cells[:, 0].lerp(cells[:, 1], GOLDEN).flatten()
    known = ends if edges is None else torch.cat([ends, space.t(edges.double()).flatten()])
    cuts = torch.cat([known, inside]).unique()  # sorted
    return torch.stack([cuts[:-1], cuts[1:]], 1)[:, :, None]


def _halve(cells: Tensor) -> Tensor:
    """Each box cut in the middle of each side, (C, 2, d) -> (2^d C, 2, d)."""
    low, high = cells[:, 0], cells[:, 1]  # (C, d)
    middle = (low + high) / 2
    parts = []
    for upper in itertools.product((False, True), repeat=cells.shape[2]):
        choice = torch.tensor(upper)
        parts.append(torch.stack([torch.where(choice, middle, low), torch.where(choice, high, middle)], 1))
    return torch.cat(parts)


def _rules(d: int) -> tuple[Tensor, Tensor]:
    """Points of the box [-1, 1]^d, (n, d), and the weights of the two rules there, (n, 2): Kronrod, Gauss."""
    half = torch.tensor(_HALF_RULES, dtype=torch.float64).T  # (3, 8)
    mirrored = half[:, :-1].flip(1) * torch.tensor([[-1.0], [1.0], [1.0]])
    nodes, *weights = torch.cat([half, mirrored], 1)  # (15,) each
    points = torch.cartesian_prod(*[nodes] * d).reshape(-1, d)
    return points, torch.stack([torch.cartesian_prod(*[w] * d).reshape(-1, d).prod(1) for w in weights], 1)


def _evaluate(function: Function, space: _Space, cells: Tensor, rules: tuple[Tensor, Tensor]) -> Tensor:
    """Integral and error of each cell, (C, 2)."""
    points, weights = rules
    found = []
    for some in cells.split(max(1, CHUNK // len(points))):
        middle, half = some.mean(1, keepdim=True), (some[:, 1:] - some[:, :1]) / 2  # (c, 1, d)
        t = middle + half * points  # (c, n, d)
        values = function(space.x(t).flatten(0, 1)).reshape(t.shape[:2]).double()  # (c, n)
        require(not bool(values.isnan().any()), "function", "NaN", "a number at every point of the space")
        values = torch.where(values == 0, 0.0, values * space.stretch(t) * half.prod(2))  # 0 times a huge stretch too
        kronrod, gauss = (values @ weights).unbind(1)
        infinite = kronrod == math.inf
        found.append(torch.stack([kronrod, torch.where(infinite, math.inf, (kronrod - gauss).abs())], 1))
    return torch.cat(found)

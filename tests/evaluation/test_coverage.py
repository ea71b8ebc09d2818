"""AdaGAN's coverage: golden values, the expectation of 0.95, dropped modes, and sides that are all equal."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import KernelDensity
from torch import Tensor

from saddle.evaluation.features import Identity
from saddle.evaluation.measures.coverage import coverage_metric, coverage_of, kernel_log_density
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


def rows(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def coverage(real: Tensor, fake: Tensor, bandwidth: float | None = None) -> float:
    return coverage_of(real, fake, torch.Generator().manual_seed(0), bandwidth).value


@pytest.mark.proves("coverage-metric", "golden")
def test_golden() -> None:
    rs = np.random.RandomState(0)
    fake, real = torch.from_numpy(rs.randn(400, 2)), torch.from_numpy(rs.randn(400, 2))
    rng = torch.Generator().manual_seed(0)
    assert coverage_of(real, fake, rng, 0.5).on_own_points == pytest.approx(0.9475, rel=1e-12)
    assert coverage_of(real + 3, fake, rng, 0.5).on_own_points == pytest.approx(0.0175, rel=1e-12)


def test_density_is_scikit_learns() -> None:
    x, y = rows(20, 3), rows(30, 3, 1)
    expected = KernelDensity(bandwidth=0.7).fit(y.numpy()).score_samples(x.numpy())
    found = kernel_log_density((x[:, None] - y).square().sum(2), 0.7, 3)
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-9)


def test_left_out_samples_do_not_count_in_the_mean() -> None:
    """Of two centres one is left out: exactly the density of the other."""
    squared = torch.tensor([[math.inf, 4.0]])
    assert float(kernel_log_density(squared, 1.0, 1)) == pytest.approx(-2.0 - 0.5 * math.log(2 * math.pi))


@pytest.mark.proves("coverage-metric", "closed form")
def test_one_law_gives_95_percent() -> None:
    """Leaving samples out has no bias; the threshold at the kernels' own centres is too high, so less is covered."""
    rng = torch.Generator().manual_seed(0)
    found = [coverage_of(rows(200, 4, 2 * i), rows(200, 4, 2 * i + 1), rng) for i in range(40)]
    assert float(np.mean([one.value for one in found])) == pytest.approx(0.95, abs=0.012)
    assert float(np.mean([one.on_own_points for one in found])) < 0.92
    held = sum(one.interval[0] <= 0.95 <= one.interval[1] for one in found)
    assert held >= 35


def test_disjoint_supports_give_nothing() -> None:
    assert coverage(rows(50, 3) + 100, rows(50, 3, 1)) == 0.0


@pytest.mark.proves("coverage-metric", "planted defect")
def test_a_dropped_mode_is_not_covered() -> None:
    which = torch.arange(300)[:, None] % 3
    real, two_modes = rows(300, 2) + 15 * which, rows(300, 2, 1) + 15 * (which % 2)
    assert coverage(real, two_modes) == pytest.approx(0.95 * 2 / 3, abs=0.06)


@given(seed=st.integers(0, 20), scale=st.floats(0.1, 10.0), shift=st.floats(-100.0, 100.0))
def test_scale_translation_and_order(seed: int, scale: float, shift: float) -> None:
    real, fake = rows(25, 2, seed), 1.2 * rows(30, 2, seed + 100)
    moved = coverage(real.flip(0) * scale + shift, fake.flip(0) * scale + shift)
    assert moved == pytest.approx(coverage(real, fake), abs=0.041)  # one sample may fall on the threshold


def test_equal_samples_cover_what_equals_them() -> None:
    ones = torch.ones(20, 3)
    assert coverage(ones, ones[:5]) == 1.0
    assert coverage(torch.cat([ones[:5], 7 + rows(15, 3).float()]), ones) == 0.25
    assert coverage(rows(20, 3), ones) == 0.0


def test_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="3 generated"):
        coverage(rows(5, 2), rows(2, 2))


def test_adapter_states_the_datas_own_coverage() -> None:
    found = coverage_metric(Study(Side.of_features(rows(400, 3)), Side.of_features(0.3 * rows(400, 3, 1)), Identity()))
    assert found.value < 0.5
    assert found.details["baseline"] == pytest.approx(0.95, abs=0.05)
    assert found.details["bandwidth"] > 0
    assert found.interval is not None
    assert found.interval[0] <= found.value <= found.interval[1] < 0.6

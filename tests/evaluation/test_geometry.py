import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saddle.evaluation.features import Identity
from saddle.evaluation.measures.geometry import (
    geometry_score,
    intervals,
    landmarks,
    landmarks_with_replacement,
    living_times,
    relative_living_times,
    score,
    score_interval,
)
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def gudhi():
    return pytest.importorskip("gudhi")


@pytest.fixture(scope="module")
def shapes():
    """A noisy circle and a noisy disc of 500 points each."""
    rs, n = np.random.RandomState(0), 500
    phi = 2 * np.pi * rs.rand(n)
    circle = np.stack([np.sin(phi), np.cos(phi)], 1) + 0.05 * rs.randn(n, 2)
    r, phi = np.sqrt(rs.rand(n)), 2 * np.pi * rs.rand(n)
    disc = r[:, None] * np.stack([np.sin(phi), np.cos(phi)], 1) + 0.05 * rs.randn(n, 2)
    return torch.from_numpy(circle), torch.from_numpy(disc)


def upstream_draws(seed):
    rs = np.random.RandomState(seed)
    return [torch.from_numpy(rs.choice(500, 32)) for _ in range(20)]


@pytest.fixture(scope="module")
def times(gudhi, shapes):
    circle, disc = shapes
    return [living_times(x, 1 / 8, upstream_draws(seed), 10) for x, seed in ((circle, 1), (disc, 2), (circle, 3))]


@pytest.mark.proves("geometry-score", "golden")
def test_goldens_of_circle_and_disc(times):
    """Landmarks with replacement, as in the paper's program."""
    circle, disc, again = times
    assert circle.mean(0)[:3].tolist() == pytest.approx([0.0095, 0.9748, 0.0155], abs=5e-5)
    assert disc.mean(0)[:3].tolist() == pytest.approx([0.7564, 0.0747, 0.0260], abs=5e-5)
    assert score(circle, disc) == pytest.approx(1.3704704862, rel=1e-9)
    assert score(circle, again) == pytest.approx(1.53e-05, rel=5e-3)


def test_bootstrap_interval_separates_circle_from_disc_but_not_from_itself(times):
    circle, disc, again = times
    low, high = score_interval(circle, disc, rng())
    assert 1.0 < low <= score(circle, disc) <= high < 1.8
    low, high = score_interval(circle, again, rng())
    assert low == 0.0 and score(circle, again) <= high < 0.01


@pytest.mark.parametrize("gamma", [1 / 128, 1 / 8, 0.5])
@pytest.mark.parametrize("d", [2, 5])
def test_truncated_tables_give_the_holes_of_full_ones(gudhi, gamma, d):
    x = torch.randn(80, d, generator=rng(d), dtype=torch.float64)
    distance = torch.cdist(x, x[landmarks(80, 12, rng(1))])
    found, alpha_max = intervals(distance, gamma)
    near, order = distance.sort(1)
    table = [list(zip(i, r, strict=True)) for i, r in zip(order.tolist(), near.tolist(), strict=True)]
    tree = gudhi.WitnessComplex(table).create_simplex_tree(max_alpha_square=alpha_max, limit_dimension=2)
    tree.compute_persistence(homology_coeff_field=2)
    full = tree.persistence_intervals_in_dimension(1)
    assert alpha_max == pytest.approx(gamma * float(distance.max()))
    assert sorted(found.tolist()) == sorted(np.asarray(full).reshape(-1, 2).tolist())


def test_one_hole_and_two_holes_are_counted(gudhi):
    """One circle shows one hole at most scales, two circles far apart show two."""
    phi = torch.linspace(0, 2 * torch.pi, 401, dtype=torch.float64)[:400]
    ring = torch.stack([phi.cos(), phi.sin()], 1)
    for x, holes in ((ring, 1), (torch.cat([ring, ring + 4]), 2)):
        draws = [landmarks(len(x), 40, rng(seed)) for seed in range(8)]
        assert int(living_times(x, 1 / 16, draws, 6).mean(0).argmax()) == holes


def test_living_times_of_no_hole_and_of_known_ones():
    assert relative_living_times(torch.empty(0, 2), 0.3, 4).tolist() == [1.0, 0.0, 0.0, 0.0]
    holes = torch.tensor([[0.0, 0.5], [0.25, float("inf")], [0.25, 0.5], [0.75, 0.75]], dtype=torch.float64)
    assert relative_living_times(holes, 1.0, 4).tolist() == pytest.approx([0.0, 0.75, 0.0, 0.25])
    assert relative_living_times(holes, 1.0, 3).tolist() == pytest.approx([0.0, 0.75, 0.0]), "3 holes are not counted"


@given(
    ends=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=12),
    most=st.integers(1, 15),
)
@settings(max_examples=50, deadline=None)
def test_living_times_are_those_of_counting_at_every_scale(ends, most):
    """Integer ends: between two integers the number of open holes is constant."""
    holes = torch.tensor([sorted(pair) for pair in ends], dtype=torch.float64).reshape(-1, 2)
    middles = torch.arange(16.0) + 0.5  # up to alpha_max = 16; ends beyond are cut
    open_ = ((holes[:, :1] <= middles) & (middles < holes[:, 1:])).sum(0)
    expected = torch.bincount(open_, minlength=most)[:most].double() / 16
    assert relative_living_times(holes, 16.0, most).tolist() == pytest.approx(expected.tolist())


@given(scale=st.floats(0.01, 100), angle=st.floats(0, 6), seed=st.integers(0, 99))
@settings(max_examples=8, deadline=None)
def test_rotation_shift_and_scale_change_nothing(gudhi, scale, angle, seed):
    x = torch.randn(60, 2, generator=rng(seed), dtype=torch.float64)
    turn = torch.tensor([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    draws = [landmarks(60, 12, rng(seed))]
    assert torch.allclose(living_times(x, 0.1, draws), living_times(scale * x @ turn + 2, 0.1, draws), atol=1e-6)


def test_landmarks_differ_unless_replacement_is_asked_for():
    assert len(landmarks(40, 40, rng()).unique()) == 40
    assert len(landmarks_with_replacement(40, 40, rng()).unique()) < 40


def test_adapter_tells_a_disc_from_a_circle_by_more_than_two_halves_of_the_data(gudhi, shapes):
    circle, disc = (x[:240] for x in shapes)
    found = {}
    for name, fake in (("disc", disc), ("same", shapes[0][240:480])):
        result = geometry_score(Study(Side.of_features(circle), Side.of_features(fake), Identity()))
        assert result.interval[0] <= result.value <= result.interval[1]
        assert sum(result.details["mrlt_real"]) == pytest.approx(1.0, abs=1e-6)
        found[name] = result
    assert found["disc"].value > 3 * found["disc"].details["real_halves"]
    assert found["disc"].value > found["same"].value
    again = geometry_score(Study(Side.of_features(circle), Side.of_features(fake), Identity()))
    assert again == found["same"]


def test_missing_gudhi_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gudhi", None)
    with pytest.raises(ValueError, match=r'pip install "saddle-gan\[topology\]"'):
        living_times(torch.randn(20, 2), 0.1, [torch.arange(5)])


def test_misuse_is_refused(gudhi):
    x = torch.randn(20, 2)
    with pytest.raises(ValueError, match="2 or more"):
        living_times(x, 0.1, [torch.tensor([3])])
    with pytest.raises(ValueError, match="positive"):
        living_times(x, 0.0, [torch.arange(5)])
    with pytest.raises(ValueError, match="1 or more draws"):
        living_times(x, 0.1, [])
    with pytest.raises(ValueError, match="all the same"):
        living_times(torch.ones(20, 2), 0.1, [torch.arange(5)])
    with pytest.raises(ValueError, match="at least 16 real"):
        geometry_score(Study(Side.of_features(x[:9]), Side.of_features(x), Identity()))


def test_copies_of_landmarks_are_at_distance_zero_far_from_the_origin(gudhi):
    """A product of large rows alone would leave 1e-4 between copies."""
    x = torch.randn(40, 3, generator=rng(4), dtype=torch.float64)
    double = torch.cat([x, x])
    draws = [torch.arange(12), torch.arange(12) + 40]
    near, far = (living_times(y, 0.1, draws) for y in (double, double + 1e5))
    assert torch.equal(near[0], near[1])
    torch.testing.assert_close(far, near, atol=1e-6, rtol=0)

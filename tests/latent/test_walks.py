"""Walks: closed loops of constant speed on the sphere, and the law of truncated latents."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, truncnorm

from saddle.latent.walks import WALKS, arcs, geodesic, lines, on_sphere, shrunk, truncated


def points(k, d, seed=0):
    return torch.randn(k, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def angles(path):
    """From each row to the next and from the last to the first, exact for small ones."""
    u = path / path.norm(dim=1, keepdim=True)
    v = u.roll(-1, 0)
    return 2 * torch.atan2((u - v).norm(dim=1), (u + v).norm(dim=1))


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(3, 9), st.integers(2, 20))
def test_the_sphere_is_never_left(seed, k, d):
    path = geodesic(points(k, d, seed), 50)
    torch.testing.assert_close(path.norm(dim=1), torch.full((50,), math.sqrt(d), dtype=torch.float64))


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(3, 9), st.integers(3, 20))
def test_the_speed_is_constant(seed, k, d):
    """Every step turns by one k-th of the whole way, but for steps about a corner, which are shorter."""
    z = points(k, d, seed)
    step = float(angles(z).sum()) / 400
    turned = angles(geodesic(z, 400))
    assert float(turned.max()) <= step * (1 + 1e-6)
    assert int((turned < step * (1 - 1e-6)).sum()) <= k


def test_equal_arcs_put_every_point_at_its_frame():
    z = torch.eye(5, dtype=torch.float64)  # right angles all round
    torch.testing.assert_close(geodesic(z, 20)[::4], on_sphere(z))


@pytest.mark.parametrize("way", [lines, arcs])
def test_points_are_passed_in_equal_times_with_their_own_lengths(way):
    z = points(4, 6)
    torch.testing.assert_close(way(z, 12)[::3], z)


def test_a_line_is_straight_and_an_arc_keeps_the_radius():
    z = 2 * torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(lines(z, 6)[1], (z[0] + z[1]) / 2)
    torch.testing.assert_close(arcs(z, 6).norm(dim=1), torch.full((6,), 2.0, dtype=torch.float64))


@pytest.mark.parametrize("name", ["lerp", "slerp"])
def test_the_loop_does_not_depend_on_where_it_begins(name):
    z = points(3, 4)
    torch.testing.assert_close(WALKS[name](z.roll(-1, 0), 30), WALKS[name](z, 30).roll(-10, 0))


def test_the_step_from_the_last_frame_to_the_first_is_like_the_others():
    turned = angles(geodesic(points(3, 4), 300))
    assert float(turned[-1]) == pytest.approx(float(turned[1]), rel=1e-6)


def test_what_has_no_shortest_way_is_refused():
    z = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    with pytest.raises(ValueError, match="opposite"):
        geodesic(z, 10)
    with pytest.raises(ValueError, match="2 or more points"):
        geodesic(z[:1], 10)
    with pytest.raises(ValueError, match="frames"):
        lines(z, 1)


@pytest.mark.parametrize("threshold", [0.04, 0.5, 1.0, 2.0, 6.0])
def test_truncation_is_the_truncated_normals_quantile(threshold):
    z = torch.linspace(-7, 7, 201, dtype=torch.float64)[:, None]
    expected = truncnorm.ppf(norm.cdf(-z.abs().numpy()), -threshold, threshold)  # its lower half, where digits are kept
    found = truncated(z, threshold)
    torch.testing.assert_close(found, -z.sign() * torch.from_numpy(expected), rtol=1e-9, atol=1e-9)
    assert float(found.abs().max()) <= threshold


def test_truncation_ends_at_the_centre_and_at_the_latents_themselves():
    z = points(5, 3)
    assert torch.equal(truncated(z, 0.0), torch.zeros_like(z))
    torch.testing.assert_close(truncated(z, math.inf), z)
    centre = torch.ones(3, dtype=torch.float64)
    torch.testing.assert_close(shrunk(z, 0.0, centre), centre.expand(5, 3))
    torch.testing.assert_close(shrunk(z, 0.7), 0.7 * z)

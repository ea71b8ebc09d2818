"""The manifold of polygons: areas of what is drawn, distances that are known, and generators whose scores are."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saddle.evaluation.measures.polygons import (
    DELTA,
    distances,
    f1,
    polygon_score,
    random_polygons,
    render,
    vertices,
)

SIZE = 16


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def area(corners):
    """The shoelace formula."""
    x, y = corners.unbind(2)
    return (x * y.roll(-1, 1) - x.roll(-1, 1) * y).sum(1) / 2


@settings(deadline=None, max_examples=6)
@given(st.integers(0, 10_000), st.integers(3, 6))
def test_polygons_are_convex_within_the_picture_and_drawn_with_their_area(seed, corners):
    found = vertices(random_polygons(5, rng(seed), corners).double(), corners)
    side = found.roll(-1, 1) - found
    turn = side[..., 0] * side.roll(-1, 1)[..., 1] - side[..., 1] * side.roll(-1, 1)[..., 0]
    assert bool((turn > 0).all())  # every corner turns left
    assert float(found.abs().max()) <= 0.85 + 1e-9
    drawn = render(found, 128).sum((1, 2, 3)) * (2 / 128) ** 2
    torch.testing.assert_close(drawn, area(found), rtol=0.02, atol=0.002)


def test_a_square_is_drawn_exactly():
    """Sides on the borders of pixels: brightness 1 inside and 0 outside, but for the half pixels along the sides."""
    theta = torch.tensor([[0.0, 0.0, math.log(0.5 * 2**0.5), math.pi / 4, 0, 0, 0, 0]])
    image = render(vertices(theta, 4), 8)[0, 0]
    expected = torch.zeros(8, 8)
    expected[2:6, 2:6] = 1
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-5)


def test_y_points_upwards():
    up = torch.tensor([[[-0.5, 0.2], [0.5, 0.2], [0.0, 0.8]]])
    rows = render(up, 16)[0, 0].sum(1)
    assert float(rows[:8].sum()) > 0 and float(rows[8:].sum()) == 0


def test_any_triangle_is_inscribed_in_its_circle():
    """Corners lie on the circle; equal logits give the equilateral triangle of area 3 sqrt(3) r^2 / 4."""
    theta = torch.tensor([[0.1, -0.2, math.log(0.5), 1.0, 0.3, 0.3, 0.3]], dtype=torch.float64)
    corners = vertices(theta, 3)
    radii = (corners - theta[:, None, :2]).norm(dim=2)
    torch.testing.assert_close(radii, torch.full_like(radii, 0.5))
    assert float(area(corners)) == pytest.approx(3 * 3**0.5 / 4 * 0.25)


def test_a_polygon_lies_on_the_manifold():
    """At distance 0, but for searches that end elsewhere."""
    images = render(vertices(random_polygons(20, rng(5)), 3), SIZE)
    found = distances(images, 3, rng(1))
    assert float(found.max()) < DELTA
    assert float((found < 0.01).double().mean()) >= 0.8


def test_distances_of_what_is_no_polygon():
    """Half brightness, which no polygon has inside, and a lone white pixel, at most 1 away from the polygon without."""
    grey = torch.full((1, 1, SIZE, SIZE), 0.5)
    white = render(vertices(random_polygons(1, rng(2)), 3), SIZE)
    pixel = white.clone()
    pixel[0, 0, 0, 0] = 1.0  # a corner of the picture that no polygon near this one reaches
    far = distances(torch.cat([grey, white, pixel]), 3, rng(1))
    assert float(far[0]) > 5
    assert float(far[1]) < 0.1
    assert 0.8 < float(far[2]) <= 1.0 + 1e-3  # no farther than the polygon without the pixel


def test_the_perfect_generator_scores_one():
    theta = random_polygons(60, rng(3))
    held_out = render(vertices(random_polygons(10, rng(4)), 3), SIZE)
    found = polygon_score(lambda z: render(vertices(z, 3), SIZE), theta, held_out, 3, rng(1))
    assert found.precision >= 0.98
    assert found.recall >= 0.9
    assert found.f1 == pytest.approx(f1(found.precision, found.recall))


def test_a_constant_generator_is_precise_and_recalls_nothing():
    one = render(vertices(random_polygons(1, rng(3)), 3), SIZE)
    held_out = render(vertices(random_polygons(20, rng(4)), 3), SIZE)
    found = polygon_score(lambda z: one + 0 * z[:, :1, None, None], torch.zeros(10, 2), held_out, 3, rng(1))
    assert (found.precision, found.recall, found.f1) == (1.0, 0.0, 0.0)


def test_noise_is_neither_precise_nor_complete():
    held_out = render(vertices(random_polygons(10, rng(4)), 3), SIZE)
    noise = torch.rand(1, 1, SIZE, SIZE, generator=rng(0))
    generate = lambda z: noise * (0.9 + 0.1 * z[:, :1, None, None].sigmoid())  # noqa: E731
    found = polygon_score(generate, torch.randn(10, 2, generator=rng(1)), held_out, 3, rng(1))
    assert (found.precision, found.recall, found.f1) == (0.0, 0.0, 0.0)


def test_f1_of_nothing_and_of_known_pairs():
    assert (f1(0.0, 0.0), f1(1.0, 1.0)) == (0.0, 1.0)
    assert f1(0.5, 0.25) == pytest.approx(1 / 3)
    assert DELTA == 0.75


def test_bad_inputs_are_refused():
    with pytest.raises(ValueError, match="pool=2"):
        distances(torch.zeros(1, 1, 8, 8), 3, rng(), pool=2)
    with pytest.raises(ValueError, match="corners=2"):
        vertices(torch.zeros(1, 6), 2)
    with pytest.raises(ValueError, match="theta="):
        vertices(torch.zeros(1, 6), 3)
    with pytest.raises(ValueError, match="images="):
        distances(torch.zeros(2, 3, 8, 8), 3, rng())
    with pytest.raises(ValueError, match="images=outside"):
        distances(torch.full((1, 1, 8, 8), 2.0), 3, rng())

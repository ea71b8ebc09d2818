"""Wasserstein distances: critic, exact, sliced, patches."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.stats import kstest, wasserstein_distance

from saddle.evaluation.features import Identity
from saddle.evaluation.measures.wasserstein import (
    Critic,
    exact,
    fit_critic,
    frames,
    gap,
    laplacian_pyramid,
    mind,
    sliced,
    swd,
    wasserstein_critic,
)
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(n, d, seed=0):
    return torch.randn(n, d, generator=seeded(seed), dtype=torch.float64)


def study_of(real, fake, **more):
    return Study(Side.of_features(real), Side.of_features(fake), Identity(), **more)


MU = torch.tensor([1.0, -2.0, 0.5, 0.0, 2.0], dtype=torch.float64)


@pytest.mark.parametrize("order", [1, 2])
def test_a_shift_costs_its_length(order):
    x = normal(60, 5)
    assert exact(x, x[torch.randperm(60, generator=seeded(1))] + MU, order) == pytest.approx(
        float(MU.norm()), rel=1e-12
    )


@given(st.integers(0, 1000), st.integers(2, 20))
def test_on_a_line_exact_is_scipy_s(seed, n):
    x, y = normal(n, 1, seed), normal(n, 1, seed + 1) * 2
    expected = wasserstein_distance(x[:, 0].numpy(), y[:, 0].numpy())
    assert exact(x, y) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(st.integers(0, 1000), st.integers(1, 20), st.integers(1, 20))
def test_on_a_line_sliced_is_scipy_s_for_any_numbers_of_samples(seed, n, m):
    x, y = normal(n, 1, seed), normal(m, 1, seed + 1) * 2
    expected = wasserstein_distance(x[:, 0].numpy(), y[:, 0].numpy())
    assert float(sliced(x, y, torch.eye(1), order=1)) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_exact_and_sliced_agree_with_pot():
    ot = pytest.importorskip("ot")
    x, y, lines = normal(40, 3), normal(40, 3, 1) + 1, frames(7, 3, seeded())
    one = ot.emd2([], [], ot.dist(x.numpy(), y.numpy(), "euclidean"))
    assert exact(x, y) == pytest.approx(float(one), rel=1e-9)
    found = float(sliced(x, y[:25], lines).mean()) ** 0.5
    expected = ot.sliced_wasserstein_distance(x.numpy(), y[:25].numpy(), projections=lines.T.numpy())
    assert found == pytest.approx(float(expected), rel=1e-9)


def test_sliced_distance_of_a_shift():
    """W2^2 on the line theta is (theta . mu)^2; over an orthogonal frame it averages to |mu|^2 / d."""
    x = normal(30, 5)
    found = sliced(x, x[torch.randperm(30, generator=seeded(1))] + MU, frames(10, 5, seeded(2)))
    assert float(found.mean()) == pytest.approx(float(MU.square().sum()) / 5, rel=1e-12)


def test_frames_are_orthogonal_unit_vectors():
    lines = frames(7, 3, seeded())
    torch.testing.assert_close(lines[:3] @ lines[:3].T, torch.eye(3).double())
    torch.testing.assert_close(lines.norm(dim=1), torch.ones(7).double())


def test_frames_are_uniform():
    """In 3 dimensions the size of a uniform direction's coordinate is uniform on [0, 1] (Archimedes)."""
    for coordinate in frames(3000, 3, seeded())[::3].abs().T:
        assert kstest(coordinate.numpy(), "uniform").pvalue > 0.01


def test_mind_of_a_shift():
    """3 |mu|^2, whatever d."""
    x = normal(50, 5)
    assert mind(x, x + MU, seeded()) == pytest.approx(3 * float(MU.square().sum()), rel=1e-9)
    assert mind(x, x, seeded()) == 0.0


@settings(max_examples=25)
@given(st.integers(0, 1000), st.floats(0.1, 10))
def test_symmetry_scale_and_identity(seed, scale):
    x, y = normal(12, 3, seed), normal(12, 3, seed + 1)
    assert exact(x, y) == pytest.approx(exact(y, x), rel=1e-9)
    assert exact(scale * x, scale * y) == pytest.approx(scale * exact(x, y), rel=1e-9)
    assert exact(x, x) == 0.0
    lines = frames(6, 3, seeded(seed))
    assert float(sliced(x, y, lines, 1).mean()) <= exact(x, y) + 1e-12  # projections shorten every path


@pytest.mark.proves("wasserstein-critic", "closed form")
def test_a_linear_critic_reaches_the_length_of_a_shift():
    """Translated Gaussians: W1 = |mu|, and the best critic is linear."""
    mu = torch.zeros(16).double().index_fill(0, torch.tensor([3]), 2.0)
    x, held = normal(2000, 16), normal(500, 16, 1)
    critic = fit_critic(x, x.flip(0) + mu, held, held.flip(0) + mu, seeded(), widths=())
    assert -float(gap(critic, x + mu, x)) == pytest.approx(2.0, rel=0.01)


def test_the_critic_is_1_lipschitz_so_its_gap_bounds_w1_from_below():
    x, y = normal(400, 6), 0.5 * normal(400, 6, 1) + 1
    critic = fit_critic(x[:200], y[:200], x[200:], y[200:], seeded(), steps=200)
    a, b = 30 * normal(500, 6, 2), 30 * normal(500, 6, 3)
    assert bool(((critic(a) - critic(b)).abs() <= (a - b).norm(dim=1) + 1e-3).all())
    found = float(gap(critic, x[:200], y[:200]))
    assert 0.5 * exact(x[:200], y[:200]) < found <= exact(x[:200], y[:200]) + 1e-6


def test_the_critic_is_in_the_units_of_the_features():
    x, y = normal(400, 4), normal(400, 4, 1) + 1
    sides = (x[:200], y[:200], x[200:], y[200:])
    one = fit_critic(*sides, seeded(), steps=100)
    far = fit_critic(*(1000 * side + 5000 for side in sides), seeded(), steps=100)
    large = float(gap(far, 1000 * x + 5000, 1000 * y + 5000))
    assert large == pytest.approx(1000 * float(gap(one, x, y)), rel=0.02)


def test_an_even_split_of_modes_needs_a_bent_critic():
    """Real at 0, generated at -2 and 2: means agree, so a linear critic is blind."""
    x = 0.1 * normal(400, 2)
    y = x.flip(0) + torch.tensor([2.0, 0.0]) * (2 * torch.arange(400).remainder(2)[:, None] - 1)
    sides = (x[:200], y[:200], x[200:], y[200:])
    assert float(gap(fit_critic(*sides, seeded(), steps=200), x, y)) > 1.5
    assert abs(float(gap(fit_critic(*sides, seeded(), widths=(), steps=200), x, y))) < 0.2


def test_training_leaves_torch_s_own_random_numbers_alone():
    before = torch.random.get_rng_state()
    x = normal(40, 3)
    fit_critic(x, x + 1, x, x + 1, seeded(), steps=5)
    assert torch.equal(before, torch.random.get_rng_state())


def test_max_min_keeps_the_norm_of_gradients():
    critic = Critic(4, (4,))
    x = normal(5, 4).float().requires_grad_()
    critic.eval()
    critic(x).sum().backward()
    assert float(x.grad.norm(dim=1).max()) <= critic.lipschitz + 1e-5


@pytest.mark.proves("wasserstein-critic", "closed form")
def test_value_near_the_truth_and_nothing_at_the_null():
    x, y = normal(1200, 8), normal(1200, 8, 1)
    far = wasserstein_critic(study_of(x, y + 3 / math.sqrt(8)))
    null = wasserstein_critic(study_of(x, y))
    assert 2.6 < far.value < 3.2
    assert far.interval[0] < 3.0
    assert abs(null.value) < 0.25
    assert null.details["train_gap"] > null.value - 0.05
    assert far.details["exact_w1"] > null.details["exact_w1"]
    assert far.details["mind"] == pytest.approx(3 * 9, rel=0.2)
    assert null.details["sliced_w2"] == pytest.approx(null.details["sliced_w2_real"], rel=0.5)


@pytest.mark.slow
def test_intervals_cover_the_gap_that_the_critic_has():
    """0 between samples of one law, whatever critic was trained: its test samples are new."""
    found = [wasserstein_critic(study_of(normal(64, 2, 2 * i), normal(64, 2, 2 * i + 1))) for i in range(60)]
    inside = sum(result.interval[0] <= 0 <= result.interval[1] for result in found)
    assert inside >= 50


def test_seeds_repeat():
    x, y = normal(80, 3), normal(80, 3, 1) + 1
    one = wasserstein_critic(study_of(x, y))
    assert wasserstein_critic(study_of(x, y)) == one
    assert wasserstein_critic(study_of(x, y, seed=1)).value != one.value


def test_identical_rows_are_at_distance_zero():
    result = wasserstein_critic(study_of(torch.ones(40, 3), torch.ones(40, 3)))
    assert result.value == 0.0
    assert result.details["exact_w1"] == 0.0


def pyramid_by_scipy(images, levels):
    line = np.array([1, 4, 6, 4, 1]) / 16
    kernel = np.outer(line, line)[None, None]
    found = [images.astype(np.float64)]
    for _ in range(1, levels):
        small = ndimage.convolve(found[-1], kernel, mode="mirror")[:, :, ::2, ::2]
        spread = np.zeros_like(found[-1])
        spread[:, :, ::2, ::2] = small
        found[-1] = found[-1] - ndimage.convolve(spread, 4 * kernel, mode="mirror")
        found.append(small)
    return found


@pytest.mark.parametrize("size", [32, 36])
def test_pyramid_is_scipy_s(size):
    images = torch.randn(3, 2, size, size, generator=seeded())
    expected = pyramid_by_scipy(images.numpy(), 2)
    for ours, theirs in zip(laplacian_pyramid(images), expected, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=2e-6)


def test_a_flat_image_is_flat_at_every_scale():
    *fine, coarse = laplacian_pyramid(torch.full((1, 3, 64, 64), 7.0))
    assert [level.shape[2] for level in (*fine, coarse)] == [64, 32, 16]
    torch.testing.assert_close(coarse, torch.full((1, 3, 16, 16), 7.0))
    for level in fine:
        torch.testing.assert_close(level, torch.zeros_like(level), atol=1e-5, rtol=0)


def test_swd_leaves_its_input_alone_and_repeats():
    """The first implementation subtracted in place: a second call saw other images."""
    real, fake = (torch.rand(20, 3, 32, 32, generator=seeded(i)) for i in (0, 1))
    kept = real.clone(), fake.clone()
    one = swd(real, fake, seeded(2), patches=16)
    assert swd(real, fake, seeded(2), patches=16) == one
    assert torch.equal(real, kept[0]) and torch.equal(fake, kept[1])
    assert list(one) == [32, 16]


def test_swd_of_uniform_and_normal_noise():
    """Published for 256 colour images of 32 pixels, 64 patches each, within 15 %: 14 from other patches of the same
    images at both scales; 14 at 32 pixels and 20 at 16 from normal noise, where edges tell them apart."""
    real = torch.rand(256, 3, 32, 32, generator=seeded(0))
    fake = torch.randn(256, 3, 32, 32, generator=seeded(1))
    assert swd(real, real, seeded(2), 64, 1) == pytest.approx({32: 14, 16: 14}, rel=0.15)
    assert swd(real, fake, seeded(2), 64, 1) == pytest.approx({32: 14, 16: 20}, rel=0.15)


def test_swd_sees_blur_and_does_not_see_contrast():
    real = torch.randint(256, (64, 1, 16, 16), generator=seeded(0), dtype=torch.uint8)
    other = torch.randint(256, (64, 1, 16, 16), generator=seeded(1), dtype=torch.uint8)
    blurred = torch.nn.functional.avg_pool2d(other.float(), 3, 1, 1)
    same, blur = swd(real, other, seeded(2))[16], swd(real, blurred, seeded(2))[16]
    assert blur > 3 * same
    assert swd(real, 0.5 * other.float() + 20, seeded(2))[16] == pytest.approx(same, rel=1e-3)


def test_swd_of_flat_images_is_zero():
    flat = torch.full((4, 1, 16, 16), 9, dtype=torch.uint8)
    assert swd(flat, flat, seeded(), patches=4) == {16: 0.0}


def test_swd_takes_other_numbers_of_images():
    real, fake = (torch.rand(n, 1, 16, 16, generator=seeded(n)) for n in (20, 30))
    assert 0 < swd(real, fake, seeded(), patches=8)[16] < 200


def test_image_sides_get_the_patch_distance():
    class Pixels(Identity):
        def __call__(self, images):
            return images.flatten(1).float() / 255, None

    real, fake = (torch.randint(256, (40, 1, 8, 8), generator=seeded(i), dtype=torch.uint8) for i in (0, 1))
    result = wasserstein_critic(Study(Side.of_images(real), Side.of_images(fake), Pixels()))
    assert list(result.details["swd"]) == ["8"]
    assert result.details["swd_images"] == 40


def test_bad_input_is_refused():
    x = normal(10, 3)
    with pytest.raises(ValueError, match="as many"):
        exact(x, x[:5])
    with pytest.raises(ValueError, match="M, d"):
        sliced(x, normal(10, 2), torch.eye(3))
    with pytest.raises(ValueError, match="finite"):
        exact(x, x * torch.nan)
    with pytest.raises(ValueError, match="8 or more"):
        wasserstein_critic(study_of(x, x[:7]))
    images = torch.rand(2, 3, 32, 32, generator=seeded())
    for wrong in (images[:, :1], images[..., :16], images[..., :4, :4], images[0]):
        with pytest.raises(ValueError, match="square images"):
            swd(images if wrong.shape[-1] > 4 else wrong, wrong, seeded())

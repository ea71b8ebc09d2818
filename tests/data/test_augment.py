"""DiffAugment: identity, ranges, gradients, and that each image has changes of its own."""

import pytest
import torch

from saddle.data import diff_augment
from saddle.data.augment import POLICIES, color, cutout, translation

ALL = "color,translation,cutout"


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=4, channels=3, height=8, width=8):
    return torch.randn(n, channels, height, width, dtype=torch.float64, generator=seeded(9))


def test_an_empty_policy_is_the_identity_and_draws_nothing():
    rng, x = seeded(), images()
    before = rng.get_state()
    assert diff_augment(x, "", rng) is x
    assert diff_augment(torch.zeros(4, 2), " ", rng).shape == (4, 2)
    assert torch.equal(rng.get_state(), before)


def test_a_policy_is_its_steps_in_turn():
    x, rng = images(), seeded()
    assert torch.equal(diff_augment(x, ALL, seeded()), cutout(translation(color(x, rng), rng), rng))
    assert torch.equal(diff_augment(x, "cutout, color", seeded()), color(cutout(x, rng.manual_seed(0)), rng))


@pytest.mark.parametrize("policy", [*POLICIES, ALL])
def test_a_seed_means_the_same_changes(policy):
    x = images()
    assert torch.equal(diff_augment(x, policy, seeded()), diff_augment(x, policy, seeded()))
    assert not torch.equal(diff_augment(x, policy, seeded()), diff_augment(x, policy, seeded(1)))


@pytest.mark.parametrize("policy", [*POLICIES, ALL])
def test_every_image_has_its_own_changes(policy):
    same = images(1).expand(40, -1, -1, -1)
    assert len(diff_augment(same, policy, seeded()).flatten(1).unique(dim=0)) >= 9  # all the shifts there are


@pytest.mark.parametrize("policy", [*POLICIES, ALL])
@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_agree_with_finite_differences(policy, channels):
    x = images(2, channels, 4, 4).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: diff_augment(x, policy, seeded()), x)
    assert torch.autograd.gradgradcheck(lambda x: diff_augment(x, policy, seeded()), x)


def test_color_is_its_three_formulas():
    x = images()
    brightness, saturation, contrast = torch.rand(3, 4, 1, 1, 1, generator=seeded(), dtype=torch.float64)
    out = color(x, seeded())
    for n in range(4):
        h = x[n] + brightness[n] - 0.5
        h = (h - h.mean(0)) * 2 * saturation[n] + h.mean(0)
        torch.testing.assert_close(out[n], (h - h.mean()) * (0.5 + contrast[n]) + h.mean())


def test_color_moves_the_mean_uniformly_within_a_half():
    shift = color(torch.zeros(5000, 3, 2, 2), seeded())[:, 0, 0, 0]
    assert shift.abs().max() <= 0.5
    assert shift.std().item() == pytest.approx(12**-0.5, rel=0.05)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (16, 12)])
def test_translation_shifts_by_whole_pixels_up_to_an_eighth_and_fills_with_zeros(height, width):
    """Each image equals exactly one of all allowed shifts, and all are met about equally often."""
    x = images(900, 2, height, width)
    out, most = translation(x, seeded()), (round(height / 8), round(width / 8 + 1e-9))
    count = torch.zeros(2 * most[0] + 1, 2 * most[1] + 1)
    for down in range(-most[0], most[0] + 1):
        for right in range(-most[1], most[1] + 1):
            moved = torch.zeros_like(x)
            to = moved[:, :, max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)]
            to.copy_(x[:, :, max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)])
            count[down + most[0], right + most[1]] = (out == moved).flatten(1).all(1).sum()
    assert count.sum() == 900
    fair = 900 / count.numel()
    assert (count - fair).abs().max() < 5 * fair**0.5


@pytest.mark.parametrize("side", [6, 7, 8])
def test_cutout_hides_a_square_of_half_the_side(side):
    """Whole in the middle, cut at the border, never larger; its centre is spread evenly, so the mask is symmetric."""
    hidden = cutout(torch.ones(4000, 1, side, side), seeded()) == 0
    half = (side + 1) // 2
    sizes = hidden.flatten(1).sum(1)
    assert sizes.max() == half**2
    assert hidden.any(3).sum(2).max() == half
    share = hidden.float().mean((0, 1))
    assert (share - share.flip(0)).abs().max() < 0.05
    assert (share - share.T).abs().max() < 0.05
    for mask in hidden[:50, 0]:  # a full rectangle
        rows, columns = mask.any(1), mask.any(0)
        assert torch.equal(mask, rows[:, None] & columns)


def test_what_cannot_be_augmented_is_refused():
    with pytest.raises(ValueError, match=r"no augmentation is called 'colour'\. Did you mean 'color'"):
        diff_augment(images(), "colour", seeded())
    with pytest.raises(ValueError, match="images"):
        diff_augment(torch.zeros(4, 2), "color", seeded())

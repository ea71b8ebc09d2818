"""ADA: identity at p = 0, each transformation against a direct computation, the law of p, and the control."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from saddle.data import AdaptiveStrength, ada_augment
from saddle.data.ada import recolour, warp


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=4, channels=3, height=8, width=8, seed=9):
    return torch.randn(n, channels, height, width, dtype=torch.float64, generator=seeded(seed))


def affine(*rows):
    return torch.tensor([[*rows, [0, 0, 1]]], dtype=torch.float64)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sides", [(8, 8), (7, 5)])
def test_at_p_zero_nothing_changes(channels, dtype, sides):
    x = images(4, channels, *sides).to(dtype)
    assert torch.equal(ada_augment(x, 0.0, seeded()), x)
    assert torch.equal(ada_augment(x, torch.zeros(()), seeded()), x)


def test_the_share_of_changed_images_follows_p():
    """Five continuous changes that a grey image shows spare it with 1 - p each, the two turns together with 1 - p.

    A drawn flip or luma flip is neutral with 1/2, a drawn quarter turn with 1/4, and so are drawn whole shifts at side
    8, where round(U(-1, 1)) is 0 with 1/2 in each direction.
    """
    n, p = 20_000, 0.05
    x = images(1, 1).expand(n, -1, -1, -1)
    spared = (ada_augment(x, p, seeded()) - x).abs().flatten(1).amax(1) < 1e-9
    expected = (1 - p) ** 6 * (1 - p / 2) ** 2 * (1 - 3 * p / 4) ** 2
    assert spared.float().mean().item() == pytest.approx(expected, abs=4 * (expected * (1 - expected) / n) ** 0.5)


def test_blits_have_the_laws_of_the_paper():
    """Among images that nothing continuous has touched: flips p/2, quarter turns p/4 each, shifts p/4 and p/2 p/4."""
    n, p, x = 20_000, 0.3, images(1, 1)
    out = ada_augment(x.expand(n, -1, -1, -1), p, seeded()).flatten(1)
    kinds = list(itertools.product((1, -1), (0, 1), range(4), (-1, 0, 1), (-1, 0, 1)))
    templates = [
        luma * warp((x.flip(3) if flip else x).rot90(-k, (2, 3)), affine([1, 0, right], [0, 1, down])).flatten()
        for luma, flip, k, right, down in kinds
    ]
    distance, which = torch.cdist(out, torch.stack(templates)).min(1)
    found = torch.tensor(kinds)[which[distance < 1e-6]]  # (M, 5)
    assert len(found) / n == pytest.approx((1 - p) ** 6, abs=4 * (0.11 / n) ** 0.5)
    bound = 4 * 0.5 / len(found) ** 0.5
    assert (found[:, 0] < 0).double().mean().item() == pytest.approx(p / 2, abs=bound)
    assert found[:, 1].double().mean().item() == pytest.approx(p / 2, abs=bound)
    for k in (1, 2, 3):
        assert (found[:, 2] == k).double().mean().item() == pytest.approx(p / 4, abs=bound / 2)
    for axis in (3, 4):  # round(U(-1, 1)) is -1 or 1 with 1/4 each
        for step in (-1, 1):
            assert (found[:, axis] == step).double().mean().item() == pytest.approx(p / 4, abs=bound / 2)
    assert ((found[:, 3] != 0) & (found[:, 4] != 0)).double().mean().item() == pytest.approx(p / 4, abs=bound / 2)


def test_a_seed_means_the_same_changes_and_each_image_has_its_own():
    x = images(1).expand(20, -1, -1, -1)
    assert torch.equal(ada_augment(x, 0.9, seeded()), ada_augment(x, 0.9, seeded()))
    assert len(ada_augment(x, 1.0, seeded()).flatten(1).unique(dim=0)) == 20


@pytest.mark.parametrize("channels", [1, 3])
def test_first_and_second_derivatives(channels):
    x = images(2, channels, 3, 4).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: ada_augment(x, 1.0, seeded()), x)
    assert torch.autograd.gradgradcheck(lambda x: ada_augment(x, 1.0, seeded()), x)


def test_warps_that_move_pixels_onto_pixels_are_exact():
    x = images(1)
    assert torch.equal(warp(x, affine([-1, 0, 0], [0, 1, 0])), x.flip(3))
    assert torch.equal(warp(x, affine([0, -1, 0], [1, 0, 0])), x.rot90(-1, (2, 3)))  # right goes down: clockwise
    moved = warp(x, affine([1, 0, 2], [0, 1, -3]))
    assert torch.equal(moved[:, :, :-3, 2:], x[:, :, 3:, :-2])
    assert torch.equal(moved[:, :, :-3, 0], x[:, :, 3:, 2])  # mirrored at the centre of the border pixel
    assert torch.equal(moved[:, :, -1], warp(x, affine([1, 0, 2], [0, 1, 0]))[:, :, -4])


@pytest.mark.parametrize("sides", [(8, 8), (6, 9)])
def test_warp_is_linear_interpolation_with_a_mirrored_border(sides):
    """Against scipy's, with a matrix that looks far outside."""
    x = images(1, 1, *sides)
    matrix = affine([1.1, -0.7, 2.3], [0.4, 0.8, -5.6])
    back = np.linalg.inv(matrix[0].numpy())
    flip = np.array([[0, 1], [1, 0]])  # scipy counts (row, column)
    centre = (np.array(sides) - 1) / 2
    linear = flip @ back[:2, :2] @ flip
    offset = flip @ back[:2, 2] + centre - linear @ centre
    expected = ndimage.affine_transform(x[0, 0].numpy(), linear, offset, order=1, mode="mirror")
    np.testing.assert_allclose(warp(x, matrix)[0, 0].numpy(), expected, atol=1e-12)


def test_recolouring_is_an_affine_map_of_each_pixel():
    x, matrix = images(2), torch.randn(2, 4, 4, dtype=torch.float64, generator=seeded())
    expected = torch.einsum("nij,njhw->nihw", matrix[:, :3, :3], x) + matrix[:, :3, 3, None, None]
    torch.testing.assert_close(recolour(x, matrix), expected)
    grey = x[:, :1]
    torch.testing.assert_close(recolour(grey, matrix), recolour(grey.expand(-1, 3, -1, -1), matrix).mean(1, True))


def colours_at_p_one(n=20_000):
    """Where (0, 0, 0), red, green and blue go: the images are constant, so geometry leaves them as they are."""
    palette = torch.cat([torch.zeros(1, 3), torch.eye(3)]).double()
    out = [ada_augment(c.view(1, 3, 1, 1).expand(n, 3, 2, 2), 1.0, seeded())[:, :, 0, 0] for c in palette]
    return out[0], torch.stack([c - out[0] for c in out[1:]], dim=2)  # shift (n, 3), linear part (n, 3, 3)


def test_colours_have_the_laws_of_the_paper():
    """On the grey axis: factor +-2^(0.5 e), shift factor * 0.2 e'; across it: a rotation by any angle times 2^e''."""
    shift, linear = colours_at_p_one()
    v = torch.ones(3, dtype=torch.float64) / math.sqrt(3)
    grey = linear @ v
    factor = grey @ v
    torch.testing.assert_close(grey, factor[:, None] * v)  # grey stays grey
    assert (factor < 0).double().mean().item() == pytest.approx(0.5, abs=0.02)
    contrast = factor.abs().log2()
    assert contrast.mean().item() == pytest.approx(0, abs=0.02)
    assert contrast.std().item() == pytest.approx(0.5, rel=0.03)
    brightness = (shift @ v) / factor / math.sqrt(3)
    assert brightness.std().item() == pytest.approx(0.2, rel=0.03)
    e = torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64) / math.sqrt(2)
    g = torch.tensor([1.0, 1.0, -2.0], dtype=torch.float64) / math.sqrt(6)
    across = linear @ e
    saturation = (across.norm(dim=1) / factor.abs()).log2()
    assert saturation.std().item() == pytest.approx(1.0, rel=0.03)
    angle = torch.atan2(across @ g, across @ e)
    assert angle.cos().mean().abs() < 0.03
    assert angle.std().item() == pytest.approx(2 * math.pi / math.sqrt(12), rel=0.03)


def where_from(n, side):
    """Where each place of a centred 3 x 3 block came from under p = 1, in pixels from the middle: (n, 3, 3, 2).

    Seen in two ramps, one grey image each; what the change of colour does is read off two constant images.
    """
    centred = torch.arange(side).double() - (side - 1) / 2
    middle = slice(side // 2 - 1, side // 2 + 2)

    def seen(image):
        return ada_augment(image.expand(n, 1, side, side), 1.0, seeded())[:, 0, middle, middle]

    black, white = seen(torch.zeros(1, 1).double()), seen(torch.ones(1, 1).double())
    return torch.stack([(seen(ramp) - black) / (white - black) for ramp in (centred[None], centred[:, None])], dim=3)


def test_geometry_has_the_laws_of_the_paper():
    """At p = 1, sides of 31 pixels, where few middles come from beyond the mirrored border.

    The matrix back has determinant +-2^(-0.4 e), by a flip in half of all, and singular values with ratio 2^(0.4 e').
    The middle's place has in each direction the variances of the whole shift, U(-W/8, W/8), and of the other,
    N(0, (W/8)^2), divided by two factors 2^(0.2 e), of which each adds E[2^(0.4 e)] = exp((0.4 log 2)^2 / 2).
    """
    side, n = 31, 2000
    source = where_from(n, side)
    inside = source.abs().flatten(1).amax(1) < (side - 1) / 2 - 1
    assert inside.double().mean() > 0.97
    back = torch.stack([source[:, 1, 2] - source[:, 1, 1], source[:, 2, 1] - source[:, 1, 1]], dim=2)[inside]
    determinant, values = torch.linalg.det(back), torch.linalg.svdvals(back)
    assert (determinant < 0).double().mean().item() == pytest.approx(0.5, abs=0.05)
    assert determinant.abs().log2().std().item() == pytest.approx(0.4, rel=0.08)
    ratio = (values[:, 0] / values[:, 1]).log2()
    assert ratio.square().mean().sqrt().item() == pytest.approx(0.4, rel=0.08)
    first = back[:, :, 0] / back[:, :, 0].norm(dim=1, keepdim=True)  # turned by any angle
    assert first.mean(0).abs().max() < 0.08
    middle = source[:, 1, 1]
    expected = (side / 4) ** 2 / 12 + (side / 8) ** 2 * math.exp((0.4 * math.log(2)) ** 2)
    assert middle.mean(0).abs().max() < 4 * (expected / n) ** 0.5
    assert middle.var(0).tolist() == pytest.approx([expected] * 2, rel=0.12)


def test_control_moves_p_by_images_over_ramp_towards_the_target():
    strength = AdaptiveStrength(target=0.6, ramp=1000, every=2)
    known, chance = torch.tensor([5.0, 0.1, 3.0, -2.0, 1.0] * 2), torch.tensor([1.0, -1.0] * 5)
    strength.update(torch.ones(10))
    assert strength.p == 0  # the first of two batches
    strength.update(known)
    assert strength.p.item() == pytest.approx(20 / 1000)  # r = (10 + 6) / 20 = 0.8 > 0.6
    assert strength.r.item() == pytest.approx(0.8)
    for _ in range(2):
        strength.update(chance)
    assert strength.p.item() == pytest.approx(0, abs=1e-7)
    assert strength.r == 0
    for _ in range(2):
        strength.update(-known)
    assert strength.p == 0  # never below
    for _ in range(400):
        strength.update(known + 5)
    assert strength.p == 1  # never above


def test_control_settles_where_the_target_is_met():
    """An overfitting that p cures linearly, r = 1 - p, is held at r = 0.6 within a step."""
    strength = AdaptiveStrength(target=0.6, ramp=2000, every=1)
    for _ in range(100):
        share = (2 - strength.p.item()) / 2  # of positive outputs
        strength.update(torch.where(torch.arange(100) < round(100 * share), 1.0, -1.0))
    assert strength.p.item() == pytest.approx(0.4, abs=0.06)


def test_control_survives_a_restart():
    ours, theirs = AdaptiveStrength(every=3, ramp=100), AdaptiveStrength(every=3, ramp=100)
    for _ in range(4):
        ours.update(torch.ones(8))
    theirs.load_state_dict(ours.state_dict())
    for control in (ours, theirs):
        for _ in range(2):
            control.update(torch.ones(8))
    assert ours.p.item() == theirs.p.item() == pytest.approx(48 / 100)


def test_control_of_no_gradient():
    strength = AdaptiveStrength(every=1)
    strength.update(torch.ones(4, requires_grad=True))
    assert not strength.p.requires_grad


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(ValueError, match="1 or 3 channels"):
        ada_augment(torch.zeros(2, 2, 8, 8), 0.5, seeded())
    with pytest.raises(ValueError, match="1 or 3 channels"):
        ada_augment(torch.zeros(2, 2), 0.5, seeded())
    with pytest.raises(ValueError, match="at least 2 by 2"):
        ada_augment(torch.zeros(2, 1, 1, 8), 0.5, seeded())
    for bad in ({"target": 1.0}, {"ramp": 0}, {"every": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(bad))}="):
            AdaptiveStrength(**bad)

"""Draws: epochs, ranks, restoring bit for bit, and what a batch looks like."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from saddle.data import Batch, Images, Points, load
from saddle.data.draw import EpochDraw


def places(count: int, batch: int, seed: int = 0, rank: int = 0, world: int = 1) -> EpochDraw:
    """A draw whose batches are the places themselves."""
    return EpochDraw(count, lambda index, flip: Batch(index), batch, seed, rank=rank, world=world)


def take(draw: EpochDraw, batches: int) -> Tensor:
    return torch.cat([draw().x for _ in range(batches)])


def numbered(count: int, size: int = 4, channels: int = 1) -> Images:
    """Images whose every pixel is their number, and so is their label."""
    pixels = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(count, channels, size, size)
    return Images("numbered", pixels.clone(), torch.arange(count), classes=count)


@given(count=st.integers(1, 40), batch=st.integers(1, 50), world=st.integers(1, 4), seed=st.integers(0, 9))
def test_all_ranks_together_see_every_sample_once_an_epoch(count, batch, world, seed):
    draws = [places(count, batch, seed, rank, world) for rank in range(world)]
    batches = -(-3 * count // (batch * world))
    stream = torch.stack([take(draw, batches) for draw in draws], 1).flatten()  # the ranks' places, interleaved
    for epoch in stream[: 3 * count].split(count):
        assert epoch.sort().values.tolist() == list(range(count))


def test_ranks_make_up_the_batches_of_one_process():
    """Two ranks with 8 see in each round what one process with 16 would."""
    alone, halves = places(37, 16), [places(37, 8, rank=rank, world=2) for rank in range(2)]
    for _ in range(12):
        assert sorted(alone().x.tolist()) == sorted(torch.cat([half().x for half in halves]).tolist())


def test_orders_differ_between_epochs_and_between_seeds():
    first, second = take(places(100, 50), 4).split(100)
    assert not torch.equal(first, second)
    assert not torch.equal(first, take(places(100, 50, seed=1), 2))
    assert not torch.equal(second, take(places(100, 50, seed=1), 2))  # seed 0's second is not seed 1's first
    assert torch.equal(first, take(places(100, 50), 2))


@pytest.mark.parametrize("name", ["digits", "ring8", "swissroll", "moons", "gaussian1d"])
@pytest.mark.parametrize("before", [0, 1, 5])
def test_a_restored_draw_goes_on_bit_for_bit(name, before):
    data = load(name)
    mirror = not data.spec.points
    straight = data.draw(700, 3, mirror=mirror)
    for _ in range(before):
        straight()
    kept = {key: value.clone() for key, value in straight.state_dict().items()}
    wanted = [straight() for _ in range(4)]
    resumed = data.draw(700, 3, mirror=mirror)
    resumed.load_state_dict(kept)
    for want, got in zip(wanted, [resumed() for _ in range(4)], strict=True):
        assert torch.equal(want.x, got.x)
        assert (want.y is None and got.y is None) or torch.equal(want.y, got.y)


def test_a_state_of_another_kind_is_refused():
    finite, endless = load("digits").draw(8, 0), load("ring8").draw(8, 0)
    with pytest.raises(ValueError, match=r"expected the kept place in a finite data set"):
        finite.load_state_dict(endless.state_dict())
    with pytest.raises(ValueError, match=r"expected the kept random numbers of an endless data set"):
        endless.load_state_dict(finite.state_dict())


def test_drawing_leaves_the_global_random_numbers_alone():
    data = [load("digits"), load("ring8"), load("moons")]
    before = torch.get_rng_state()
    for one in data:
        one.draw(16, 0)()
        one.sample(16, torch.Generator().manual_seed(0))
    assert torch.equal(before, torch.get_rng_state())


def test_a_batch_of_images_is_scaled_labelled_and_channels_last():
    batch = numbered(200, channels=3).draw(64, 0)()
    assert batch.x.shape == (64, 3, 4, 4)
    assert batch.x.is_contiguous(memory_format=torch.channels_last)
    assert batch.y.dtype == torch.int64
    expected = (batch.y / 127.5 - 1)[:, None, None, None].expand_as(batch.x)
    torch.testing.assert_close(batch.x, expected, atol=1e-6, rtol=0)


def test_mirroring_flips_about_half_and_nothing_else():
    ramp = torch.arange(8, dtype=torch.uint8).expand(1, 1, 8, 8).clone()
    x = Images("ramp", ramp).draw(1000, 0, mirror=True)().x  # (1000, 1, 8, 8), left to right rising or falling
    rising = (x.diff(dim=3) > 0).flatten(1).all(1)
    falling = (x.diff(dim=3) < 0).flatten(1).all(1)
    assert bool((rising ^ falling).all())
    assert 400 < int(falling.sum()) < 600


def test_points_are_not_mirrored():
    with pytest.raises(ValueError, match="mirror=True: expected no mirroring"):
        Points("points", torch.zeros(3, 2)).draw(2, 0, mirror=True)


@pytest.mark.parametrize("name", ["digits", "ring8"])
@pytest.mark.parametrize(
    "wrong, told",
    [
        ({"batch": 0}, "batch=0: expected 1 or more"),
        ({"rank": 2, "world": 2}, "rank=2: expected 0 to 1"),
        ({"rank": -1}, "rank=-1: expected 0 to 0"),
    ],
)
def test_settings_out_of_range_are_named(name, wrong, told):
    with pytest.raises(ValueError, match=told):
        load(name).draw(**({"batch": 4, "seed": 0} | wrong))


def test_ranks_of_a_density_draw_different_points():
    one, two = (load("ring8").draw(16, 0, rank=rank, world=2)().x for rank in range(2))
    assert not torch.equal(one, two)


def test_samples_differ_while_the_set_lasts(rng):
    data = numbered(50)
    assert len(set(data.sample(50, rng).y.tolist())) == 50
    assert len(data.sample(60, rng).y) == 60
    points = Points("points", torch.arange(10.0)[:, None])
    assert sorted(points.sample(10, rng).x.flatten().tolist()) == list(range(10))


def test_fingerprints_follow_content_labels_and_names():
    base = numbered(5)
    same, relabelled = numbered(5), Images("numbered", base.images, base.labels.flip(0), classes=5)
    brighter = Images("numbered", base.images + 1, base.labels, classes=5)
    named = Images("numbered", base.images, base.labels, tuple("abcde"))
    assert base.fingerprint == same.fingerprint
    assert len({base.fingerprint, relabelled.fingerprint, brighter.fingerprint, named.fingerprint}) == 4

"""Variants of one sample stay on one side wherever measures, probes and replays divide the data."""

import pytest
import torch

from saddle.app.replay import without_a_fifth
from saddle.data import Images, load
from saddle.evaluation.features import Identity
from saddle.evaluation.representation import splits
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


def variants(n=40, of=4):
    """Grey images, of which four in a row are the same but for a pixel."""
    rng = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n // of, 1, 8, 8), dtype=torch.uint8, generator=rng).repeat_interleave(of, 0)
    images[:, 0, 0, 0] = torch.arange(n)
    return Images("variants", images, torch.arange(n) % 2, classes=2, groups=torch.arange(n) // of)


def halves(data, seed):
    side = Side.of_data(data)
    return Study(side, side, Identity(), seed=seed).halves


@pytest.mark.parametrize("seed", range(5))
def test_halves_of_the_real_side_part_no_variants(seed):
    fit, kept = halves(variants(), seed)
    assert (len(fit), len(kept)) == (20, 20)
    assert not set(fit.groups.tolist()) & set(kept.groups.tolist())
    nearest = torch.cdist(kept.floats.flatten(1), fit.floats.flatten(1)).min()
    assert float(nearest) > 1  # with variants on both sides it would be one pixel's


def test_halves_of_data_without_groups_are_as_before():
    data = variants()
    alone = Images("alone", data.images, data.labels, classes=2)
    fit, kept = halves(alone, 3)
    order = torch.randperm(
        40, generator=Study(Side.of_data(alone), Side.of_data(alone), Identity(), seed=3).rng("halves")
    )
    assert fit.images.equal(data.images[order[:20].sort().values])
    assert kept.images.equal(data.images[order[20:].sort().values])
    assert alone.fingerprint == data.fingerprint  # a run on data read before groups were known can be resumed


def test_some_of_a_data_set_know_their_groups():
    some = Side.of_data(variants(), 10, seed=1).take(torch.tensor([0, 4]))
    pixel = some.images[:, 0, 0, 0].long()
    assert some.groups.equal(pixel // 4)


def test_probes_and_replays_part_no_variants_either():
    data = variants()
    for train, test in splits(40, 30, 3, groups=data.groups):
        assert not set(data.groups[train].tolist()) & set(data.groups[test].tolist())
        assert abs(len(train) - 30) <= 2
    rest, kept = without_a_fifth(data, seed=0)
    assert (len(rest), len(kept)) == (32, 8)
    assert not set(rest.groups.tolist()) & set(kept.groups.tolist())


@pytest.mark.slow
def test_skin_tones_of_an_emoji_lie_in_one_half():
    from saddle.data.emoji import _files, _held_out
    from saddle.data.emoji_groups import base

    data = load("emoji", 16)
    bases = [base(file.stem) for file in _files() if not _held_out(file.stem)]
    fit, kept = halves(data, 0)
    known = {int(group): one for group, one in zip(data.groups, bases, strict=True)}
    assert len(known) == len(set(bases)) < len(data)
    assert not {known[int(g)] for g in fit.groups} & {known[int(g)] for g in kept.groups}
    assert abs(len(fit) - len(kept)) < 0.1 * len(data)

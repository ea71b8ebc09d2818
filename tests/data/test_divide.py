"""Dividing samples: sizes, whole groups, and the order that samples without groups have always had."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from saddle.data.divide import divide


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@given(st.lists(st.integers(0, 6), min_size=2, max_size=40), st.data())
def test_each_place_lies_in_one_part_and_each_group_too(numbers, data):
    groups = torch.tensor(numbers)
    first = data.draw(st.integers(1, len(numbers) - 1))
    if len(set(numbers)) < 2:
        with pytest.raises(ValueError, match="variants of one sample"):
            divide(len(numbers), first, seeded(), groups)
        return
    parts = divide(len(numbers), first, seeded(), groups)
    assert sorted(torch.cat(parts).tolist()) == list(range(len(numbers)))
    assert all(len(part) for part in parts)
    assert not set(groups[parts[0]].tolist()) & set(groups[parts[1]].tolist())
    largest = int(groups.bincount().max())
    assert abs(len(parts[0]) - first) <= largest


def test_without_groups_it_is_a_permutation_cut_in_two():
    one, other = divide(10, 4, seeded(3))
    assert torch.cat([one, other]).equal(torch.randperm(10, generator=seeded(3)))
    assert len(one) == 4


def test_groups_of_one_are_no_groups():
    numbers = torch.arange(9)
    for mine, plain in zip(divide(9, 5, seeded(1), numbers), divide(9, 5, seeded(1)), strict=True):
        assert mine.equal(plain)


@pytest.mark.parametrize("count, first, told", [(1, 1, "samples=1: expected 2"), (1, 0, "expected 2"), (5, 5, "6")])
def test_nothing_left_is_refused(count, first, told):
    with pytest.raises(ValueError, match=told):
        divide(count, first, seeded())

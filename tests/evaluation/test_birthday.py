import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from saddle.evaluation.features import Identity
from saddle.evaluation.features.base import Extractor
from saddle.evaluation.measures.birthday import (
    Collisions,
    birthday,
    closest_pairs,
    collision_probability,
    contact_sheet,
    count_collisions,
    near_duplicate,
    support_size,
)
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


class Flat(Extractor):
    """Pixels as features."""

    name = "flat"

    def __call__(self, images):
        return images.flatten(1).float() / 255, None


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def study(real, fake, seed=0):
    return Study(Side.of_features(real), Side.of_features(fake), Identity(), seed=seed)


@pytest.mark.parametrize(
    ("s", "support", "expected"),
    [(23, 365, 0.5072972343), (400, 160_000, 0.3929630548), (1000, 10**6, 0.3932670286)],
)
@pytest.mark.proves("birthday", "closed form")
def test_birthday_product(s, support, expected):
    assert collision_probability(s, support) == pytest.approx(expected, rel=1e-9)


def test_certain_and_impossible_collisions():
    assert collision_probability(366, 365) == 1.0
    assert collision_probability(1, 365) == 0.0
    assert collision_probability(50, math.inf) == 0.0
    assert support_size(0.0, 50) == math.inf
    assert support_size(1.0, 50) == 49


def test_half_a_chance_at_400_is_not_400_squared():
    """N = s (s - 1) / (2 ln 2) to first order: 115,127 for s = 400."""
    assert support_size(0.5, 400) == pytest.approx(115_127, rel=2e-3)


@given(s=st.integers(2, 3000), p=st.floats(1e-6, 1 - 1e-6))
@settings(max_examples=60, deadline=None)
def test_support_size_inverts_the_product(s, p):
    support = support_size(p, s)
    assert support >= s - 1
    found = collision_probability(s, support)
    assert found == pytest.approx(p, rel=1e-6) or support == pytest.approx(s - 1)


@given(n=st.integers(2, 40), top=st.integers(1, 30), seed=st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_closest_pairs_are_those_of_all_pairs(n, top, seed):
    rows = torch.randn(n, 3, generator=rng(seed), dtype=torch.float64)
    pairs, lengths = closest_pairs(rows, top)
    assert lengths.tolist() == pytest.approx(sorted(pdist(rows.numpy()))[:top])
    assert bool((pairs[:, 0] < pairs[:, 1]).all()) and len(set(map(tuple, pairs.tolist()))) == len(pairs)


def test_closest_pairs_across_blocks_find_a_planted_copy_at_distance_zero():
    rows = 1e3 + torch.randn(1300, 8, generator=rng())
    rows[1203] = rows[77]
    pairs, lengths = closest_pairs(rows, 5)
    assert pairs[0].tolist() == [77, 1203] and lengths[0] == 0.0


@pytest.mark.proves("birthday", "planted defect")
def test_a_codebook_with_jitter_is_counted():
    """300 vectors replayed with a little noise: the interval holds 300, and the data's own is far above."""
    g = rng(1)
    book = torch.randn(300, 8, generator=g)
    fake = book[torch.randint(300, (3000,), generator=g)] + 1e-3 * torch.randn(3000, 8, generator=g)
    result = birthday(study(torch.randn(3000, 8, generator=g), fake))
    assert result.interval[0] <= 300 <= result.interval[1]
    assert 150 < result.value < 600
    assert result.details["real"]["support"] > 10 * result.value
    assert all(length < 0.1 for _, _, length in result.details["candidates"])


def test_the_interval_covers_the_size_of_the_codebook():
    """Nominally 95 %; at least 90 % of 100 tiny experiments, batches of 10 out of 60 vectors."""
    g = rng(2)
    book, hits = torch.arange(60.0).unsqueeze(1), 0
    for _ in range(100):
        rows = book[torch.randint(60, (300,), generator=g)]
        low, high = count_collisions(rows, 10, near_duplicate(0.5)).interval
        hits += low <= 60 <= high
    assert hits >= 90


def test_dropping_modes_shrinks_the_support():
    g = rng(3)
    real = torch.randn(2000, 4, generator=g)
    found = []
    for size in (20, 200, 2000):
        rows = torch.randn(size, 4, generator=g)[torch.randint(size, (2000,), generator=g)]
        found.append(birthday(study(real, rows)).value)
    assert found[0] < found[1] < found[2]


def test_no_duplicates_leave_the_upper_end_open():
    none = Collisions(size=50, batches=10, hits=0)
    assert none.interval[1] == math.inf
    assert none.interval[0] < none.support < math.inf
    every = Collisions(size=50, batches=10, hits=10)
    assert every.interval[0] == 49 < every.support < every.interval[1]


def test_any_judge_may_decide():
    rows = torch.arange(40.0).unsqueeze(1)
    assert count_collisions(rows, 10, lambda a, b: torch.zeros(len(a), dtype=torch.bool)).hits == 0
    assert count_collisions(rows, 10, lambda a, b: (b - a).flatten() == 1).hits == 4


def test_contact_sheet_lays_pairs_side_by_side():
    images = torch.arange(4, dtype=torch.uint8).mul(50).view(4, 1, 1, 1).expand(-1, 1, 3, 3).contiguous()
    sheet = contact_sheet(images, torch.tensor([[0, 1], [2, 3], [1, 3]]), across=2)
    assert sheet.shape == (2 * 7, 2 * 10, 3) and sheet.dtype == torch.uint8
    assert sheet[3, 2:8, 0].tolist() == [0, 0, 0, 50, 50, 50]
    assert sheet[3, 12:18, 1].tolist() == [100, 100, 100, 150, 150, 150]
    assert bool((sheet[7:, 10:] == 255).all()), "the last place is empty"


def test_images_give_a_picture_of_the_planted_duplicate():
    g = rng(4)
    real, fake = torch.randint(0, 256, (2, 64, 1, 4, 4), generator=g, dtype=torch.uint8)
    fake[40] = fake[7]
    result = birthday(Study(Side.of_images(real), Side.of_images(fake), Flat()))
    assert result.details["candidates"][0][:2] == [7, 40]
    sheet = result.pictures["candidates"]
    assert torch.equal(sheet[2:6, 2:6], sheet[2:6, 6:10])
    assert torch.equal(sheet[2:6, 2:6, 0], fake[7, 0])


def test_misuse_is_refused():
    with pytest.raises(ValueError, match="2 or more draws"):
        support_size(0.5, 1)
    with pytest.raises(ValueError, match="probability"):
        support_size(1.5, 10)
    with pytest.raises(ValueError, match="samples a batch"):
        count_collisions(torch.ones(5, 1), 6, near_duplicate(0.0))
    with pytest.raises(ValueError, match="at least 8"):
        birthday(study(torch.randn(7, 2), torch.randn(30, 2)))


@pytest.mark.parametrize("crowd", [0, 12])
def test_candidates_are_the_nearest_pairs_of_all(crowd):
    """Read off five neighbours of each, also where more than five samples stand together."""
    rng = torch.Generator().manual_seed(crowd)
    real, fake = (torch.randn(60, 3, generator=rng, dtype=torch.float64) for _ in range(2))
    fake[:crowd] = 1e-3 * fake[:crowd]
    found = birthday(Study(Side.of_features(real), Side.of_features(fake), Identity())).details["candidates"]
    expected, lengths = closest_pairs(fake, 10)
    assert [pair[:2] for pair in found] == expected.tolist()
    assert [pair[2] for pair in found] == pytest.approx(lengths.tolist())

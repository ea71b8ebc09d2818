"""Nearest training samples: copies are found, new samples are not accused, and the sheet shows what it says."""

import pytest
import torch

from saddle.evaluation.features import Extractor, Identity
from saddle.evaluation.intervals import clopper_pearson
from saddle.evaluation.measures.neighbours import (
    RED,
    distance_ratio,
    duplicates,
    nearest_neighbours,
    neighbour_sheet,
    share_closer,
)
from saddle.evaluation.pairs import sweep
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


class Shrunk(Extractor):
    """Every second pixel."""

    name = "shrunk"

    def __call__(self, images):
        return images[:, :, ::2, ::2].flatten(1).float() / 255, None


def study_of(real, fake, held_out=None):
    kept = None if held_out is None else Side.of_features(held_out)
    return Study(Side.of_features(real), Side.of_features(fake), Identity(), held_out=kept)


@pytest.mark.proves("nearest-neighbours", "golden")
def test_golden_ratio(arrays):
    assert distance_ratio(sweep(arrays["R"], arrays["F"]).fr_distance) == pytest.approx(0.9268937013, abs=5e-11)


def test_ratio_of_distances_to_duplicated_data():
    assert distance_ratio(torch.tensor([[0.0, 0.0], [1.0, 2.0]])) == 0.5
    assert distance_ratio(torch.zeros(3, 2)) is None


def test_copies_are_all_found(arrays):
    found = nearest_neighbours(study_of(arrays["R"], arrays["R"] + 1e-6))
    assert found.value == 1.0 and found.interval == (pytest.approx(0.025 ** (1 / 300)), 1.0)
    assert found.details["duplicates"] == 0 and found.details["verdict"].startswith("copies")
    exact = nearest_neighbours(study_of(arrays["R"], arrays["R"]))
    assert exact.details["duplicates"] == 300 and "300 of 300 samples equal" in exact.details["verdict"]


def test_copies_of_duplicated_data_are_copies(arrays):
    """Where training samples come twice the usual distance is 0: nothing is below it, yet a copy is one."""
    real = arrays["R"][:100].repeat(2, 1)
    assert nearest_neighbours(study_of(real, arrays["R"][:50])).value == 1.0
    assert nearest_neighbours(study_of(real, arrays["F"])).value == 0.0


def test_new_samples_score_the_quantile(rng):
    """Held-out data for a generator: 1 % on average, over 40 draws."""
    shares = [
        share_closer(pairs.fr_distance[:, 0], pairs.rr_distance[:, 0])
        for pairs in (
            sweep(torch.randn(300, 3, generator=rng), torch.randn(200, 3, generator=rng), neighbours=1, balls=(1,))
            for _ in range(40)
        )
    ]
    assert 0.006 < sum(shares) / len(shares) < 0.016


def test_new_samples_are_not_accused(arrays):
    found = nearest_neighbours(study_of(arrays["R"], arrays["F"], held_out=arrays["T"]))
    assert found.value < 0.03 and "copies" not in found.details["verdict"]
    assert found.details["held_out"] == "300 samples"
    assert found.details["share_closer_than_held_out"] < 0.05


@pytest.mark.proves("nearest-neighbours", "planted defect")
def test_a_planted_share_of_copies_is_the_value(arrays):
    fake = arrays["F"].clone()
    fake[:60] = arrays["R"][:60] + 1e-5
    found = nearest_neighbours(study_of(arrays["R"], fake, held_out=arrays["T"]))
    assert found.value == pytest.approx(0.2, abs=0.03) and found.interval[0] < 0.2 < found.interval[1]
    assert found.details["verdict"].startswith("suspicious")


def test_half_of_the_data_stands_in_for_held_out_samples(arrays):
    found = nearest_neighbours(study_of(arrays["R"], arrays["R"][:150]))
    assert found.details["held_out"] == "150 samples, half of the real side"
    # the half that the distances are measured to holds about half of the copies
    assert 0.3 < found.details["share_closer_than_held_out"] < 0.7


@pytest.mark.parametrize("hits, n", [(0, 20), (7, 20), (20, 20)])
def test_interval_is_clopper_and_pearsons(hits, n):
    from scipy.stats import binomtest

    expected = binomtest(hits, n).proportion_ci(0.95, "exact")
    assert clopper_pearson(hits, n) == pytest.approx((expected.low, expected.high))


def test_duplicates_know_a_bit(rng):
    images = torch.randint(0, 256, (20, 1, 4, 4), generator=rng, dtype=torch.uint8)
    fake = images[[3, 5]].clone()
    fake[1, 0, 0, 0] ^= 1
    assert duplicates(images, fake).tolist() == [True, False]


def test_the_sheet_shows_the_images_named():
    """Constant images of known level: sample, pixel neighbours, feature neighbours, from left to right."""
    real = torch.arange(10, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 16, 16) * 10
    fake = torch.full((2, 3, 16, 16), 200, dtype=torch.uint8)
    by_pixel, by_feature = torch.tensor([[1, 2], [3, 4]]), torch.tensor([[5, 6], [7, 8]])
    sheet = neighbour_sheet(fake, real, by_pixel, by_feature, torch.tensor([False, True]))
    assert sheet.dtype == torch.uint8 and sheet.shape == (2 * 18, 5 * 18 + 2 * 2, 3)
    middles = [9, 18 + 2 + 9, 2 * 18 + 2 + 9, 3 * 18 + 4 + 9, 4 * 18 + 4 + 9]
    assert sheet[9, middles, 0].tolist() == [200, 10, 20, 50, 60]
    assert sheet[18 + 9, middles, 1].tolist() == [200, 30, 40, 70, 80]
    assert sheet[18, 9].tolist() == list(RED) and sheet[0, 9].tolist() == [255] * 3
    assert sheet[9, 18:20].eq(255).all()


def test_sheets_come_with_images_and_put_copies_first(rng):
    real = torch.randint(0, 256, (40, 1, 8, 8), generator=rng, dtype=torch.uint8)
    fake = torch.randint(0, 256, (30, 1, 8, 8), generator=rng, dtype=torch.uint8)
    fake[17] = real[4]
    study = Study(Side.of_images(real), Side.of_images(fake), Shrunk())
    found = nearest_neighbours(study)
    assert found.details["duplicates"] == 1 and found.details["closest"][0] == 17
    sheet = found.pictures["closest"]
    assert sheet.dtype == torch.uint8 and sheet.shape[2] == 3 and sheet.shape[0] == 10 * 10
    assert sheet[0, 0].tolist() == list(RED)
    inside = sheet[1:9, 1:9, 0]
    assert torch.equal(inside, real[4, 0]) and torch.equal(sheet[1:9, 13:21, 0], real[4, 0])  # its copy, in pixels

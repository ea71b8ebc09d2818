"""Counting modes: closed forms, the published rules, finite-sample floors, and the words for what happened."""

import math

import pytest
import torch

from saddle.data import Mixture, grid, ring
from saddle.data.stacked import Stacked
from saddle.evaluation.features import Identity
from saddle.evaluation.measures.modes import PROTOCOLS, count_modes, mixture_modes, modes, verdict
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def of_mixture(mixture: Mixture, x: torch.Tensor):
    real = Side.of_data(mixture, 100)
    return modes(Study(real, Side.of_features(x), Identity()))


@pytest.mark.parametrize("mixture", [ring(), grid()])
@pytest.mark.proves("modes", "closed form")
def test_the_data_find_all_their_modes_at_the_ceiling(mixture):
    """98.89 % of a plane's Gaussian lies within three standard deviations: 1 - exp(-9/2)."""
    found = of_mixture(mixture, mixture.sample(20_000, seeded()).x)
    assert found.value == len(mixture.means)
    assert found.details["high_quality_ceiling"] == pytest.approx(1 - math.exp(-4.5))
    low, high = found.details["high_quality_interval"]
    assert low < 1 - math.exp(-4.5) < high
    assert found.details["kl"] < 4 * found.details["kl_floor"]
    assert found.details["verdict"].startswith(f"all {len(mixture.means)} modes found, in the right shares")


@pytest.mark.proves("modes", "planted defect")
def test_one_point_is_mode_collapse():
    mixture = ring()
    found = of_mixture(mixture, mixture.means[:1].expand(50, 2).float())
    assert found.value == 1
    assert found.details["kl"] == pytest.approx(math.log(8))
    assert found.details["reverse_kl"] == math.inf
    assert found.details["total_variation"] == pytest.approx(7 / 8)
    assert found.details["verdict"] == "mode collapse: 1 of 8 modes found; 100.0 % of the samples lie near one"


def test_samples_between_the_modes_find_none():
    found = of_mixture(ring(), torch.zeros(10, 2))
    assert (found.value, found.details["high_quality"]) == (0, 0.0)
    assert found.details["verdict"] == "no sample lies near any of the 8 modes"


def test_the_radius_is_of_the_protocol():
    """Four standard deviations off is near by VEEGAN's 1200-dimensional rule of ten, not by the planar one of three."""
    means = torch.zeros(1, 2, dtype=torch.float64)
    x = torch.tensor([[4.0, 0.0]])
    near = {name: mixture_modes(x, means, 1.0, torch.ones(1), rule)["high_quality"] for name, rule in PROTOCOLS.items()}
    assert near == {"veegan": 0.0, "veegan-1200d": 1.0, "pacgan": 0.0}


def test_divergences_of_a_histogram_by_hand():
    found = count_modes(torch.tensor([1, 3]), torch.tensor([0.5, 0.5]))
    kl = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    reverse = 0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    assert found["kl"] == pytest.approx(kl)
    assert found["reverse_kl"] == pytest.approx(reverse)
    assert found["entropy"] == pytest.approx(math.log(2) - kl)
    assert found["js"] == pytest.approx(
        (0.25 * math.log(2 / 3) + 0.75 * math.log(6 / 5) + 0.5 * math.log(4 / 3) + 0.5 * math.log(4 / 5)) / 2
    )


def test_the_floor_of_the_divergence_is_its_expectation_under_the_data():
    """(K - 1) / 2n: 26,000 samples of 1,000 equal modes, the protocol of stacked MNIST, leave 0.0192."""
    n, classes = 26_000, 1000
    draws = [torch.bincount(torch.randint(classes, (n,), generator=seeded(k)), minlength=classes) for k in range(40)]
    found = [count_modes(counts, torch.full((classes,), 1 / classes)) for counts in draws]
    mean = sum(one["kl"] for one in found) / len(found)
    assert found[0]["kl_floor"] == pytest.approx(999 / 52_000)
    assert mean == pytest.approx(999 / 52_000, rel=0.02)
    assert all(one["captured"] == 1000 for one in found)


def test_a_tenth_of_the_share_is_counted_apart():
    found = count_modes(torch.tensor([998, 2]), torch.tensor([0.5, 0.5]))
    assert (found["captured"], found["captured_tenth"]) == (2, 1)


@pytest.mark.parametrize(
    "captured, kl, words",
    [(3, 1.0, "mode collapse: 3 of 8"), (7, 0.2, "modes dropped: 7 of 8"), (8, 0.5, "but in the wrong shares")],
)
def test_the_verdict_is_in_words(captured, kl, words):
    assert words in verdict(captured, 8, kl, 0.001)


def test_what_so_few_samples_cannot_show_is_not_called_dropped():
    """1,500 draws of 1,000 equal modes show 1000 (1 - (1 - 1/1000)^1500) = 777 of them."""
    counts = torch.bincount(torch.randint(1000, (1500,), generator=seeded()), minlength=1000)
    found = count_modes(counts, torch.full((1000,), 1e-3, dtype=torch.float64))
    assert found["expected"] == pytest.approx(1000 * (1 - 0.999**1500))
    words = verdict(found["captured"], 1000, found["kl"], found["kl_floor"], None, found["expected"])
    assert "dropped" not in words and "would show 777" in words
    assert verdict(600, 1000, 1.0, 0.1, None, found["expected"]).startswith("modes dropped")


def test_stacked_labels_are_their_digits(digits_8x8):
    stacked = Stacked("stacked", digits_8x8)
    batch = stacked.sample(50, seeded())
    assert stacked.spec.shape == (3, 8, 8)
    for x, y in zip(batch.x[:10], batch.y[:10].tolist(), strict=True):
        codes = [int(y // 100), int(y // 10 % 10), int(y % 10)]
        for channel, code in zip(x, codes, strict=True):
            same = digits_8x8.images[digits_8x8.labels == code][:, 0].float() / 127.5 - 1
            assert (same - channel).abs().amax((1, 2)).min() < 1e-6  # it is one of that digit's images


def test_stacked_draws_repeat_from_their_state(digits_8x8):
    stacked = Stacked("stacked", digits_8x8)
    draw = stacked.draw(8, seed=3, mirror=True)
    draw()
    state = draw.state_dict()
    ahead = draw()
    again = stacked.draw(8, seed=0, mirror=True)
    again.load_state_dict(state)
    torch.testing.assert_close(again().x, ahead.x, rtol=0, atol=0)


@pytest.fixture(scope="module")
def digits_8x8():
    from saddle.data import load

    return load("digits")

"""z within a threshold."""

import math

import pytest
import torch

from saddle.data.spec import Spec
from saddle.game import latents, sample, truncated
from saddle.recipes.deep import biggan


def normal(n, rng):
    return torch.randn(n, 10, generator=rng)


@pytest.mark.parametrize("t", [0.1, 0.5, 2.0])
def test_it_is_the_truncated_normal(t, rng):
    """Every number within t, mean 0, variance 1 - 2 t phi(t) / (2 Phi(t) - 1)."""
    z = truncated(normal, 5000, t, rng).double()
    phi, inside = math.exp(-t * t / 2) / math.sqrt(2 * math.pi), math.erf(t / math.sqrt(2))
    assert z.abs().max() <= t
    assert z.mean().item() == pytest.approx(0, abs=4 * t / z.numel() ** 0.5)
    assert z.var().item() == pytest.approx(1 - 2 * t * phi / inside, rel=0.02)


def test_numbers_within_the_threshold_are_those_of_the_prior():
    """Only what lies beyond is drawn again."""
    kept, drawn = (
        normal(50, torch.Generator().manual_seed(3)),
        truncated(normal, 50, 1.0, torch.Generator().manual_seed(3)),
    )
    within = kept.abs() <= 1
    assert torch.equal(kept[within], drawn[within])


def test_a_threshold_that_nothing_falls_within_is_refused(rng):
    with pytest.raises(ValueError, match=r"truncation=0.5: expected a threshold"):
        truncated(lambda n, rng: torch.ones(n, 2), 1, 0.5, rng)
    for threshold in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match=r"truncation=.*: expected 0.02 or more"):
            truncated(normal, 1, threshold, rng)


def test_samples_of_a_game_are_drawn_within_it():
    """Smaller z, other samples; without a threshold those that there always were."""
    game = biggan.build(biggan.SMALL, Spec(1, 16, classes=3))
    assert latents(game, 6, seed=1, truncation=0.3).abs().max() <= 0.3
    assert torch.equal(latents(game, 6, seed=1, truncation=50.0), latents(game, 6, seed=1))
    x, y = sample(game, 6, seed=1)
    held, labels = sample(game, 6, seed=1, truncation=0.3)
    assert torch.equal(y, labels)
    assert not torch.equal(x, held)

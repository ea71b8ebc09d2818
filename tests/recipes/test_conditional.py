"""Games that are told what to make."""

import pytest
import torch

from saddle.data import ring
from saddle.data.spec import Spec
from saddle.game import generate, latents, play, score
from saddle.recipes.conditional import cgan

SPECS = [Spec(1, 16, classes=3), Spec(1, 8, classes=3), Spec(2, classes=3)]


@pytest.mark.parametrize("spec", SPECS, ids=["dcgan", "mlp on images", "points"])
def test_the_label_enters_both_players(spec):
    """The same z under another label is another sample, and the same x under another label another score."""
    game = cgan.build(cgan.Config(z_dim=4, width=8, hidden=16), spec)
    z, x = latents(game, 3, seed=0), torch.rand(3, *spec.shape)
    zeros, twos = torch.zeros(3, dtype=torch.int64), torch.full((3,), 2)
    assert (generate(game, z, zeros) - generate(game, z, twos)).flatten(1).norm(dim=1).min() > 0
    assert (score(game, x, zeros) - score(game, x, twos)).abs().min() > 0


def test_data_without_labels_are_refused():
    with pytest.raises(ValueError, match="classes=0: expected data with 2 or more labels"):
        cgan.build(cgan.Config(), Spec(1, 16))


def test_looking_needs_labels_in_range():
    game = cgan.build(cgan.SMALL, SPECS[0])
    z = latents(game, 2, seed=0)
    with pytest.raises(ValueError, match=r"label=None: expected labels in \[0, 3\)"):
        generate(game, z)
    with pytest.raises(ValueError, match="labels"):
        generate(game, z, torch.tensor([0, 3]))
    with pytest.raises(ValueError, match="label=None"):
        score(game, torch.rand(2, 1, 16, 16))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_label_is_honoured(seed):
    """On eight Gaussians in a ring, what is asked for as mode k lies nearest to mode k, and close to it."""
    data, config = ring(), cgan.Config(batch=64, z_dim=2, lr_generator=5e-4, lr_critic=1e-3)
    torch.manual_seed(seed)
    game = cgan.build(config, data.spec).seed(seed)
    for _ in play(game, data.draw(config.batch, seed), 1000):
        pass
    y = torch.arange(8).repeat_interleave(50)
    distance = torch.cdist(generate(game, latents(game, len(y), seed=1), y), data.means.float())  # (400, 8)
    assert (distance.argmin(1) == y).float().mean() > 0.95
    assert (distance.min(1).values < 0.5).float().mean() > 0.8

"""Games of a few small networks on data made up here, for tests that play them."""

from dataclasses import replace

import torch

from saddle import recipes
from saddle.data import Images, Points
from saddle.game import play
from saddle.game.checkpoint import restore, save, state

NEEDS_IMAGES = {"began", "dcgan", "progan", "stylegan", "stylegan2"}
CASES = [
    (name, kind)
    for name in sorted(recipes.names())
    for kind in ("images", "points")
    if kind == "images" or name not in NEEDS_IMAGES
]
"""Every recipe with every kind of data that it takes."""


def toys(kind):
    """A tiny data set with three labels: grey images of 16 pixels, or points in the plane."""
    rng = torch.Generator().manual_seed(5)
    y = torch.arange(40) % 3
    if kind == "points":
        return Points("points", torch.randn(40, 2, generator=rng) + y[:, None], y, classes=3)
    return Images("images", torch.randint(0, 256, (40, 1, 16, 16), dtype=torch.uint8, generator=rng), y, classes=3)


def start(recipe="gan", kind="points", seed=1, device="cpu", **settings):
    """A game of the recipe's SMALL with these settings changed, and draws of its data.

    ``recipe`` is a name, or the module itself where it is none of saddle's.
    """
    recipe, data = recipes.find(recipe) if isinstance(recipe, str) else recipe, toys(kind)
    config = replace(recipe.SMALL, **settings)
    torch.manual_seed(seed)
    return recipe.build(config, data.spec).to(device).seed(seed), data.draw(config.batch, seed=7, device=device)


def kept(game):
    """The state as it is now, not as it will be."""
    tensors, facts = state(game)
    return {name: value.cpu().clone() for name, value in tensors.items()}, facts


def advance(game, draw, rounds):
    """Plays on until the game has so many rounds behind it; returns all that it is then."""
    for _ in play(game, draw, rounds):
        pass
    return kept(game)


def assert_same(one, other):
    """Two states agree in every bit, numbers that are no tensors included."""
    (tensors, facts), (others, other_facts) = one, other
    assert tensors.keys() == others.keys()
    assert [name for name, value in tensors.items() if not torch.equal(value, others[name])] == []
    assert facts == other_facts


def assert_goes_on(folder, make, saved=2, ends=4):
    """Played, saved and played on, a game ends where one of other weights does that is brought to what was saved.

    Args:
        folder: for the checkpoint.
        make: a seed -> the game and draws of its data.
        saved: rounds before the checkpoint.
        ends: rounds in all, more than those.

    Returns the game.
    """
    game, draw = make(seed=1)
    advance(game, draw, saved)
    path = save(game, folder, draw.state_dict())
    straight = advance(game, draw, ends)
    other, draw = make(seed=2)
    draw.load_state_dict(restore(other, path))
    assert_same(advance(other, draw, ends), straight)
    return game


def assert_numbers(values):
    """None of a round's values is NaN."""
    assert [name for name, value in values.items() if value != value] == []

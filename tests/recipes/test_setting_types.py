"""Settings given from Python: numbers are made of the type that is declared, and anything else is refused by name."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from saddle.data.spec import Batch, Spec
from saddle.game import play
from saddle.recipes import find, names


@pytest.mark.parametrize("recipe", sorted(names()))
def test_whole_numbers_will_do_for_fractions_in_every_recipe(recipe):
    small = find(recipe).SMALL
    whole = {field.name: int(getattr(small, field.name)) for field in fields(small) if field.type is float}
    whole = {name: value for name, value in whole.items() if value == getattr(small, name)}
    given = replace(small, **whole)
    assert given == small
    assert all(type(getattr(given, field.name)) is field.type for field in fields(small))


def test_a_momentum_of_zero_plays_as_zero_point_nought():
    """Adam refuses betas of two types in words of its own."""
    recipe, losses = find("dcgan"), []
    for beta1 in (0, 0.0):
        torch.manual_seed(0)
        game = recipe.build(replace(recipe.SMALL, beta1=beta1), Spec(1, 16)).seed(0)
        losses.append([report.values() for report in play(game, lambda: Batch(torch.ones(8, 1, 16, 16)), 2)])
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    "settings, told",
    [
        ({"beta1": "0"}, "beta1='0': expected a number"),
        ({"lr_critic": True}, "lr_critic=True: expected a number"),
        ({"batch": 8.0}, "batch=8.0: expected a whole number"),
        ({"n_critic": None}, "n_critic=None: expected a whole number"),
        ({"network": 3}, "network=3: expected text"),
        ({"conditional": 1}, "conditional=1: expected True or False"),
        ({"beta2": 1j}, "beta2=1j: expected a number"),
    ],
)
def test_what_is_of_another_type_is_refused_by_name(settings, told):
    with pytest.raises(ValueError, match=f"^{told}$"):
        find("sngan").Config(**settings)
    if "batch" in settings or "beta1" in settings:
        with pytest.raises(ValueError, match=f"^{told}$"):
            find("vae").Config(**settings)


def test_numbers_of_numpy_become_pythons():
    config = find("gan").Config(batch=np.int64(7), lr_critic=np.float32(0.5), label_smoothing=np.float64(0.25))
    assert [type(v) for v in (config.batch, config.lr_critic, config.label_smoothing)] == [int, float, float]
    assert (config.batch, config.lr_critic, config.label_smoothing) == (7, 0.5, 0.25)

"""NAME=NUMBER in the setting ``remedies``: how it is read, what is refused, and that the number reaches the game."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.functional import softplus

from saddle import recipes
from saddle.app.cli import main
from saddle.networks import MinibatchStdDev, Packed, Referenced, SelfAttention
from saddle.recipes import remedies
from small_games import start

NUMBERED = {entry["name"]: entry for entry in remedies.catalogue() if entry["strength"]}


def begun(*args, **settings):
    """A game and a batch."""
    game, draw = start(*args, **settings)
    return game, draw()


def terms_of(game, player, batch):
    torch.manual_seed(3)
    loss = next(move.loss for move in game.moves if move.player == player)
    return {name: value.item() for name, value in loss(batch, torch.Generator().manual_seed(1)).items()}


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", {}),
        ("lecam", {"lecam": 0.3}),
        (" lecam = 0.1 , packing=4, spectral-norm", {"packing": 4, "spectral-norm": None, "lecam": 0.1}),
        ("unroll=10,top-k=0.5,ada=-0.2", {"ada": -0.2, "top-k": 0.5, "unroll": 10}),
        ("r1=1e-3", {"r1": 0.001}),
    ],
)
def test_numbers_are_read_and_remedies_put_in_order(text, expected):
    found = remedies.read(text)
    assert [*found.items()] == [*expected.items()]
    assert {name: type(value) for name, value in found.items()} == {k: type(v) for k, v in expected.items()}


@pytest.mark.parametrize(
    "text, message",
    [
        ("spectral-norm=2", "remedies=spectral-norm=2: expected spectral-norm alone: it has no number to set"),
        ("diffaugment=", "remedies=diffaugment=: expected diffaugment alone: it has no number to set"),
        ("lecam=", "remedies=lecam=: expected a weight lambda in (0, 1000]"),
        ("lecam=much", "remedies=lecam=much: expected a weight lambda in (0, 1000]"),
        ("lecam=nan", "remedies=lecam=nan: expected a weight lambda in (0, 1000]"),
        ("lecam=inf", "remedies=lecam=inf: expected a weight lambda in (0, 1000]"),
        ("r1=0", "remedies=r1=0: expected a weight gamma in (0, 1000]"),
        ("packing=2.5", "remedies=packing=2.5: expected a whole number of samples in a pack m in [2, 16]"),
        ("packing=1", "remedies=packing=1: expected a whole number of samples in a pack m in [2, 16]"),
        ("top-k=1", "remedies=top-k=1: expected a share gamma in (0, 1)"),
        ("unroll=0", "remedies=unroll=0: expected a whole number of surrogate steps K in [1, 100]"),
        ("lecam=0.1,lecam", "remedies=lecam=0.1,lecam: expected each remedy once"),
        ("lecan=0.1", "no remedy is called 'lecan'. Did you mean 'lecam'?"),
        ("=3", "no remedy is called ''"),
        ("packing-2", "no remedy is called 'packing-2'. Did you mean 'packing'?"),
    ],
)
def test_a_number_that_cannot_be_meant_is_refused_in_a_line(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        replace(recipes.find("gan").SMALL, remedies=text)


@pytest.mark.parametrize("name", NUMBERED)
def test_each_number_lies_in_its_range_and_the_range_has_an_end(name):
    entry = NUMBERED[name]
    assert remedies.read(name) == {name: float(entry["strength"])} == remedies.read(f"{name}={entry['strength']}")
    for outside in ("1e9", "-1e9", "99999999999", "-99999999999"):
        with pytest.raises(ValueError, match=re.escape(entry["range"])):
            remedies.read(f"{name}={outside}")


@pytest.mark.parametrize(
    "remedy, recipe, kind, player, term",
    [
        ("consistency", "gan", "images", "D", "consistency"),
        ("gdpp", "gan", "points", "G", "gdpp_structure"),
        ("gdpp", "gan", "points", "G", "gdpp_magnitude"),
        ("lecam", "gan", "points", "D", "lecam"),
        ("r1", "gan", "points", "D", "r1"),
        ("r2", "gan", "points", "D", "r2"),
    ],
)
def test_a_weight_multiplies_its_term(remedy, recipe, kind, player, term):
    once, ten = (
        terms_of(game, player, batch)
        for game, batch in (begun(recipe, kind, remedies=f"{remedy}={w}") for w in (1, 10))
    )
    assert once[term] > 0
    assert ten[term] == pytest.approx(10 * once[term], rel=1e-5)


def test_a_weight_multiplies_the_pull_to_the_past():
    found = []
    for weight in (1, 10):
        game, batch = begun("gan", remedies=f"historical-averaging={weight}")
        with torch.no_grad():
            game["D"].parameters[0].add_(1.0)
        found.append(terms_of(game, "D", batch)["history"])
    assert found[1] == pytest.approx(10 * found[0], rel=1e-5)


def inside(game, kind):
    return next(module for module in game["D"].module.modules() if isinstance(module, kind))


def test_other_numbers_reach_what_they_are_numbers_of():
    assert start("gan", "images", remedies="ada=0.1")[0].controls["ada"].target == 0.1
    assert inside(start("gan", remedies="packing=4")[0], Packed).m == 4
    assert inside(start("gan", remedies="minibatch-stddev=8")[0], MinibatchStdDev).group == 8
    game, _ = start("gan", remedies="minibatch-discrimination=7")
    assert game["D"].module.output[-1].in_features == 16 + 7
    assert inside(start("dcgan", "images", remedies="virtual-norm=3")[0], Referenced).size == 3
    game, batch = begun("dcgan", "images", remedies="self-attention=4")
    sides = []
    inside(game, SelfAttention).register_forward_hook(lambda _, args, out: sides.append(out.shape[2]))
    game["D"].module(batch.x)
    assert sides == [4]


def test_top_k_falls_with_gamma():
    """Half an epoch under gamma 0.36 leaves 0.6 of 8 samples, rounded up."""
    game, batch = begun("gan", remedies="top-k=0.36")
    for schedule in game.schedules:
        schedule(25_000)
    D = game["D"].module
    with torch.no_grad():
        fake = game["G"].module(torch.randn(8, 8, generator=torch.Generator().manual_seed(1)))
    best = D(fake).sort(descending=True).values[:5]
    assert terms_of(game, "G", batch)["adversarial"] == pytest.approx(softplus(-best).mean().item(), rel=1e-5)


@pytest.mark.parametrize("name", NUMBERED)
def test_the_page_tells_each_number_and_its_range(name):
    page = (Path(__file__).parents[2] / "docs" / "remedies.md").read_text(encoding="utf-8")
    (row,) = (line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
    _, _, number, extent, *_ = row.strip("|").split("|")
    assert f"{float(NUMBERED[name]['strength']):g}" in re.findall(r"[\d.]*\d", number)
    ends = re.findall(r"-?\d+", NUMBERED[name]["range"].rpartition(" in ")[2])
    assert re.findall(r"-?\d+", extent) == ends


def test_the_list_tells_each_number_and_its_range(capsys):
    main(["list", "remedies", "--json"])
    entries = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)["remedies"]}
    assert entries["lecam"]["strength"] == "0.3"
    assert entries["lecam"]["range"] == "a weight lambda in (0, 1000]"
    assert entries["spectral-norm"]["strength"] == entries["spectral-norm"]["range"] == ""

"""``saddle train auto``: its rules against speeds that are made up, and the command against the one it prints."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch

from saddle.app.auto.legible import legible
from saddle.app.auto.rules import ENOUGH, OFTEN, PLENTY, STYLED, WIDTHS, Seen, choose_for
from saddle.data import Images
from saddle.data.spec import Spec
from saddle.recipes import find

SECONDS = 100.0
MANY = 1_000_000


def images(size=32, classes=0, rarest=0, legible=0.0, count=5_000, sized=False, precision=None, channels=3):
    return Seen(Spec(channels, size, classes), count, rarest, legible, 0.0, sized, precision, "cpu", SECONDS)


def labelled(**given):
    """Images that show their labels."""
    return images(classes=10, rarest=500, legible=0.8, **given)


def at(per_second, bf16=1.0):
    """Speeds of a machine whose every image costs as the pixels and the width, ``per_second`` at 32 pixels of dcgan's
    narrowest; stylegan2's costs as four."""

    def speed(recipe, settings, spec, precision):
        gain = bf16 if precision == "bf16" else 1.0
        least = WIDTHS[recipe][0] / float(settings["width"])
        return gain * per_second * (32 / spec.size) ** 2 * least / (4 if recipe == "stylegan2" else 1)

    return speed


def test_labels_are_told_where_there_are_enough_of_each_and_they_can_be_seen():
    assert choose_for(images(classes=10, rarest=500, legible=0.8), at(1e3)).recipe == "cgan"
    few = choose_for(images(classes=10, rarest=3, legible=0.8), at(1e3))
    assert few.recipe == "dcgan" and "3 images" in few.reasons[0]
    hidden = choose_for(images(classes=10, rarest=500, legible=0.2), at(1e3))
    assert hidden.recipe == "dcgan" and "20%" in hidden.reasons[0]
    assert choose_for(images(), at(1e3)).recipe == "dcgan"


def test_stylegan2_is_taken_where_it_can_show_enough_and_labels_are_left_out():
    fits = 4 * STYLED / SECONDS
    assert choose_for(images(count=MANY), at(0.99 * fits)).recipe == "dcgan"
    choice = choose_for(images(count=MANY), at(1.01 * fits))
    assert choice.recipe == "stylegan2" and "no labels" in choice.reasons[0]
    assert choice.settings["width"] == 8 and choice.settings["widest"] == 64 and choice.settings["batch"] == 8
    hidden = choose_for(images(count=MANY, classes=10, rarest=500, legible=0.2), at(1.01 * fits))
    assert hidden.recipe == "stylegan2" and "20%" in hidden.reasons[0]
    assert choose_for(labelled(count=MANY), at(100 * fits)).recipe == "cgan"
    assert choose_for(images(64, count=MANY), at(3.9 * fits)).recipe == "dcgan"  # the side is dcgan's
    assert choose_for(images(64, count=MANY), at(4.1 * fits)).recipe == "stylegan2"
    wider = choose_for(images(count=MANY), at(2 * 4 * 1.01 * PLENTY / SECONDS))
    assert (wider.settings["width"], wider.settings["widest"]) == (16, 128)
    often = 4 * 1.01 * STYLED / OFTEN  # so many images dcgan would show OFTEN times
    few = choose_for(images(count=round(1.01 * often)), at(1.01 * fits))
    fewer = choose_for(images(count=round(0.99 * often)), at(1.01 * fits))
    assert (few.recipe, "remedies" in few.settings) == ("stylegan2", False)
    assert (fewer.recipe, fewer.settings["remedies"]) == ("dcgan", "diffaugment")


@pytest.mark.parametrize("side", [16, 32, 64])
@pytest.mark.parametrize("per_second", [1.0, 1e5])
def test_what_is_chosen_can_be_built(side, per_second):
    for seen in (images(side), labelled(size=side)):
        choice = choose_for(seen, at(per_second))
        module = find(choice.recipe)
        game = module.build(module.Config(**choice.settings), Spec(3, choice.size, seen.spec.classes))
        assert game.sampler.classes == (10 if choice.recipe == "cgan" else 0)


def test_a_linear_reader_tells_what_is_shown_and_not_what_is_not():
    rng = torch.Generator().manual_seed(0)
    y = torch.arange(400) % 4
    noise = torch.randint(0, 100, (400, 1, 16, 16), generator=rng, dtype=torch.uint8)
    marked = noise.clone()
    for label in range(4):  # a bright stripe a label
        marked[y == label, :, 4 * label : 4 * label + 4] += 100
    assert legible(Images("stripes", marked, y, classes=4)) > 0.9
    assert abs(legible(Images("noise", noise, y, classes=4))) < 0.15
    assert legible(Images("one", noise, torch.zeros(400, dtype=torch.int64), classes=2)) == 0.0


def test_a_size_is_taken_only_where_enough_images_can_be_shown():
    fits = ENOUGH / SECONDS  # images a second at 32 pixels
    assert choose_for(images(64), at(4.1 * fits)).size == 64
    assert choose_for(images(64), at(3.9 * fits)).size == 32
    assert choose_for(images(64), at(0.1 * fits)).size == 32  # not below
    assert choose_for(images(16), at(0.1 * fits)).size == 16
    assert choose_for(images(64, sized=True), at(0.1 * fits)).size == 64  # the user's word


@pytest.mark.parametrize(("speedup", "width"), [(0.5, 32), (1.9, 32), (2.1, 64), (4.1, 128), (100, 128)])
def test_the_widest_is_taken_with_which_plenty_can_be_shown(speedup, width):
    choice = choose_for(labelled(), at(speedup * PLENTY / SECONDS))
    assert choice.settings["width"] == width


def test_bfloat16_is_taken_where_it_is_faster_and_pays_for_width():
    assert choose_for(labelled(), at(1.1 * PLENTY / SECONDS, bf16=1.1)).precision == "fp32"
    fast = choose_for(labelled(), at(1.1 * PLENTY / SECONDS, bf16=2.0))
    assert (fast.precision, fast.settings["width"]) == ("bf16", 64)
    assert "--precision=bf16" in fast.flags()
    assert choose_for(images(precision="fp32"), at(1e3, bf16=9.0)).precision == "fp32"
    assert choose_for(images(precision="bf16"), at(1e3, bf16=0.1)).precision == "bf16"


def test_no_candidate_is_timed_twice():
    asked = []

    def speed(recipe, settings, spec, precision):
        asked.append((recipe, settings["width"], spec.size, precision))
        return at(1e3, bf16=2.0)(recipe, settings, spec, precision)

    choose_for(images(64), speed)
    assert len(asked) == len(set(asked)) >= 4


def test_augmentation_depends_on_how_often_each_image_is_shown():
    assert choose_for(images(count=500), at(1e3)).settings["remedies"] == "diffaugment"
    assert choose_for(labelled(count=500), at(1e3)).settings["remedies"] == "diffaugment"
    grey = choose_for(images(count=500, channels=1), at(1e3))
    assert "remedies" not in grey.settings and "grey" in grey.reasons[-2]
    assert "remedies" not in choose_for(images(count=50_000), at(1e3)).settings
    endless = choose_for(images(count=0), at(1e6))
    assert "remedies" not in endless.settings and "endless" in endless.reasons[-2]


def test_penalties_on_points_follow_the_variance():
    wide, narrow = (
        choose_for(Seen(Spec(2), 0, 0, 0.0, variance, False, None, "cpu", None, rounds=100), at(1)).settings
        for variance in (8.0, 0.5)
    )
    assert wide["gamma"] / narrow["gamma"] == pytest.approx(16)
    assert wide["decay_until"] == 128 * 100


def test_the_printed_command_makes_the_same_run(saddle):
    said = saddle("train", "auto", "--data", "digits", "--rounds", 2, "--threads", 1, "--out", "a", "--json")
    assert said.status == 0 and said.json["recipe"] == "cgan"
    printed = next(line for line in said.err.splitlines() if "saddle train cgan" in line)
    words = [word if word != "a" else "b" for word in shlex.split(printed.partition("saddle ")[2])]
    assert saddle(*words).status == 0
    drawn = [saddle("sample", run, "-n", 4, "--out", f"{run}.npy").status for run in "ab"]
    assert drawn == [0, 0]
    assert np.array_equal(np.load("a.npy"), np.load("b.npy"))
    told = [json.loads(Path(run, "config.json").read_text()) for run in "ab"]
    assert told[0]["settings"] == told[1]["settings"]
    assert "recipe cgan: 10 labels" in told[0]["chosen"][0] and "chosen" not in told[1]
    assert saddle("train", "--resume", "a", "--rounds", 3, "--json").json["rounds"] == 3


def test_what_is_chosen_may_not_be_given(saddle):
    said = saddle("train", "auto", "--data", "digits", "--width", 16)
    assert said.status == 2 and "--width" in said.err and len(said.err.splitlines()) == 1
    said = saddle("train", "auto", "--resume", "a")
    assert said.status == 2 and "saddle train --resume" in said.err

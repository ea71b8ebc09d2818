"""``saddle doctor``: runs that are broken on purpose, healthy ones, ones that failed and ones that are going on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from saddle.app.doctor import main
from saddle.app.options import TrainOptions
from saddle.app.prescribe import prescribe
from saddle.app.replay import without_a_fifth
from saddle.app.runs import Run, rebuild
from saddle.app.train import Plan
from saddle.app.watch import Watch
from saddle.data import Points, ring
from saddle.evaluation.health import Evidence, Verdict
from saddle.game import play
from saddle.recipes import find

SMALL = ("--threads", "1", "--hidden", "64", "--batch", "64", "--z_dim", "8", "--log_every", "5")
RING = ("train", "gan", "--data", "ring8", *SMALL)
LINEAR = ("--threads", "1", "--layers", "0", "--optimizer", "sgd", "--batch", "64", "--z_dim", "4", "--log_every", "5")


@pytest.fixture
def doctor(capfd):
    """``doctor("run")``: the document of ``saddle doctor run --json``."""

    def examine(*words):
        capfd.readouterr()
        assert main([*map(str, words), "--json"]) == 0
        return json.loads(capfd.readouterr().out)

    return examine


def causes(document):
    return [verdict["cause"] for verdict in document["verdicts"]]


def plan(recipe, folder, **settings):
    module = find(recipe)
    small = replace(module.SMALL, **settings)
    return Plan(recipe, module, TrainOptions(data="ring8"), small, ring(), "cpu", None, folder)


def test_step_sizes_so_small_that_nothing_moves(saddle, doctor):
    assert saddle(*RING, "--lr_critic", "1e-9", "--lr_generator", "1e-9", "--rounds", 150, "--out", "run").status == 0
    found = doctor("run")
    assert causes(found)[0] == "learning-rate"
    evidence = found["verdicts"][0]["evidence"]
    assert evidence["number"] < evidence["threshold"] == 0.005
    assert evidence["round"] == 150
    assert "--lr_critic" in found["verdicts"][0]["advice"]


def test_step_sizes_that_wipe_out_the_weights(saddle, doctor):
    assert saddle(*RING, "--lr_critic", 10, "--lr_generator", 10, "--rounds", 150, "--out", "run").status == 0
    assert causes(doctor("run"))[0] == "learning-rate"


def test_a_run_that_failed_is_played_again_to_see_why(saddle, doctor):
    flags = ("--optimizer", "sgd", "--beta1", 0.9, "--lr_critic", 1, "--lr_generator", 1, "--device", "cpu")
    said = saddle(*RING, *flags, "--rounds", 500, "--out", "run")
    assert said.status == 1
    first = doctor("run")["verdicts"][0]
    assert first["cause"] == "non-finite"
    assert first["evidence"]["what"] in said.err  # the round, the player and the term, as training said them
    assert first["evidence"]["number"] is None


def test_a_run_without_a_checkpoint_that_is_going_on_is_not_played_again(saddle, doctor):
    assert saddle(*RING, "--rounds", 20, "--out", "run").status == 0
    for file in Path("run/checkpoints").iterdir():
        file.unlink()
    with Run.open("run").locked():
        found = doctor("run")
    assert causes(found) == ["healthy"]
    assert found["left_out"] == {"all but the curves": "there is no checkpoint yet"}


def test_the_doctor_leaves_the_run_as_it_was(saddle, doctor):
    assert saddle(*RING, "--rounds", 20, "--out", "run").status == 0
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    assert doctor("run") == doctor("run")
    assert {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()} == before


def test_words_say_what_was_found_and_what_was_not_looked_at(saddle, capfd):
    assert saddle(*RING, "--lr_critic", 10, "--lr_generator", 10, "--rounds", 20, "--out", "run").status == 0
    capfd.readouterr()
    assert main(["run"]) == 0
    text = " ".join(capfd.readouterr().out.split())
    assert "learning-rate" in text
    assert "(threshold 0.5, round 1)" in text


def test_words_say_how_a_check_that_was_left_out_can_be_made(saddle, capfd):
    np.save("points.npy", np.random.default_rng(0).standard_normal((64, 2)).astype(np.float32))
    assert saddle("train", "gan", "--data", "points.npy", *SMALL, "--rounds", 5, "--out", "run").status == 0
    capfd.readouterr()
    assert main(["run"]) == 0
    text = " ".join(capfd.readouterr().out.split())
    assert "not looked at: critic-overfitting" in text
    assert "--held-out PATH, or --replay TIME" in text


def test_what_was_never_seen_twice_is_not_known_by_heart(saddle, doctor):
    """Data without end, and less than one pass through data that have one."""
    np.save("points.npy", np.random.default_rng(0).standard_normal((64, 2)).astype(np.float32))
    for data, rounds in (("ring8", 5), ("points.npy", 1)):
        assert saddle("train", "gan", "--data", data, *SMALL, "--rounds", rounds, "--out", data[:4]).status == 0
        assert doctor(data[:4])["left_out"] == {}


def test_a_replay_stands_in_for_held_out_samples(saddle, doctor):
    np.save("points.npy", np.random.default_rng(0).standard_normal((64, 2)).astype(np.float32))
    assert saddle("train", "gan", "--data", "points.npy", *SMALL, "--rounds", 5, "--out", "run").status == 0
    assert doctor("run", "--replay", "60s")["left_out"] == {}
    with pytest.raises(ValueError, match="replay=60s: expected no --held-out besides"):
        main(["run", "--replay", "60s", "--held-out", "points.npy"])


def test_a_replay_that_has_no_time_says_how_far_it_came(saddle, doctor):
    np.save("points.npy", np.random.default_rng(0).standard_normal((64, 2)).astype(np.float32))
    assert saddle("train", "gan", "--data", "points.npy", *SMALL, "--rounds", 5, "--out", "run").status == 0
    said = doctor("run", "--replay", "0.000001s")["left_out"]
    assert said == {"critic-overfitting after that": "the replay had time for 1 of 5 rounds"}


def test_data_are_divided_into_four_fifths_and_one():
    x = torch.arange(100.0).reshape(50, 2)
    rest, kept = without_a_fifth(Points("x", x, torch.arange(50) % 3, 3), seed=1)
    assert torch.equal(torch.cat([rest.x, kept.x]).sort(0).values, x)
    assert torch.equal(kept.labels, (kept.x[:, 0] / 2).long() % 3)
    with pytest.raises(ValueError, match="40 or more"):
        without_a_fifth(Points("x", x[:39]), seed=1)


def test_advice_names_remedies_that_the_recipe_takes_and_that_are_not_in_use(tmp_path):
    found = Verdict("mode-collapse", 0.6, (Evidence("kinds", 0.1, 0.6, 10),), "change this")
    before = torch.get_rng_state()
    assert prescribe(found, plan("gan", tmp_path)).advice == (
        "change this; or --remedies packing; or --remedies minibatch-stddev"
    )
    used = prescribe(found, plan("gan", tmp_path, remedies="packing=3")).advice
    assert used.startswith("change this; or --remedies packing=3,minibatch-stddev (now packing=3); or ")
    assert (
        "packing" not in prescribe(found, plan("wgan-gp", tmp_path)).advice
    )  # its slope is penalised sample by sample
    assert prescribe(found, plan("vae", tmp_path)).advice == "change this"  # which has no critic
    assert torch.equal(torch.get_rng_state(), before)


def test_held_out_samples_of_another_shape_are_refused(saddle):
    assert saddle(*RING, "--rounds", 5, "--out", "run").status == 0
    np.save("three.npy", np.zeros((20, 3), dtype=np.float32))
    with pytest.raises(ValueError, match=r"held-out=three\.npy: expected samples of shape \(2,\)"):
        main(["run", "--held-out", "three.npy"])


@pytest.mark.parametrize("recipe", ["wgan-gp", "ebgan", "vae", "cgan", "began", "r3gan"])
def test_every_kind_of_recipe_can_be_examined(saddle, doctor, images, tiny, recipe, tmp_path):
    """Energies, values without a zero, labels, no critic at all."""
    images(tmp_path / "pictures", size=16)
    assert saddle("train", recipe, "--data", "pictures", *tiny[:4], "--rounds", 3, "--out", "run").status == 0
    found = doctor("run")
    assert found["round"] == 3
    assert "samples" not in found["left_out"]
    assert ("critic" in found["left_out"]) == (recipe == "vae")


@pytest.mark.slow
def test_a_linear_game_that_turns(saddle, doctor):
    flags = ("--lr_generator", 3e-2, "--lr_critic", 3e-2, "--clip", 5, "--n_critic", 1, "--rounds", 2000)
    assert saddle("train", "wgan", "--data", "gaussian1d", *LINEAR, *flags, "--out", "run").status == 0
    first = doctor("run")["verdicts"][0]
    assert first["cause"] == "oscillation"
    assert "--dynamics extragradient (now alternating)" in first["advice"]
    *_, turning, period = first["evidence"]["more"]
    assert turning["number"] == 1.0
    assert period["number"] == pytest.approx(period["threshold"], rel=0.1)  # rounds to a turn, foretold and seen


@pytest.mark.slow
def test_a_critic_that_is_too_strong(saddle, doctor):
    flags = ("--lr_critic", 2e-2, "--n_critic", 10, "--loss", "minimax", "--rounds", 250)
    assert saddle(*RING, *flags, "--out", "run").status == 0
    first = doctor("run")["verdicts"][0]
    assert first["cause"] == "critic-too-strong"
    assert "--n_critic 1 (now 10); --lr_critic 0.0002 (now 0.02)" in first["advice"]


@pytest.mark.slow
def test_a_critic_that_cannot_see(saddle, doctor):
    flags = ("--lr_critic", 1e-3, "--lr_generator", 1e-3, "--instance_noise", 30, "--instance_noise_images", 10**9)
    assert saddle(*RING, *flags, "--rounds", 800, "--out", "run").status == 0
    assert causes(doctor("run"))[0] == "generator-exploiting"


@pytest.mark.slow
def test_a_generator_that_outruns_its_critic_collapses(saddle, doctor):
    flags = ("--beta1", 0.9, "--lr_generator", 5e-3, "--lr_critic", 2e-3, "--rounds", 1000, "--seed", 1)
    assert saddle("train", "hinge-gan", "--data", "ring8", *SMALL, *flags, "--out", "run").status == 0
    assert causes(doctor("run"))[0] == "mode-collapse"


@pytest.mark.slow
def test_a_generator_that_outruns_its_critic_by_far_collapses_and_exploits_nothing(saddle, doctor):
    flags = ("--beta1", 0.9, "--lr_generator", 5e-3, "--lr_critic", 1e-3, "--rounds", 1000)
    assert saddle("train", "hinge-gan", "--data", "ring8", *SMALL, *flags, "--out", "run").status == 0
    first = doctor("run")["verdicts"][0]
    assert first["cause"] == "mode-collapse"
    assert first["advice"].endswith("or --remedies packing; or --remedies minibatch-stddev")


@pytest.mark.slow
def test_step_sizes_with_which_a_run_would_take_forever(saddle, doctor):
    flags = ("--lr_critic", 1e-6, "--lr_generator", 1e-6, "--rounds", 2000)
    assert saddle(*RING, *flags, "--out", "run").status == 0
    first = doctor("run")["verdicts"][0]
    assert first["cause"] == "learning-rate"
    assert first["evidence"]["threshold"] == 0.1
    for flag in ("--lr_critic", "--lr_generator"):
        assert f"{flag} 0.001 (now 1e-06)" in first["advice"]


@pytest.mark.slow
def test_eight_points_are_learnt_by_heart(saddle, doctor):
    angle = 2 * np.pi * np.arange(8) / 8
    np.save("points.npy", 2 * np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32))
    flags = ("--lr_critic", 1e-3, "--lr_generator", 1e-3, "--rounds", 2000)
    assert saddle("train", "gan", "--data", "points.npy", *SMALL, *flags, "--out", "run").status == 0
    assert causes(doctor("run"))[0] == "memorisation"


@pytest.mark.slow
def test_a_critic_that_knows_its_data_by_heart(saddle, doctor):
    x = np.random.default_rng(0).standard_normal((264, 32)).astype(np.float32)
    np.save("train.npy", x[:64])
    np.save("kept.npy", x[64:])
    flags = ("--hidden", 128, "--lr_critic", 2e-3, "--n_critic", 3, "--rounds", 400)
    assert saddle("train", "gan", "--data", "train.npy", *SMALL, *flags, "--out", "run").status == 0
    assert causes(doctor("run", "--held-out", "kept.npy"))[0] == "critic-overfitting"
    assert causes(doctor("run", "--replay", "10m"))[0] == "critic-overfitting"


@pytest.mark.slow
def test_a_healthy_run_is_left_in_peace(saddle, doctor):
    flags = ("--lr_critic", 1e-3, "--lr_generator", 1e-3, "--rounds", 1500)
    assert saddle(*RING, *flags, "--out", "run").status == 0
    assert causes(doctor("run")) == ["healthy"]


def test_the_watch_says_each_thing_once():
    said = []
    watch = Watch({"lr_critic": 1e-3, "lr_generator": 1e-3}, 1.386, said.append)
    for i in range(1000):
        wave = float(np.sin(i / 3))
        watch.see(10 * (i + 1), {"D.real": 0.7 + 0.1 * wave, "D.fake": 0.7, "G.adversarial": 0.7 - 0.1 * wave})
    assert len(said) == 1
    assert said[0].startswith("round 2,000: oscillation? share of the power of ")


@pytest.mark.parametrize("lr, warns", [(1e-6, True), (1e-3, False)])
def test_the_watch_says_that_nothing_moves(saddle, lr, warns):
    flags = ("--lr_critic", lr, "--lr_generator", lr, "--rounds", 220, "--log_every", 1)
    said = saddle(*RING[:-2], *flags, "--out", "run")
    assert said.status == 0
    assert said.err.count("learning-rate?") == warns
    assert ("round 100: learning-rate? how far " in said.err) == warns


def test_a_run_that_is_warned_plays_as_if_it_were_not(saddle, tmp_path):
    """The watch plays a first round and draws samples besides: the weights are those of a game that nobody watches."""
    settings = {"lr_critic": 1e-6, "lr_generator": 1e-6, "instance_noise": 0.1}
    flags = [word for name, value in settings.items() for word in (f"--{name}", value)]
    flags += ["--device", "cpu"]
    assert "learning-rate?" in saddle(*RING[:-2], *flags, "--rounds", 120, "--log_every", 1, "--out", "run").err
    alone = Run.open("run")
    module, data = find("gan"), ring()
    made = Plan(
        "gan",
        module,
        TrainOptions(data="ring8"),
        alone.settings(module.Config, "settings"),
        data,
        "cpu",
        None,
        tmp_path,
    )
    game, draw = made.build(), data.draw(64, 0)
    for _ in play(game, draw, 120):
        pass
    theirs = rebuild(alone)
    for player in game.players:
        for a, b in zip(player.parameters, theirs[player.name].parameters, strict=True):
            assert torch.equal(a, b)


def test_the_watch_leaves_the_game_alone(tmp_path):
    module, data = find("gan"), ring()
    game = module.build(module.SMALL, data.spec).seed(1)
    before = game.rng.get_state(), [p.clone() for player in game.players for p in player.parameters]
    watch = Watch.of(plan("gan", tmp_path), game, print)
    assert watch.chance == pytest.approx(2 * np.log(2))
    assert game.rng.get_state().tolist() == before[0].tolist()
    assert all(
        bool((a == b).all()) for a, b in zip(before[1], [p for q in game.players for p in q.parameters], strict=True)
    )

"""``saddle doctor``: runs that are broken on purpose, healthy ones, ones that failed and ones that are going on."""

import json
from pathlib import Path

import numpy as np
import pytest

from saddle.app.doctor import main
from saddle.app.runs import Run
from saddle.app.watch import Watch
from saddle.data import ring
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
    flags = ("--optimizer", "sgd", "--beta1", 0.9, "--lr_critic", 1, "--lr_generator", 1)
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
    assert "not looked at: critic-overfitting" in text


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
    assert "--dynamics extragradient" in first["advice"]


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


def test_the_watch_leaves_the_game_alone():
    from types import SimpleNamespace

    module, data = find("gan"), ring()
    game = module.build(module.SMALL, data.spec).seed(1)
    before = game.rng.get_state(), [p.clone() for player in game.players for p in player.parameters]
    watch = Watch.of(SimpleNamespace(data=data, settings=module.SMALL), game, print)
    assert watch.chance == pytest.approx(2 * np.log(2))
    assert game.rng.get_state().tolist() == before[0].tolist()
    assert all(
        bool((a == b).all()) for a, b in zip(before[1], [p for q in game.players for p in q.parameters], strict=True)
    )

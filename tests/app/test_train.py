"""``saddle train`` and ``saddle sample``: the run folder, targets, repeatability, interrupts, refusals, failures."""

import io
import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from saddle.game import checkpoint

GAN = ("train", "gan", "--data", "ring8")


@pytest.fixture
def run(saddle, tiny):
    """``run("a", "--rounds", 3)`` trains a GAN on points into the folder a."""
    return lambda out, *words: saddle(*GAN, *tiny, "--out", out, *words)


def test_a_run_folder_holds_what_the_design_says(run, log, final):
    said = run("a", "--rounds", 25, "--sample_every", 10, "--checkpoint_every", 5, "--json")
    folder = Path("a")
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == {
        "config.json", "log.jsonl", "samples", "checkpoints", "report.html", "samples.png", "curves.png",
    }  # fmt: skip
    assert [path.name for path in sorted((folder / "checkpoints").iterdir())] == [
        f"round-0000000{n}.safetensors" for n in (15, 20, 25)
    ]
    assert [path.stem for path in sorted((folder / "samples").iterdir())] == [f"round-0000000{n}" for n in (10, 20, 25)]
    assert [(row["round"], row["images"]) for row in log("a")] == [(1, 8), (10, 80), (20, 160)]
    assert {"D.real", "D.fake", "G.adversarial", "D.gradient", "G.gradient"} <= log("a")[0].keys()
    config = json.loads((folder / "config.json").read_text())
    assert config["settings"]["hidden"] == 16
    assert {"saddle", "torch", "numpy", "python"} <= config["versions"].keys()
    assert (said.status, said.json["stopped"], said.json["rounds"], said.json["images"]) == (0, "rounds", 25, 200)
    assert (said.json["recipe"], said.json["data"], said.json["run"]) == ("gan", "ring8", "a")
    assert final("a")[1]["round"] == 25
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "gan on ring8" in page and "http-equiv" not in page and 'src="http' not in page


@pytest.mark.parametrize("name", ["two words", "ünïcödé", "--dashes", "a.npy"])
def test_a_run_may_be_called_anything(saddle, tiny, name):
    assert saddle(*GAN, *tiny, "--rounds", 1, f"--out={name}").status == 0
    assert saddle("train", f"--resume={name}", "--rounds", 2).status == 0
    assert saddle("sample", f"./{name}", "--out", "x.npy").status == 0
    assert Path(name, "report.html").exists()


def test_runs_without_a_name_are_numbered(saddle, tiny):
    for number in ("0001", "0002"):
        assert saddle(*GAN, *tiny, "--rounds", 1, "--json").json["run"] == f"runs/{number}"


def test_rounds_and_images_count_from_the_first_round(run, saddle, log):
    run("a", "--rounds", 4, "--log_every", 1)
    assert saddle("train", "--resume", "a", "--rounds", 6, "--json").json["rounds"] == 6
    said = saddle("train", "--resume", "a", "--images", 70, "--json").json
    assert (said["rounds"], said["images"], said["stopped"]) == (9, 72, "images")
    assert [row["round"] for row in log("a")] == list(range(1, 10))
    again = saddle("train", "--resume", "a", "--images", 70, "--json")
    assert (again.status, again.json["rounds"]) == (0, 9)


def test_a_budget_ends_the_run_with_everything_saved(run, final):
    said = run("a", "--budget", "1s", "--json")
    assert said.json["stopped"] == "budget"
    assert 1 <= said.json["seconds"] < 10  # a slow machine may take long over its last round
    assert final("a")[1]["round"] == said.json["rounds"] > 1
    assert Path("a/report.html").exists()


def test_a_used_up_budget_asks_for_more(run, saddle):
    run("a", "--budget", "1s")
    said = saddle("train", "--resume", "a")
    assert said.status == 2 and "--budget" in said.err
    assert saddle("train", "--resume", "a", "--budget", "1s", "--json").json["stopped"] == "budget"


def test_one_seed_gives_one_file(run, same):
    """The last checkpoints are equal byte for byte, however often the run was looked at; another seed's is not."""
    often = ("--sample_every", 2, "--log_every", 1, "--checkpoint_every", 3)
    assert run("a", "--rounds", 9).status == run("b", "--rounds", 9, *often).status == 0
    assert same("a", "b")
    name = "checkpoints/round-000000009.safetensors"
    assert Path("a", name).read_bytes() == Path("b", name).read_bytes()
    run("c", "--rounds", 9, "--seed", 1)
    assert Path("a", name).read_bytes() != Path("c", name).read_bytes()


@pytest.mark.parametrize("recipe", ["dcgan", "cgan", "vae", "began"])
def test_looking_changes_no_weight(saddle, tiny, same, recipe):
    often = ("--sample_every", 1, "--log_every", 1, "--checkpoint_every", 1)
    for out, words in (("a", ()), ("b", often)):
        words = ("--data", "digits", "--size", 16, "--rounds", 3, "--out", out, *tiny, *words)
        assert saddle("train", recipe, *words).status == 0
    assert same("a", "b")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_saves_and_says_how_to_go_on(child, run, saddle, tiny, tmp_path, log, same, number):
    running = child(*GAN, *tiny, "--rounds", 2000, "--out", "a", "--log_every", 1, "--json")
    running.until(lambda: len(log(tmp_path / "a")) > 20)
    said = running.end(number)
    assert (said.status, said.json["stopped"]) == (1, "interrupted")
    assert "saddle train --resume a" in said.err and "Traceback" not in said.err
    rounds = said.json["rounds"]
    assert 20 < rounds < 2000 and said.json["checkpoint"] == f"round-{rounds:09d}.safetensors"
    assert saddle("train", "--resume", "a", "--rounds", rounds + 20).status == 0
    run("b", "--rounds", rounds + 20, "--log_every", 1)
    assert same("a", "b")
    assert log("a") == log("b")


def test_a_run_is_trained_by_one_process_at_a_time(child, saddle, tiny, tmp_path, log):
    running = child(*GAN, *tiny, "--rounds", 10**9, "--out", "a", "--log_every", 1, "--checkpoint_every", 10)
    running.until(lambda: len(log(tmp_path / "a")) > 20)
    said = saddle("train", "--resume", "a", "--rounds", 5)
    assert said.status == 2 and "another process is training in it" in said.err
    assert running.end(signal.SIGINT).status == 1
    assert [row["round"] for row in log("a")] == list(range(1, len(log("a")) + 1))  # the second took no line away


def test_bf16_computes_otherwise_and_keeps_its_weights_in_float32(saddle, tiny, final):
    for precision in ("fp32", "bf16"):
        words = ("--data", "digits", "--size", 16, "--rounds", 2, "--precision", precision, "--out", precision, *tiny)
        assert saddle("train", "dcgan", *words).status == 0
    full, half = final("fp32")[0], final("bf16")[0]
    assert {name: value.dtype for name, value in half.items()} == {name: value.dtype for name, value in full.items()}
    assert any(not torch.equal(full[name], half[name]) for name in full)


def test_divergence_names_term_player_and_round_and_keeps_the_last_good_checkpoint(run, saddle, final):
    flags = ("--optimizer", "sgd", "--lr_generator", "1e12", "--checkpoint_every", 1, "--device", "cpu")
    said = run("a", "--rounds", 50, *flags, "--json")
    assert (said.status, said.json["stopped"]) == (1, "failed")
    rounds = said.json["rounds"]
    assert f"round {rounds + 1}: player " in said.json["error"]
    assert "loss term '" in said.json["error"] or "gradient" in said.json["error"]
    assert (
        said.json["error"] in said.err and len(said.err.strip().splitlines()) <= 4
    )  # announcement, progress, two lines
    tensors, facts = final("a")
    assert said.json["checkpoint"] == f"round-{facts['round']:09d}.safetensors"
    assert all(value.isfinite().all() for value in tensors.values() if value.is_floating_point())


def test_weights_that_overflow_are_not_saved_over_good_ones(run, final):
    """A step can leave an infinite weight that no loss has met yet: a checkpoint of it would be the newest."""
    said = run(
        "a",
        "--rounds",
        50,
        "--optimizer",
        "sgd",
        "--lr_generator",
        "3e38",
        "--beta1",
        0,
        "--checkpoint_every",
        1,
        "--json",
    )
    assert said.json["stopped"] == "failed" and said.json["error"].startswith("round ")
    for path in checkpoint.saved(Path("a/checkpoints")):
        assert all(value.isfinite().all() for value in checkpoint.read(path)[0].values() if value.is_floating_point())


# Resuming


@pytest.fixture
def twice(run):
    """A run with two checkpoints, at rounds 3 and 6, and what is in its folder."""
    run("a", "--rounds", 6, "--checkpoint_every", 3)
    return Path("a")


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


CHANGES = {
    "--lr_critic 3": ("lr_critic=3.0", "lr_critic=0.0002"),
    "--seed 5": ("seed=5", "seed=0"),
    "--data moons": ("data=moons", "data=ring8"),
    "--batch 9": ("batch=9", "batch=8"),
    "--precision bf16": ("precision=bf16", "precision=fp32"),
    "--dynamics optimistic": ("dynamics=optimistic", "dynamics=alternating"),
}


@pytest.mark.parametrize("words", CHANGES)
def test_a_resume_with_other_settings_is_refused_by_name(twice, saddle, words):
    before = contents(twice)
    said = saddle("train", "gan", "--resume", "a", "--rounds", 9, *words.split())
    assert said.status == 2 and len(said.err.strip().splitlines()) == 1
    assert all(part in said.err for part in CHANGES[words])
    assert contents(twice) == before


def test_settings_given_again_unchanged_are_no_reason_to_refuse(twice, saddle):
    words = ("--data", "ring8", "--batch", 8, "--seed", 0, "--rounds", 7, "--json")
    assert saddle("train", "gan", "--resume", "a", *words).json["rounds"] == 7


def test_a_run_from_before_a_setting_was_added_goes_on(run, saddle, same):
    """Its config.json lacks what there was not; it played with what is the default still."""
    assert run("a", "--rounds", 6).status == run("b", "--rounds", 3).status == 0
    file = Path("b/config.json")
    config = json.loads(file.read_text())
    del config["options"]["evaluate_every"], config["settings"]["remedies"]
    file.write_text(json.dumps(config))
    assert saddle("train", "--resume", "b", "--rounds", 6).status == 0
    assert same("a", "b")


def test_a_run_from_before_penalties_were_lazy_keeps_its_own(saddle, same):
    """It took them at each step, which is not today's default."""
    words = ("train", "r3gan", "--data", "digits", "--size", 8, "--batch", 8, "--z_dim", 4, "--threads", 1)
    for run, rounds in (("a", 4), ("b", 2)):
        assert saddle(*words, "--rounds", rounds, "--penalty_every", 1, "--out", run).status == 0
    file = Path("b/config.json")
    config = json.loads(file.read_text())
    del config["settings"]["penalty_every"]
    file.write_text(json.dumps(config))
    assert saddle("train", "--resume", "b", "--rounds", 4).status == 0
    assert same("a", "b")


def test_another_recipe_does_not_resume_it(twice, saddle):
    said = saddle("train", "wgan", "--resume", "a")
    assert said.status == 2 and "recipe=wgan" in said.err and "gan" in said.err


@pytest.mark.parametrize("place", ["nosuch", "empty", "file"])
def test_what_is_no_run_is_not_resumed(saddle, place):
    Path("empty").mkdir()
    Path("file").write_text("hello")
    said = saddle("train", "--resume", place)
    assert said.status == 2 and f"run={place}: expected" in said.err and len(said.err.strip().splitlines()) == 1


def test_a_run_is_not_overwritten(twice, run):
    before = contents(twice)
    said = run("a", "--rounds", 1)
    assert said.status == 2 and "--resume a" in said.err
    assert contents(twice) == before


@pytest.mark.parametrize("damage", ["vanished", "changed"])
def test_a_data_set_that_is_not_what_it_was_is_refused(saddle, tmp_path, images, tiny, damage):
    folder = images(tmp_path / "pictures")
    saddle("train", "dcgan", "--data", "pictures", "--rounds", 2, "--out", "a", *tiny)
    before = contents(Path("a"))
    shutil.rmtree(folder)
    if damage == "changed":
        images(folder, seed=1)
    said = saddle("train", "--resume", "a", "--rounds", 4)
    assert said.status == 2 and str(folder) in said.err and "left as it was" in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert contents(Path("a")) == before


def test_a_run_on_a_path_goes_on_from_another_folder(saddle, tmp_path, images, tiny, monkeypatch):
    images(tmp_path / "pictures")
    saddle("train", "dcgan", "--data", "pictures", "--rounds", 2, "--out", "a", *tiny)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert saddle("train", "--resume", "../a", "--rounds", 3, "--json").json["rounds"] == 3


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(twice, saddle, run, same):
    newest = twice / "checkpoints" / "round-000000006.safetensors"
    newest.write_bytes(newest.read_bytes()[:-100])
    said = saddle("train", "--resume", "a", "--rounds", 9, "--json")
    assert said.status == 0 and str(newest) in said.err and "at round 3" in said.err
    run("b", "--rounds", 9)
    assert same("a", "b")


def test_without_a_whole_checkpoint_nothing_is_lost(twice, saddle):
    for path in (twice / "checkpoints").iterdir():
        path.write_bytes(path.read_bytes()[:1000])
    before = contents(twice)
    for words in (("train", "--resume", "a"), ("sample", "a"), ("report", "a")):
        said = saddle(*words)
        assert said.status == 2 and "round-000000006.safetensors" in said.err.strip().splitlines()[-1]
    assert contents(twice) == before


def test_a_run_that_never_saved_begins_again(twice, saddle, run, same):
    shutil.rmtree(twice / "checkpoints")
    assert saddle("train", "--resume", "a", "--rounds", 6).status == 0
    run("b", "--rounds", 6)
    assert same("a", "b")


# Sampling


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, tiny):
    """A run of images with labels."""
    from saddle.app.cli import main

    folder = tmp_path_factory.mktemp("runs") / "cgan"
    words = ["train", "cgan", "--data", "digits", "--size", "16", "--rounds", "2", "--out", str(folder), *tiny]
    assert main(words) == 0
    return folder


def test_samples_repeat_with_their_seed(pictures, saddle):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert saddle("sample", pictures, "-n", 7, "--seed", seed, "--out", f"{name}.npy").status == 0
    a, b, c = (Path(f"{name}.npy").read_bytes() for name in "abc")
    assert a == b and a != c
    x = np.load(io.BytesIO(a))
    assert (x.shape, x.dtype) == ((7, 1, 16, 16), np.float32)
    assert -1 <= x.min() < x.max() <= 1


def test_a_folder_gets_a_picture_a_sample(pictures, saddle):
    said = saddle("sample", pictures, "-n", 12, "--out", "deep/folder", "--json")
    assert said.json["shape"] == [12, 1, 16, 16] and said.json["out"] == "deep/folder"
    files = sorted(Path("deep/folder").iterdir())
    assert [file.name for file in files] == [f"{i:02d}.png" for i in range(12)]
    saddle("sample", pictures, "-n", 12, "--out", "x.npy")
    for file, x in zip(files, np.load("x.npy"), strict=True):
        with Image.open(file) as picture:
            pixels = np.asarray(picture, float)  # (16, 16): no frame, which would be measured with the image
        assert pixels.shape == (16, 16)
        assert np.abs(pixels - (x[0] + 1) * 127.5).max() <= 0.5 + 1e-4


def test_one_picture_of_all(pictures, saddle):
    assert saddle("sample", pictures, "--out", "all.png").status == 0
    with Image.open("all.png") as picture:
        assert picture.width == picture.height > 8 * 16


def test_a_label_is_drawn_alone_or_refused(pictures, saddle):
    for label, name in ((1, "one"), (2, "two"), (1, "again")):
        assert saddle("sample", pictures, "-n", 4, "--label", label, "--out", f"{name}.npy").status == 0
    one, two, again = (np.load(f"{name}.npy") for name in ("one", "two", "again"))
    assert (one == again).all() and not (one == two).all()
    for label in (10, -1):
        said = saddle("sample", pictures, "--label", label)
        assert said.status == 2 and f"no label is called '{label}'" in said.err


def test_points_are_sampled_as_rows(run, saddle):
    run("a", "--rounds", 2)
    assert saddle("sample", "a", "-n", 5, "--out", "x.npy").status == 0
    x = np.load("x.npy")
    assert (x.shape, x.dtype) == ((5, 2), np.float32)
    assert saddle("sample", "a", "--out", "x.png").status == 0
    for words, part in ((("--label", 1), "label=1"), (("--out", "folder"), "out=folder")):
        said = saddle("sample", "a", *words)
        assert said.status == 2 and part in said.err


def test_sampling_does_not_need_the_data(saddle, tmp_path, images, tiny):
    folder = images(tmp_path / "pictures")
    saddle("train", "dcgan", "--data", folder, "--rounds", 1, "--out", "a", *tiny)
    shutil.rmtree(folder)
    assert saddle("sample", "a", "-n", 2, "--out", "x.npy").status == 0
    assert np.load("x.npy").shape == (2, 3, 16, 16)


def test_averaged_and_live_weights_differ(pictures, saddle):
    saddle("sample", pictures, "--out", "averaged.npy")
    saddle("sample", pictures, "--live", "--out", "live.npy")
    assert not (np.load("averaged.npy") == np.load("live.npy")).all()

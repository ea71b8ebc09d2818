"""The commands about latent space, on tiny runs: what they print, and the pictures and films read back."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from saddle.app.cli import main
from saddle.app.pictures import GAP, LEGIBLE
from saddle.app.runs import Run, rebuild
from saddle.game import generate

SIDE = 16 * round(LEGIBLE / 16)
"""Of one image in a picture, in pixels."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory, images):
    """Twenty rounds of dcgan, cgan and gan."""
    root = tmp_path_factory.mktemp("latent")
    images(root / "pictures", n=24)
    tiny = ["--threads", "1", "--batch", "8", "--z_dim", "4", "--hidden", "16", "--width", "4", "--rounds", "20"]
    tiny += ["--lr_generator", "0.02"]  # so that samples differ by more than a grey level
    for name in ("dcgan", "cgan"):
        assert main(["train", name, "--data", str(root / "pictures"), *tiny, "--out", str(root / name)]) == 0
    assert main(["train", "gan", "--data", "ring8", *tiny, "--out", str(root / "points")]) == 0
    return root


def size(rows, columns):
    return columns * (SIDE + GAP) + GAP, rows * (SIDE + GAP) + GAP


def read(path):
    """A picture, its file closed again."""
    with Image.open(path) as picture:
        picture.load()
        return picture.copy()


def film(path):
    """A film's frames, its size, and what it says of itself."""
    with Image.open(path) as picture:
        return picture.n_frames, picture.size, dict(picture.info)


def shown(path, rows):
    """A captioned picture of so many rows."""
    picture = read(path)
    assert picture.height == size(rows, 1)[1]
    return picture


def test_a_walk_is_drawn_a_row_for_each_point(saddle, runs):
    said = saddle("walk", runs / "dcgan", "--points", 3, "--frames", 12, "--json")
    assert said.json | {"run": ""} == {
        "run": "",
        "how": "sphere",
        "space": "z",
        "label": None,
        "points": 3,
        "frames": 12,
        "out": "walk.png",
        "seed": 0,
        "round": 20,
    }
    assert read("walk.png").size == size(3, 4)


@pytest.mark.parametrize("how", ["lerp", "slerp", "sphere"])
def test_a_film_has_as_many_frames_as_asked_for(saddle, runs, how):
    assert saddle("walk", runs / "dcgan", "--how", how, "--points", 3, "--frames", 7, "--out", "w.gif").status == 0
    frames, shape, info = film("w.gif")
    assert (frames, shape) == (7, size(1, 1))
    assert (info["duration"], info["loop"]) == (50, 0)


def test_the_same_seed_walks_the_same_way(saddle, runs):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert saddle("walk", runs / "dcgan", "--points", 2, "--seed", seed, "--out", f"{name}.png").status == 0
    a, b, c = (Path(f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c


def test_truncation_is_swept_along_columns(saddle, runs):
    assert saddle("walk", runs / "dcgan", "--how", "truncation", "--points", 2, "--frames", 5).status == 0
    assert read("walk.png").size == size(2, 5)
    pixels = np.asarray(read("walk.png"))
    first = [pixels[GAP + i * (SIDE + GAP) :][:SIDE, GAP : GAP + SIDE] for i in range(2)]
    assert (first[0] == first[1]).all(), "no z is left of either row at the threshold 0"


def test_labels_have_a_row_each(saddle, runs):
    assert saddle("walk", runs / "cgan", "--how", "labels", "--points", 3).status == 0
    assert read("walk.png").size == size(2, 3)
    said = saddle("walk", runs / "cgan", "--how", "labels", "--points", 3, "--frames", 4, "--out", "w.gif")
    assert said.status == 0
    assert film("w.gif")[:2] == (4, size(1, 2))


def test_a_label_is_asked_for_by_name(saddle, runs):
    for label in ("b", "1", "a"):
        assert saddle("walk", runs / "cgan", "--points", 2, "--label", label, "--out", f"{label}.png").status == 0
    assert Path("b.png").read_bytes() == Path("1.png").read_bytes() != Path("a.png").read_bytes()
    said = saddle("walk", runs / "cgan", "--points", 2)
    assert "samples of the label a" in said.err
    for label in ("b", "1"):
        assert saddle("sample", runs / "cgan", "-n", 3, "--label", label, "--out", f"{label}.npy").status == 0
    assert Path("b.npy").read_bytes() == Path("1.npy").read_bytes()


def test_points_are_plotted(saddle, runs):
    assert saddle("walk", runs / "points", "--points", 3).status == 0
    assert saddle("directions", runs / "points", "-k", 2).status == 0
    assert read("walk.png").mode == read("directions.png").mode == "RGB"


@pytest.mark.parametrize(
    "words, told",
    [
        (("walk", "dcgan", "--how", "mixing"), "styles"),
        (("walk", "dcgan", "--how", "labels"), "takes labels"),
        (("walk", "dcgan", "--how", "spere"), "Did you mean 'sphere'"),
        (("walk", "dcgan", "--label", "a"), "no label"),
        (("walk", "cgan", "--label", "c"), "no label is called 'c'"),
        (("walk", "dcgan", "--space", "w", "--how", "lerp"), "styles"),
        (("walk", "dcgan", "--out", "walk.jpg"), ".png or .gif or .mp4"),
        (("walk", "dcgan", "--frames", "100000"), "frames"),
        (("walk", "points", "--out", "walk.gif"), "points, not images"),
        (("arithmetic", "points", "0 - 1"), "points"),
        (("arithmetic", "cgan", "a - "), "names with + and -"),
        (("arithmetic", "cgan", "a - c"), "no label is called 'c'"),
        (("invert", "points", "--real", "2"), "points"),
        (("invert", "dcgan"), "--real N"),
        (("invert", "dcgan", "none.png"), "none.png"),
        (("directions", "dcgan", "-k", "5"), "1 to 4 directions"),
        (("directions", "dcgan", "--method", "pca"), "no method is called"),
        (("neighbours", "points"), "points"),
        (("represent", "cgan", "--train", "12", "--test", "12"), "judges samples by themselves"),
        (("represent", "dcgan", "--train", "24"), "train"),
    ],
)
def test_what_cannot_be_meant_is_told_in_a_line(saddle, runs, words, told):
    command, run, *flags = words
    said = saddle(command, runs / run, *flags)
    assert said.status == 2
    assert told in said.err
    assert said.out == ""
    assert "Traceback" not in said.err


def test_a_film_without_the_package_says_what_to_install(saddle, runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    said = saddle("walk", runs / "dcgan", "--points", 2, "--out", "w.mp4")
    assert said.status == 2
    assert "pip install 'saddle-gan[video]'" in said.err


def test_an_mp4_can_be_read_back(saddle, runs):
    av = pytest.importorskip("av")
    assert saddle("walk", runs / "dcgan", "--points", 2, "--frames", 9, "--fps", 10, "--out", "w.mp4").status == 0
    with av.open("w.mp4") as opened:
        pictures = [frame.to_ndarray(format="rgb24") for frame in opened.decode(video=0)]
        assert opened.streams.video[0].average_rate == 10
    assert len(pictures) == 9
    assert pictures[0].shape == (*size(1, 1), 3)


def test_arithmetic_of_a_generator_that_is_told_labels(saddle, runs):
    """a - b + b is a: the last rows but one and the first are the same images."""
    said = saddle("arithmetic", runs / "cgan", "a", "-", "b", "+", "b", "-n", 2, "--json")
    assert said.json["sum"] == "a - b + b"
    assert said.json["space"] == "z and label"
    picture = np.asarray(shown("arithmetic.png", 5))
    lines = [picture[i * (SIDE + GAP) :][: SIDE + GAP, -size(1, 3)[0] :] for i in range(5)]
    assert np.abs(lines[0].astype(int) - lines[3]).max() <= 1


def test_arithmetic_of_a_generator_that_is_told_nothing(saddle, runs):
    """Its samples are named by a classifier that learnt the data's labels, whichever it takes them for."""
    words = ("--features", "pixels", "-n", 1, "--most", 300, "--json")
    tried = [saddle("arithmetic", runs / "dcgan", concept, *words) for concept in ("a", "b")]
    done = [said for said in tried if said.status == 0]
    assert done, [said.err for said in tried]
    for said in tried:
        assert said.status == 0 or "samples that the classifier takes for it" in said.err
    assert done[0].json["space"] == "z"
    for shares in done[0].json["said"].values():
        assert set(shares) == {"a", "b"}
        assert sum(shares.values()) == pytest.approx(1)


def test_a_sample_is_found_again(saddle, runs):
    """The generator made it, so that there is a z with no error."""
    flags = ("--features", "none", "--steps", 300, "--restarts", 3, "--json")
    assert saddle("sample", runs / "dcgan", "-n", 2, "--seed", 5, "--out", "given.npy").status == 0
    said = saddle("invert", runs / "dcgan", "given.npy", *flags)
    rows = said.json["images"]
    assert [row["image"] for row in rows] == ["given.npy:0", "given.npy:1"]
    x = torch.from_numpy(np.load("given.npy"))
    for i, row in enumerate(rows):
        assert row["pixels"] < 0.2 * float(x[i].var())
        assert row["pixels"] == pytest.approx(min(row["losses"]), rel=1e-4, abs=1e-12)
        assert row["psnr"] == pytest.approx(10 * np.log10(4 / max(row["pixels"], 1e-12)), abs=1e-3)
    z = torch.from_numpy(np.load("invert.npy"))
    error = (generate(rebuild(Run.open(runs / "dcgan")), z) - x).square().flatten(1).mean(1)
    assert error.tolist() == pytest.approx([row["pixels"] for row in rows], rel=1e-3, abs=1e-8)
    shown("invert.png", 3)


def test_pictures_from_files_and_from_the_data_are_inverted(saddle, runs):
    flags = ("--features", "none", "--steps", 2, "--restarts", 1, "--json")
    file = runs / "pictures" / "a" / "00.png"
    said = saddle("invert", runs / "dcgan", file, *flags)
    assert [row["image"] for row in said.json["images"]] == ["00.png"], said
    assert len(saddle("invert", runs / "cgan", "--real", 3, "--label", "b", *flags).json["images"]) == 3


@pytest.mark.parametrize("method", ["sefa", "ganspace"])
@pytest.mark.parametrize("run", ["dcgan", "cgan"])
def test_directions_have_a_row_each(saddle, runs, run, method):
    said = saddle("directions", runs / run, "--method", method, "-k", 3, "--steps", 5, "--json")
    found = np.array(said.json["directions"])
    assert found.shape == (3, 4)
    assert np.linalg.norm(found, axis=1) == pytest.approx([1, 1, 1])
    assert said.json["strengths"] == sorted(said.json["strengths"], reverse=True)
    assert shown("directions.png", 3).width > size(3, 5)[0]


def test_a_training_image_is_its_own_nearest(saddle, runs):
    file = runs / "pictures" / "b" / "01.png"
    (row,) = saddle("neighbours", runs / "dcgan", file, "-k", 2, "--json").json["images"]
    assert row["distances"][0] == 0
    assert row["distances"][1] > 0
    shown("neighbours.png", 1)
    assert len(saddle("neighbours", runs / "cgan", "-n", 3, "--label", "b", "--json").json["images"]) == 3


def test_features_are_probed_beside_untrained_ones_and_pixels(saddle, runs):
    said = saddle("represent", runs / "dcgan", "--train", 12, "--test", 8, "--splits", 2, "--json")
    assert [row["features"] for row in said.json["probe"]] == ["trained", "untrained, same networks", "pixels"]
    assert [row["dimensions"] for row in said.json["probe"]] == [4 * 16 + 8 * 16, 4 * 16 + 8 * 16, 3 * 256]
    assert all(0 <= row["accuracy"] <= 1 and row["stderr"] >= 0 for row in said.json["probe"])
    held = ("--held-out", runs / "pictures", "--train", 24, "--test", 24)
    assert saddle("represent", runs / "dcgan", *held, "--json").json["test"] == 24
    assert "linear classifier" in saddle("represent", runs / "points", "--train", 50, "--test", 50).out


def test_infogan_is_asked_for_clusters_and_sgan_for_few_labels(saddle, runs):
    flags = ["--data", runs / "pictures", "--threads", 1, "--batch", 8, "--z_dim", 4, "--width", 4, "--rounds", 4]
    assert saddle("train", "infogan", *flags, "--categories", 3, "--out", "infogan").status == 0
    assert saddle("train", "sgan", *flags, "--labelled", 6, "--out", "sgan").status == 0
    probe = ("--train", 12, "--test", 12, "--json")
    clusters = saddle("represent", "infogan", *probe).json["clusters"]
    assert clusters["categories"] == 3
    assert 1 / 3 <= clusters["accuracy"] <= 1
    few = saddle("represent", "sgan", *probe).json["few_labels"]
    assert few["labels"] == 6
    assert few["test"] == 24 - 6
    assert 0 <= few["error"] <= 1
    json.dumps(few)

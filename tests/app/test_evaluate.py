"""``saddle evaluate`` and ``--evaluate_every``: cards, pictures, comparisons, refusals; training is not disturbed."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import saddle as package

RING = ("train", "gan", "--data", "ring8")


@pytest.fixture
def features(tmp_path):
    """``features("a", seed)`` writes a.npy, 120 rows of 5 numbers."""

    def write(name, seed, shift=0.0, n=120):
        rows = np.random.default_rng(seed).standard_normal((n, 5)) + shift
        np.save(tmp_path / f"{name}.npy", rows)
        return f"{name}.npy"

    return write


def test_features_are_taken_as_they_are(saddle, features):
    said = saddle(
        "evaluate", "--real", features("a", 0), "--fake", features("b", 1), "--measures", "fid,c2st", "--json"
    )
    assert said.status == 0
    found = said.json["measures"]["fid"]
    a, b = (torch.from_numpy(np.load(name)) for name in ("a.npy", "b.npy"))
    assert found["value"] == package.evaluate(a, b, ["fid"])["fid"].value
    assert (found["n_real"], found["n_fake"], found["features"]) == (120, 120, "identity")
    assert said.json["measures"]["c2st"]["direction"] == "target"


def test_all_runs_what_the_inputs_allow_and_says_what_the_rest_needs(saddle, features):
    said = saddle("evaluate", "--real", features("a", 0), "--fake", features("b", 1), "--measures", "all", "--json")
    assert said.status == 0, said.err
    document = said.json
    assert {"fid", "kid", "mmd", "precision-recall", "ndb", "vendi", "retrieval", "birthday"} <= set(
        document["measures"]
    )
    assert document["skipped"]["image-quality"] == "needs images on both sides"
    assert not set(document["measures"]) & set(document["skipped"])
    assert set(document["measures"]) | set(document["skipped"]) == {
        entry["name"] for entry in saddle("list", "measures", "--json").json["measures"]
    }


def test_a_run_is_compared_with_what_it_was_trained_on(saddle, tiny):
    assert saddle(*RING, *tiny, "--rounds", 5, "--out", "run").status == 0
    said = saddle("evaluate", "--fake", "run", "-n", 200, "--measures", "modes,kid", "--json").json
    assert (said["real"]["name"], said["fake"]["name"]) == ("ring8", "run")
    assert said["measures"]["modes"]["protocol"] == "veegan"
    assert said["measures"]["modes"]["verdict"]
    named = saddle("evaluate", "--real", "ring8", "--fake", "run", "-n", 200, "--measures", "modes,kid", "--json").json
    assert named["measures"]["kid"]["value"] == said["measures"]["kid"]["value"]


def test_folders_of_images_and_their_picture(saddle, images, tmp_path):
    images(tmp_path / "real", 24, seed=0)
    images(tmp_path / "fake", 24, seed=1)
    words = ("--real", "real", "--fake", "fake", "--features", "pixels", "--measures", "kid,image-quality,c2st")
    said = saddle("evaluate", *words, "--out", "card.png")
    assert said.status == 0, said.err
    assert "kid" in said.out and "image-quality" in said.out
    with Image.open("card.png") as card:
        assert min(card.size) > 300
    assert saddle("evaluate", *words, "--out", "all").status == 0
    assert json.loads(Path("all/card.json").read_text())["measures"]["kid"]["n_real"] == 24
    assert Path("all/card.png").exists()


def test_samples_in_a_folder_in_an_array_and_from_the_run_are_the_same_samples(saddle, tiny):
    data = ("--data", "digits", "--size", 16, "--rounds", 2, "--out", "run")
    assert saddle("train", "dcgan", *data, *tiny).status == 0
    assert saddle("sample", "run", "-n", 30, "--out", "folder").status == 0
    assert saddle("sample", "run", "-n", 30, "--out", "x.npy").status == 0
    values = [
        saddle("evaluate", "--real", "digits", "--size", 16, "--fake", fake, "-n", 30, "--features", "pixels",
               "--measures", "fid", "--json").json["measures"]["fid"]["value"]
        for fake in ("folder", "x.npy", "run")
    ]  # fmt: skip
    assert values[0] == values[1] == values[2]


def test_two_cards_are_compared_or_refused(saddle, features):
    real, good, bad = features("r", 0), features("g", 1), features("b", 2, shift=1.5)
    measures = ("--measures", "fid,kid")
    assert saddle("evaluate", "--real", real, "--fake", bad, *measures, "--out", "bad.json").status == 0
    said = saddle("evaluate", "--real", real, "--fake", good, *measures, "--compare", "bad.json", "--json").json
    assert {row["measure"]: row["better"] for row in said["compared"]} == {"fid": True, "kid": True}
    fewer = features("f", 1, n=100)
    said = saddle("evaluate", "--real", real, "--fake", fewer, *measures, "--compare", "bad.json", "--json")
    assert said.status == 2
    assert "N of the generated side: 100 and 120" in said.err
    assert said.json["measures"]["fid"]["value"] > 0 and "compared" not in said.json


@pytest.mark.parametrize(
    "words, complaint",
    [
        (("--real", "a.npy"), "what is judged"),
        (("--real", "a.npy", "--fake", "none"), "no data set is called 'none'"),
        (("--fake", "a.npy"), "only a run knows its own"),
        (("--real", "ring8", "--fake", "a.npy"), "rows of 2"),
        (("--real", "a.npy", "--fake", "a.npy", "--measures", "fdi"), "Did you mean 'fid'"),
        (("--real", "a.npy", "--fake", "a.npy", "--features", "digts"), "Did you mean 'digits'"),
        (("--real", "a.npy", "--fake", "a.npy", "--features", "pixels"), "identity"),
        (("--real", "a.npy", "--fake", "a.npy", "-n", "0"), "1 or more"),
        (("--real", "a.npy", "--fake", "a.npy", "--measures", "inception-score"), "an extractor with a classifier"),
        (("--real", "a.npy", "--fake", "a.npy", "--compare", "a.npy"), "expected the JSON"),
        (("--real", "a.npy", "--fake", "a.npy", "--out", "card.jpg"), ".png or .json"),
        (("--real", "a.npy", "--fake", "a.npy", "--mesures", "fid"), "--measures"),
        (("--real", "nan.npy", "--fake", "a.npy"), "finite"),
        (("--real", "broken.npy", "--fake", "a.npy"), "broken.npy"),
        (("--real", "a.npy", "--fake", "a.npy", "--weights", "w.pth"), "weights"),
    ],
)
def test_what_cannot_be_meant_is_one_line(saddle, features, words, complaint):
    features("a", 0)
    np.save("nan.npy", np.full((5, 5), np.nan))
    Path("broken.npy").write_bytes(b"\x93NUMPY garbage")
    said = saddle("evaluate", *words)
    assert said.status == 2, said
    assert complaint in said.err
    assert said.err.count("\n") <= 2 and "Traceback" not in said.err
    assert said.out == ""


@pytest.mark.parametrize("out", ["file/card.json", "file/card.png", "file"])
def test_a_card_that_cannot_be_written_has_been_printed(saddle, features, out):
    """A file stands where a folder would."""
    real, fake = features("r", 0), features("g", 1)
    Path("file").write_text("in the way")
    said = saddle("evaluate", "--real", real, "--fake", fake, "--measures", "fid", "--json", "--out", out)
    assert said.status != 0 and "file" in said.err and "Traceback" not in said.err
    assert said.json["measures"]["fid"]["value"] > 0


def test_a_run_called_as_a_data_set_is_found_by_its_path(saddle, tiny):
    """The name is the data set's; what is said then leads to the run."""
    data = ("--data", "digits", "--size", 16, "--rounds", 1, "--out", "digits")
    assert saddle("train", "dcgan", *data, *tiny).status == 0
    said = saddle("evaluate", "--fake", "digits")
    assert said.status == 2 and "write ./digits for the run" in said.err
    words = ("-n", 8, "--features", "pixels", "--measures", "fid", "--json")
    assert saddle("evaluate", "--fake", "./digits", *words).json["measures"]["fid"]["value"] > 0


def test_quality_over_time_is_logged_and_drawn(saddle, tiny):
    said = saddle(*RING, *tiny, "--rounds", 6, "--out", "run", "--evaluate_every", 3)
    assert said.status == 0, said.err
    rows = [json.loads(line) for line in Path("run/scores.jsonl").read_text().splitlines()]
    assert [row["round"] for row in rows] == [3, 6]
    assert {"fid", "kid", "precision", "recall", "density", "coverage", "features", "seconds"} <= rows[0].keys()
    with Image.open("run/scores.png") as curves:
        assert curves.size[0] > 500
    assert "curves of the measures" in Path("run/report.html").read_text(encoding="utf-8")


def test_measuring_changes_no_weight(saddle, tiny, same):
    for out, words in (("a", ()), ("b", ("--evaluate_every", 1))):
        data = ("--data", "digits", "--size", 16, "--rounds", 2, "--out", out)
        assert saddle("train", "dcgan", *data, *tiny, *words).status == 0
    assert same("a", "b")


def test_a_resume_measures_again_what_it_plays_again(saddle, tiny):
    saddle(*RING, *tiny, "--rounds", 6, "--out", "run", "--evaluate_every", 2, "--checkpoint_every", 4)
    first = Path("run/scores.jsonl").read_text().splitlines()
    Path("run/checkpoints/round-000000006.safetensors").unlink()
    assert saddle("train", "--resume", "run", "--rounds", 6).status == 0
    again = [json.loads(line) for line in Path("run/scores.jsonl").read_text().splitlines()]
    kept = [json.loads(line) for line in first]
    assert [row["round"] for row in again] == [2, 4, 6]
    for old, new in zip(kept, again, strict=True):
        assert {**old, "seconds": 0} == {**new, "seconds": 0}


def test_the_tables_are_listed(saddle):
    measures = saddle("list", "measures", "--json").json["measures"]
    numbers = [entry["number"] for entry in measures if entry["number"]]
    assert sorted(numbers, key=lambda n: (n[0] == "Q", int(n.lstrip("Q")))) == [
        *(str(n) for n in range(1, 25)),
        *(f"Q{n}" for n in range(1, 6)),
    ]
    assert {"name", "number", "needs", "direction", "range", "ideal", "source"} <= measures[0].keys()
    names = [entry["name"] for entry in saddle("list", "features", "--json").json["features"]]
    assert names == ["identity", "pixels", "digits", "efficientnet-lite0", "inception-2015", "dinov2", "clip"]

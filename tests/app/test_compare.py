"""``saddle compare``: studies of real runs, resumed, refused and gathered; and the statistics of a few seeds."""

import json
import math
import shutil
import signal
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from saddle.app.cli import main
from saddle.app.compare.picture import band
from saddle.app.compare.scores import distance
from saddle.app.compare.statistics import LEVEL, fewest_seeds, holm, places, sign_flip, summary
from saddle.app.compare.timetable import length

TINY = ("--batch", "8", "--z_dim", "4", "--hidden", "16")
ARMS = ("gan", "wgan-gp --n_critic 2")
RING = ("--data", "ring8", "--rounds", "4", "--no-curves", "-n", "200", "--json")

numbers = st.floats(-1e3, 1e3).map(lambda x: round(x, 3))


@pytest.fixture(scope="module")
def _made(tmp_path_factory):
    """A study of two arms and two seeds, made once by the command."""
    folder = tmp_path_factory.mktemp("compare") / "study"
    assert main(["compare", *ARMS, *RING, "--seeds", "2", "--out", str(folder), "--", *TINY]) == 0
    return folder


@pytest.fixture
def study(_made, saddle):
    """A copy of it as ``study`` in the present folder."""
    shutil.copytree(_made, "study")
    return Path("study")


def compare(saddle, *words):
    return saddle("compare", *ARMS, *RING, *words, "--", *TINY)


# statistics


@given(st.lists(numbers, min_size=2, max_size=9))
def test_mean_and_standard_error(values):
    mean, stderr = summary(values)
    assert mean == pytest.approx(np.mean(values), abs=1e-9)
    assert stderr == pytest.approx(np.std(values, ddof=1) / np.sqrt(len(values)), abs=1e-9)


def test_few_values_give_no_error():
    assert summary([]) == (None, None)
    assert summary([3.0]) == (3.0, None)


@pytest.mark.parametrize("k", [1, 2, 5, 10, 16])
def test_differences_of_one_sign_have_the_least_p(k):
    """Only all signs as they are and all of them turned are as extreme."""
    assert sign_flip([1.0 + i for i in range(k)]) == 2 / 2**k


def test_sign_flips_by_hand():
    """Sums of +-1 +-2 +-3: 6, 4, 2, 0 and their negatives; 0 twice."""
    assert sign_flip([-1.0, 2.0, 3.0]) == 4 / 8
    assert sign_flip([1.0, -2.0, 3.0]) == 6 / 8
    assert sign_flip([1.0, 2.0, -3.0]) == 1
    assert sign_flip([0.0, 0.0]) == 1


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=7))
def test_sign_flips_are_counted_exactly(differences):
    sums = [abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
            for signs in product((1, -1), repeat=len(differences))]  # fmt: skip
    assert sign_flip(differences) == sum(s >= abs(sum(differences)) for s in sums) / len(sums)
    assert sign_flip([-0.1 * d for d in differences]) == sign_flip(differences)


def test_many_pairs_are_drawn():
    """Against the normal limit: 30 differences whose sum lies at 2 standard deviations of a random sum of signs."""
    d = np.ones(30)
    d[: (30 - 12) // 2] = -1  # sum 12; P(|sum| >= 12) of 30 signs, by the binomial law
    exact = 2 * sum(math.comb(30, k) for k in range(21, 31)) / 2**30
    assert sign_flip(d) == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 100_000))


def test_p_values_are_honest(rng):
    """Under the hypothesis P(p <= a) <= a for every a."""
    draws = np.random.default_rng(0).standard_normal((2000, 6))
    p = np.array([sign_flip(row) for row in draws])
    for level in (1 / 32, 2 / 32, 8 / 32):
        assert (p <= level).mean() == pytest.approx(level, abs=4 * math.sqrt(level / 2000))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_step_by_step(p):
    """His procedure: in rising order, reject while p <= level / (tests left)."""
    order, rejected = sorted(range(len(p)), key=lambda i: p[i]), set()
    for place, i in enumerate(order):
        if (len(p) - place) * p[i] > LEVEL:
            break
        rejected.add(i)
    assert {i for i, corrected in enumerate(holm(p)) if corrected <= LEVEL} == rejected


@pytest.mark.parametrize("arms", [2, 3, 4, 7])
def test_with_enough_seeds_a_difference_can_be_clear(arms):
    pairs, k = arms * (arms - 1) // 2, fewest_seeds(arms)
    for seeds, clear in ((k, True), (k - 1, False)):
        p = [sign_flip([1.0] * seeds)] + [1.0] * (pairs - 1)
        assert (holm(p)[0] <= LEVEL) is clear


def test_places_hold_what_is_unclear():
    assert places("abcd", [("a", "c"), ("a", "d"), ("b", "d")]) == {"a": (1, 2), "b": (1, 3), "c": (2, 4), "d": (3, 4)}


def test_less_distance_is_better():
    assert distance("fid", 3.0) < distance("fid", 4.0)
    assert distance("recall", 0.9) < distance("recall", 0.8)
    assert distance("modes", 8.0) < distance("modes", 7.0)
    assert distance("c2st", 0.45) < distance("c2st", 0.6)


def test_workers_take_the_next_piece():
    assert length([4, 3, 3, 1], 2) == 6
    assert length([2.0] * 5, 2) == 6
    assert length([], 2) == 0
    assert length([1.0, 5.0], 9) == 5


def test_a_band_lies_where_all_curves_are():
    curves = [(np.array([0.0, 4.0]), np.array([0.0, 4.0])), (np.array([1.0, 3.0]), np.array([3.0, 5.0]))]
    x, mean, error = band(curves, points=3)
    assert x.tolist() == [1, 2, 3]
    assert mean.tolist() == [2, 3, 4]
    assert error.tolist() == pytest.approx([1, 1, 1])  # the two differ by 2: s = sqrt(2), over sqrt(2)
    assert band(curves[:1])[2] is None


# studies


def test_what_a_study_says(study, saddle):
    said = compare(saddle, "--seeds", 2, "--out", study)
    assert said.status == 0, said.err
    assert "4 runs of 4 rounds, 4 of them done before" in said.err
    document = said.json
    assert [(row["recipe"], row["seeds"]) for row in document["rows"]] == [(name, 2) for name in ARMS]
    for row in document["rows"]:
        assert {"kid", "modes", "high_quality", "precision-recall", "precision", "recall"} <= row["measures"].keys()
        for entry in row["measures"].values():
            a, b = entry["values"].values()
            assert entry["mean"] == pytest.approx((a + b) / 2)
            assert entry["stderr"] == pytest.approx(abs(a - b) / 2)
    assert document["failed"] == []
    assert document["rank"]["by"] == "kid"
    assert [place["to"] for place in document["rank"]["places"]] == [2, 2]
    assert "no clear difference" in document["rank"]["verdicts"][0]
    assert document["rank"]["note"] == "2 seeds cannot show a clear difference between 2 arms; 6 can"
    assert document["settings"]["arms"]["gan"]["settings"]["hidden"] == 16
    assert document["settings"]["measured"]["n"] == 200
    assert document == json.loads((study / "compare.json").read_text())
    page = (study / "compare.md").read_text(encoding="utf-8")
    assert "| 1 to 2 | gan | 2 | " in page and "(compare.png)" in page
    with Image.open(study / "compare.png") as picture:
        assert min(picture.size) > 300


def test_values_are_those_of_evaluate(study, saddle):
    document = json.loads((study / "compare.json").read_text())
    run = study / "runs" / "wgan-gp-n_critic-2" / "seed-1"
    card = saddle("evaluate", "--fake", run, "-n", 200, "--measures", "kid,modes,precision-recall", "--json").json
    values = document["rows"][1]["measures"]
    assert values["kid"]["values"]["1"] == card["measures"]["kid"]["value"]
    assert values["recall"]["values"]["1"] == card["measures"]["precision-recall"]["recall"]
    assert values["high_quality"]["values"]["1"] == card["measures"]["modes"]["high_quality"]


def test_a_run_is_what_train_makes(study, saddle, same):
    words = ("--data", "ring8", "--rounds", 4, "--seed", 1, "--threads", 1, *TINY)
    assert saddle("train", "gan", *words, "--out", "alone").status == 0
    assert same(study / "runs" / "gan" / "seed-1", "alone")


def test_a_deleted_run_is_made_again_and_no_other(study, saddle, same):
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*.safetensors")}
    shutil.copytree(study, "whole")
    shutil.rmtree(study / "runs" / "gan" / "seed-1")
    scores = json.loads((study / "scores.json").read_text())
    said = saddle("compare", "--resume", study, "--json")
    assert said.status == 0, said.err
    assert "3 of them done before" in said.err and "1 of 1: gan, seed 1: done, 4 rounds" in said.err
    changed = [path for path in study.rglob("*.safetensors") if path.stat().st_mtime_ns != before[path]]
    assert [path.parent.parent for path in changed] == [study / "runs" / "gan" / "seed-1"]
    assert same(changed[0].parent.parent, Path("whole/runs/gan/seed-1"))
    assert said.json["rows"] == json.loads(Path("whole/compare.json").read_text())["rows"]
    again = json.loads((study / "scores.json").read_text())
    assert [key for key in again if again[key] != scores[key]] in ([], ["gan/seed-1"])  # only its seconds may differ


def test_another_measure_is_added_to_those_kept(study, saddle):
    before = json.loads((study / "scores.json").read_text())
    said = saddle("compare", "--resume", study, "--measures", "fid,kid", "--by", "fid", "--json")
    assert said.status == 0, said.err
    after = json.loads((study / "scores.json").read_text())
    assert all(after[key]["measures"]["kid"] == row["measures"]["kid"] for key, row in before.items())
    assert list(said.json["rows"][0]["measures"]) == ["fid", "kid"]
    assert said.json["rank"]["by"] == "fid"


@pytest.mark.parametrize(
    "words, complaint",
    [
        (("--rounds", 5), "target={'rounds': 5}"),
        (("--data", "grid25"), "ring8"),
        (("--seed", 3), "seed=3: expected seed=0"),
        (("gan --hidden 8",), None),
    ],
)
def test_another_study_is_not_mixed_in(study, saddle, words, complaint):
    before = (study / "study.json").read_bytes()
    said = saddle("compare", "--resume", study, *words, "--within", "1s")
    assert said.status == 2
    assert (complaint or "take about") in said.err  # another arm would be welcome, but for the time
    assert said.err.count("\n") <= 2
    assert (study / "study.json").read_bytes() == before


def test_a_run_of_other_settings_is_refused(study, saddle):
    shutil.rmtree(study / "runs" / "gan" / "seed-1")
    shutil.copytree(study / "runs" / "gan" / "seed-0", study / "runs" / "gan" / "seed-1")
    said = saddle("compare", "--resume", study)
    assert said.status == 2 and "seed=0 and not 1" in said.err


def test_a_damaged_study_is_refused(study, saddle):
    (study / "study.json").write_text('{"arms": 3}')
    said = saddle("compare", "--resume", study)
    assert said.status == 2 and "damaged" in said.err


@pytest.mark.parametrize(
    "words, complaint",
    [
        (("gan",), "arms=gan: expected two or more"),
        ((), "arms=none"),
        (("gan", "wgna"), "Did you mean 'wgan'"),
        (("gan", "gan"), "another game than 'gan'"),
        (("gan", "gan --n_critic 1"), "another game than 'gan'"),
        (("gan", "gan --seed 3"), "arm=gan --seed 3"),
        (("gan", "gan --budget=3s"), "give it to saddle compare itself"),
        (("gan", "gan --help"), "flags of the recipe"),
        (("gan", "wgan --lr_critc 3"), "did you mean --lr_critic?"),
        (("gan", "gan 'x"), "quotes that close"),
        (("gan", "dcgan"), "arm=dcgan: network=dcgan: expected images"),
        (("gan", "wgan", "--seeds", 0), "seeds=0: expected 1 or more"),
        (("gan", "wgan", "--jobs", 0), "jobs=0"),
        (("gan", "wgan", "--shard", "3/2"), "shard=3/2"),
        (("gan", "wgan", "--rounds", 0), "rounds=0"),
        (("gan", "wgan", "--budget", "soon"), "budget=soon"),
        (("gan", "wgan", "--measures", "fdi"), "Did you mean 'fid'"),
        (("gan", "wgan", "--by", "fid"), "by=fid: expected one of kid"),
        (("gan", "wgan", "--within", "x"), "within=x"),
        (("gan", "wgan", "--mesures", "fid"), "did you mean --measures?"),
        (("--resume", "none"), "study=none"),
        (("gan", "wgan", "--out", "a", "--resume", "b"), "out=a: expected none with --resume"),
    ],
)
def test_what_cannot_be_meant_is_one_line(saddle, words, complaint):
    data = () if "--resume" in words else ("--data", "ring8", "--no-curves")
    said = saddle("compare", *words, *data)
    assert said.status == 2, said
    assert complaint in said.err
    assert said.err.count("\n") <= 2 and "Traceback" not in said.err
    assert said.out == "" and not Path("comparisons").exists()


@pytest.mark.parametrize(
    "words, fits",
    [
        (("--budget", "1h", "--within", "3h10m"), "take about 5h40s; what fits: --seeds 3 or --budget 37m52s"),
        (("--budget", "5m", "--within", "5m"), "take about 25m40s; what fits: --budget 52s"),
        (("--budget", "5m", "--within", "10s"), "not even one seed of it fits"),
    ],
)
def test_a_study_that_does_not_fit_is_refused_before_it_begins(saddle, words, fits):
    """10 runs, 2 at a time, 8 seconds each for beginning and ending: 5 (3600 + 8) s = 5 h 40 s."""
    said = saddle("compare", "gan", "wgan", "--data", "ring8", "--seeds", 5, "--jobs", 2, "--no-curves", *words)
    assert said.status == 2
    assert fits in said.err
    assert not Path("comparisons").exists()


# what takes several processes


@pytest.mark.slow
def test_a_failed_run_is_kept_and_told_and_the_others_go_on(saddle):
    words = ("gan", "gan --lr_critic 1e30", *RING, "--seeds", 2, "--out", "study")
    said = saddle("compare", *words, "--", *TINY)
    assert said.status == 1, said.err
    failed = said.json["failed"]
    assert [(one["recipe"], one["seed"]) for one in failed] == [
        ("gan --lr_critic 1e30", 0),
        ("gan --lr_critic 1e30", 1),
    ]
    assert "round" in failed[0]["error"] and Path(failed[0]["run"], "config.json").exists()
    assert [row["seeds"] for row in said.json["rows"]] == [2, 0]
    assert said.json["rows"][1]["measures"]["kid"] == {"mean": None, "stderr": None, "values": {}}
    said = saddle("compare", *words, "--", *TINY)  # what fails is not tried again, unless asked for
    assert said.status == 1 and "done before" in said.err and "1 of" not in said.err
    said = saddle("compare", *words, "--retry", "--", *TINY)
    assert said.status == 1 and said.err.count("of 2: gan --lr_critic 1e30, seed") == 2


@pytest.mark.slow
def test_parts_of_a_study_are_gathered(saddle):
    words = ("--seeds", 2, "--out", "study")
    first = compare(saddle, *words, "--shard", "1/2")
    assert first.status == 0 and first.json["runs"] == 2 and first.json["rows"] == []
    assert len(list(Path("study").rglob("config.json"))) == 2
    assert compare(saddle, *words, "--shard", "2/2").status == 0
    said = compare(saddle, *words)
    assert said.status == 0 and "4 of them done before" in said.err
    assert [row["seeds"] for row in said.json["rows"]] == [2, 2]


@pytest.mark.slow
def test_an_interrupted_study_goes_on_bit_for_bit(child, saddle, same, log):
    words = ("--data", "ring8", "--rounds", 1500, "--no-curves", "-n", 200, "--seeds", 1, "--jobs", 1, "--out", "study")
    process = child("compare", "gan", "lsgan", *words, "--json", "--", *TINY)
    assert process.until(lambda: bool(log("study/runs/gan/seed-0")))
    said = process.end(signal.SIGINT)
    assert said.status == 1 and said.out == ""
    assert "go on with: saddle compare --resume study" in said.err
    assert json.loads(Path("study/runs/gan/seed-0.json").read_text())["stopped"] == "interrupted"
    assert not Path("study/runs/lsgan").exists()
    assert saddle("compare", "--resume", "study").status == 0
    assert (
        saddle("train", "gan", "--data", "ring8", "--rounds", 1500, "--threads", 1, *TINY, "--out", "alone").status == 0
    )
    assert same("study/runs/gan/seed-0", "alone")


@pytest.mark.slow
def test_curves_are_measured_while_runs_train(saddle):
    words = ("--data", "ring8", "--rounds", 16, "--seeds", 1, "--measures", "kid", "--out", "study", "--", *TINY)
    said = saddle("compare", *ARMS, *words)
    assert said.status == 0, said.err
    rows = [json.loads(line) for line in Path("study/runs/gan/seed-0/scores.jsonl").read_text().splitlines()]
    assert [row["round"] for row in rows] == [2, 4, 6, 8, 10, 12, 14, 16]
    assert "kid" in said.out and "compare.png" in said.out


@pytest.mark.slow
def test_a_budget_counts_for_all_alike(saddle):
    words = ("--data", "ring8", "--budget", "2s", "--no-curves", "-n", 200, "--seeds", 1, "--jobs", 1, "--json")
    said = saddle("compare", *ARMS, *words, "--", *TINY)
    assert said.status == 0, said.err
    assert said.json["study"] == str(Path("comparisons/0001"))
    for folder in ("gan", "wgan-gp-n_critic-2"):
        document = json.loads(Path(f"comparisons/0001/runs/{folder}/seed-0.json").read_text())
        assert document["stopped"] == "budget" and 2 <= document["seconds"] < 4

"""``saddle bench``: tables of real runs beside published ones, and how values, infinite ones too, are told."""

import json
import math
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saddle import benchmarks
from saddle.app.bench.results import collect, differences
from saddle.app.bench.scores import SEED, Scores
from saddle.app.bench.words import markdown, table
from saddle.app.compare.study import Arm, Study

TINY = " --network mlp --batch 8 --z_dim 4 --hidden 8"
ROWS = (f"gan{TINY}", f"wgan-gp{TINY}")
RING = ("ring8/pacgan", "--rounds", 20, "--seeds", 2, "--out", "study")
COLUMNS = ["modes", "modes_tenth", "high_quality", "kl_model_data", "kl_data_model"]


def study(rounds=40_000, seeds=3, names=("gan", "packing-2")):
    protocol = benchmarks.find("ring8/pacgan")
    arms = []
    for name in names:
        row = protocol.rows[name]
        arms.append(Arm(name, row.recipe, tuple(protocol.flags([*protocol.settings], row)), name, {}, None))
    target = {"rounds": rounds} if rounds else {"budget": "9m"}
    return Study(Path("study"), protocol.data, "", None, None, target, 0, seeds, "cpu", 0.0, tuple(arms), ("kid",),
                 None, None, None, "ring8/pacgan")  # fmt: skip


def scores(of, values):
    """Scores of the first arm's seeds, and one perfect set of real samples."""
    real = dict(zip(COLUMNS, (8.0, 8.0, 0.99, 0.001, 0.001), strict=True))
    held = {
        f"gan/seed-{seed}": {"checkpoint": "", "how": {}, "values": row and dict(zip(COLUMNS, row, strict=True))}
        for seed, row in enumerate(values)
    }
    protocol = benchmarks.find("ring8/pacgan")
    return Scores(of, protocol, held | {"real": {"checkpoint": "", "how": {}, "values": [real]}})


def document(values, lost=(), **of):
    made = study(**of)
    dead = {entry: "round 7: loss is nan" for entry in made.entries() if (entry.arm.name, entry.seed) in lost}
    return collect(made, benchmarks.find("ring8/pacgan"), scores(made, values), dead, [])


# the document and the table


def test_means_are_over_the_seeds_that_did_not_diverge():
    rows = [(8, 8, 0.98, 0.01, 0.01), (6, 5, 0.90, 0.21, None)]
    found = document(rows, lost=[("gan", 2)])["rows"]
    gan = found[0]
    assert (gan["name"], gan["recipe"], gan["seeds"], gan["diverged"]) == ("gan", "gan", 3, 1)
    assert gan["values"]["modes"] == {"mean": 7.0, "stderr": 1.0, "each": {"0": 8.0, "1": 6.0}, "infinite": 0}
    assert gan["values"]["kl_model_data"]["mean"] == pytest.approx(0.11)
    assert gan["values"]["kl_data_model"] == {
        "mean": None,
        "stderr": None,
        "each": {"0": 0.01, "1": None},
        "infinite": 1,
    }
    assert (found[1]["seeds"], found[1]["values"]["modes"]["mean"]) == (0, None)


def test_the_document_is_plain_json():
    found = document([(0, 0, 0.0, None, None), None])
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["ceiling"]["high_quality"] == pytest.approx(1 - math.exp(-4.5))
    assert found["floor"] == {"kl_model_data": 7 / 5000}
    assert found["published"][0]["values"]["modes"] == {"mean": 6.3, "error": 0.5}
    assert found["command"] == "saddle bench ring8/pacgan --recipes gan,packing-2 --rounds 40000 --seeds 3"


def test_the_table_stands_beside_the_published_one():
    head, parts = table(document([(8, 8, 0.98, 0.01, None), (6, 5, 0.90, 0.21, None)], lost=[("packing-2", 0)]))
    assert head[3:6] == ["modes (of 8)", "modes ≥ 1/10 (of 8)", "high quality, %"]
    titles, rows = zip(*parts, strict=True)
    assert titles == ("here", "the data", "Lin et al. 2018, table 1, 10 trials, ± standard error")
    assert rows[0][0] == ["gan", "2", "0 of 2", "7.0 ± 1.0", "6.5 ± 1.5", "94.0 ± 4.0", "0.11 ± 0.10", "∞"]
    assert rows[0][1] == ["packing-2", "1", "1 of 1", "", "", "", "", ""]
    assert rows[1][1] == ["perfect generator", "", "", "8", "8", "98.89", "0.0014", ""]
    assert rows[2][2] == ["PacGAN2", "", "", "7.9 ± 0.1", "", "95.6 ± 2", "0.07 ± 0.03", ""]


def test_the_page_has_table_differences_and_command():
    page = markdown(document([(8, 8, 0.98, 0.01, 0.01)], lost=[("gan", 1)]))
    assert "| gan | 2 | 1 of 2 | 8 | 8 | 98 | 0.01 | 0.01 |" in page
    assert "- gan, seed 1: round 7: loss is nan" in page
    assert "- 40,000 rounds; the paper has 400,000\n- 3 runs of each row; the paper has 10" in page
    assert "$ saddle bench ring8/pacgan --recipes gan,packing-2" in page


def test_differences_are_those_of_this_call():
    protocol = benchmarks.find("ring8/pacgan")
    assert differences(study(400_000, 10), protocol) == list(protocol.differences)
    assert differences(study(None, 10), protocol)[0].startswith("each run trains for 9m, however many rounds that is")
    unrolled = benchmarks.find("ring8/unrolled")
    assert "the paper does not say how many it has" in " ".join(differences(study(25_000, 10, ("gan",)), unrolled))
    noted = differences(study(400_000, 10, ("gan", "rpgan-r1-r2")), protocol)
    assert noted[-1] == f"rpgan-r1-r2: {protocol.rows['rpgan-r1-r2'].note}"


# the command


@pytest.mark.parametrize(
    "words, complaint",
    [
        (("ring8/pacgn",), "Did you mean 'ring8/pacgan'"),
        ((), "PROTOCOL"),
        (("ring8/pacgan", "--recipes", "gna"), "Did you mean 'gan'"),
        (("ring8/pacgan", "--recipes", "gan --rounds 3"), "give it to saddle bench itself"),
        (("ring8/pacgan", "--seeds", 0), "seeds=0: expected 1 to 1,000"),
        (("ring8/pacgan", "--jobs", 0), "jobs=0"),
        (("ring8/pacgan", "--shard", "2/1"), "shard=2/1"),
        (("ring8/pacgan", "--recipes", "gan", "--budget", "soon"), "budget=soon"),
        (("ring8/pacgan", "--recipe", "gan", "--sedes", 3), "did you mean --seeds?"),
        (("ring8/pacgan", "--recipes", "wgan-gp --dynamics simultaneous", "--rounds", 9), "arm=wgan-gp --dynamics"),
    ],
)
def test_what_cannot_be_meant_is_one_line(saddle, words, complaint):
    said = saddle("bench", *words)
    assert said.status == 2, said
    assert complaint in said.err and said.err.count("\n") == 1
    assert said.out == "" and not Path("benchmarks").exists()


def test_a_bench_that_does_not_fit_is_refused_before_it_begins(saddle):
    """4 runs, 2 at a time, 8 seconds each for beginning and ending: 2 (3600 + 8) s = 2 h 16 s."""
    words = ("--recipes", *ROWS, "--seeds", 2, "--jobs", 2, "--budget", "1h", "--within", "1h30m")
    said = saddle("bench", "ring8/pacgan", *words)
    assert said.status == 2
    assert "take about 2h16s; what fits: --seeds 1 or --budget 44m52s" in said.err
    assert not Path("benchmarks").exists()


def test_protocols_are_listed(saddle):
    said = saddle("list", "protocols", "--json")
    assert {entry["name"] for entry in said.json["protocols"]} == set(benchmarks.names())


@pytest.mark.slow
def test_a_bench_is_run_scored_resumed_and_drawn(saddle, same):
    said = saddle("bench", *RING, "--recipes", *ROWS, "--json")
    assert said.status == 0, said.err
    found = said.json
    assert "4 runs of 20 rounds" in said.err and "4 of 4" in said.err
    assert [(row["name"], row["seeds"], row["diverged"]) for row in found["rows"]] == [(name, 2, 0) for name in ROWS]
    assert found["differences"][:2] == ["20 rounds; the paper has 400,000", "2 runs of each row; the paper has 10"]
    assert found["real"]["high_quality"]["mean"] == pytest.approx(1 - math.exp(-4.5), abs=0.003)
    with Image.open("study/bench.png") as picture:
        assert min(picture.size) > 200
    assert found == json.loads(Path("study/bench.json").read_text())

    # scored again from the samples themselves
    run = next(Path("study/runs").glob("gan*/seed-1"))
    assert saddle("sample", run, "-n", 2500, "--seed", SEED, "--out", "x.npy").status == 0
    angle = 2 * np.pi * np.arange(8) / 8
    means = np.stack([np.cos(angle), np.sin(angle)], 1)
    distance = np.linalg.norm(np.load("x.npy")[:, None] - means, axis=2)
    near = distance.min(1) <= 0.03
    each = {column: value["each"]["1"] for column, value in found["rows"][0]["values"].items()}
    assert each["high_quality"] == pytest.approx(near.mean())
    assert each["modes"] == len(set(distance.argmin(1)[near].tolist()))

    # a deleted run is made again and no other; nothing else changes
    shutil.copytree(run, "kept")
    shutil.rmtree(run)
    again = saddle("bench", "ring8/pacgan", "--out", "study", "--json")
    assert again.status == 0 and "3 of them done before" in again.err and "1 of 1" in again.err
    assert same(run, "kept")
    assert again.json["rows"] == found["rows"]

    # rows and seeds may be added, another protocol may not
    more = saddle("bench", *RING, "--recipes", "gan --network mlp --hidden 4 --batch 8", "--json")
    assert more.status == 0 and len(more.json["rows"]) == 3
    other = saddle("bench", "ring8/veegan", "--out", "study")
    assert other.status == 2 and "protocol=ring8/veegan: expected protocol=ring8/pacgan" in other.err
    assert saddle("bench", "ring8/pacgan", "--out", "study", "--rounds", 30).status == 2


@pytest.mark.slow
def test_a_run_that_diverges_is_a_result(saddle):
    words = ("--recipes", f"gan{TINY}", f"gan{TINY} --lr_critic 1e30", "--json")
    first = saddle("bench", *RING, *words, "--shard", "1/2")
    assert first.status == 0 and first.json["rows"] == [] and first.json["failed"] == [], first.err
    said = saddle("bench", *RING, *words)
    assert said.status == 0, said.err
    assert [(row["seeds"], row["diverged"]) for row in said.json["rows"]] == [(2, 0), (2, 2)]
    assert said.json["rows"][1]["values"]["modes"]["mean"] is None
    assert [one["seed"] for one in said.json["diverged"]] == [0, 1] and "round" in said.json["diverged"][0]["where"]
    page = Path("study/bench.md").read_text(encoding="utf-8")
    assert "--lr_critic 1e30 | 2 | 2 of 2 |  |" in page and "Diverged, counted but in no mean" in page


@pytest.mark.slow
def test_an_interrupted_bench_says_how_to_go_on(saddle, child, log):
    words = ("--rounds", 1500, "--seeds", 1, "--jobs", 1, "--recipes", *ROWS)
    process = child("bench", "ring8/pacgan", *words)
    assert process.until(lambda: bool(log(next(Path("benchmarks").rglob("seed-0"), Path("none")))))
    said = process.end(signal.SIGINT)
    folder = Path("benchmarks/ring8-pacgan/0001")
    assert said.status == 1 and said.out == ""
    assert f"go on with: saddle bench ring8/pacgan --out {folder}" in said.err
    assert len(list(folder.rglob("config.json"))) == 1
    again = saddle("bench", "ring8/pacgan", "--out", folder, "--shard", "1/2")
    assert again.status == 0 and "1 of 1 runs are finished" in again.out

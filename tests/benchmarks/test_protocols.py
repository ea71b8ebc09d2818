"""Protocols: each is whole, each of its rows can be played, and rows become command lines of ``saddle train``."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from saddle import benchmarks
from saddle.app.bench.arms import arms, lacking, row_of
from saddle.app.compare.prepare import Request, prepare
from saddle.benchmarks.protocol import COLUMNS
from saddle.data.known import KNOWN

NAMES = sorted(benchmarks.names())


def prepared(name, rows, folder):
    protocol = benchmarks.find(name)
    shared = {"data": protocol.data, "size": protocol.size, "rounds": 1, "device": "cpu"}
    return prepare(Request(folder, None, arms(protocol, rows), shared, 1, curves=False, protocol=name))


@pytest.mark.parametrize("name", NAMES)
def test_a_protocol_is_whole(name):
    protocol = benchmarks.find(name)
    assert protocol.data in KNOWN
    assert set(protocol.default_rows) <= set(protocol.rows)
    assert len(protocol.default_rows) >= 3
    assert set(protocol.judge.ceiling) | set(protocol.judge.floor) <= set(protocol.judge.columns) <= set(COLUMNS)
    for line in protocol.published:
        assert set(line.values) <= set(protocol.judge.columns)
        assert line.error in ("", "se", "std")
        assert all(0 <= value <= protocol.judge.ceiling.get(column, 10) or "rule" in line.source or value <= 1
                   for column, (value, _) in line.values.items())  # fmt: skip
    assert protocol.differences and protocol.card.keys() == {"data", "networks", "optimiser", "counting"}
    assert f"`{protocol.data}`" in protocol.card["data"]
    assert protocol.published_rounds is None or protocol.rounds <= protocol.published_rounds


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_row_can_be_played(name, tmp_path):
    """Its settings are settings of its recipe, which go with the data and with each other."""
    protocol = benchmarks.find(name)
    found = prepared(name, list(protocol.rows), tmp_path)
    assert [arm.name for arm in found.study.arms] == list(protocol.rows)
    for arm in found.study.arms:
        assert row_of(protocol, arm) is protocol.rows[arm.name]
        assert lacking(protocol, arm.recipe) == []
        wanted = dict(protocol.settings) | dict(protocol.rows[arm.name].settings)
        assert {setting: arm.settings[setting] for setting in wanted} == wanted
    assert not list(tmp_path.iterdir())


def test_names_are_listed_without_torch():
    program = "import sys, json, saddle.benchmarks as b; print(json.dumps([b.catalogue(), 'torch' in sys.modules]))"
    root = Path(__file__).parents[2]
    said = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    catalogue, torch = json.loads(said.stdout)
    assert not torch
    assert {"ring8/pacgan", "mixture1200", "stacked-mnist/metz-quarter"} <= {entry["name"] for entry in catalogue}
    assert all(entry["summary"].endswith(".") and "arXiv" in entry["source"] for entry in catalogue)


def test_flags_of_an_arm_win_over_its_row_and_the_row_over_the_protocol(tmp_path):
    found = prepared("ring8/pacgan", ["gan,packing-2", "packing-2 --beta1 0.25", "lsgan --batch 50"], tmp_path)
    gan, packed, own, other = (arm.settings for arm in found.study.arms)
    assert [arm.name for arm in found.study.arms] == ["gan", "packing-2", "packing-2 --beta1 0.25", "lsgan --batch 50"]
    assert (gan["batch"], gan["beta1"], gan["remedies"]) == (100, 0.8, "")
    assert (packed["batch"], packed["beta1"], packed["remedies"]) == (200, 0.8, "packing=2")
    assert (own["batch"], own["beta1"], own["remedies"]) == (200, 0.25, "packing=2")
    assert (other["batch"], other["beta1"], other["network"]) == (50, 0.8, "pacgan")
    protocol = benchmarks.find("ring8/pacgan")
    assert [row_of(protocol, arm) is None for arm in found.study.arms] == [False, False, True, True]


def test_settings_that_a_recipe_lacks_are_left_out_and_told(tmp_path):
    protocol = benchmarks.find("ring8/pacgan")
    (arm,) = prepared("ring8/pacgan", ["vae --network mlp"], tmp_path).study.arms
    assert arm.settings["batch"] == 100
    assert {"lr_critic", "dynamics"} <= set(lacking(protocol, "vae"))
    assert lacking(protocol, "wgan-gp") == []


@pytest.mark.parametrize(
    "words, complaint",
    [
        (["packng-2"], "no row or recipe is called 'packng-2'. Did you mean 'packing-2'?"),
        (["gan,"], "no row or recipe is called ''"),
        (["gna --beta1 0.5"], "Did you mean 'gan'?"),
        (["gan --budget 3s"], "give it to saddle bench itself"),
        (["gan --beta3 1"], "did you mean --beta"),
        (["gan", "gan --beta1 0.8"], "another game than 'gan'"),
    ],
)
def test_what_cannot_be_meant_is_told(words, complaint, tmp_path):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        prepared("ring8/pacgan", words, tmp_path)


def test_an_unknown_protocol_is_told():
    with pytest.raises(ValueError, match="Did you mean 'ring8/pacgan'"):
        benchmarks.find("ring8/pacgn")


def test_the_page_has_a_card_of_each_protocol_as_it_is(monkeypatch):
    docs = Path(__file__).parents[2] / "docs"
    monkeypatch.syspath_prepend(str(docs))
    import make_protocols

    text = (docs / "protocols.md").read_text(encoding="utf-8")
    assert make_protocols.page(text) == text, "python docs/make_protocols.py writes it anew"
    assert [name for name in NAMES if f"### {name}\n" not in text] == []

"""Data sets by name: the table, what loading it takes, and what a wrong name is told."""

import json
import subprocess
import sys

import pytest
import torch

from saddle.data import catalogue, load, names
from saddle.data.known import KNOWN


def test_names_need_no_torch():
    code = "import sys, saddle.data as d; d.names(), d.catalogue(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", list(KNOWN))
def test_the_table_says_what_loading_gives(name):
    data = load(name)
    assert data.name == name
    assert data.spec.points == (KNOWN[name].kind == "points")
    assert data.spec.classes == KNOWN[name].labels
    batch = data.draw(4, 0)()
    assert batch.x.shape == (4, *data.spec.shape)
    assert batch.x.dtype == torch.float32
    assert (batch.y is None) == (data.spec.classes == 0)


def test_the_catalogue_is_json_with_every_key():
    rows = json.loads(json.dumps(catalogue()))
    assert [row["name"] for row in rows] == list(names())
    assert all(set(row) == {"name", "summary", "source", "kind", "labels", "licence"} for row in rows)


def test_a_wrong_name_is_told_the_nearest_all_and_the_other_way():
    with pytest.raises(ValueError, match=r"'mnsit'. Did you mean 'mnist'\? Known: .*ring8.* Or give a path") as caught:
        load("mnsit")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", ["", "no/such/folder", "gone.zip", "nul\0byte", "~/no-such-folder-here"])
def test_a_path_that_is_not_there_is_named(source):
    with pytest.raises(ValueError, match="does not exist"):
        load(source)


@pytest.mark.parametrize(
    "given, told",
    [
        ({"size": 3}, "size=3: expected a side of 4 to 1024"),
        ({"size": 5000}, "size=5000: expected"),
        ({"channels": 2}, r"channels=2: expected 1 \(grey\) or 3"),
    ],
)
def test_sizes_and_channels_out_of_range_are_named(given, told):
    with pytest.raises(ValueError, match=told):
        load("digits", **given)


def test_points_have_neither_size_nor_channels():
    with pytest.raises(ValueError, match="size=32: expected none, because ring8 has points"):
        load("ring8", 32)
    with pytest.raises(ValueError, match="channels=3: expected none, because moons has points"):
        load("moons", channels=3)

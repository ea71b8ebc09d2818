"""The cache of features: whole or not at all, whatever other processes and disks do."""

import errno
import os
import subprocess
import sys
import time

import pytest
import torch

from saddle.evaluation.features.store import Store, cache_folder, load_kept, try_keep

TENSORS = {"rows": torch.arange(6.0).view(3, 2), "logits": torch.ones(3, 4)}


def test_what_is_kept_comes_back_bit_for_bit(tmp_path):
    store = Store(tmp_path)
    assert store.get("a") is None
    store.put("a", TENSORS)
    found = Store(tmp_path).get("a")
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[name], value) for name, value in TENSORS.items())
    assert store.get("b") is None


@pytest.mark.parametrize("place", [0.0, 0.3, 0.6, 0.99])
@pytest.mark.parametrize("cut", [False, True])
def test_a_damaged_file_is_as_good_as_none_and_goes(tmp_path, place, cut):
    store = Store(tmp_path)
    store.put("a", TENSORS)
    path = store.path("a")
    held = bytearray(path.read_bytes())
    at = int(place * len(held))
    path.write_bytes(held[:at] if cut else held[:at] + bytes([held[at] ^ 1]) + held[at + 1 :])
    assert store.get("a") is None
    assert not path.exists()


def test_the_longest_unused_go_first(tmp_path):
    store = Store(tmp_path)
    store.put("a", TENSORS)
    size = store.path("a").stat().st_size
    store = Store(tmp_path, most_bytes=int(2.5 * size))
    store.put("b", TENSORS)
    for age, key in enumerate("ab", start=1):
        os.utime(store.path(key), (1e9 - age, 1e9 - age))  # b is older
    assert store.get("b") is not None  # and is now used
    store.put("c", TENSORS)
    assert [key for key in "abc" if store.path(key).exists()] == ["b", "c"]


def test_what_would_not_fit_is_not_kept(tmp_path):
    store = Store(tmp_path, most_bytes=10)
    store.put("a", TENSORS)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_swept_after_a_day(tmp_path):
    old, new = tmp_path / ".x.1.part", tmp_path / ".y.2.part"
    for path, age in ((old, 25 * 3600), (new, 3600)):
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
    Store(tmp_path).put("a", TENSORS)
    assert [old.exists(), new.exists()] == [False, True]


def test_a_folder_that_cannot_be_made_costs_one_warning(tmp_path):
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "features")
    with pytest.warns(UserWarning, match="SADDLE_CACHE names another folder"):
        store.put("a", TENSORS)
    store.put("b", TENSORS)  # a second warning would be an error here
    assert store.get("a") is None


def test_a_full_disk_costs_one_warning_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="No space left"):
        assert not try_keep(tmp_path / "a.safetensors", TENSORS)
    assert list(tmp_path.iterdir()) == []
    assert load_kept(tmp_path / "a.safetensors") is None


def test_the_folder_is_the_users_choice(monkeypatch, tmp_path):
    monkeypatch.setenv("SADDLE_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("SADDLE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache_folder() == tmp_path / "cache" / "saddle"


HAMMER = """
import sys, torch
from pathlib import Path
from saddle.evaluation.features.store import Store
mine, store, seen = float(sys.argv[1]), Store(Path(sys.argv[2])), set()
for turn in range(60):
    store.put("shared", {"rows": torch.full((5000,), mine)})
    found = store.get("shared")
    if found is not None:
        assert found["rows"].unique().numel() == 1, "a mixture of two processes' files"
        seen.add(float(found["rows"][0]))
assert mine in seen
"""


@pytest.mark.slow
def test_processes_that_write_one_file_at_once_only_ever_see_whole_ones(tmp_path):
    started = [
        subprocess.Popen([sys.executable, "-c", HAMMER, str(number), str(tmp_path)], stderr=subprocess.PIPE, text=True)
        for number in range(3)
    ]
    ended = [(process.communicate(timeout=120)[1], process.returncode) for process in started]
    assert [status for _, status in ended] == [0, 0, 0], ended
    assert [path.suffix for path in tmp_path.iterdir()] == [".safetensors"]

"""Runs that are trained on one device and looked at on another."""

from pathlib import Path

import numpy as np
import pytest
import torch

from saddle.game import checkpoint

CUDA = torch.cuda.is_available()


@pytest.fixture
def run(saddle, tiny):
    """A run of four rounds, on the fastest device there is."""
    assert saddle("train", "dcgan", "--data", "digits", "--size", 16, "--rounds", 4, "--out", "run", *tiny).status == 0


@pytest.mark.skipif(CUDA, reason="there is a CUDA device")
@pytest.mark.parametrize("words", [("sample", "run"), ("evaluate", "--fake", "run", "-n", 20)])
def test_a_device_that_is_not_there_is_refused(run, saddle, words):
    said = saddle(*words, "--device", "cuda")
    assert said.status == 2
    assert said.err.strip() == "saddle: device=cuda: expected a device of this machine: cpu"


@pytest.mark.skipif(not CUDA, reason="there is no CUDA device")
def test_samples_and_scores_are_the_cpus(run, saddle):
    scores, arrays = [], []
    for device in ("cpu", "cuda"):
        assert saddle("sample", "run", "-n", 30, "--device", device, "--out", f"{device}.npy").status == 0
        arrays.append(torch.from_numpy(np.load(f"{device}.npy")))
        words = ("--features", "pixels", "--measures", "fid,precision-recall", "--device", device, "--json")
        scores.append(saddle("evaluate", "--fake", "run", "-n", 100, *words).json["measures"]["fid"]["value"])
    torch.testing.assert_close(*arrays, atol=1e-3, rtol=1e-3)
    assert scores[0] == pytest.approx(scores[1], rel=1e-2)


def as_if_from_another_device(path):
    """The newest checkpoint, with the 16 bytes of a CUDA generator's state in place of the processor's."""
    tensors, facts = checkpoint.read(path)
    tensors["random/game"] = torch.tensor([7, *[0] * 15], dtype=torch.uint8)
    checkpoint.write(path, tensors, facts)


def test_a_run_from_another_device_is_sampled_and_goes_on_the_same_each_time(saddle, tiny, final):
    words = ("--data", "digits", "--size", 16, "--rounds", 4, "--device", "cpu")
    for name in ("here", "one", "two"):
        assert saddle("train", "dcgan", *words, "--out", name, *tiny).status == 0
    for name in ("one", "two"):
        as_if_from_another_device(checkpoint.saved(Path(name) / "checkpoints")[-1])
    for name in ("here", "one"):
        assert saddle("sample", name, "-n", 9, "--out", f"{name}.npy").status == 0
    np.testing.assert_array_equal(np.load("one.npy"), np.load("here.npy"))
    for name in ("here", "one", "two"):
        assert saddle("train", "--resume", name, "--rounds", 6, "--device", "cpu").status == 0
    here, one, two = (final(name)[0] for name in ("here", "one", "two"))
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert any(not torch.equal(value, here[name]) for name, value in one.items() if name.startswith("G/module"))

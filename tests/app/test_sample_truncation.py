"""``saddle sample --truncation``."""

import numpy as np
import pytest


@pytest.fixture
def run(saddle, tiny):
    """A GAN on points that has hardly been trained, in the folder a."""
    assert saddle("train", "gan", "--data", "ring8", "--rounds", 2, "--out", "a", *tiny).status == 0


@pytest.mark.usefixtures("run")
def test_samples_of_small_z_lie_closer_together(saddle):
    """A generator that has hardly been trained is almost linear: a tenth of z is about a tenth of the spread."""
    assert saddle("sample", "a", "-n", 200, "--out", "all.npy").status == 0
    assert saddle("sample", "a", "-n", 200, "--truncation", 0.1, "--out", "few.npy").status == 0
    everything, few = np.load("all.npy"), np.load("few.npy")
    assert everything.shape == few.shape
    assert (few.std(0) < 0.3 * everything.std(0)).all()


@pytest.mark.usefixtures("run")
def test_a_threshold_that_cannot_be_meant_is_refused(saddle):
    for threshold in (0, -1, "nan"):
        said = saddle("sample", "a", "--truncation", threshold)
        assert said.status == 2
        assert "truncation=" in said.err and "expected 0.02 or more" in said.err

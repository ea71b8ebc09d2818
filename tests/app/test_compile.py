"""``saddle train --compile``: refused where nothing can compile, and a run like any other where it can."""

import json
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # torch.compile asks all tensors
GAN = ("train", "gan", "--data", "ring8")


def test_without_a_compiler_nothing_is_trained(saddle, tiny, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    said = saddle(*GAN, *tiny, "--rounds", 3, "--device", "cpu", "--compile", "--out", "a")
    assert said.status == 2
    assert "compile=True: expected a C++ compiler" in said.err.splitlines()[-1]
    assert not Path("a").exists()


@pytest.mark.slow
def test_a_compiled_run_is_written_resumed_and_sampled_like_any_other(saddle, tiny, final):
    """Three compiled rounds and three eager ones are six eager ones within rounding."""
    assert saddle(*GAN, *tiny, "--rounds", 6, "--out", "a").status == 0
    assert saddle(*GAN, *tiny, "--rounds", 3, "--compile", "--out", "b").status == 0
    assert json.loads(Path("b/config.json").read_text())["options"]["compile"] is True
    assert saddle("train", "--resume", "b", "--rounds", 6, "--compile", "false").status == 0
    assert saddle("sample", "b", "-n", 5, "--out", "x.npy").status == 0
    ours, theirs = final("a")[0], final("b")[0]
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.allclose(value.double(), theirs[name].double(), rtol=1e-3, atol=1e-5), name


@pytest.mark.slow
def test_compiling_goes_with_bfloat16_and_penalties(saddle, tiny, log):
    """The logged penalty is that of the eager run, to bfloat16's eight bits, and above 0."""
    for words in ((), ("--compile",)):
        flags = ("--rounds", 2, "--log_every", 1, "--precision", "bf16", "--out", "-".join(["a", *words]), *words)
        assert saddle("train", "wgan-gp", "--data", "ring8", *tiny, *flags).status == 0
    for ours, theirs in zip(log("a"), log("a---compile"), strict=True):
        assert ours["D.gradient_penalty"] > 0
        assert theirs["D.gradient_penalty"] == pytest.approx(ours["D.gradient_penalty"], rel=0.05)

"""``saddle.load`` and ``saddle export``: what programs get is what the run makes, whatever the form."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import saddle as library
from saddle.app.cli import main
from saddle.app.export import _traced
from saddle.app.generator import Generator
from saddle.data.spec import Spec
from saddle.game import play, sample
from saddle.recipes import find

NAMES = ("dcgan", "cgan", "gan", "r3gan")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, images, tiny):
    """Runs of four recipes, one with labels and one on points."""
    root = tmp_path_factory.mktemp("export")
    pictures = str(images(root / "pictures"))
    few = ["--rounds", "2", *tiny]
    few_of = {"r3gan": ["--rounds", "2", "--threads", "1", "--batch", "8", "--z_dim", "4", "--widest", "16"]}
    data = {"cgan": ["digits", "--size", "16"], "gan": ["ring8"]}
    for name in NAMES:
        words = ["train", name, "--data", *data.get(name, [pictures]), "--out", str(root / name)]
        assert main([*words, *few_of.get(name, few)]) == 0
    return root


def drawn(saddle, run, *more):
    assert saddle("sample", run, "-n", 7, "--seed", 9, "--out", "x.npy", *more).status == 0
    return torch.from_numpy(np.load("x.npy"))


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_run_draws_what_the_command_draws(saddle, trained, name):
    made = library.load(trained / name)
    assert torch.equal(made.sample(7, seed=9), drawn(saddle, trained / name))
    assert not made.training and not any(p.requires_grad for p in made.parameters())
    assert isinstance(made, torch.nn.Module) and not [key for key in made.state_dict() if key.startswith("nets.D")]


def test_labels_are_one_for_all_or_one_each(saddle, trained):
    made = library.load(trained / "cgan")
    assert made.classes == 10 and made.class_names == tuple("0123456789")
    all_threes = drawn(saddle, trained / "cgan", "--label", 3)
    assert torch.equal(made.sample(7, seed=9, labels=3), all_threes)
    mixed = made.sample(7, seed=9, labels=[3, 0, 1, 2, 3, 3, 9])
    torch.testing.assert_close(mixed[[0, 4, 5]], all_threes[[0, 4, 5]])
    assert not torch.allclose(mixed[1], all_threes[1])


@pytest.mark.parametrize("labels", [10, -1, [1, 2], 1.5, [True] * 7])
def test_labels_that_there_are_not_are_refused(trained, labels):
    with pytest.raises(ValueError, match="labels="):
        library.load(trained / "cgan").sample(7, labels=labels)


def test_none_are_taken_where_there_are_none(trained):
    made = library.load(trained / "dcgan")
    with pytest.raises(ValueError, match="does not take any"):
        made.sample(2, labels=0)
    with pytest.raises(ValueError, match="n=0: expected 1 or more"):
        made.sample(0)


def test_gradients_reach_z(trained):
    made = library.load(trained / "dcgan")
    z = torch.randn(2, made.z_dim, requires_grad=True)
    made(z).square().sum().backward()
    assert bool((z.grad != 0).any())


def test_a_game_goes_on_as_if_nobody_had_looked():
    """The generator is a copy: in its own mode, with weights of its own."""
    recipe, spec = find("gan"), Spec(2)
    game = recipe.build(recipe.SMALL, spec)
    game.players[1].average = None  # the live network is what is copied
    made = Generator(game, spec, {})
    before = made.sample(5)
    assert game.nets()["G"].training and all(p.requires_grad for p in game["G"].parameters)
    assert torch.equal(before, sample(game, 5, seed=0)[0])
    data = torch.randn(8, 2)
    from saddle.data.spec import Batch

    for _ in play(game, lambda: Batch(data), rounds=3):
        pass
    assert torch.equal(made.sample(5), before) and not torch.equal(sample(game, 5, seed=0)[0], before)


def test_saddle_is_imported_without_torch_until_load_is_used():
    code = "import sys, saddle; 'load' in dir(saddle) or sys.exit(1); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_weights_is_the_run_itself(saddle, trained, name):
    said = saddle("export", trained / name, "--format", "safetensors", "--out", "g.safetensors", "--json")
    assert said.status == 0, said.err
    assert said.json["difference"] == 0
    assert torch.equal(library.load("g.safetensors").sample(7, seed=9), drawn(saddle, trained / name))


def same(run, again, count):
    """The largest difference between a written file and the run, on inputs that it was not traced with."""
    made = library.load(run)
    rng = torch.Generator().manual_seed(count)
    z = torch.randn(count, made.z_dim, generator=rng)
    y = torch.randint(made.classes, (count,), generator=rng) if made.classes else None
    x = again(z, y)
    assert x.shape == (count, *made.spec.shape)
    return float((x - made(z, y)).abs().max())


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_program_of_torchs_makes_the_same(saddle, trained, name):
    said = saddle("export", trained / name, "--format", "torch", "--json")
    assert said.status == 0, said.err
    held = {"saddle.json": ""}
    program = torch.export.load("generator.pt2", extra_files=held).module()

    def run(z, y):
        return program(z) if y is None else program(z, y)

    assert max(same(trained / name, run, count) for count in (1, 11)) < 1e-4
    assert json.loads(held["saddle.json"])["recipe"] == name


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_another_runtime_makes_the_same(saddle, trained, name):
    """And finds in the file what goes in, what comes out, and what it learnt from."""
    onnxruntime = pytest.importorskip("onnxruntime")
    said = saddle("export", trained / name, "--out", "g.onnx", "--json")
    assert said.status == 0, said.err
    session = onnxruntime.InferenceSession("g.onnx", providers=["CPUExecutionProvider"])

    def run(z, y):
        given = {"z": z.numpy()} | ({} if y is None else {"y": y.numpy()})
        return torch.from_numpy(session.run(None, given)[0])

    assert max(same(trained / name, run, count) for count in (1, 11)) < 1e-4
    about = json.loads(session.get_modelmeta().custom_metadata_map["saddle"])
    assert about["inputs"]["z"] == ["N", 4] and about["recipe"] == name
    assert [entry.name for entry in session.get_inputs()] == list(about["inputs"])
    assert said.json["difference"] <= 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, settings",
    [("stylegan2", {}), ("stylegan2", {"conditional": True}), ("progan", {}), ("biggan", {}), ("vae", {})],
)
def test_other_kinds_of_generators_can_be_traced(name, settings):
    """For any number of samples: untrained, so that it is quick."""
    recipe, spec = find(name), Spec(1, 16, 4)
    made = Generator(recipe.build(replace(recipe.SMALL, **settings), spec), spec, {})
    program = _traced(made).module()
    for count in (1, 5):
        inputs = [given for given in made.example(count) if given is not None]
        torch.testing.assert_close(program(*inputs), made(*inputs), atol=1e-4, rtol=0)


def test_the_note_says_how_to_use_it(saddle, trained):
    assert saddle("export", trained / "cgan", "--format", "safetensors").status == 0
    note = Path("generator.safetensors.md").read_text(encoding="utf-8")
    assert "z (N, 4), y (N) -> x (N, 1, 16, 16)" in note and "from 0 to 9" in note and "[-1, 1]" in note
    code = note.split("```python\n")[1].split("```")[0]
    held = {}
    exec(code, held)
    assert held["x"].shape == (16, 1, 16, 16)


def test_mistakes_are_a_line_each(saddle, trained):
    Path("mine.safetensors").write_bytes(b"x" * 100)
    for words, told in {
        ("export", trained / "gan", "--format", "onx"): "Did you mean 'onnx'",
        ("export", trained / "gan", "--format", "torch", "--out", "x.onnx"): "expected a name ending in .pt2",
        ("export", "nosuch", "--format", "torch"): "expected the folder of a run",
    }.items():
        said = saddle(*words)
        assert (said.status, said.out) == (2, "") and told in said.err
        assert len(said.err.strip().splitlines()) == 1
    with pytest.raises(ValueError, match="expected a whole file that saddle export"):
        library.load("mine.safetensors")
    with pytest.raises(ValueError, match="expected the folder of a run"):
        library.load("nosuch")


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_without_a_package_the_command_to_get_it_is_told(saddle, trained, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    said = saddle("export", trained / "gan")
    assert said.status == 2 and package in said.err and "pip install 'saddle-gan[export]'" in said.err
    assert not Path("generator.onnx").exists()

"""The command line: help, lists, errors that help, JSON, settings that come back the same from a file."""

import ast
import inspect
import json
import os
import subprocess
import sys
import textwrap
from dataclasses import fields, replace
from importlib.metadata import version
from itertools import pairwise

import pytest

from saddle.app.cli import COMMANDS
from saddle.app.options import TrainOptions, parse_flags
from saddle.data import names as data_names
from saddle.recipes import find
from saddle.recipes import names as recipe_names

RECIPES = sorted(recipe_names())


def test_help_and_lists_come_without_torch():
    lines = [
        "--help",
        "--version",
        "list recipes",
        "list data --json",
        "sample --help",
        "data check --help",
        "report -h",
    ]
    lines += ["train --help", "train gann", "trian", "sample nosuch", "train --resume nosuch"]
    run = f"from saddle.app.cli import main; [main(line.split()) for line in {lines}]"
    code = f"import sys; {run}; sys.exit('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr


def test_help_names_every_command_and_nothing_to_do_is_an_error(saddle):
    said = saddle("--help")
    assert said.status == 0
    assert all(f"\n  {name} " in said.out for name in COMMANDS)
    assert saddle().status == 2
    assert saddle("train", "--help").status == 0
    assert all(f"\n  {name} " in saddle("train", "--help").out for name in RECIPES)


def test_the_version_is_the_packages(saddle):
    assert saddle("--version").out == f"saddle {version('saddle-gan')}\n"


WRONG = {
    "trian dcgan": "'train'",
    "train dcgn": "'dcgan'",
    "train gan --data rign8": "'ring8'",
    "train gan --lr-crtic 3": "--lr_critic",
    "train gan --checkpoint-evry=3": "--checkpoint_every",
    "train gan --loss minmax": "'minimax'",
    "train gan --dynamics alternate": "'alternating'",
    "train gan --optimizer adm --data ring8": "'adam'",
    "train gan --precision bf61": "'bf16'",
    "train gan --device cpuu": "'cpu'",
    "sample . --sede 3": "--seed",
    "list recipes --jsn": "--json",
    "list recipe": "'recipes'",
    "data check . --sizes=3": "--size",
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_name_is_one_line_that_offers_the_right_one(saddle, line):
    said = saddle(*line.split())
    assert said.status == 2
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1
    assert f"did you mean {WRONG[line]}?" in said.err.replace("Did", "did")


VALUES = {
    "train gan --batch x": "--batch: expected int, got x",
    "train gan --lr_critic x": "--lr_critic: expected float, got x",
    "train gan --batch 0": "batch=0: expected 1",
    "train gan --budget 10": "budget=10: expected a time such as 60s, 10m or 2h",
    "train gan --mirror=perhaps": "--mirror: expected bool, got perhaps",
    "train --rounds 3": "expected a recipe's name first",
    "train gan --config nosuch.yaml": "nosuch.yaml",
    "sample nosuch": "run=nosuch: expected the folder of a run",
    "list": "kind",
}


@pytest.mark.parametrize("line", VALUES)
def test_a_wrong_value_is_one_line_that_says_what_was_expected(saddle, line):
    said = saddle(*line.split())
    assert (said.status, said.out) == (2, "")
    assert len(said.err.strip().splitlines()) == 1
    assert VALUES[line] in said.err


def test_lists_as_documents(saddle):
    recipes, data = saddle("list", "recipes", "--json").json, saddle("list", "data", "--json").json
    assert list(recipes) == ["recipes"] and list(data) == ["data"]
    for entry in recipes["recipes"] + data["data"]:
        assert all(isinstance(entry[key], str) and entry[key] for key in ("name", "summary", "source"))
    assert [entry["name"] for entry in recipes["recipes"]] == RECIPES
    assert [entry["name"] for entry in data["data"]] == list(data_names())
    table = saddle("list", "recipes")
    assert table.status == 0 and all(name in table.out for name in RECIPES)


def test_json_is_all_there_is_on_standard_output(saddle, tmp_path, images, tiny):
    folder = images(tmp_path / "pictures")
    train = saddle("train", "dcgan", "--data", folder, "--rounds", 2, "--out", "run", *tiny, "--json")
    documents = [
        train,
        saddle("sample", "run", "-n", 3, "--out", "x.npy", "--json"),
        saddle("report", "run", "--json"),
        saddle("data", "check", folder, "--json"),
        saddle("data", "pack", folder, "packed.zip", "--json"),
    ]
    assert [said.status for said in documents] == [0] * 5
    assert all(isinstance(said.json, dict) for said in documents)  # parses as a whole, so nothing stands beside it
    assert {"run", "recipe", "data", "rounds", "images", "seconds", "stopped"} <= train.json.keys()
    assert saddle("train", "dcgan", "--data", "nosuch", "--json").out == ""


def test_the_console_script_keeps_the_streams_apart(tmp_path, tiny):
    words = ["train", "gan", "--data", "ring8", "--rounds", "2", "--device", "cpu", "--out", "run", *tiny, "--json"]
    command = [sys.executable, "-W", "error", "-m", "saddle", *words]
    said = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["rounds"] == 2
    assert "parameters; cpu, 1 thread; fp32" in said.stderr


def parsed(recipe, *words):
    return parse_flags(f"saddle train {recipe}", "", words, find(recipe).Config)[:2]


def test_flags_are_spelt_either_way():
    for words in (["--lr-critic", "1e-3", "--checkpoint-every=5"], ["--lr_critic=1e-3", "--checkpoint_every", "5"]):
        options, settings = parsed("gan", *words)
        assert (options.checkpoint_every, settings.lr_critic) == ("5", 1e-3)


@pytest.mark.parametrize(
    "words, mirror",
    [
        ([], False),
        (["--mirror"], True),
        (["--mirror", "--size", "16"], True),
        (["--size", "16", "--mirror"], True),
        (["--mirror", "true"], True),
        (["--mirror", "false"], False),
        (["--mirror=true"], True),
        (["--mirror=false"], False),
    ],
)
def test_a_switch_may_stand_alone(words, mirror):
    assert parsed("gan", *words)[0].mirror is mirror


CANDIDATES = {
    int: lambda value: (8 * (value or 1), 99_999, 3),
    float: lambda value: (value / 2, value + 0.25, 1e-05, 0.1),
    bool: lambda value: (not value,),
    str: lambda value: (
        "rmsprop",
        "simultaneous",
        "minimax",
        "mlp",
        "conv",
        "reverse-kl",
        "one-sided",
        "layer",
        "heuristic",
        "non-saturating",
        "glorot",
        "7",
        "1h",
        "cpu",
        "bf16",
    ),
}
SPECIAL = {
    "data": ("a folder: with # signs, 'quotes' and ünïcode",),
    "out": ("- dash",),
    "resume": (None,),  # a flag of its own
    "budget": ("1h30m",),
    "size": (64,),
    "channels": (3,),
    "rounds": (123456789012,),
    "images": (7,),
    "evaluate_every": ("45s",),
    "remedies": ("lecam,spectral-norm",),
}


def changed(config):
    """The settings with as many as possible at another value than the default, and the names of those that are not."""
    default = config
    for field in fields(config):
        kept = getattr(config, field.name)
        for value in SPECIAL.get(field.name) or CANDIDATES[type(kept)](kept):
            try:
                config = replace(config, **{field.name: value})
            except ValueError:
                continue
            if value != kept:
                break
    return config, {
        field.name for field in fields(config) if getattr(config, field.name) == getattr(default, field.name)
    }


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_setting_comes_back_from_a_file(saddle, tmp_path, recipe):
    (options, same_options), (settings, same_settings) = changed(TrainOptions()), changed(find(recipe).Config())
    assert same_options == {"resume"}
    assert same_settings <= ({"optimizer"} if recipe in ("r3gan", "stylegan2") else set())  # which have no other
    values = vars(options) | vars(settings)
    flags = [
        f"--{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in values.items()
        if value is not None
    ]
    said = saddle("train", recipe, *flags, "--print_config")
    assert said.status == 0, said.err
    (tmp_path / "settings.yaml").write_text(said.out, encoding="utf-8")
    assert parsed(recipe, *flags) == (options, settings)
    assert parsed(recipe, "--config", str(tmp_path / "settings.yaml")) == (options, settings)
    assert saddle("train", recipe, "--config", "settings.yaml", "--print_config").out == said.out


def test_a_file_of_settings_makes_the_same_run(saddle, tmp_path, tiny, same):
    flags = [
        "--data",
        "digits",
        "--rounds",
        3,
        "--lr-critic",
        "1e-05",
        "--loss",
        "minimax",
        "--mirror",
        "--log_every",
        1,
        *tiny,
    ]
    said = saddle("train", "gan", *flags, "--print_config")
    (tmp_path / "settings.yaml").write_text(said.out, encoding="utf-8")
    assert saddle("train", "gan", *flags, "--out", "flags").status == 0
    assert saddle("train", "gan", "--config", "settings.yaml", "--out", "file").status == 0
    configs = [json.loads((tmp_path / name / "config.json").read_text()) for name in ("flags", "file")]
    for config in configs:
        config.pop("created"), config["options"].pop("out")
    assert configs[0] == configs[1]
    assert same("flags", "file")


def test_a_flag_wins_over_the_file(tmp_path):
    (tmp_path / "settings.yaml").write_text("batch: 7\nlr_critic: 3e-3\n", encoding="utf-8")
    _, settings = parsed("gan", "--config", str(tmp_path / "settings.yaml"), "--batch", "9")
    assert (settings.batch, settings.lr_critic) == (9, 3e-3)


def docstrings(config):
    """The docstring under each field, of the class and of those it inherits from."""
    found = {}
    for kind in reversed(config.__mro__[:-1]):
        body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0].body
        for field, text in pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                found[field.target.id] = " ".join(ast.literal_eval(text.value).split())
    return found


@pytest.mark.parametrize("recipe", RECIPES)
def test_help_tells_what_each_setting_means(saddle, monkeypatch, recipe):
    monkeypatch.setenv("COLUMNS", "10000")
    said = saddle("train", recipe, "--help")
    assert said.status == 0
    config = find(recipe).Config
    told = docstrings(TrainOptions) | docstrings(config)
    assert {field.name for field in (*fields(TrainOptions), *fields(config))} == told.keys()
    text = " ".join(said.out.split())
    for name, docstring in told.items():
        assert f"--{name} " in text
        assert docstring in text

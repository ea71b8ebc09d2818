"""Flags, files of settings and command lines that are wrong in every way we can think of: see `refused` (conftest)."""

import os
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from saddle.recipes import find

TRAIN = ("train", "gan", "--data", "ring8", "--rounds", 1, "--threads", 1, "--batch", 8, "--hidden", 16, "--out", "new")
CASES = {}
"""What is wrong, and how it is made: ``make(runs) -> (words, named)``."""


def case(title):
    """Enter a function into the cases."""
    assert title not in CASES, title
    return lambda make: CASES.setdefault(title, make)


# Flags


def _flag(name, value, named=None):
    @case(f"--{name}={value}"[:60])
    def _(runs):
        return (*TRAIN, f"--{name}={value}"), named or name


NUMBERS = {int: ("x", "1.5", "-1", "null", "[1]"), float: ("x", "nan", "-1", "inf", "[1, 2]"), bool: ("perhaps", "2")}
FREE = {"consensus_weight=-1"}

for _field in fields(find("gan").Config):
    for _value in NUMBERS.get(_field.type, ()):
        if f"{_field.name}={_value}" not in FREE:
            _flag(_field.name, _value, "decay" if _field.name.startswith("decay") else None)
for _name in ("batch", "z_dim", "width", "hidden", "layers", "n_critic"):
    _flag(_name, 10**30)
for _name in ("batch", "z_dim", "width", "hidden", "n_critic"):
    _flag(_name, 0)
for _name in ("size", "channels", "rounds", "images", "seed", "log_every"):
    for _value in ("x", "1.5", "-1", "[1]", "9" * 30):
        _flag(_name, _value)
for _name in ("mirror", "tensorboard"):
    for _value in NUMBERS[bool]:
        _flag(_name, _value)
for _name in ("budget", "checkpoint_every", "sample_every"):
    for _value in ("0s", "-1s", "10x", "1e3s", "s", "", "10 m", "∞", "²", "9" * 400 + "d", "1h-1m", "0"):
        _flag(_name, _value)
for _name, _value in {"threads": "0", "device": "gpu", "precision": "fp64", "dynamics": "x"}.items():
    _flag(_name, _value)
_flag("optimizer", "adamw", "adamw")
for _value in ("-3", "two", "1.5", "", "9" * 400, "²"):
    _flag("threads", _value)
_flag("loss", "")
_flag("network", "conv")
_flag("network", "dcgan")
_flag("label_smoothing", 0.5)
_flag("beta1", 1)
_flag("beta2", 1)
_flag("mirror", "true")
_flag("size", 16)
_flag("channels", 2)
_flag("resume", "nosuch", "nosuch")
_flag("config", "nosuch.yaml", "nosuch.yaml")
_flag("bathc", 3, "--batch")
_flag("data", "rign8", "'ring8'")
_flag("data", "", "data set")
_flag("data", "nöwhere/with spaces", "nöwhere/with spaces")
_flag("data", "line\\nbreak", "line")
_flag("data", "x" * 5000, "xxx")
for _device in ("null", "zero", "stdin", "full"):
    _flag("data", f"/dev/{_device}", f"/dev/{_device}")
_flag("out", "/dev/null", "/dev/null")
_flag("out", "/dev/null/x", "/dev/null")
_flag("out", "x" * 300, "x" * 255)
_flag("out", os.fsdecode(b"caf\xe9"), r"caf\udce9")

OTHERS = {
    "began": ("gamma=2", "k_rate=0"),
    "dragan": ("gp_weight=-1",),
    "ebgan": ("margin=0", "code=0", "pull_away_weight=-1"),
    "fgan": ("divergence=manhattan", "loss=x"),
    "lsgan": ("a=1",),
    "r3gan": ("blocks=0", "blocks=1000000000000", "beta2_end=1", "optimizer=sgd"),
    "vae": ("sigma=0", "lr=0", "hidden=0"),
    "wgan": ("clip=0", "clip=nan"),
    "wgan-gp": ("gp_weight=-1", "penalty=none"),
    "cgan": ("embedding=0",),
}


def _setting(recipe, setting):
    @case(f"{recipe} --{setting}")
    def _(runs):
        words = ("train", recipe, "--data", "digits", "--rounds", 1, "--threads", 1, "--batch", 4, "--width", 8)
        return (*words, f"--{setting}", "--out", "new"), setting.partition("=")[0]


for _recipe, _settings in OTHERS.items():
    for _one in _settings:
        _setting(_recipe, _one)


# Files of settings

YAML = {
    "not YAML": b"batch: [1, 2",
    "a list": b"- batch\n- 3",
    "an unknown setting": b"bacth: 3",
    "a wrong type": b"batch: many",
    "bytes": bytes(range(128, 256)),
    "an object": b"batch: !!python/object/apply:os.system ['true']",
    "out of range": b"batch: 0",
    "a run to resume": b"resume: runs/points",
    "nested": b"batch:\n  a: 3",
    "null": b"batch: null",
}


def _yaml(title, text):
    @case(f"settings: {title}")
    def _(runs):
        Path("wrong.yaml").write_bytes(text)
        words = [word for word in TRAIN if word not in ("--batch", 8)]
        return (
            *words,
            "--config",
            "wrong.yaml",
        ), "resume" if "resume" in title else "batch" if b"batch: 0" in text else ""


for _title, _text in YAML.items():
    _yaml(_title, _text)


# The other commands

LINES = {
    "": "",
    "sample": "run",
    "sample nosuch": "nosuch",
    "sample runs": "runs",
    "sample /dev/null": "/dev/null",
    "sample ''": "run=",
    "sample 'nö such run'": "nö such run",
    "sample runs/points -n 0": "n=0",
    "sample runs/points -n -5": "n=-5",
    "sample runs/points -n x": "-n",
    "sample runs/points -n 1.5": "-n",
    "sample runs/points -n 1000000000000000 --out new.npy": "n=1000000000000000",
    "sample runs/points -n 99999999999999999999999999 --out new.npy": "n=99999999999999999999999999",
    "sample runs/points -n 100000 --out new.png": "n=100000",
    "sample runs/points --seed -1": "seed=-1",
    "sample runs/points --seed 99999999999999999999": "seed=99999999999999999999",
    "sample runs/points --seed x": "--seed",
    "sample runs/points --label 3": "label=3",
    "sample runs/points --label x": "label=x",
    "sample runs/points --out new.gif": "new.gif",
    "sample runs/points --out ''": "out=",
    "sample runs/points --out new": "out=new",
    "sample runs/points --out /dev/null/new.npy": "/dev/null",
    "sample runs/points --otu x": "--out",
    "report": "run",
    "report nosuch": "nosuch",
    "report runs": "runs",
    "data": "command",
    "data chek runs": "check",
    "data check": "PATH",
    "data check nosuch": "nosuch",
    "data check /dev/null": "/dev/null",
    "data check runs/points/checkpoints": "checkpoints",
    "data check runs/pictures --size 0": "size=0",
    "data check runs/pictures --size 5000": "size=5000",
    "data check runs/pictures --size x": "--size",
    "data pack runs/pictures": "OUT.zip",
    "data pack runs/pictures new.tar": "new.tar",
    "data pack runs/pictures nosuch/new.zip": "nosuch/new.zip",
    "data pack nosuch new.zip": "nosuch",
    "data pack ring8 new.zip": "ring8",
    "data pack runs/pictures new.zip --channels 2": "--channels",
    "data pack runs/pictures new.zip --size 3": "size=3",
    "list": "kind",
    "list nothing": "nothing",
    "list recipes extra": "extra",
    "train": "",
    "train nosuch": "nosuch",
    "train gan extra": "extra",
    "train --resume": "recipe",
    "train --resume nosuch": "nosuch",
    "train --resume runs": "runs",
    "train --resume runs/points/log.jsonl": "log.jsonl",
    "train wgan --resume runs/points": "recipe=wgan",
    "train --resume runs/points --batch 5": "batch=5",
    "train gan --data ring8 --out runs/points": "runs/points",
    "no such command": "no",
}


def _line(line, named):
    @case(line or "no words at all")
    def _(runs):
        return shlex.split(line), named


for _text, _named in LINES.items():
    if _text not in ("", "train"):  # these print their help, as is usual
        _line(_text, _named)


@pytest.mark.parametrize("title", CASES)
def test_a_wrong_word_is_named_in_a_line(refused, title):
    assert refused(CASES[title])


def test_there_are_enough_cases():
    assert len(CASES) >= 200

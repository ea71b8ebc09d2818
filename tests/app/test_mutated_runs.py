"""Checkpoints and config.json that are wrong in every way we can think of: see `refused` in conftest.py."""

import copy
import json
import random
import shutil

import pytest

CASES = {}
"""What is wrong, and how it is made: ``make(runs) -> (words, named)``."""


def case(title):
    """Enter a function into the cases."""
    assert title not in CASES, title
    return lambda make: CASES.setdefault(title, make)


# Checkpoints: the only one of a run


def _header(content):
    """Where a safetensors file's header ends."""
    return 8 + int.from_bytes(content[:8], "little")


def _damages():
    chance = random.Random(0)
    for share in (0, 0.001, 0.02, 0.3, 0.7, 0.99):
        yield f"cut to {share:.1%}", lambda content, other, share=share: content[: int(share * len(content))]
    for i in range(12):
        place, bit = chance.random(), chance.randrange(8)

        def flip(content, other, place=place, bit=bit, i=i):
            begin, end = (8, _header(content)) if i % 2 else (_header(content), len(content))
            at = int(begin + place * (end - begin))
            return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]

        yield f"with bit {bit} flipped at {place:.2f} of its {'header' if i % 2 else 'tensors'}", flip
    yield "with another's header", lambda content, other: other[: _header(other)] + content[_header(content) :]
    yield "with another's tensors", lambda content, other: content[: _header(content)] + other[_header(other) :]
    yield "with a header of 2**63 bytes", lambda content, other: (2**63).to_bytes(8, "little") + content[8:]
    yield "with a header of no bytes", lambda content, other: bytes(8) + content[8:]
    yield "of another game", lambda content, other: other
    yield "with something behind it", lambda content, other: content + b"x"
    yield "that is text", lambda content, other: b"hello"


def _checkpoint(title, damage, command):
    @case(f"{command[0]} a checkpoint {title}")
    def _(runs):
        folder = runs / "points" / "checkpoints"
        older, newer = sorted(folder.iterdir())
        other = next((runs / "images" / "checkpoints").iterdir())
        older.unlink()
        newer.write_bytes(damage(newer.read_bytes(), other.read_bytes()))
        return command, newer.name


for _title, _damage in _damages():
    _checkpoint(_title, _damage, ("sample", "runs/points", "--out", "new.npy"))
for _title, _damage in list(_damages())[::3]:
    _checkpoint(_title, _damage, ("train", "--resume", "runs/points", "--rounds", 9))


@case("sample a checkpoint that is a folder")
def _(runs):
    shutil.rmtree(runs / "points" / "checkpoints")
    (runs / "points" / "checkpoints" / "round-000000004.safetensors").mkdir(parents=True)
    return ("sample", "runs/points", "--out", "new.npy"), "round-000000004.safetensors"


@case("sample a run without checkpoints")
def _(runs):
    shutil.rmtree(runs / "points" / "checkpoints")
    return ("sample", "runs/points", "--out", "new.npy"), "checkpoint"


# config.json


def _config(title, change, command=("sample", "runs/points", "--out", "new.npy")):
    @case(f"config.json {title}")
    def _(runs):
        file = runs / "points" / "config.json"
        config = json.loads(file.read_text())
        changed = change(copy.deepcopy(config))
        file.write_text(changed if isinstance(changed, str) else json.dumps(changed))
        return command, "config.json" if command[0] == "sample" else ""


def _without(*path):
    def change(config):
        part = config
        for key in path[:-1]:
            part = part[key]
        del part[path[-1]]
        return config

    return change


def _holding(value, *path):
    def change(config):
        part = config
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = value
        return config

    return change


RESUME = ("train", "--resume", "runs/points", "--rounds", 9)
for _path in (
    ("recipe",), ("settings",), ("options",), ("data",), ("threads",), ("options", "data"), ("settings", "hidden"),
    ("settings", "beta1"), ("data", "size"), ("data", "channels"), ("data", "classes"), ("data", "fingerprint"),
):  # fmt: skip
    _config(f"without {'.'.join(_path)}", _without(*_path))
for _path, _value in {
    ("recipe",): 3, ("settings",): [], ("options",): "x", ("data",): None, ("threads",): "two",
    ("settings", "hidden"): "x", ("settings", "lr_critic"): [], ("settings", "batch"): 0, ("settings", "bacth"): 3,
    ("settings", "z_dim"): None, ("data", "size"): -1, ("data", "channels"): 10**12, ("data", "classes"): "x",
    ("data", "class_names"): "x", ("options", "data"): 3, ("data", "fingerprint"): 1,
}.items():  # fmt: skip
    _config(f"with {'.'.join(_path)} {_value!r}", _holding(_value, *_path))
_config("cut", lambda config: json.dumps(config)[:-9])
_config("empty", lambda config: "")
_config("a list", lambda config: "[]")
_config("deep as a well", lambda config: "[" * 100_000)
for _path in (("options", "seed"), ("settings", "batch"), ("data", "fingerprint"), ("threads",)):
    _config(f"without {'.'.join(_path)}, resumed", _without(*_path), RESUME)
for _path, _value in {
    ("recipe",): "gna", ("settings", "batch"): -1, ("options", "seed"): "x",
    ("data", "fingerprint"): "0", ("threads",): 0,
    ("settings", "optimizer"): "sgd", ("settings", "hidden"): 17, ("options", "data"): "nosuch", ("data", "size"): 7,
}.items():  # fmt: skip
    _config(f"with {'.'.join(_path)} {_value!r}, resumed", _holding(_value, *_path), RESUME)


@pytest.mark.parametrize("title", CASES)
def test_a_damaged_run_is_named_in_a_line(refused, title):
    assert refused(CASES[title])


def test_there_are_enough_cases():
    assert len(CASES) >= 70

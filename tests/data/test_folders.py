"""Folders and zips of images: what is found, labels, what is skipped, and what is refused."""

import os
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from saddle.data import load
from saddle.data.decode import decode
from saddle.data.files import Item


def picture(path: Path, value=0, size=(32, 32), mode="RGB") -> None:
    """A picture whose first pixel is ``value`` in red, and whose others are coloured."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new(mode, size, (value, 90, 30) if mode == "RGB" else value)
    image.save(path)


def zipped(folder: Path, out: Path) -> Path:
    with zipfile.ZipFile(out, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return out


def reds(data) -> list[int]:
    return data.images[:, 0, 0, 0].tolist()


@pytest.fixture
def animals(tmp_path):
    """Two classes, one of them nested, and things to pass over."""
    root = tmp_path / "animals"
    picture(root / "cat" / "1.png", 10)
    picture(root / "cat" / "deep" / "er" / "2.PNG", 20)
    picture(root / "dog" / "3.bmp", 30)
    picture(root / ".hidden" / "4.png", 40)
    picture(root / "cat" / ".5.png", 50)
    picture(root / "__MACOSX" / "cat" / "6.png", 60)
    (root / "notes.txt").write_text("not a picture")
    return root


def test_sub_folders_are_labels_at_any_depth_and_hidden_files_none(animals):
    data = load(str(animals))
    assert data.name == "animals"
    assert reds(data) == [10, 20, 30]
    assert data.labels.tolist() == [0, 0, 1]
    assert data.spec.class_names == ("cat", "dog")
    assert (data.spec.channels, data.spec.size, data.spec.classes) == (3, 32, 2)


def test_a_zip_is_the_same_as_its_folder(animals, tmp_path):
    data, folder = load(str(zipped(animals, tmp_path / "animals.zip"))), load(str(animals))
    assert torch.equal(data.images, folder.images)
    assert data.fingerprint == folder.fingerprint


def test_a_folder_around_the_real_one_does_no_harm(animals, tmp_path):
    around = tmp_path / "around" / "data"
    around.mkdir(parents=True)
    animals.rename(around / "train")
    assert load(str(tmp_path / "around")).spec.class_names == ("cat", "dog")


def test_images_beside_sub_folders_leave_no_labels(animals):
    picture(animals / "0.png", 5)
    data = load(str(animals))
    assert data.labels is None
    assert len(data) == 4


def test_one_sub_folder_is_no_label(tmp_path):
    picture(tmp_path / "faces" / "a.png")
    assert load(str(tmp_path)).spec.classes == 0


def test_links_are_followed_but_not_in_circles(animals, tmp_path):
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "x").symlink_to(animals / "cat")
    (tmp_path / "linked" / "y").symlink_to(animals / "dog")
    (animals / "cat" / "loop").symlink_to(animals / "cat")
    assert reds(load(str(tmp_path / "linked"))) == [10, 20, 30]


def test_mixed_pictures_come_to_the_majority(tmp_path):
    """Grey by content: two of these three have equal channels, whatever their mode."""
    picture(tmp_path / "1.png", 100, (40, 70), "L")
    Image.new("RGBA", (33, 50), (0, 0, 0, 0)).save(tmp_path / "2.png")
    picture(tmp_path / "3.jpg", 200, (100, 64))
    grey, colour = load(str(tmp_path)), load(str(tmp_path), channels=3, size=24)
    assert grey.images.shape == (3, 1, 32, 32)
    assert grey.images[:2, 0, 5, 5].tolist() == [100, 255]
    assert int(grey.images[2, 0, 5, 5]) == pytest.approx(0.299 * 200 + 0.587 * 90 + 0.114 * 30, abs=2)
    assert colour.images.shape == (3, 3, 24, 24)
    assert colour.images[0, :, 5, 5].tolist() == [100] * 3


def test_a_tie_between_grey_and_colour_is_colour(tmp_path):
    picture(tmp_path / "1.png", 100, mode="L")
    picture(tmp_path / "2.png", 100)
    assert load(str(tmp_path)).spec.channels == 3


def many(folder: Path, good: int) -> None:
    for index in range(good):
        picture(folder / f"{index:03d}.png", index)


def test_a_tenth_may_be_bad_and_is_named_and_skipped(tmp_path, caplog):
    many(tmp_path, 18)
    whole = (tmp_path / "000.png").read_bytes()
    (tmp_path / "truncated.png").write_bytes(whole[:60])
    (tmp_path / "words.jpg").write_text("hello")
    data = load(str(tmp_path))
    assert reds(data) == list(range(18))
    assert [one.name for one in data.skipped] == ["truncated.png", "words.jpg"]
    assert data.skipped[1].reason == "not an image that can be read"
    assert "2 of 20 images cannot be read and are skipped: truncated.png (" in caplog.text


def test_more_than_a_tenth_bad_is_refused_with_names(tmp_path):
    many(tmp_path, 17)
    for name in ("x.png", "y.png"):
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ValueError, match=r"2 of 19 images cannot be read: x\.png") as caught:
        load(str(tmp_path))
    assert str(caught.value).count("\n") == 1
    assert "saddle data check" in str(caught.value)


def test_labels_stay_right_when_files_are_skipped(tmp_path):
    for label, name in enumerate("abc"):
        for index in range(8):
            picture(tmp_path / name / f"{index}.png", 10 * label + index)
    (tmp_path / "a" / "3.png").write_bytes(b"")
    (tmp_path / "b" / "0.png").write_bytes(b"")
    data = load(str(tmp_path))
    assert [red // 10 for red in reds(data)] == data.labels.tolist()
    assert len(data) == 22


@pytest.mark.parametrize("how", ["folder", "zip"])
@pytest.mark.parametrize("beside", [[], ["readme.txt", ".hidden.png"]])
def test_nothing_to_load_says_what_was_looked_for(tmp_path, how, beside):
    (tmp_path / "empty").mkdir()
    for name in beside:
        (tmp_path / "empty" / name).write_bytes(b"")
    path = tmp_path / "empty" if how == "folder" else zipped(tmp_path / "empty", tmp_path / "empty.zip")
    with pytest.raises(ValueError, match=r"empty.*expected images.*\.png, \.jpg") as caught:
        load(str(path))
    assert ("1 other files" in str(caught.value)) == bool(beside)


@pytest.mark.parametrize("name", ["data.txt", "data.png", "data", "data.tar.gz"])
def test_other_files_are_told_what_is_expected(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ValueError, match=r"expected a folder, or a file ending in \.zip, \.npy or \.npz"):
        load(str(tmp_path / name))


def test_a_damaged_zip_is_named(animals, tmp_path):
    path = zipped(animals, tmp_path / "a.zip")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"a\.zip: not a zip file that can be read"):
        load(str(path))


def test_a_zip_with_a_password_is_named(animals, tmp_path):
    path = zipped(animals, tmp_path / "a.zip")
    raw = bytearray(path.read_bytes())
    start = raw.rindex(b"PK\x01\x02")
    raw[start + 8] |= 1  # the central directory's flag "encrypted"
    path.write_bytes(bytes(raw))
    with pytest.raises(ValueError, match="expected a zip without a password"):
        load(str(path))


def test_an_entry_that_unpacks_without_end_is_skipped_unread(tmp_path):
    many(tmp_path / "good", 12)
    path = zipped(tmp_path / "good", tmp_path / "bomb.zip")
    raw = bytearray(path.read_bytes())
    last = raw.rindex(b"PK\x01\x02")
    raw[last + 24 : last + 28] = (2**31).to_bytes(4, "little")  # what the last entry says it unpacks to
    path.write_bytes(bytes(raw))
    data = load(str(path))
    assert [one.name for one in data.skipped] == ["011.png"]
    assert data.skipped[0].reason.startswith("unpacked=")


def test_a_corrupted_entry_is_skipped(tmp_path):
    many(tmp_path / "good", 12)
    path = zipped(tmp_path / "good", tmp_path / "good.zip")
    raw = bytearray(path.read_bytes())
    raw[60] ^= 0xFF  # in the first picture: its checksum no longer fits
    path.write_bytes(bytes(raw))
    assert [one.name for one in load(str(path)).skipped] == ["000.png"]


def test_names_that_are_no_text_can_be_printed(tmp_path):
    many(tmp_path, 12)
    (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(b"")
    assert load(str(tmp_path)).skipped[0].name == r"\udcff.png"


def test_a_folder_that_may_not_be_looked_into_is_an_error(tmp_path):
    """Leaving its images out without a word would change what is learned."""
    many(tmp_path, 2)
    (tmp_path / "shut").mkdir(mode=0)
    if os.access(tmp_path / "shut", os.R_OK):
        pytest.skip("this user may look into everything")
    with pytest.raises(PermissionError, match="shut"):
        load(str(tmp_path))


def test_a_pipe_is_not_waited_on(tmp_path):
    many(tmp_path, 12)
    os.mkfifo(tmp_path / "pipe.png")
    assert [one.name for one in load(str(tmp_path)).skipped] == ["pipe.png"]


def test_progress_ends_with_everything_read(tmp_path):
    many(tmp_path, 12)
    (tmp_path / "bad.png").write_bytes(b"")
    seen = []
    load(str(tmp_path), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (13, 13)
    assert seen == sorted(seen)


KINDS = ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"]


@given(kind=st.sampled_from(KINDS), data=st.data())
def test_mutated_files_are_read_or_named_and_never_raised(kind, data):
    """Bytes changed, cut off or put in at random places of real files."""
    file = BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (24, 20, 3), np.uint8)
    Image.fromarray(pixels).save(file, kind)
    raw = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = bytes(raw[: data.draw(st.integers(0, len(raw)))]) + data.draw(st.binary(max_size=8))
    made = decode([Item("it", None, lambda: BytesIO(raw))], 16)
    assert len(made.good) + len(made.bad) == 1
    assert made.pixels.shape[:3] == (len(made.good), 16, 16)
    assert all(reason and "\n" not in reason for reason in made.bad.values())

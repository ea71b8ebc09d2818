"""Files are whole or not there, whatever happens in mid-write."""

import os

import pytest

from saddle.writing import replacing, write_text


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "told.txt"
    with replacing(path) as part:
        part.write_text("all")
        assert not path.exists()
        assert part.parent == path.parent
    assert [file.name for file in path.parent.iterdir()] == ["told.txt"]
    assert path.read_text() == "all"


def test_a_failure_leaves_what_was_there_and_names_the_file(tmp_path):
    path = tmp_path / "told.txt"
    write_text(path, "before")

    def fill(path):
        with replacing(path) as part:
            part.write_bytes(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left") as error:
        fill(path)
    assert error.value.filename == str(path)
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["told.txt"]


def test_trouble_with_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as error, replacing(tmp_path / "told.txt"):
        (tmp_path / "source").read_text()
    assert error.value.filename == str(tmp_path / "source")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileExistsError, match=str(tmp_path / "file")):
        write_text(tmp_path / "file" / "told.txt", "x")


def test_text_that_is_not_unicode_is_replaced_where_that_is_asked_for(tmp_path):
    name = os.fsdecode(b"caf\xe9")
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "told.txt", name)
    assert list(tmp_path.iterdir()) == []
    write_text(tmp_path / "told.txt", name, errors="replace")
    assert (tmp_path / "told.txt").read_text() == "caf?"

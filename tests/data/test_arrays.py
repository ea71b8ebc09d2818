"""NumPy's files: layouts, ranges, labels, and values that cannot be used."""

import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from saddle.data import Points, load

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (5, 16, 16, 3), np.uint8)  # (N, H, W, C)


@pytest.fixture
def saved(tmp_path):
    def save(x, y=None) -> str:
        if y is None:
            np.save(tmp_path / "a.npy", x)
            return str(tmp_path / "a.npy")
        np.savez(tmp_path / "a.npz", x=x, y=y)
        return str(tmp_path / "a.npz")

    return save


@pytest.mark.parametrize(
    "x",
    [
        BYTES,
        BYTES.transpose(0, 3, 1, 2),
        BYTES.astype(np.int64),
        BYTES / 255,
        (BYTES / 127.5 - 1).astype(np.float32),
        BYTES.astype(np.float64),
        BYTES.astype(np.uint16) * 257,
        np.asfortranarray(BYTES),
        BYTES.astype(">i2"),
    ],
    ids=["bytes", "channels-first", "int64", "unit", "signed", "float", "16-bit", "fortran", "big-endian"],
)
def test_every_layout_and_range_gives_the_same_images(saved, x):
    data = load(saved(x))
    assert torch.equal(data.images, torch.from_numpy(BYTES).permute(0, 3, 1, 2))
    assert data.labels is None


def test_grey_needs_no_axis(saved):
    data = load(saved(BYTES[..., 0]))
    assert torch.equal(data.images[:, 0], torch.from_numpy(BYTES[..., 0].copy()))
    assert load(saved(BYTES[..., 0] > 99)).images.unique().tolist() == [0, 255]


def test_opacity_is_composited_on_white(saved):
    data = load(saved(np.concatenate([BYTES, np.zeros_like(BYTES[..., :1])], 3)))
    assert data.images.shape == (5, 3, 16, 16)
    assert bool((data.images == 255).all())


def test_images_are_cropped_and_resized(saved):
    data = load(saved(RNG.random((3, 40, 70, 3))))
    assert data.images.shape == (3, 3, 32, 32)
    assert load(saved(RNG.random((3, 40, 70, 3))), 64, 1).images.shape == (3, 1, 64, 64)


def test_labels_come_with_npz(saved):
    data = load(saved(BYTES, [0, 3, 1, 0, 2]))
    assert data.labels.tolist() == [0, 3, 1, 0, 2]
    assert data.spec.classes == 4
    assert load(saved(BYTES, np.zeros((5, 1)))).labels.tolist() == [0] * 5


def test_points_stay_points(saved):
    x = RNG.normal(size=(9, 4))
    data = load(saved(x, np.arange(9) % 2))
    assert isinstance(data, Points)
    assert data.spec.shape == (4,)
    assert data.spec.classes == 2
    np.testing.assert_array_equal(data.x.numpy(), x.astype(np.float32))
    assert sorted(data.draw(9, 0)().x[:, 0].tolist()) == sorted(data.x[:, 0].tolist())


def spoiled(place, value):
    x = BYTES / 255
    x[place] = value
    return x


@pytest.mark.parametrize(
    "x, y, told",
    [
        (spoiled((3, 1, 2, 0), np.nan), None, r"x\[3\]=nan: expected finite numbers"),
        (spoiled((1, 0, 0, 0), np.inf), None, r"x\[1\]=inf: expected finite numbers"),
        (np.array([[0, 1], [2, -np.inf]]), None, r"x\[1\]=-inf: expected finite numbers"),
        (spoiled((0, 0, 0, 0), -3), None, r"x=-3 to .*: expected values in \[-1, 1\], \[0, 1\] or \[0, 255\]"),
        (spoiled((0, 0, 0, 0), 300), None, "expected values in"),
        (BYTES.astype(int) * 2, None, "expected whole numbers from 0 to 255"),
        (BYTES.astype(int) - 1, None, "x=-1 to .*: expected whole numbers"),
        (np.zeros((5, 16, 16, 2), np.uint8), None, r"x=\(5, 16, 16, 2\): expected \(N, C, H, W\) or"),
        (np.zeros(7), None, r"x=\(7,\): expected images"),
        (np.zeros((0, 3, 16, 16)), None, r"x=\(0, 3, 16, 16\): expected images"),
        (np.zeros((2, 2), complex), None, "x=complex128: expected whole numbers or fractions"),
        (np.array([["a", "b"]]), None, "expected whole numbers or fractions"),
        (BYTES, [0, 1, -1, 2, 0], r"y\[2\]=-1: expected a whole number from 0"),
        (BYTES, [0, 1, 1, 2, 10**6], r"y\[4\]=1000000: expected a whole number from 0 to 9999"),
        (BYTES, [0, 0.5, 1, 1, 1], r"y\[1\]=0.5: expected a whole number"),
        (BYTES, [0, np.nan, 1, 1, 1], r"y\[1\]=nan: expected a whole number"),
        (BYTES, [0, 1], r"y=\(2,\): expected 5 labels"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_place(saved, x, y, told):
    path = saved(x, y)
    with pytest.raises(ValueError, match=told) as caught:
        load(path)
    assert path in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pickled_objects_are_never_read(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=np.array([None]))
    (tmp_path / "b.npy").write_bytes(b"cposix\nsystem\n(S'exit 1'\ntR.")
    for name in ("a.npy", "a.npz", "b.npy"):
        with pytest.raises(ValueError, match="pickled objects or no array"):
            load(str(tmp_path / name))


def test_an_npz_without_x_says_what_it_holds(tmp_path):
    np.savez(tmp_path / "a.npz", images=BYTES)
    with pytest.raises(ValueError, match=r"arrays \['images'\]: expected an array x"):
        load(str(tmp_path / "a.npz"))


def test_size_and_channels_are_not_for_points(saved):
    path = saved(RNG.normal(size=(4, 2)))
    with pytest.raises(ValueError, match="size=16: expected none"):
        load(path, 16)
    with pytest.raises(ValueError, match="channels=1: expected none"):
        load(path, channels=1)


def test_an_array_larger_than_memory_is_named(tmp_path):
    head = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000000, 1, 8, 8), }"
    npy = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head
    (tmp_path / "a.npy").write_bytes(npy)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", npy)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(ValueError, match=name):
            load(str(tmp_path / name))


@given(data=st.data(), suffix=st.sampled_from([".npy", ".npz"]))
def test_mutated_files_load_or_are_named(tmp_path_factory, data, suffix):
    path = tmp_path_factory.mktemp("mutated") / f"a{suffix}"
    np.save(path, BYTES[:1]) if suffix == ".npy" else np.savez(path, x=BYTES[:1], y=[0])
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, min(len(raw), 140) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    try:
        assert len(load(str(path), 16)) >= 1
    except ValueError as error:
        assert "a.np" in str(error)  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017

"""The rules by which pictures of every kind become bytes of one size and channel count."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from saddle.data.decode import decode
from saddle.data.files import Item
from saddle.data.pixels import default_size, is_grey, open_picture, resize_all, square, to_grey


def stored(picture: Image.Image, kind: str = "PNG", **options) -> Image.Image:
    """The picture as it comes back from a file."""
    file = BytesIO()
    picture.save(file, kind, **options)
    file.seek(0)
    return open_picture(file)


def ramp(height: int = 16, width: int = 16) -> np.ndarray:
    """No two pixels of a picture are alike, so that a wrong turn shows."""
    y, x = np.mgrid[:height, :width]
    return np.stack([y * 255 // (height - 1), x * 255 // (width - 1), (x + 2 * y) % 256], 2).astype(np.uint8)


@pytest.mark.parametrize(
    "sides, size",
    [([64], 64), ([63], 32), ([1000], 64), ([3], 16), ([16, 16, 900], 16), ([31, 33, 40], 32), ([20, 44], 32)],
)
def test_default_size_is_a_power_of_two_near_the_median(sides, size):
    assert default_size(sides) == size


def test_a_picture_of_the_right_size_is_left_as_it_is():
    assert np.array_equal(square(stored(Image.fromarray(ramp())), 16), ramp())


@pytest.mark.parametrize("shape, rows, columns", [((16, 25), (0, 16), (4, 20)), ((21, 16), (2, 18), (0, 16))])
def test_the_largest_centred_square_is_cut_out(shape, rows, columns):
    pixels = ramp(*shape)
    assert np.array_equal(square(stored(Image.fromarray(pixels)), 16), pixels[slice(*rows), slice(*columns)])


def test_shrinking_averages_and_does_not_pick():
    """A chequerboard of single pixels becomes even grey, which picking every fourth would make black or white."""
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    inner = square(stored(Image.fromarray(board)), 16)[2:-2, 2:-2]
    assert np.abs(inner.astype(int) - 127.5).max() <= 2


@pytest.mark.parametrize(
    "orientation, upright",
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: np.rot90(a, 2).transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a, 1)),
    ],
)
def test_exif_orientation_is_obeyed(orientation, upright):
    """6 says that the first row is shown on the right: the picture is to be turned clockwise."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(square(stored(Image.fromarray(ramp()), exif=exif), 16), upright(ramp()))


@pytest.mark.parametrize("note", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b""])
def test_a_damaged_exif_note_loses_no_picture(note):
    assert np.array_equal(square(stored(Image.fromarray(ramp()), exif=note), 16), ramp())


def test_sixteen_bit_grey_is_scaled_to_eight():
    values = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    pixels = square(stored(Image.fromarray(values)), 16)
    assert np.array_equal(pixels[..., 0], np.arange(256).reshape(16, 16))
    assert is_grey(pixels)


def test_fractions_and_32_bit_numbers_that_fit_are_scaled():
    share = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    wanted = np.arange(256).reshape(16, 16)
    assert np.array_equal(square(stored(Image.fromarray(share), "TIFF"), 16)[..., 0], wanted)
    assert np.array_equal(square(stored(Image.fromarray(wanted.astype(np.int32) * 257), "TIFF"), 16)[..., 0], wanted)


@pytest.mark.parametrize("value", [np.float32(7), np.float32("nan"), np.int32(70000), np.int32(-1)])
def test_other_numbers_are_refused(value):
    with pytest.raises(ValueError, match="expected grey from 0 to"):
        square(stored(Image.fromarray(np.full((16, 16), value)), "TIFF"), 16)


def test_transparency_is_composited_on_white():
    rgba = np.dstack([ramp(), np.tile(np.uint8([0, 51, 255, 255]), (16, 4))])
    share = rgba[..., 3:] / 255
    got = square(stored(Image.fromarray(rgba)), 16)
    assert np.abs(got - (ramp() * share + 255 * (1 - share))).max() <= 1
    assert (got[:, 0] == 255).all()


def test_grey_with_transparency_stays_grey():
    la = np.dstack([np.full((16, 16), 100, np.uint8), np.tile(np.uint8([0, 255]), (16, 8))])
    got = square(stored(Image.fromarray(la)), 16)
    assert is_grey(got)
    assert got[0, :2, 0].tolist() == [255, 100]


@pytest.mark.parametrize("transparent", [1, bytes([255, 0])])
def test_palettes_become_colours_with_their_transparency_on_white(transparent):
    picture = Image.fromarray(np.indices((16, 16)).sum(0).astype(np.uint8) % 2, "L")
    picture = picture.convert("P")
    picture.putpalette([200, 10, 20, 1, 2, 3])
    got = square(stored(picture, transparency=transparent), 16)
    assert got[0, :2].tolist() == [[200, 10, 20], [255, 255, 255]]


def test_one_bit_pictures_are_black_and_white():
    bits = np.indices((16, 16)).sum(0) % 2 == 1
    assert np.array_equal(square(stored(Image.fromarray(bits)), 16)[..., 0], bits * 255)


def test_print_colours_become_rgb():
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    red = square(stored(cmyk, "TIFF"), 16)[0, 0]
    assert red[0] == 255
    assert red[1:].max() == 0


def test_of_an_animation_the_first_frame_is_taken():
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    assert square(stored(frames[0], "GIF", save_all=True, append_images=frames[1:]), 16)[0, 0].tolist() == [255, 0, 0]


def test_large_jpegs_look_the_same_as_without_the_shortcut():
    y, x = np.mgrid[:1024, :1024] / 1024
    smooth = np.uint8(np.stack([127 + 120 * np.sin(5 * x + 3 * y), 200 * x, 200 * y], 2))
    short = square(stored(Image.fromarray(smooth), "JPEG", quality=98), 16).astype(int)
    whole = square(Image.fromarray(smooth), 16).astype(int)
    assert np.abs(short - whole).max() <= 3


@pytest.mark.parametrize("side", [10_001, 20_000])
def test_absurd_pixel_counts_are_refused_before_decoding(side):
    header = BytesIO()
    Image.new("1", (1, 1)).save(header, "BMP")
    bomb = bytearray(header.getvalue())
    bomb[18:26] = side.to_bytes(4, "little") * 2  # width and height
    reason = decode([Item("bomb", None, lambda: BytesIO(bytes(bomb)))], 16).bad[0]
    assert "pixels" in reason


def test_grey_weights_are_pillows():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert np.array_equal(to_grey(pixels)[..., 0], np.asarray(Image.fromarray(pixels).convert("L")))


@pytest.mark.parametrize("held", [1, 3])
@pytest.mark.parametrize("wanted", [1, 3])
def test_arrays_are_brought_to_size_and_channels(held, wanted):
    images = np.repeat(np.full((3, 20, 30, 1), 77, np.uint8), held, 3)
    made = resize_all(images, 16, wanted)
    assert made.shape == (3, 16, 16, wanted)
    assert (made == 77).all()

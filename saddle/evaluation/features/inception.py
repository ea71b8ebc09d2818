"""The network behind FID: Inception V3 as it was published with TensorFlow in 2015, from a weights file.

Szegedy et al. 2016, arXiv:1512.00567, describe the network; the graph that FID uses differs from it, and from later
copies, in four ways that all move the numbers: averages over 3x3 pixels leave out the border's padding, the last block
takes the largest of 3x3 pixels instead of their average, batch normalisation adds 0.001, and there are 1008 classes.
"""

from collections.abc import Callable
from copy import copy
from functools import partial
from pathlib import Path
from typing import Self

from torch import Tensor, cat, nn
from torch.nn.functional import avg_pool2d, max_pool2d

from saddle.config import choose
from saddle.evaluation.features.base import Extractor
from saddle.evaluation.features.presets import PRESETS
from saddle.evaluation.features.resize import RESIZERS
from saddle.evaluation.features.weights import loaded, read, resolve

__all__ = ["HASHES", "NAMES", "Inception2015", "InceptionV3"]

NAMES = ("pt_inception-2015-12-05-6726825d.pth", "weights-inception-2015-12-05-6726825d.pth")
"""The one file, as pytorch-fid and torch-fidelity call it."""
HASHES = ("6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",)
"""Its sha256."""

Kernel = int | tuple[int, int]
Step = tuple[str, int, Kernel, int]  # name, channels out, kernel, stride
Chain = tuple[tuple[Step, ...], ...]  # places one after another; steps in one place look at the same, side by side
Pool = Callable[[Tensor], Tensor]

_average: Pool = partial(avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
_largest: Pool = partial(max_pool2d, kernel_size=3, stride=1, padding=1)
_halving: Pool = partial(max_pool2d, kernel_size=3, stride=2)


class _Unit(nn.Module):
    """Convolution without bias, batch normalisation, rectifier: (N, C, H, W) -> (N, C', H', W')."""

    def __init__(self, inputs: int, outputs: int, kernel: Kernel, stride: int = 1, pad: bool = True) -> None:
        super().__init__()
        height, width = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        padding = (height // 2, width // 2) if pad else (0, 0)
        self.conv = nn.Conv2d(inputs, outputs, (height, width), stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x)).relu_()


class _Mixed(nn.Module):
    """Chains of units beside each other and a pooled copy, channels joined: figures 5 to 7 and 10 of the paper."""

    def __init__(self, inputs: int, chains: tuple[Chain, ...], pool: Pool, pooled: int = 0) -> None:
        super().__init__()
        self.chains, self.pool = chains, pool
        for chain in chains:
            held = inputs
            for place in chain:
                for name, outputs, kernel, stride in place:
                    self.add_module(name, _Unit(held, outputs, kernel, stride, pad=stride == 1))
                held = place[0][1]
        if pooled:
            self.branch_pool = _Unit(inputs, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        found = [self._run(chain, x) for chain in self.chains]
        found.append(self.branch_pool(self.pool(x)) if hasattr(self, "branch_pool") else self.pool(x))
        return cat(found, 1)

    def _run(self, chain: Chain, x: Tensor) -> Tensor:
        for place in chain:
            x = cat([self.get_submodule(name)(x) for name, *_ in place], 1)
        return x


def _step(name: str, outputs: int, kernel: Kernel, stride: int = 1) -> tuple[Step]:
    return ((name, outputs, kernel, stride),)


def _block_a(inputs: int, pooled: int) -> _Mixed:
    """35 x 35: the 5x5 convolution as two 3x3 (figure 5), beside a real 5x5 one."""
    single: Chain = (_step("branch1x1", 64, 1),)
    wide: Chain = (_step("branch5x5_1", 48, 1), _step("branch5x5_2", 64, 5))
    double: Chain = (_step("branch3x3dbl_1", 64, 1), _step("branch3x3dbl_2", 96, 3), _step("branch3x3dbl_3", 96, 3))
    return _Mixed(inputs, (single, wide, double), _average, pooled)


def _block_b(inputs: int) -> _Mixed:
    """35 x 35 to 17 x 17 (figure 10)."""
    single: Chain = (_step("branch3x3", 384, 3, 2),)
    double: Chain = (_step("branch3x3dbl_1", 64, 1), _step("branch3x3dbl_2", 96, 3), _step("branch3x3dbl_3", 96, 3, 2))
    return _Mixed(inputs, (single, double), _halving)


def _block_c(inputs: int, c: int) -> _Mixed:
    """17 x 17: 7x7 convolutions as rows and columns (figure 6 with n = 7)."""
    across, down = (1, 7), (7, 1)
    single: Chain = (_step("branch1x1", 192, 1),)
    once: Chain = (_step("branch7x7_1", c, 1), _step("branch7x7_2", c, across), _step("branch7x7_3", 192, down))
    twice: Chain = (
        _step("branch7x7dbl_1", c, 1),
        _step("branch7x7dbl_2", c, down),
        _step("branch7x7dbl_3", c, across),
        _step("branch7x7dbl_4", c, down),
        _step("branch7x7dbl_5", 192, across),
    )
    return _Mixed(inputs, (single, once, twice), _average, 192)


def _block_d(inputs: int) -> _Mixed:
    """17 x 17 to 8 x 8."""
    single: Chain = (_step("branch3x3_1", 192, 1), _step("branch3x3_2", 320, 3, 2))
    seven: Chain = (
        _step("branch7x7x3_1", 192, 1),
        _step("branch7x7x3_2", 192, (1, 7)),
        _step("branch7x7x3_3", 192, (7, 1)),
        _step("branch7x7x3_4", 192, 3, 2),
    )
    return _Mixed(inputs, (single, seven), _halving)


def _block_e(inputs: int, pool: Pool) -> _Mixed:
    """8 x 8: a row and a column side by side at the end of both chains (figure 7)."""
    across, down = (1, 3), (3, 1)
    once: Chain = (_step("branch3x3_1", 384, 1), _step("branch3x3_2a", 384, across) + _step("branch3x3_2b", 384, down))
    twice: Chain = (
        _step("branch3x3dbl_1", 448, 1),
        _step("branch3x3dbl_2", 384, 3),
        _step("branch3x3dbl_3a", 384, across) + _step("branch3x3dbl_3b", 384, down),
    )
    return _Mixed(inputs, ((_step("branch1x1", 320, 1),), once, twice), pool, 192)


class InceptionV3(nn.Module):
    """x (N, 3, 299, 299) -> features (N, 2048) and logits without bias (N, 1008).

    The Inception Score is defined on softmax(W h): TensorFlow's graph is cut there before the bias b of its last layer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _Unit(3, 32, 3, 2, pad=False)
        self.Conv2d_2a_3x3 = _Unit(32, 32, 3, pad=False)
        self.Conv2d_2b_3x3 = _Unit(32, 64, 3)
        self.Conv2d_3b_1x1 = _Unit(64, 80, 1)
        self.Conv2d_4a_3x3 = _Unit(80, 192, 3, pad=False)
        self.Mixed_5b = _block_a(192, 32)
        self.Mixed_5c = _block_a(256, 64)
        self.Mixed_5d = _block_a(288, 64)
        self.Mixed_6a = _block_b(288)
        self.Mixed_6b = _block_c(768, 128)
        self.Mixed_6c = _block_c(768, 160)
        self.Mixed_6d = _block_c(768, 160)
        self.Mixed_6e = _block_c(768, 192)
        self.Mixed_7a = _block_d(768)
        self.Mixed_7b = _block_e(1280, _average)
        self.Mixed_7c = _block_e(2048, _largest)
        self.fc = nn.Linear(2048, 1008)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))  # (N, 64, 147, 147)
        h = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(_halving(h)))  # (N, 192, 71, 71)
        h = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(_halving(h))))  # (N, 288, 35, 35)
        h = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(h)))  # (N, 768, 17, 17)
        h = self.Mixed_6e(self.Mixed_6d(h))
        h = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(h)))  # (N, 2048, 8, 8)
        features = h.mean((2, 3))  # (N, 2048)
        return features, features @ self.fc.weight.T


class Inception2015(Extractor):
    """Features (N, 2048) and logits (N, 1008) of the network that FID, KID and the Inception Score are defined on.

    Args:
        weights: the file, or a folder that holds it; looked for in the usual places where None.
        preset: a tool of `PRESETS`, whose way to resize and normalise is taken.
    Raises:
        ValueError: no such file, a damaged or another one, no such preset.
    """

    name = "inception-2015"
    size = 299
    channels = 3
    dimensions = 2048
    classes = 1008
    network: InceptionV3

    def __init__(self, weights: str | Path | None = None, preset: str = "torch-fidelity") -> None:
        self._feed_as(preset)
        path, self.weights = resolve(NAMES, HASHES, weights)
        self.network = loaded(InceptionV3, read(path), path)

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        return self.network((self.fit(images) - self.centre) / self.scale)

    def with_resize(self, name: str) -> Self:
        """The same network fed otherwise: a preset, or a resizer in place of the present one.

        Raises:
            ValueError: no such preset, no such resizer.
        """
        if name in RESIZERS:
            return super().with_resize(name)
        other = copy(self)
        other._feed_as(name)
        return other

    def _feed_as(self, preset: str) -> None:
        tool = choose(preset, PRESETS, "preset")
        self.resize, self.centre, self.scale = tool.resize, tool.centre, tool.scale
        self.settings = f"normalise={tool.normalise}"

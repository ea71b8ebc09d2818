"""Labels into networks that know of none: wrappers that join a label to z or to x.

Mirza and Osindero 2014 (arXiv:1411.1784) give y to both players and join it after one layer of its own
(``cgan_mlp``). The conditional MNIST network of DCGAN's published code (arXiv:1511.06434) joins one-hot maps at every
layer; ``LabelledCritic`` joins them at the image only. R3GAN (arXiv:2501.05441) embeds y beside z and scores
the critic's output against an embedded label.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from saddle.data.spec import checked

__all__ = ["EqualLabelDotCritic", "LabelDotCritic", "LabelledCritic", "LabelledGenerator", "one_hot"]


def one_hot(y: Tensor, classes: int) -> Tensor:
    """Labels (N,) int64 -> (N, classes) float with a single 1 a row.

    Raises:
        ValueError: a label outside 0 .. classes - 1.

    >>> one_hot(torch.tensor([1]), classes=3)
    tensor([[0., 1., 0.]])
    """
    return F.one_hot(checked(y, classes), classes).to(torch.get_default_dtype())


class LabelledGenerator(nn.Module):
    """z (N, z_dim), y (N,) -> net of z with the embedded label beside it.

    Args:
        net: generator built for rows of length z_dim + embedding.
        classes: number of labels.
        embedding: length of a label's learned row, N(0, 1) at first, which is the scale of z.
    Source: the joining of z and y in Mirza and Osindero 2014, arXiv:1411.1784; a learned row for y as in R3GAN,
        arXiv:2501.05441.
    """

    def __init__(self, net: nn.Module, classes: int, embedding: int) -> None:
        super().__init__()
        self.net, self.classes = net, classes
        self.embed = nn.Embedding(classes, embedding)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Samples of the given labels. Raises ValueError for a label outside 0 .. classes - 1."""
        x: Tensor = self.net(torch.cat([z, self.embed(checked(y, self.classes))], dim=1))  # (N, z_dim + embedding)
        return x


class LabelledCritic(nn.Module):
    """x, y (N,) -> net of x with the one-hot label beside it: constant maps for images, further columns for points.

    Args:
        net: critic built for channels + classes channels, or for d + classes dimensions.
        classes: number of labels.
        size: side of the images; 0 for points.
    Source: Mirza and Osindero 2014, arXiv:1411.1784; one-hot maps as in the conditional MNIST network of
        Radford et al. 2016, arXiv:1511.06434.
    """

    def __init__(self, net: nn.Module, classes: int, size: int = 0) -> None:
        super().__init__()
        self.net, self.classes = net, classes
        self.place = (size, size) if size else ()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Logits of pairs (x, y). Raises ValueError for a label outside 0 .. classes - 1."""
        label = one_hot(y, self.classes).to(x).reshape(len(y), self.classes, *(1 for _ in self.place))
        maps = label.expand(-1, -1, *self.place)  # (N, classes, S, S) or (N, classes)
        logits: Tensor = self.net(torch.cat([x, maps], dim=1))
        return logits


class LabelDotCritic(nn.Module):
    """x, y (N,) -> logits (N,): the product of the net's output for x and a learned row for y.

    Args:
        net: critic with several outputs, x -> (N, outputs).
        classes: number of labels.
        outputs: of the net, and length of a label's row.

    The rows start as a linear layer on one-hot labels with gain 1 / sqrt(outputs) does, N(0, 1 / (outputs classes)).
    Source: Huang et al. 2024, arXiv:2501.05441, and its published code.
    """

    def __init__(self, net: nn.Module, classes: int, outputs: int) -> None:
        super().__init__()
        self.net, self.classes = net, classes
        self.embed = nn.Embedding(classes, outputs)
        nn.init.normal_(self.embed.weight, 0.0, 1 / math.sqrt(outputs * classes))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Logits of pairs (x, y). Raises ValueError for a label outside 0 .. classes - 1."""
        scores: Tensor = self.net(x) * self.embed(checked(y, self.classes))  # (N, outputs)
        return scores.sum(1)


class EqualLabelDotCritic(LabelDotCritic):
    """The same with an equalised learning rate: rows N(0, 1), and the product divided by sqrt(outputs) at each use.

    The product is that of the projection without its second, label-free term. Source: Miyato and Koyama 2018, eq. 3,
    arXiv:1802.05637; equalised as in Karras et al. 2018, arXiv:1710.10196.
    """

    def __init__(self, net: nn.Module, classes: int, outputs: int) -> None:
        super().__init__(net, classes, outputs)
        nn.init.normal_(self.embed.weight)
        self.outputs = outputs

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return super().forward(x, y) / math.sqrt(self.outputs)

"""A plain vision transformer, Dosovitskiy et al. 2021, arXiv:2010.11929, in the two forms that DINOv2 and CLIP take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, scaled_dot_product_attention

from saddle.config import require

__all__ = ["Shape", "VisionTransformer", "join_qkv", "quick_gelu", "rename"]


def quick_gelu(x: Tensor) -> Tensor:
    """x sigmoid(1.702 x): the approximation of GELU that CLIP was trained with.

    >>> quick_gelu(torch.tensor([1.0]))
    tensor([0.8458])
    """
    return x * torch.sigmoid(1.702 * x)


@dataclass(frozen=True)
class Shape:
    """What distinguishes one vision transformer from another."""

    size: int
    """Side in pixels of the images that positions were learned on."""
    patch: int
    """Side in pixels of a patch."""
    width: int
    """Numbers a token."""
    depth: int
    """Blocks."""
    heads: int
    """Heads of attention; they share the width."""
    hidden: int
    """Numbers a token between the two layers of a perceptron."""
    eps: float = 1e-6
    """What layer normalisation adds to the variance."""
    scaled: bool = False
    """DINOv2: what a block adds is first scaled, channel by channel (LayerScale, arXiv:2103.17239)."""
    clip: bool = False
    """CLIP: patches enter without bias and are normalised before the first block; quick GELU; a projection at the end.
    """
    projected: int = 0
    """Numbers after that projection."""
    nudge: float = 0.0
    """Added to the number of patches on a side when learned positions are resized to it: the released DINOv2 adds 0.1,
    which shifts the grid a little, and published numbers were computed so."""

    def __post_init__(self) -> None:
        require(self.size % self.patch == 0, "size", self.size, f"a multiple of the patch, {self.patch}")
        require(self.width % self.heads == 0, "width", self.width, f"a multiple of the number of heads, {self.heads}")

    @property
    def grid(self) -> int:
        """Patches on a side, as learned."""
        return self.size // self.patch


class _Attention(nn.Module):
    """Softmax attention of every token to all: (N, T, width) -> (N, T, width)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each (N, heads, T, w)
        return self.proj(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class _Perceptron(nn.Module):
    """Two layers, token by token: (N, T, width) -> (N, T, width)."""

    def __init__(self, width: int, hidden: int, quick: bool) -> None:
        super().__init__()
        self.bend = quick_gelu if quick else gelu
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.bend(self.fc1(x)))


class _Scale(nn.Module):
    """A factor a channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class _Block(nn.Module):
    """x + s1 attention(norm1 x), then h + s2 perceptron(norm2 h): (N, T, width) -> (N, T, width)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(shape.width, shape.eps)
        self.attn = _Attention(shape.width, shape.heads)
        self.ls1 = _Scale(shape.width) if shape.scaled else nn.Identity()
        self.norm2 = nn.LayerNorm(shape.width, shape.eps)
        self.mlp = _Perceptron(shape.width, shape.hidden, shape.clip)
        self.ls2 = _Scale(shape.width) if shape.scaled else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = x + self.ls1(self.attn(self.norm1(x)))
        return h + self.ls2(self.mlp(self.norm2(h)))


class VisionTransformer(nn.Module):
    """x (N, 3, S, S), normalised -> the class token after the last norm (N, width), projected where shape says so.

    S may differ from the side that positions were learned on, by whole patches: positions are resized, bicubic.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.cls_token = nn.Parameter(torch.zeros(1, 1, shape.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + shape.grid**2, shape.width))
        self.patch_embed = nn.Conv2d(3, shape.width, shape.patch, shape.patch, bias=not shape.clip)
        self.norm_pre = nn.LayerNorm(shape.width, shape.eps) if shape.clip else nn.Identity()
        self.blocks = nn.Sequential(*(_Block(shape) for _ in range(shape.depth)))
        self.norm = nn.LayerNorm(shape.width, shape.eps)
        self.head = nn.Linear(shape.width, shape.projected, bias=False) if shape.projected else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patch_embed(x)  # (N, width, g, g)
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), patches.flatten(2).transpose(1, 2)], 1)
        h = self.blocks(self.norm_pre(tokens + self.positions(patches.shape[-1])))  # (N, 1 + g * g, width)
        return self.head(self.norm(h[:, 0]))  # the norm looks at one token at a time

    def positions(self, side: int) -> Tensor:
        """Learned positions (1, 1 + side**2, width) for a grid of another side."""
        learned = self.shape.grid
        if side == learned:
            return self.pos_embed
        first, rest = self.pos_embed[:, :1], self.pos_embed[:, 1:].unflatten(1, (learned, learned))
        rest = rest.permute(0, 3, 1, 2)  # (1, width, grid, grid)
        if self.shape.nudge:
            scale = (side + self.shape.nudge) / learned
            moved = interpolate(rest, scale_factor=(scale, scale), mode="bicubic", align_corners=False)
        else:
            moved = interpolate(rest, size=(side, side), mode="bicubic", align_corners=False)
        return torch.cat([first, moved.permute(0, 2, 3, 1).flatten(1, 2)], 1)


def rename(tensors: Mapping[str, Tensor], names: Sequence[tuple[str, str]]) -> dict[str, Tensor]:
    """Named tensors under other names: every pair (theirs, ours) is replaced in turn wherever it stands.

    >>> list(rename({"encoder.layer.0.norm.weight": torch.zeros(1)}, [("encoder.layer.", "blocks.")]))
    ['blocks.0.norm.weight']
    """
    found = {}
    for name, value in tensors.items():
        for theirs, ours in names:
            name = name.replace(theirs, ours)
        found[name] = value
    return found


def join_qkv(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``attn.q``, ``attn.k`` and ``attn.v``, kept apart in some files, as one ``attn.qkv``; the rest as it is.

    Where one of the three is missing the others stay as they are, so that loading says what is wrong.
    """
    found = dict(tensors)
    for name in [name for name in tensors if ".attn.q." in name]:
        three = [name.replace(".attn.q.", f".attn.{one}.") for one in "qkv"]
        if all(one in found for one in three):
            found[name.replace(".attn.q.", ".attn.qkv.")] = torch.cat([found.pop(one) for one in three])
    return found

"""DINOv2's ViT-L/14, Oquab et al. 2023, arXiv:2304.07193, from a weights file: the features of FD-DINOv2.

Stein et al. 2023, arXiv:2306.04675, find distances in them nearer to people's judgement than those of Inception.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from saddle.evaluation.features.base import Extractor
from saddle.evaluation.features.vit import Shape, VisionTransformer, join_qkv, rename
from saddle.evaluation.features.weights import loaded, read, resolve

__all__ = ["HASHES", "NAMES", "SHAPE", "DINOv2", "from_published"]

NAMES = ("dinov2_vitl14_pretrain.pth",)
"""The file as its authors call it; the Hugging Face layout (model.safetensors) is read too, where a path is given."""
HASHES = ("d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428",)
"""Its sha256."""
SHAPE = Shape(size=518, patch=14, width=1024, depth=24, heads=16, hidden=4096, scaled=True, nudge=0.1)
"""ViT-L/14; 304.4 million weights."""

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, in [0, 1]
_HUGGING_FACE = [
    ("embeddings.cls_token", "cls_token"),
    ("embeddings.position_embeddings", "pos_embed"),
    ("embeddings.patch_embeddings.projection.", "patch_embed."),
    ("encoder.layer.", "blocks."),
    (".attention.attention.query.", ".attn.q."),
    (".attention.attention.key.", ".attn.k."),
    (".attention.attention.value.", ".attn.v."),
    (".attention.output.dense.", ".attn.proj."),
    (".attention.q_proj.", ".attn.q."),  # as its version 5 names them
    (".attention.k_proj.", ".attn.k."),
    (".attention.v_proj.", ".attn.v."),
    (".attention.o_proj.", ".attn.proj."),
    (".layer_scale1.lambda1", ".ls1.gamma"),
    (".layer_scale2.lambda1", ".ls2.gamma"),
    ("layernorm.", "norm."),
]


def from_published(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names of either published layout, the authors' or Hugging Face's, as `VisionTransformer` has them.

    The token that stood for masked patches in training goes.
    """
    kept = {name.removeprefix("dinov2."): value for name, value in tensors.items() if not name.endswith("mask_token")}
    return join_qkv(rename(kept, [("patch_embed.proj.", "patch_embed."), *_HUGGING_FACE]))


class DINOv2(Extractor):
    """The class token after the last norm, (N, 1024).

    Images are resized to 224 x 224 by ``bicubic-aa``, not rounded, as the dgm-eval package does with its clean resize.

    Args:
        weights: the file, or a folder that holds it; looked for in the usual places where None. A path to a
            ``.safetensors`` file in either layout is taken at its names and shapes: no hash of one is known.
    Raises:
        ValueError: no such file, a damaged or another one.
    """

    name = "dinov2"
    size = 224
    resize = "bicubic-aa"
    channels = 3
    settings = "normalise=imagenet"
    dimensions = SHAPE.width
    network: VisionTransformer

    def __init__(self, weights: str | Path | None = None) -> None:
        unknown = str(weights).lower().endswith(".safetensors")
        path, self.weights = resolve(NAMES, () if unknown else HASHES, weights)
        self.network = loaded(lambda: VisionTransformer(SHAPE), from_published(read(path)), path)

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        x = self.fit(images)
        mean, std = (x.new_tensor(three).view(3, 1, 1) * 255 for three in (_MEAN, _STD))
        return self.network((x - mean) / std), None

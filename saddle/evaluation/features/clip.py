"""CLIP's image tower ViT-L/14 at 336 pixels, Radford et al. 2021, arXiv:2103.00020, from a weights file: for CMMD."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from saddle.evaluation.features.base import Extractor
from saddle.evaluation.features.vit import Shape, VisionTransformer, join_qkv, rename
from saddle.evaluation.features.weights import loaded, read, resolve

__all__ = ["CLIP", "HASHES", "NAMES", "REPOS", "SHAPE", "from_published"]

NAMES = ("pytorch_model.bin",)
"""The file as it is called in `REPOS`; a ``.safetensors`` file of the same tensors is read too, where a path is given.
"""
HASHES = ("c6032c2e0caae3dc2d4fba35535fa6307dbb49df59c7e182b1bc4b3329b81801",)
"""Its sha256."""
REPOS = ("openai/clip-vit-large-patch14-336",)
"""Where it comes from on the Hugging Face Hub."""
SHAPE = Shape(size=336, patch=14, width=1024, depth=24, heads=16, hidden=4096, eps=1e-5, clip=True, projected=768)
"""ViT-L/14@336; 304.3 million weights with the projection."""

_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # of its data, in [0, 1]
_HUGGING_FACE = [
    ("embeddings.class_embedding", "cls_token"),
    ("embeddings.position_embedding.weight", "pos_embed"),
    ("embeddings.patch_embedding.", "patch_embed."),
    ("pre_layrnorm.", "norm_pre."),  # sic
    ("encoder.layers.", "blocks."),
    (".layer_norm", ".norm"),
    (".self_attn.q_proj.", ".attn.q."),
    (".self_attn.k_proj.", ".attn.k."),
    (".self_attn.v_proj.", ".attn.v."),
    (".self_attn.out_proj.", ".attn.proj."),
    ("post_layernorm.", "norm."),
]


def from_published(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names of a whole CLIP, or of its image tower with projection, as `VisionTransformer` has them.

    The Hugging Face layout (``vision_model.``, ``visual_projection.``); the text tower goes.
    """
    tower = {
        name.removeprefix("vision_model."): value
        for name, value in tensors.items()
        if name.startswith("vision_model.") and not name.endswith("position_ids")
    }
    found = join_qkv(rename(tower, _HUGGING_FACE))
    if "visual_projection.weight" in tensors:
        found["head.weight"] = tensors["visual_projection.weight"]
    for name, missing in (("cls_token", 2), ("pos_embed", 1)):  # theirs has no axis of samples
        if name in found:
            found[name] = found[name][(None,) * missing]
    return found


class CLIP(Extractor):
    """Image embeddings (N, 768), as projected: not normalised, which CMMD does itself.

    Images are resized to 336 x 336 by ``bicubic-aa``, as CMMD's authors do; its ports to torch leave out antialiasing.

    Args:
        weights: the file, or a folder that holds it; looked for in the usual places where None. A path to a
            ``.safetensors`` file is taken at its names and shapes: no hash of one is known.
    Raises:
        ValueError: no such file, a damaged or another one.
    """

    name = "clip"
    size = 336
    resize = "bicubic-aa"
    channels = 3
    settings = "normalise=clip"
    dimensions = SHAPE.projected
    network: VisionTransformer

    def __init__(self, weights: str | Path | None = None) -> None:
        unknown = str(weights).lower().endswith(".safetensors")
        path, self.weights = resolve(NAMES, () if unknown else HASHES, weights, repos=REPOS)
        self.network = loaded(lambda: VisionTransformer(SHAPE), from_published(read(path)), path)

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        x = self.fit(images)
        mean, std = (x.new_tensor(three).view(3, 1, 1) * 255 for three in (_MEAN, _STD))
        return self.network((x - mean) / std), None

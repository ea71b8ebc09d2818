"""An image as a page holds it: a PNG inside a data URI, without a word on where it came from."""

from base64 import b64encode
from io import BytesIO

from PIL import Image
from torch import Tensor

__all__ = ["data_uri"]


def data_uri(image: Tensor) -> str:
    """A uint8 image (C, H, W), C = 1 or 3, as ``data:image/png;base64,...``: lossless, the same encoder for all.

    >>> data_uri(torch.zeros(1, 2, 2, dtype=torch.uint8))[:26]
    'data:image/png;base64,iVBO'
    """
    pixels = image.permute(1, 2, 0).contiguous().numpy()  # (H, W, C)
    held = BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(held, "PNG", compress_level=9)
    return "data:image/png;base64," + b64encode(held.getvalue()).decode()

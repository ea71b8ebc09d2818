"""Images per second of saddle's extraction against the bare network's forward pass on the same batches.

    python bench/extraction.py [--images 512] [--turns 7] [--json]

`extract` hashes every image, resizes and normalises it, and collects features and log-probabilities; nothing is found
in a cache. The bare pass runs the same network on batches of the same size that were prepared beforehand, and keeps
nothing. The two take turns, and the ratio is the median over pairs of turns, so that a machine whose speed drifts
treats them alike. The limit is 0.90: within 10 % of the bare network.
"""

import argparse
import json
import os
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from unittest.mock import patch

import torch
from torch import Tensor

from saddle.data import Images, load
from saddle.evaluation.features import Extractor, extract, find
from saddle.evaluation.features.extraction import batch_size, forget
from saddle.evaluation.side import Side


def bare_batches(images: Tensor, extractor: Extractor) -> list[Tensor]:
    """What the network itself sees of the images, in the layout that its weights have, ready in memory."""
    seen: list[Tensor] = []
    assert extractor.network is not None
    hook = extractor.network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.inference_mode():
        for batch in images.split(batch_size(images, extractor)):
            extractor(batch.contiguous())
    hook.remove()
    return seen


def measure(name: str, images: Tensor, turns: int) -> dict[str, object]:
    """Both in turn, as images per second and their ratio."""
    extractor = find(name)
    whole = len(images) // batch_size(images, extractor) * batch_size(images, extractor)
    images = images[:whole]
    network, batches, ratios, ours = extractor.network, bare_batches(images, extractor), [], []
    assert network is not None
    for turn in range(turns + 1):
        with TemporaryDirectory() as folder, patch.dict(os.environ, SADDLE_CACHE=folder):
            forget()
            side = Side.of_images(images.clone())
            start = perf_counter()
            extract(side, extractor)
            middle = perf_counter()
            with torch.inference_mode():
                for x in batches:
                    network(x)
            end = perf_counter()
        if turn:  # the first warms up
            ratios.append((end - middle) / (middle - start))
            ours.append(whole / (middle - start))
    return {
        "extractor": name,
        "images": whole,
        "side": images.shape[-1],
        "images_per_second": round(median(ours), 1),
        "share_of_the_bare_network": round(median(ratios), 3),
    }


def colour(count: int, side: int) -> Tensor:
    """Bytes (count, 3, side, side); what they show makes no difference to the time."""
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, side, side), generator=rng, dtype=torch.uint8)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = load("mnist")
    assert isinstance(data, Images)
    rows = [measure("digits", data.images[: 8 * args.images].contiguous(), args.turns)]
    rows += [
        measure("efficientnet-lite0", colour(args.images // (side // 32) ** 2, side), args.turns) for side in (32, 64)
    ]
    if args.json:
        print(json.dumps({"extraction": rows}))
        return
    for row in rows:
        what = f"{row['extractor']} on {row['images']} images of {row['side']} px"
        print(
            f"{what:<48} {row['images_per_second']:>8} a second, {row['share_of_the_bare_network']} of the bare network"
        )


if __name__ == "__main__":
    main()

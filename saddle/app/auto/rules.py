"""``saddle train auto``: which recipe, how large, with which remedy, by what the data are and how fast the machine is.

The rules stand in `choose_for`; docs/auto.md says what was measured to find them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

from saddle.data.spec import Spec

__all__ = [
    "AVERAGED",
    "ENOUGH",
    "FASTER",
    "FEW",
    "OFTEN",
    "PLAIN",
    "PLENTY",
    "STYLED",
    "WIDTHS",
    "Choice",
    "Seen",
    "Speed",
    "choose_for",
]

FEW = 20
"""Samples of the rarest label, below which the labels are left out."""
PLAIN = 0.5
"""How well a linear reader must tell the labels (see `saddle.app.auto.legible`) for the players to be told them."""
ENOUGH = 100_000
"""Images that must be shown in the time for a size to be taken."""
SMALLEST = 32
"""Side in pixels below which larger images are not brought."""
STYLED = 120_000
"""Images that stylegan2 must be able to show in the time to be taken in dcgan's place, which it passes by then."""
WIDTHS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"dcgan": (32, 64, 128), "cgan": (32, 64, 128), "stylegan2": (8, 16, 32)}
)
"""Channels at the highest resolution that are tried, the narrowest first; they double towards 4x4."""
PLENTY = 400_000
"""Images that must be shown in the time for a width to be taken."""
OFTEN = 75
"""Times that each colour image is shown, beyond which augmentation is worth what it slows down."""
AVERAGED = 0.05
"""Share of all images that is the half-life of the generator's average."""
FASTER = 1.15
"""How many times as fast as float32 bfloat16 must be to be taken."""
BATCH: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "dcgan": {"cpu": 32, "mps": 64, "cuda": 64},
        "cgan": {"cpu": 32, "mps": 64, "cuda": 64},
        "stylegan2": {"cpu": 8, "mps": 32, "cuda": 32},
    }
)
"""Images of a step, by recipe and device."""
POINTS = 128
"""Points of a step."""

Settings = dict[str, float | int | str | bool]
Speed = Callable[[str, Settings, Spec, str], float]
"""Recipe, settings, shape of the data, precision -> images shown in a second, as measured here."""


@dataclass(frozen=True)
class Seen:
    """What the choice is made by."""

    spec: Spec
    """Shape of the data, and their labels."""
    count: int
    """Samples; 0 where there is no end of them."""
    rarest: int
    """Samples of the rarest label; 0 without labels."""
    legible: float
    """How well a linear reader tells the labels of samples that it has not seen: 1 always, 0 no better than by always
    saying the commonest."""
    variance: float
    """Mean over the coordinates of points of their variance; of no use for images."""
    sized: bool
    """Whether the user has said the size."""
    precision: str | None
    """What the user has said of it."""
    device: str
    """cpu, cuda or mps."""
    seconds: float | None
    """Time to train for, where that is the target."""
    images: int = 0
    """Images to train for, where they are the target."""
    rounds: int = 0
    """Rounds to train for, where they are."""


@dataclass(frozen=True)
class Choice:
    """What to train, and why."""

    recipe: str
    """The recipe's name."""
    settings: Settings
    """Its settings, by name."""
    size: int | None
    """Side of the images; None for points."""
    precision: str
    """fp32 or bf16."""
    reasons: tuple[str, ...]
    """A line on each choice."""

    def flags(self) -> list[str]:
        """What ``saddle train`` takes for it."""
        run = [f"--size={self.size}"] if self.size else []
        run += [f"--precision={self.precision}"] if self.precision != "fp32" else []
        return run + [f"--{name}={value}" for name, value in self.settings.items()]


def choose_for(seen: Seen, speed: Speed) -> Choice:
    """The rules.

    1. **Recipe.** For images with labels that they show plainly (`PLAIN`), `FEW` or more of each, cgan; for others
       dcgan, or, where that would not be augmented, stylegan2 if it can show `STYLED` images in the time at the same
       size; for points r3gan.
    2. **Size.** That of the data, halved until `ENOUGH` images can be shown in the time, but not below `SMALLEST`.
    3. **Precision.** bfloat16, where it is `FASTER` times as fast.
    4. **Width.** The widest of `WIDTHS` with which `PLENTY` images can be shown; the narrowest, if with none.
    5. **Augmentation.** DiffAugment, where each colour image will be shown more than `OFTEN` times.
    6. **Average** of the generator's weights: a half-life of `AVERAGED` of all images.

    Args:
        seen: data, device and target.
        speed: times a candidate.
    """
    if seen.spec.points:
        return _points(seen, speed)

    @cache  # recipe, size, precision and width ask for the narrowest game again
    def rate(recipe: str, width: int, side: int, precision: str) -> float:
        return speed(recipe, _sized(recipe, width, seen.device), replace(seen.spec, size=side), precision)

    def shown(recipe: str, width: int, side: int, precision: str) -> float:
        """Images that can be shown until the target."""
        if seen.seconds is None:
            return seen.images or seen.rounds * BATCH[recipe][seen.device]
        return seen.seconds * rate(recipe, width, side, precision)

    def narrowest(recipe: str, side: int) -> float:
        return shown(recipe, WIDTHS[recipe][0], side, "fp32")

    recipe, why = _recipe(seen)
    size, why_size = _size(seen, lambda side: narrowest(recipe, side))
    if recipe == "dcgan" and not _augments(seen, narrowest("dcgan", size)):
        recipe, why = _styled(why, narrowest("stylegan2", size))
    precision, why_precision = _precision(seen, lambda precision: rate(recipe, WIDTHS[recipe][0], size, precision))
    width, images, why_width = _width(WIDTHS[recipe], lambda width: shown(recipe, width, size, precision))
    settings, why_rest = _rest(seen, images)
    reasons = (
        f"recipe {recipe}: {why}",
        f"size {size}: {why_size}",
        f"precision {precision}: {why_precision}",
        f"width {width}: {why_width}",
    )
    settings = _sized(recipe, width, seen.device) | settings
    return Choice(recipe, settings, size, precision, (*reasons, *why_rest))


def _sized(recipe: str, width: int, device: str) -> Settings:
    """Batch and channels; those of stylegan2 end at the third doubling, as in its own settings."""
    widest: Settings = {"widest": 8 * width} if recipe == "stylegan2" else {}
    return {"batch": BATCH[recipe][device], "width": width} | widest


def _points(seen: Seen, speed: Speed) -> Choice:
    """R3GAN on perceptrons: the settings with which the protocols ring8/pacgan and grid25/pacgan lose no mode."""
    settings: Settings = {
        "batch": POINTS,
        "hidden": 128,
        "layers": 4,
        "lr_generator": 2e-3,
        "lr_critic": 2e-3,
        "lr_end": 0.3,
        "gamma": _short(0.1 * seen.variance),
        "gamma_end": _short(0.001 * seen.variance),
    }
    images = seen.images or seen.rounds * POINTS
    if seen.seconds is not None:
        images = round(seen.seconds * speed("r3gan", settings, seen.spec, "fp32"))
    half = max(1, images // 2)
    settings |= {"burn_in": half, "decay_from": half, "decay_until": 2 * half, "ema_half_life": max(1, images // 20)}
    reasons = (
        "recipe r3gan: points; of all recipes the one that lost no mode of the ring and the grid",
        f"penalties {settings['gamma']} to {settings['gamma_end']}: by the variance of the data, {seen.variance:.3g}",
        f"schedules over about {images:,} samples, as many as the time allows",
    )
    return Choice("r3gan", settings, None, "fp32", reasons)


def _short(number: float) -> float:
    """Three digits of it, and more than nothing."""
    return max(1e-6, float(f"{number:.3g}"))


def _recipe(seen: Seen) -> tuple[str, str]:
    classes = seen.spec.classes
    if classes < 2:
        return "dcgan", "there are no labels to tell the players"
    if seen.rarest < FEW:
        return "dcgan", f"of {classes} labels the rarest has {seen.rarest} images, too few to tell the players"
    told = f"{classes} labels, of which a linear reader gets {seen.legible:.0%} of what chance leaves"
    if seen.legible < PLAIN:
        return "dcgan", f"{told}; the images hardly show them, so the players are not told"
    return "cgan", f"{told}; told such labels, players learn sooner"


def _styled(why: str, images: float) -> tuple[str, str]:
    """stylegan2 where it shows enough images, else dcgan; the reason goes on from why labels are left out."""
    if images < STYLED:
        return "dcgan", f"{why}; stylegan2 would show {images:,.0f} of the {STYLED:,} images it needs to do better"
    return "stylegan2", f"{why}; about {images:,.0f} images can be shown, after which it does better than dcgan"


def _size(seen: Seen, shown: Callable[[int], float]) -> tuple[int, str]:
    side = seen.spec.size
    if seen.sized:
        return side, "as you say"
    told = "that of the data, brought to a power of two"
    while shown(side) < ENOUGH and side > SMALLEST:
        told = f"at {side} pixels fewer than {ENOUGH:,} images could be shown in the time"
        side //= 2
    return side, told


def _precision(seen: Seen, rate: Callable[[str], float]) -> tuple[str, str]:
    if seen.precision:
        return seen.precision, "as you say"
    gain = rate("bf16") / rate("fp32")
    return "bf16" if gain >= FASTER else "fp32", f"bfloat16 is {gain:.2f} times as fast as float32 here"


def _width(widths: tuple[int, ...], shown: Callable[[int], float]) -> tuple[int, float, str]:
    width, images = widths[0], shown(widths[0])
    for wider in widths[1:]:
        more = shown(wider)
        if more < PLENTY:
            return width, images, f"about {images:,.0f} images can be shown; with {wider} only {more:,.0f}"
        width, images = wider, more
    return width, images, f"about {images:,.0f} images can be shown"


def _worn(seen: Seen, images: float) -> bool:
    """Whether so many images mean that each is shown more than `OFTEN` times."""
    return images > OFTEN * seen.count > 0


def _augments(seen: Seen, images: float) -> bool:
    """Whether the critic is to see so many images augmented only."""
    return seen.spec.channels > 1 and _worn(seen, images)


def _rest(seen: Seen, images: float) -> tuple[Settings, tuple[str, str]]:
    """Augmentation and average."""
    often = images / seen.count if seen.count else 0.0
    told = f"each of the {seen.count:,} images will be shown about {often:,.0f} times" if seen.count else "endless data"
    told += "; on grey digits it did harm" if seen.spec.channels == 1 and _worn(seen, images) else ""
    remedy = "diffaugment" if _augments(seen, images) else ""
    half_life = max(1000, 1000 * round(AVERAGED * images / 1000))
    settings: Settings = {"ema_half_life": half_life}
    settings |= {"remedies": remedy} if remedy else {}
    return settings, (
        f"augmentation {remedy or 'none'}: {told}",
        f"average of the generator over {half_life:,.0f} images: {AVERAGED:.0%} of all",
    )

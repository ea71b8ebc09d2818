"""What ``saddle train`` takes beside the recipe's own settings, and the words for time that it understands."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar, get_args

from saddle.app.parser import parse_settings, plain, setting_names
from saddle.config import choose, require

__all__ = ["Every", "TrainOptions", "duration", "parse_flags", "read_settings", "spell_duration"]

T = TypeVar("T")

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
PRECISIONS = ("fp32", "bf16")
DEVICES = ("auto", "cpu", "cuda", "mps")
MOST_THREADS = 1024
LONGEST = 1e10
"""Seconds a time may have: 300 years."""


@dataclass(frozen=True)
class TrainOptions:
    """The run"""

    # settings that earlier runs do not hold, because there were none, and the values those runs played with
    added: ClassVar[Mapping[str, object]] = {"compile": False, "evaluate_every": None}

    data: str = "mnist"
    """A data set's name (saddle list data), or a path: a folder or zip of images, .npy, .npz, or MNIST's IDX files."""
    size: int | None = None
    """Side of the square images; by default what the data and the recipe's networks suggest."""
    channels: int | None = None
    """1 for grey, 3 for colour; by default what most of the images have."""
    mirror: bool = False
    """Show each image flipped left to right half of the time."""
    budget: str | None = None
    """Train for so long: 60s, 10m, 2h. Without budget, rounds or images: 2m."""
    rounds: int | None = None
    """Train until so many rounds are played, those before a resume included."""
    images: int | None = None
    """Train until so many real images are seen, those before a resume included."""
    seed: int = 0
    """Seed of all random numbers; the same seed repeats a run bit for bit on one machine."""
    out: str | None = None
    """Run folder; by default the next free number under runs/."""
    resume: str | None = None
    """Continue this run folder from its newest whole checkpoint, with its own settings."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    precision: str = "fp32"
    """fp32, or bf16: matrix products in bfloat16, weights and optimiser in float32."""
    compile: bool = False
    """Compile the networks with torch.compile before training, which takes minutes; penalties stay as they are."""
    threads: str = "auto"
    """Threads on the CPU; auto times a round with one and with all, and takes the faster."""
    checkpoint_every: str = "30s"
    """How often everything is saved: a time (30s) or a number of rounds (500)."""
    sample_every: str = "20s"
    """How often the fixed-z picture is drawn: a time or a number of rounds."""
    evaluate_every: str | None = None
    """How often FID, precision and recall are measured, into scores.jsonl: a time or a number of rounds; else never."""
    log_every: int = 10
    """Rounds from one line of log.jsonl to the next."""
    tensorboard: bool = False
    """Also write the logged scalars for TensorBoard, into the run folder."""

    def __post_init__(self) -> None:
        for name in ("size", "channels", "rounds", "images"):
            value = getattr(self, name)
            require(value is None or 1 <= value < 2**63, name, value, "1 or more, below 2**63")
        require(self.channels in (None, 1, 3), "channels", self.channels, "1 (grey) or 3 (colour)")
        require(1 <= self.log_every < 2**63, "log_every", self.log_every, "1 or more rounds, below 2**63")
        require(0 <= self.seed < 2**63, "seed", self.seed, "a whole number from 0 to 2**63 - 1")
        if self.budget is not None:
            duration(self.budget, "budget")
        Every(self.checkpoint_every, "checkpoint_every")
        Every(self.sample_every, "sample_every")
        if self.evaluate_every is not None:
            Every(self.evaluate_every, "evaluate_every")
        choose(self.precision, dict.fromkeys(PRECISIONS), "precision")
        choose(self.device, dict.fromkeys(DEVICES), "device")
        valid = self.threads == "auto" or (self.threads.isdecimal() and 1 <= int(self.threads[:9]) <= MOST_THREADS)
        require(valid, "threads", self.threads, f"auto or a number from 1 to {MOST_THREADS}")


def duration(text: str, field: str = "budget") -> float:
    """Seconds in a time such as 60s, 10m or 2h; parts add up.

    >>> duration("1h30m")
    5400.0
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    whole = "".join(number + unit for number, unit in parts) == text
    require(whole and 0 < seconds <= LONGEST, field, text, "a time such as 60s, 10m or 2h")
    return seconds


def spell_duration(seconds: float) -> str:
    """A time in the words that ``duration`` reads, to the second.

    >>> spell_duration(95)
    '1m35s'
    """
    left, words = round(seconds), ""
    for unit, length in (("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, length)
        words += f"{count}{unit}" if count else ""
    return words or "0s"


class Every:
    """Says when something is due: each so many rounds, or each so much time.

    >>> every = Every("3", "sample_every")
    >>> [every.due(round, seconds=0.0) for round in range(1, 7)]
    [False, False, True, False, False, True]
    """

    def __init__(self, text: str, field: str) -> None:
        self.rounds = int(text[:20]) if text.isdecimal() else None
        require(self.rounds is None or 1 <= self.rounds < 2**63, field, text, "1 or more rounds, or a time such as 30s")
        self.seconds = None if self.rounds else duration(text, field)
        self._last = 0.0

    def due(self, round: int, seconds: float) -> bool:
        """Whether it is time, at the end of this round and this far into the session; remembers that it was."""
        if self.rounds is not None:
            return round % self.rounds == 0
        assert self.seconds is not None
        if seconds - self._last < self.seconds:
            return False
        self._last = seconds
        return True


def parse_flags(
    prog: str, summary: str, argv: Sequence[str], config: type, defaults: dict[str, Any] | None = None
) -> tuple[TrainOptions, Any, dict[str, Any]]:
    """Read the flags of ``saddle train RECIPE`` with their docstrings as help.

    Args:
        prog: the command so far, for the help.
        summary: the recipe's line, for the help.
        argv: what follows it.
        config: the recipe's ``Config``.
        defaults: values that replace the defaults, as a resumed run has them.
    Returns:
        The options, the recipe's settings, and whatever else was asked for (``{"json": bool}``).
    Raises:
        ValueError: a flag or a value is wrong.
    """
    from jsonargparse import ArgumentParser, set_parsing_settings

    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = ArgumentParser(prog=prog, description=summary, exit_on_error=False)
    parser.add_argument("--config", action="config", help="Read settings from this YAML file; flags given win.")
    parser.add_argument("--json", action="store_true", help="Print one JSON document about the run at the end.")
    parser.add_class_arguments(TrainOptions, as_group=True)
    parser.add_class_arguments(config, as_group=True)
    if defaults:
        parser.set_defaults(defaults)
    given = parse_settings(parser, argv, (TrainOptions, config), ("config", "json"))
    return _filled(TrainOptions, given, prog), _filled(config, given, prog), {"json": given["json"]}


def read_settings(config: Callable[..., T], values: Mapping[str, Any], where: str) -> T:
    """Settings that a run keeps as JSON, every one of them, checked as those on the command line are.

    Args:
        config: the dataclass they belong to.
        values: settings by name.
        where: the file and the part of it, for errors.
    Raises:
        ValueError: one is missing, unknown or of the wrong type.
    """
    from jsonargparse import ArgumentError, ArgumentParser

    names = setting_names(config)
    values = getattr(config, "added", {}) | dict(values)
    missing = next((name for name in names if name not in values), None)
    require(missing is None, f"{where}: {missing}", "missing", "a value")
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(config)
    try:
        given = parser.parse_object(dict(values)).as_dict()
    except ArgumentError as error:
        raise ValueError(f"{where}: {plain(error)}") from error
    return _filled(config, given, where)


def _filled(config: Callable[..., T], given: Mapping[str, Any], where: str) -> T:
    """The dataclass with what was given; null, which the parser takes for "not given", only where it has a meaning."""
    for field in fields(config):  # type: ignore[arg-type]  # a dataclass
        meant = given[field.name] is not None or type(None) in get_args(field.type)
        require(meant, f"{where}: {field.name}", "null", "a value")
    return config(**{name: given[name] for name in setting_names(config)})

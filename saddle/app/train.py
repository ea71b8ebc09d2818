"""``saddle train``: a recipe on a data set, into a run folder, until the time, the rounds or the images are up."""

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from saddle import __version__
from saddle.app.devices import device_of
from saddle.app.options import TrainOptions, duration, parse_flags, spell_duration
from saddle.app.runs import WEIGHTS, Run, next_free
from saddle.config import choose, require

if TYPE_CHECKING:
    from saddle.data import Dataset
    from saddle.game import Game

__all__ = [
    "AUTO",
    "Plan",
    "load_data",
    "main",
    "make_plan",
    "thread_counts",
    "whole_path",
    "with_target",
]

AUTO = "auto"
"""What stands in a recipe's place where it is to be chosen."""

FREE_ON_RESUME = {
    "resume",
    "out",
    "budget",
    "rounds",
    "images",
    "log_every",
    "sample_every",
    "evaluate_every",
    "checkpoint_every",
    "tensorboard",
    "compile",
}
"""Options that a resumed run may change: none of them touches a weight, but that compiling rounds otherwise."""


def main(argv: list[str]) -> int:
    """Train, print what happened, and return the exit status: 0 when the target was reached, else 1."""
    if not argv or argv[0] in ("-h", "--help"):
        print(_help())
        return 0 if argv else 2
    name, flags = (argv[0], argv[1:]) if not argv[0].startswith("-") else (_resumed_recipe(argv), argv)
    if name == AUTO:
        from saddle.app.auto.command import make_auto_plan as make
    else:
        make = partial(make_plan, name)
    plan, as_json = make(flags)
    from saddle.app.session import Session
    from saddle.game import repeatable

    with repeatable(plan.device):
        outcome = Session.prepare(plan, announce=_say).train()
    _say(outcome.words())
    if as_json:
        print(json.dumps(outcome.document(), indent=1))
    return 0 if outcome.stopped in ("budget", "rounds", "images") else 1


@dataclass(frozen=True)
class Plan:
    """A training run that was asked for and found possible: nothing is written yet."""

    recipe: str
    """The recipe's name."""
    module: ModuleType
    """Its module."""
    options: TrainOptions
    """The run's options."""
    settings: Any
    """The recipe's ``Config``."""
    data: "Dataset"
    """What it trains on."""
    device: str
    """cpu, cuda or mps."""
    resume: Run | None
    """The run to continue, or None for a new one."""
    folder: Path
    """Where the run lies or will lie."""
    chosen: tuple[str, ...] = ()
    """Why its recipe and settings were chosen, a line each, where the user left that open."""

    def build(self) -> "Game":
        """The game at its first round: the same seed gives the same weights."""
        import torch

        torch.manual_seed(self.options.seed)
        game: Game = self.module.build(self.settings, self.data.spec).to(self.device)
        game.autocast = torch.bfloat16 if self.options.precision == "bf16" else None
        return game.seed(self.options.seed)

    def to_train(self) -> "Game":
        """The game as it is trained: that of `build`, compiled where that was asked for.

        Raises:
            ValueError: this machine cannot compile.
        """
        from saddle.game import compiled

        return compiled(self.build()) if self.options.compile else self.build()

    def config(self, threads: int) -> dict[str, Any]:
        """What config.json says."""
        import numpy
        import torch

        from saddle.data.known import licence

        spec = self.data.spec
        return {
            "format": 1,
            "recipe": self.recipe,
            "settings": asdict(self.settings),
            "options": asdict(replace(self.options, out=str(self.folder), resume=None)),
            "data": asdict(spec)
            | {"name": self.data.name, "count": len(self.data), "fingerprint": self.data.fingerprint}
            | ({"licence": told} if (told := licence(self.options.data)) else {}),
            **({"chosen": list(self.chosen)} if self.chosen else {}),
            "device": self.device,
            "threads": threads,
            "versions": {
                "saddle": __version__,
                "torch": torch.__version__,
                "numpy": numpy.__version__,
                "python": platform.python_version(),
            },
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def make_plan(name: str, flags: list[str], loaded: "Dataset | None" = None) -> tuple[Plan, bool]:
    """What ``saddle train NAME FLAGS`` would do, and whether it was asked for JSON; nothing is written.

    Args:
        name: of the recipe.
        flags: the words after it.
        loaded: the data that they ask for, where they have been read before.
    Raises:
        ValueError: a flag, a value or the data cannot be used, or the run to resume.
    """
    from saddle.recipes import catalogue, find

    module = find(name)
    summary = next(entry["summary"] for entry in catalogue() if entry["name"] == name)
    preset, flags = _preset(name, module, flags)
    resumed = _resumed(flags)
    require(not preset or resumed is None, "preset", "given", "none with --resume: a run keeps its settings")
    stored = preset if resumed is None else _stored(resumed, name, module)
    presets = "".join(f" --preset {preset} starts from other settings." for preset in getattr(module, "PRESETS", ()))
    options, settings, other = parse_flags(f"saddle train {name}", summary + presets, flags, module.Config, stored)
    here = options.resume is None or resumed is not None
    require(here, "resume", options.resume, "none in a --config file; give it as a flag: --resume RUN")
    options = replace(options, data=whole_path(options.data))
    if resumed is not None:
        _refuse_changes(resumed, options, settings)
        options = _remaining(resumed, options)
    else:
        options = with_target(options)
    extra = not options.tensorboard or find_spec("tensorboard") is not None
    require(extra, "tensorboard", True, "the extra of that name: pip install 'saddle-gan[tensorboard]'")
    device = device_of(options.device)
    data = loaded or _data(options, module, resumed)
    folder = Path(options.out) if options.out else next_free(Path("runs"))
    encoded = not any("\ud800" <= letter <= "\udfff" for letter in str(folder))  # safetensors opens no other path
    require(encoded, "out", ascii(str(folder)), "a name in UTF-8")
    if resumed is not None:
        folder = resumed.folder
    elif (folder / "config.json").exists():
        raise ValueError(
            f"out={folder}: holds a run already; --resume {folder} continues it, another --out starts anew"
        )
    return Plan(name, module, options, settings, data, device, resumed, folder), other["json"]


def _preset(name: str, module: ModuleType, flags: list[str]) -> tuple[dict[str, Any], list[str]]:
    """The settings that ``--preset NAME`` stands for, and the flags without it."""
    known = getattr(module, "PRESETS", {})
    for i, word in enumerate(flags):
        if word == "--preset" or word.startswith("--preset="):
            rest = [word.partition("=")[2]] if "=" in word else flags[i + 1 : i + 2]
            left = flags[:i] + flags[i + (1 if "=" in word else 2) :]
            require(bool(known), "preset", "".join(rest), f"a recipe with presets; {name} has none")
            return asdict(choose("".join(rest), known, f"preset of {name}")), left
    return {}, flags


def _stored(run: Run, name: str, module: ModuleType) -> dict[str, Any]:
    """What a resumed run's flags default to."""
    handed_on = (run.folder / WEIGHTS).is_file() and not run.checkpoints.is_dir()
    require(not handed_on, "resume", run.folder, "a run that was trained here: what is handed on has no optimiser")
    recipe = run.config["recipe"]
    require(recipe == name, "recipe", name, f"{recipe}, which {run.folder} trains")
    stored = asdict(run.settings(TrainOptions, "options")) | asdict(run.settings(module.Config, "settings"))
    return {key: value for key, value in stored.items() if key not in ("out", "resume", "budget", "rounds", "images")}


def whole_path(data: str) -> str:
    """What ``--data`` stands for: a path from the root, so that a run can be resumed from anywhere; or a name."""
    from saddle.data import names

    path = Path(data).expanduser()
    known = data in names() or not data or "\0" in data
    return data if known or not path.exists() else str(path.absolute())


def _data(options: TrainOptions, module: ModuleType, resumed: Run | None) -> "Dataset":
    """What is trained on: for a resumed run exactly what it was begun with."""
    from saddle.data import load

    if resumed is None:
        return load_data(options, getattr(module, "MIN_SIZE", 1))
    kept = resumed.config["data"]
    try:
        data = load(options.data, kept["size"] or None, kept["channels"] if kept["size"] else None)
    except (ValueError, OSError) as error:
        raise ValueError(f"{error} (needed to resume {resumed.folder}, which is left as it was)") from error
    if data.fingerprint != kept["fingerprint"]:
        raise ValueError(f"data={options.data}: changed since {resumed.folder} began; the run is left as it was")
    return data


def load_data(options: TrainOptions, least: int) -> "Dataset":
    """The data that a new run asks for, at the size it says, or else at a power of two.

    Args:
        options: data, size and channels.
        least: the smallest side in pixels that the networks take.
    Raises:
        ValueError: no such data, or none that can be used.
    """
    from saddle.app.progress import counting
    from saddle.data import load

    with counting("reading images") as progress:
        data = load(options.data, options.size, options.channels, progress=progress)
        wanted = 1 << (max(data.spec.size, least) - 1).bit_length()  # the convolutional networks halve and double
        if options.size is None and not data.spec.points and wanted != data.spec.size:
            data = load(options.data, wanted, options.channels, progress=progress)
    return data


def _resumed(flags: list[str]) -> Run | None:
    for i, word in enumerate(flags):
        if word == "--resume" and i + 1 < len(flags):
            return Run.open(flags[i + 1])
        if word.startswith("--resume="):
            return Run.open(word.partition("=")[2])
    return None


def _resumed_recipe(argv: list[str]) -> str:
    run = _resumed(argv)
    if run is None:
        raise ValueError(f"recipe={argv[0]}: expected a recipe's name first (saddle list recipes), or --resume RUN")
    return str(run.config["recipe"])


def _refuse_changes(run: Run, options: TrainOptions, settings: Any) -> None:
    for kept, now in ((run.config["settings"], asdict(settings)), (run.config["options"], asdict(options))):
        for name, value in now.items():
            if name not in FREE_ON_RESUME and json.loads(json.dumps(value)) != kept.get(name, value):
                told = f"{run.folder} was trained with {name}={kept[name]}, and a resume keeps its settings"
                raise ValueError(f"{name}={value}: {told}; leave it out, or start a new run")


def _remaining(run: Run, options: TrainOptions) -> TrainOptions:
    """Without a new target a resume goes on to the old one."""
    if options.budget is None and options.rounds is None and options.images is None:
        old = run.config["options"]
        budget = old["budget"]
        if budget is not None:
            rows = run.log()
            left = duration(budget) - (rows[-1]["seconds"] if rows else 0.0)
            require(
                left >= 1, "resume", run.folder, f"a run with time left ({budget} are up); add --budget or --rounds"
            )
            budget = spell_duration(left)
        options = replace(options, budget=budget, rounds=old["rounds"], images=old["images"])
    return options


def with_target(options: TrainOptions) -> TrainOptions:
    """The options of a new run, which trains for two minutes where they set no target."""
    given = (options.budget, options.rounds, options.images) != (None, None, None)
    return options if given else replace(options, budget="2m")


def _help() -> str:
    from saddle.recipes import names

    lines = [f"  {name:<10} {summary}" for name, summary in names().items()]
    return "\n".join(
        [
            "usage: saddle train RECIPE [--data NAME|PATH] [--budget 10m | --rounds N | --images N] [...]",
            "       saddle train auto [--data NAME|PATH] [--budget 20m] [...]",
            "       saddle train --resume RUN",
            "",
            "Train a recipe into a run folder: config.json, log.jsonl, samples/, checkpoints/, report.html.",
            "",
            "recipes:",
            *lines,
            "",
            "  saddle train auto             chooses recipe, size, width and augmentation, and says why",
            "  saddle train RECIPE --help    all flags of a recipe",
            "  saddle list data              data sets by name",
        ]
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def thread_counts(threads: str) -> list[int]:
    """Numbers of threads to try for what ``--threads`` says: one and all for auto, else the one that is given."""
    return sorted({1, cores()}) if threads == "auto" else [int(threads)]


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""From what was asked for to a study that is possible: arms checked one by one, a study begun before gone on with."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saddle.app.compare.study import Arm, Study
from saddle.app.compare.timetable import POINTS, images_a_round, time_measuring
from saddle.app.options import TrainOptions, duration
from saddle.app.train import Plan, make_plan
from saddle.config import require
from saddle.data.toys import Mixture
from saddle.evaluation.scoring import chosen

if TYPE_CHECKING:
    from saddle.data import Dataset

__all__ = ["SHARED", "Prepared", "Request", "arm_words", "prepare"]

SHARE = 0.1
"""Of a time budget that may go into measuring: with little time there are fewer points."""
OF_AN_ARM = {"mirror", "precision"}
"""Options of ``saddle train`` that arms may differ in; all others are the study's."""
SHARED = ("data", "size", "channels", "seed", "device", "budget", "rounds", "images")
"""Options of ``saddle train`` that are the study's."""
NOT_HERE = {option.name for option in fields(TrainOptions)} - OF_AN_ARM | {"json", "help", "print_config", "h"}


@dataclass(frozen=True)
class Request:
    """What a command asks of a study. What it leaves open is as in the study begun before, or the default."""

    folder: Path
    """Where the study lies or will lie."""
    old: Study | None
    """The study begun there before."""
    arms: Sequence[tuple[str, list[str]]]
    """Name of each arm that is asked for, and its recipe with all of its flags."""
    shared: Mapping[str, Any]
    """Options of `SHARED` by name; None: left open."""
    seeds: int | None
    """Runs of each arm."""
    default_seeds: int = 3
    """The same, where there is no study before."""
    fewest: int = 1
    """Arms that it must have."""
    curves: bool = True
    """Whether runs are measured while they train."""
    measuring: Mapping[str, Any] = field(default_factory=dict)
    """``measures`` (names with commas), ``features``, ``weights`` and ``n``; None, or not there: left open."""
    protocol: str | None = None
    """The published experiment that it follows."""


@dataclass(frozen=True)
class Prepared:
    """A study that was found possible, with what its runs would be made of."""

    study: Study
    """The study."""
    plans: dict[str, Plan]
    """By arm's folder: what ``saddle train`` would do for the first seed."""

    @property
    def data(self) -> "Dataset":
        """What all runs train on and are measured against."""
        return next(iter(self.plans.values())).data

    @property
    def device(self) -> str:
        """Where they train."""
        return next(iter(self.plans.values())).device


def prepare(request: Request) -> Prepared:
    """The study that is meant: a new one, or the one in its folder, perhaps with more arms and seeds.

    Nothing is written.

    Raises:
        ValueError: an arm that cannot be meant, or another study in the folder.
    """
    old = request.old
    new = [(name, words) for name, words in request.arms if old is None or all(words != _told(arm) for arm in old.arms)]
    given = [(arm.name, _told(arm)) for arm in old.arms] if old else []
    given += new
    told = " ".join(name for name, _ in request.arms) or "none"
    least = {1: "one", 2: "two"}[request.fewest]
    require(len(given) >= request.fewest, "arms", told, f'{least} or more: recipes, or "RECIPE --flag value"')
    flags = _study_flags(request)
    plans = [_arm_plan(name, words, flags) for name, words in given]
    sizes = {plan.data.spec.size for plan in plans}
    if len(sizes) > 1:  # all arms must see, and be measured against, the same images
        flags.append(f"--size={max(sizes)}")
        plans = [_arm_plan(name, words, flags) for name, words in given]
    study = _study(request, given, plans)
    if old is not None:
        _refuse_another(old, study)
    return Prepared(study, {arm.folder: plan for arm, plan in zip(study.arms, plans, strict=True)})


def arm_words(text: str, common: Sequence[str] = (), command: str = "compare") -> tuple[str, list[str]]:
    """An arm's name, and its recipe with all of its flags.

    Args:
        text: a recipe's name, then its flags, as in a shell.
        common: flags of all arms, which those of the arm win against.
        command: the one that the options of the study belong to.
    Raises:
        ValueError: no name, quotes that do not close, or an option that is the study's.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"arm={text}: expected quotes that close ({error})") from error
    require(bool(words) and not words[0].startswith("-"), "arm", repr(text), "a recipe's name, then its flags")
    for word in [*words[1:], *common]:
        flag = word.partition("=")[0].lstrip("-").replace("-", "_")
        theirs = not word.startswith("-") or flag not in NOT_HERE
        told = "flags of the recipe; this one is the same for all arms" if flag != "out" else "flags of the recipe"
        require(theirs, "arm", f"{text}: {word}", f"{told}, so give it to saddle {command} itself")
    return " ".join(words), [words[0], *common, *words[1:]]


def _told(arm: Arm) -> list[str]:
    return [arm.recipe, *arm.words]


def _study_flags(request: Request) -> list[str]:
    """What all arms are trained with, by what is asked for or else by the study begun before."""
    old = request.old
    kept = {"data": old.data, "size": old.size, "channels": old.channels, "device": old.device} if old else {}
    kept |= {"seed": old.seed} | old.target if old else {}
    chosen = {name: kept.get(name) if request.shared.get(name) is None else request.shared[name] for name in SHARED}
    return ["--threads=1", *(f"--{name}={value}" for name, value in chosen.items() if value is not None)]


def _arm_plan(name: str, words: list[str], flags: list[str]) -> Plan:
    """What ``saddle train`` would do; the study's flags come last, so that no --config file of an arm undoes them."""
    try:
        plan, _ = make_plan(words[0], [*words[1:], *flags])
        require(plan.build().sampler is not None, "recipe", words[0], "one that generates samples")
    except ValueError as error:
        raise ValueError(f"arm={name}: {error}") from error
    except SystemExit as stop:
        raise ValueError(
            f"arm={name}: expected flags of {words[0]}; saddle train {words[0]} --help lists them"
        ) from stop
    for target in ("budget", "rounds", "images"):
        value = getattr(plan.options, target)
        own = value is not None and f"--{target}={value}" not in flags and (target, value) != ("budget", "2m")
        require(not own, "arm", f"{name}: {target}={value}", "no target of its own: all arms train for as long")
    return plan


def _study(request: Request, given: list[tuple[str, list[str]]], plans: list[Plan]) -> Study:
    old, first, how = request.old, plans[0], request.measuring
    points, options = first.data.spec.points, first.options
    target = {name: getattr(options, name) for name in ("budget", "rounds", "images")}
    target = {name: value for name, value in target.items() if value is not None}
    measuring = old.measuring if old else time_measuring(first) if request.curves else 0.0
    arms: list[Arm] = []
    for (name, words), plan in zip(given, plans, strict=True):
        settings = asdict(plan.settings) | {option: getattr(plan.options, option) for option in sorted(OF_AN_ARM)}
        settings = json.loads(json.dumps(settings))
        twin = next((arm for arm in arms if (arm.recipe, arm.settings) == (words[0], settings)), None)
        require(twin is None, "arm", name, f"another game than {twin.name if twin else ''!r}, which has these settings")
        require(all(arm.name != name for arm in arms), "arm", name, "a name once; flags of all arms must stay the same")
        every = _evaluate_every(plan, target, measuring) if measuring else None
        arms.append(Arm(name, words[0], tuple(words[1:]), _folder(name, arms), settings, every))
    asked = how.get("measures")
    measures = chosen(asked)[0] if asked else list(old.measures) if old else _measures(first.data)
    return Study(
        request.folder,
        options.data,
        first.data.fingerprint,
        None if points else first.data.spec.size,
        None if points else first.data.spec.channels,
        target,
        options.seed,
        max(request.seeds or 0, old.seeds) if old else request.seeds or request.default_seeds,
        options.device,
        measuring,
        tuple(arms),
        tuple(measures),
        how.get("features") or (old.features if old else None),
        how.get("weights") or (old.weights if old else None),
        how.get("n") or (old.n if old else None),
        request.protocol or (old.protocol if old else None),
    )


def _measures(data: "Dataset") -> list[str]:
    if not data.spec.points:
        return ["fid", "kid", "precision-recall"]
    return ["kid", "modes", "precision-recall"] if isinstance(data, Mixture) else ["kid", "precision-recall"]


def _folder(name: str, before: list[Arm]) -> str:
    """A folder's name like the arm's, which no arm before has."""
    plain = re.sub(r"[^\w.=+-]+", "-", name.replace(" --", " "), flags=re.ASCII).strip("-.")[:60] or "arm"
    taken = {arm.folder for arm in before}
    return next(text for k in range(len(before) + 1) if (text := plain if not k else f"{plain}-{k + 1}") not in taken)


def _evaluate_every(plan: Plan, target: dict[str, Any], measuring: float) -> str | None:
    """So often that a run is measured about `POINTS` times, or as often as its time allows; None for never."""
    limits = []
    if "rounds" in target:
        limits.append(target["rounds"])
    if "images" in target:
        limits.append(target["images"] / images_a_round(plan))
    if limits:
        return str(max(1, round(min(limits) / POINTS)))
    seconds = duration(target["budget"])
    points = min(POINTS, int(SHARE * seconds / measuring)) if measuring else 0
    return f"{seconds / points:.2f}s" if points >= 2 else None


def _refuse_another(old: Study, new: Study) -> None:
    for name in ("protocol", "data", "fingerprint", "size", "channels", "target", "seed", "device"):
        kept, now = getattr(old, name), getattr(new, name)
        told = f"{name}={kept}, as the study in {old.folder} has; another --out starts a new one"
        require(kept == now, name, now, told)
    for arm, again in zip(old.arms, new.arms, strict=False):
        changed = {name for name, value in arm.settings.items() if again.settings.get(name) != value}
        told = f"the {', '.join(changed)} that {old.folder} was begun with; another --out starts a new study"
        require(not changed, "arm", arm.name, told)

"""``saddle represent``: what a trained critic or encoder knows of the labels, in a table."""

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from saddle.app.asked import say
from saddle.app.parser import Parser
from saddle.config import require

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from torch import Tensor

    from saddle.app.runs import Run
    from saddle.evaluation.side import Model

__all__ = ["main"]


def main(argv: list[str]) -> int:
    """Measure, and print a table for each way that a representation can be of use."""
    args = _parser().parse_args(argv)
    require(2 <= args.train <= 20_000, "train", args.train, "2 to 20,000 samples to learn from")
    require(1 <= args.test <= 100_000, "test", args.test, "1 to 100,000 samples to test on")
    require(1 <= args.splits <= 100, "splits", args.splits, "1 to 100 splits")
    from saddle.app.latents import model_of
    from saddle.evaluation.representation import categories, clustering_accuracy

    run, model = model_of(args.run, args.seed)
    looked = _looked_at(args, run, model)
    document: dict[str, Any] = {"run": args.run, "train": looked.train, "test": looked.test, "splits": args.splits}
    document |= {"held_out": args.held_out, "probe": _probes(args, run, model, looked)}
    if not model.labels_of_data:
        accuracy = clustering_accuracy(categories(model.game, looked.x), looked.y)
        document["clusters"] = {"accuracy": accuracy, "categories": model.classes, "samples": len(looked.x)}
    few = _few_labels(model, looked, args.seed)
    document |= {"few_labels": few} if few else {}
    document |= {"seed": args.seed, "round": model.game.round}
    if args.json:
        print(json.dumps(document, indent=1, allow_nan=False))
    else:
        _show(document)
    return 0


@dataclass(frozen=True)
class _Looked:
    """Labelled samples: those of the run's data first, then those held out, if any."""

    x: "Tensor"
    """(n, ...)."""
    y: "Tensor"
    """(n,)."""
    parts: "list[tuple[Tensor, Tensor]]"
    """Splits: places to learn from, and to test on."""
    groups: "Tensor | None"
    """Of the run's data, where variants of one sample are known, which no split parts."""

    @property
    def train(self) -> int:
        """Samples learnt from in the first split; in the others as many, give or take a group."""
        return len(self.parts[0][0])

    @property
    def test(self) -> int:
        """Samples tested on in each split."""
        return len(self.parts[0][1])


@dataclass(frozen=True)
class _Row:
    """A line of the table of probes."""

    features: str
    """What the linear classifier sees."""
    dimensions: int
    """Numbers that it sees of a sample."""
    accuracy: float
    """Mean test accuracy over splits."""
    stderr: float | None
    """Its standard error over splits."""
    C: tuple[float, ...]
    """The classifier's regularisation in each split, chosen on a fifth of what it learns from."""


def _looked_at(args: "argparse.Namespace", run: "Run", model: "Model") -> _Looked:
    import torch

    from saddle.app.doctor import held_out_side
    from saddle.app.runs import load_data
    from saddle.evaluation.representation import splits
    from saddle.evaluation.side import Side

    data = load_data(run)
    have = len(data) or args.train + args.test
    wanted = args.train + (0 if args.held_out else args.test)
    require(wanted <= have, "train", args.train, f"at most {have:,} samples to learn from and to test on")
    drawn = Side.of_data(data, wanted, args.seed)
    require(drawn.labels is not None, "labels", None, "data with labels (a folder needs a sub-folder a label)")
    assert drawn.labels is not None
    if args.held_out is None:
        parts = splits(wanted, args.train, args.splits, args.seed, drawn.groups)
        return _Looked(drawn.floats, drawn.labels, parts, drawn.groups)
    side = held_out_side(run, args.held_out)
    require(side.labels is not None, "held-out", args.held_out, "samples with labels")
    assert side.labels is not None
    kept = side.take(torch.arange(min(len(side), args.test)))
    assert kept.labels is not None
    places = torch.arange(wanted, wanted + len(kept))
    x, y = torch.cat([drawn.floats, kept.floats]), torch.cat([drawn.labels, kept.labels])
    return _Looked(x, y, [(torch.arange(wanted), places)], drawn.groups)


def _probes(args: "argparse.Namespace", run: "Run", model: "Model", looked: _Looked) -> list[dict[str, Any]]:
    import torch

    from saddle.app.progress import naming
    from saddle.evaluation.representation import critic_rows, probe
    from saddle.latent import encoder_of
    from saddle.recipes import find

    recipe = find(run.config["recipe"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(args.seed)
        fresh = recipe.build(run.settings(recipe.Config, "settings"), run.spec)
    kinds: dict[str, Callable[[Tensor], Tensor]] = {
        "trained": lambda x: critic_rows(model.game, x),
        "untrained, same networks": lambda x: critic_rows(fresh, x),
        "raw numbers" if run.spec.points else "pixels": lambda x: x.flatten(1),
    }
    encode = encoder_of(model)
    if encode is not None:
        kinds = {"encoder's code": lambda x: _coded(model, encode, x), **kinds}
    rows = []
    with naming() as progress:
        for i, (name, look) in enumerate(kinds.items()):
            progress(name, i, len(kinds))
            found = probe(look(looked.x), looked.y, looked.parts, args.seed, looked.groups)
            rows.append(asdict(_Row(name, found.dimensions, found.mean, found.stderr, found.C)))
    return rows


def _coded(model: "Model", encode: "Callable[[Tensor], Tensor]", x: "Tensor") -> "Tensor":
    import torch

    with model.generator(), torch.no_grad():  # its networks at rest
        return torch.cat([encode(part) for part in x.split(250)])


def _few_labels(model: "Model", looked: _Looked, seed: int) -> dict[str, Any] | None:
    """Test errors of a semi-supervised run, and of a linear classifier of pixels that has the same few labels."""
    import torch

    from saddle.evaluation.representation import answers, fitted, scaled
    from saddle.recipes.conditional.sgan import Labelled, error_rate

    held = model.game.controls.get("labelled")
    if not isinstance(held, Labelled):
        return None
    count = int(held.count)
    x, y = held.x[:count], held.y[:count]
    place = looked.parts[0][1] if len(looked.parts) == 1 else torch.arange(len(looked.x))
    seen = torch.cdist(looked.x[place].flatten(1), x.flatten(1)).amin(1) < 1e-3 if count else torch.zeros(len(place))
    test = place[seen == 0]  # what was learnt with its label is no test
    rows = scaled(torch.cat([x.flatten(1), looked.x[test].flatten(1)]), x.flatten(1))
    wb, C = fitted(rows[:count], y, torch.Generator().manual_seed(seed))
    said = answers(wb, rows[count:]).argmax(1)
    return {
        "labels": count,
        "test": len(test),
        "error": error_rate(model.game, looked.x[test], looked.y[test]),
        "linear_error": float((said != looked.y[test]).double().mean()),
        "linear_C": C,
    }


def _show(document: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console = console if console.is_terminal else Console(width=120)  # a file or a pipe has room
    held = document["held_out"]
    where = f"of {held}" if held else "others that the run was also trained on"
    console.print(
        f"A linear classifier learns from {document['train']:,} samples with labels and is tested on "
        f"{document['test']:,} {where}; mean over {document['splits'] if not held else 1} splits. Its regularisation "
        "C is chosen on a fifth of the samples it learns from; it then learns from all of them.\n",
        highlight=False,
    )
    table = Table("features", "numbers", "C", "test accuracy", box=None, header_style="bold")
    for row in document["probe"]:
        spread = "" if row["stderr"] is None else f" ± {row['stderr']:.1%}"
        ends = dict.fromkeys((min(row["C"]), max(row["C"])))
        strength = " to ".join(f"{C:g}" for C in ends)
        table.add_row(row["features"], f"{row['dimensions']:,}", strength, f"{row['accuracy']:.1%}{spread}")
    console.print(table)
    if clusters := document.get("clusters"):
        told = f"{clusters['categories']} categories as clusters of {clusters['samples']:,} samples"
        console.print(f"\n{told}: accuracy {clusters['accuracy']:.1%}", highlight=False)
    if few := document.get("few_labels"):
        told = f"\n{few['labels']} labels, {few['test']:,} other samples: error {few['error']:.1%}"
        console.print(f"{told}; a linear classifier of raw numbers {few['linear_error']:.1%}", highlight=False)
    if document["round"] == 0:
        say("this run has not been trained yet")


def _parser() -> "argparse.ArgumentParser":
    parser = Parser(
        prog="saddle represent", description="What a trained critic or encoder knows of the labels, in a table."
    )
    parser.add_argument("run", help="the run's folder, such as runs/0001")
    learn = "labelled samples to learn from; a fifth of them first chooses the classifier's C (default: 2000)"
    parser.add_argument("--train", type=int, default=2000, help=learn)
    parser.add_argument("--test", type=int, default=1000, help="samples to test on (default: 1000)")
    parser.add_argument("--splits", type=int, default=3, help="random splits of them (default: 3)")
    parser.add_argument("--held-out", metavar="PATH", help="test on these, which the run was not trained on")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of samples (default: 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser

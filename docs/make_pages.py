"""Writes the page of every recipe, from the recipe's file and from runs made here.

    python docs/make_pages.py [--recipes a,b] [--data mnist,ring8] [--budget 60s] [--points-budget 20s] [--jobs 2]
                                [--keep DIR] [--pages-only]

Each recipe is trained by the command itself, one thread a run: on ``mnist``, and on ``ring8`` where it takes points;
with ``--data emoji`` on drawings of 32 pixels.
What is kept of a run are its pictures, in docs/recipes/img/, and its facts and scores, in docs/recipes/runs.json; the
pages can be written again from these with ``--pages-only``. The list of recipes in mkdocs.yml and the tables of scores
in docs/recipes/index.md are brought up to date as well. A run on images stands beside dcgan's of the same budget, so
that one should be run, too: ``--recipes dcgan,sngan --budget 10m``.
"""

import argparse
import ast
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from types import FunctionType, ModuleType
from typing import Any

import torch
from marks import filled
from page_scores import MEASURED, REFERENCE, beside, reference, scores, table
from PIL import Image
from terms import explain

from saddle import recipes
from saddle.data import Images, Mixture
from saddle.data.dataset import Dataset
from saddle.data.spec import Spec
from saddle.game import play
from saddle.objectives import Adversarial, FDivergence

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "recipes"
RUNS = PAGES / "runs.json"
LARGEST = 60_000
"""Bytes a picture may have."""
QUICK = ["--width", "32", "--batch", "32", "--lr_generator", "5e-4", "--lr_critic", "5e-4"]
IMAGE_FLAGS = {
    **dict.fromkeys(("lsgan", "hinge-gan", "dragan", "ebgan", "rpgan", "mgan", "gman"), QUICK),
    **dict.fromkeys(("infogan", "ali", "bigan"), QUICK),
    "sgan": [*QUICK, "--loss", "non-saturating"],
    "veegan": ["--width", "32", "--batch", "32", "--lr_generator", "1e-3", "--lr_critic", "1e-4", "--z_dim", "16"],
    "sngan": ["--conditional", "true"],
    "sagan": ["--decay_until", "230000"],
    "stylegan2": ["--decay_until", "130000"],
    "fgan": [*QUICK, "--loss", "heuristic"],
    "wgan": ["--width", "32", "--batch", "32", "--lr_generator", "2e-4", "--lr_critic", "2e-4"],
    "wgan-gp": [*QUICK, "--n_critic", "2"],
}
"""For minutes on one core: narrower, smaller batches and larger steps than in the papers, where those are the defaults;
labels for sngan; for sgan the loss that did better both for its classifier and its samples; few latent
numbers and a slow critic for veegan; and for sagan and stylegan2 steps that fall to 0 over ten minutes' images."""
FLAGS = {
    "mnist": IMAGE_FLAGS,
    "emoji": IMAGE_FLAGS | {"sngan": []},
    "ring8": {
        "wgan": ["--clip", "0.1", "--lr_critic", "5e-4", "--lr_generator", "5e-4"],
        "ebgan": ["--margin", "1"],
    },
}
"""By data. A group of emoji holds many kinds of drawings, so recipes that can do without are not told it; with points
these are what the docstrings ask for."""
CAPTIONS = {
    "mnist": "Samples, each from a fixed z. In a conditional game a row is a label.",
    "emoji": "Samples, each from a fixed z. In a conditional game a row is a label. The drawings learnt from are all "
    "designed by [OpenMoji](https://openmoji.org) – the open-source emoji and icon project. License: "
    "[CC BY-SA 4.0](https://creativecommons.org/licenses/by-sa/4.0/).",
    "ring8": "Samples and as many real points.",
}
"""Below the pictures."""

Facts = dict[str, Any]


def main() -> None:
    """Train what was asked for, then write all pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", help="names separated by commas; by default all")
    parser.add_argument("--data", default="mnist,ring8", help="of mnist, emoji and ring8 (default: mnist,ring8)")
    parser.add_argument("--budget", default="60s", help="training time on images (default: 60s)")
    parser.add_argument("--points-budget", default="20s", help="training time on points (default: 20s)")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, of a thread each (default: 2)")
    parser.add_argument("--keep", type=Path, help="where run folders stay (default: they do not)")
    parser.add_argument(
        "--pages-only", action="store_true", help="train nothing: write the pages from docs/recipes/runs.json"
    )
    args = parser.parse_args()
    chosen = args.recipes.split(",") if args.recipes else sorted(recipes.names())
    modules = {name: recipes.find(name) for name in chosen}
    failures: list[str] = []
    if not args.pages_only:
        wanted = [(data, args.budget if data in MEASURED else args.points_budget) for data in args.data.split(",")]
        jobs = [(n, data, b) for n, m in modules.items() for data, b in wanted if data in MEASURED or takes_points(m)]
        with ThreadPoolExecutor(args.jobs) as pool:
            for (name, data, _), found in zip(jobs, pool.map(lambda job: train(*job, args.keep), jobs), strict=True):
                if isinstance(found, str):
                    failures.append(found)
                else:
                    keep_facts(f"{name} {data}", found)
                    if name == REFERENCE and data in MEASURED:
                        keep_facts(reference(data, args.budget), found)
    write_pages()
    sys.exit("\n".join(failures) or None)


def takes_points(module: ModuleType) -> bool:
    """Whether a recipe builds a game on labelled points in the plane."""
    try:
        module.build(module.SMALL, Spec(channels=2, classes=8))
    except ValueError:
        return False
    return True


# Training


def train(recipe: str, data: str, budget: str, keep: Path | None) -> Facts | str:
    """Train a recipe by the command and keep its pictures. Returns the run's facts, or what went wrong."""
    words = ["train", recipe, "--data", data, "--budget", budget, *FLAGS[data].get(recipe, []), "--threads", "1"]
    print("saddle", shlex.join(words), file=sys.stderr, flush=True)
    with TemporaryDirectory() as folder:
        run = (keep or Path(folder)) / f"{recipe}-{data}-{budget}"
        command = [sys.executable, "-m", "saddle", *words, "--json", "--out", str(run)]
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"]  # as when killed
            return f"saddle {shlex.join(words)}: {said[-1]}"
        told = json.loads(done.stdout)
        rows = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
        for picture in ("samples", "curves"):
            shrink(run / f"{picture}.png", PAGES / "img" / f"{recipe}-{data}-{picture}.png")
        found = {"scores": scores(run, MEASURED[data])} if data in MEASURED else {}
    terms = list(dict.fromkeys(key for row in rows for key in row if "." in key))
    kept = {key: told[key] for key in ("rounds", "images", "seconds")}
    return {"command": f"saddle {shlex.join(words)}", "budget": budget, **kept, **found, "terms": terms}


def keep_facts(key: str, facts: Facts) -> None:
    """Put a run's facts into runs.json, in its order."""
    held = stored() | {key: facts}
    RUNS.parent.mkdir(parents=True, exist_ok=True)
    RUNS.write_text(json.dumps(dict(sorted(held.items())), indent=1) + "\n", encoding="utf-8")


def stored() -> dict[str, Facts]:
    """The facts of all runs, by recipe and data."""
    return json.loads(RUNS.read_text(encoding="utf-8")) if RUNS.exists() else {}


def shrink(source: Path, target: Path) -> None:
    """Copy a picture in at most LARGEST bytes: fewer colours first, then fewer pixels."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((900, 900), Image.Resampling.LANCZOS)
    while True:
        for colours in (256, 64, 32, 16):
            picture.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(target, optimize=True)
            if target.stat().st_size < LARGEST:
                return
        picture = picture.resize((picture.width * 4 // 5, picture.height * 4 // 5), Image.Resampling.LANCZOS)


# Pages


def write_pages() -> None:
    """Write the page of every recipe, and the list of them in mkdocs.yml."""
    runs = stored()
    for name in recipes.names():
        (PAGES / f"{name}.md").write_text(page(name, runs), encoding="utf-8")
    index = PAGES / "index.md"
    text = index.read_text(encoding="utf-8")
    for data in MEASURED:
        text = filled(text, f"scores on {data}", table(runs, data))
    index.write_text(text, encoding="utf-8")
    file = ROOT / "mkdocs.yml"
    file.write_text(with_recipes(file.read_text(encoding="utf-8")), encoding="utf-8")


def with_recipes(config: str) -> str:
    """mkdocs.yml with the recipes that there are in its navigation."""
    lines = "".join(f"      - {name}: recipes/{name}.md\n" for name in sorted(recipes.names()))
    changed, count = re.subn(
        r"(?m)^(  - Recipes:\n(?: +- recipes/index\.md\n)?(?: +- Remedies: .*\n)?)(?: {6}- .*\n)*",
        rf"\g<1>{lines}",
        config,
    )
    assert count == 1, "mkdocs.yml has a line '  - Recipes:' in its navigation"
    return changed


def page(name: str, runs: dict[str, Facts]) -> str:
    """The page of a recipe, as Markdown."""
    entry = next(entry for entry in recipes.catalogue() if entry["name"] == name)
    module = recipes.find(name)
    summary, _, rest = (module.__doc__ or "").partition("\n")
    own, prose = own_terms(rest)
    mine = {data: runs[f"{name} {data}"] for data in CAPTIONS if f"{name} {data}" in runs}
    terms = list(dict.fromkeys([*logged(module), *(term for facts in mine.values() for term in facts["terms"])]))
    parts = [
        f"# {name}",
        markdown(summary),
        f"Source: {linked(entry['source'])}. File: `{Path(module.__file__ or '').relative_to(ROOT).as_posix()}`.",
        "## Train it",
        f"```console\n$ saddle train {name} --data mnist --budget 2m\n```",
        *(picture for data in mine for picture in pictures(name, data, runs)),
        "## What the players minimise",
        *losses(module),
        "## What it logs",
        "| term | meaning |\n| --- | --- |\n"
        + "\n".join(f"| `{t}` | {markdown(explain(name, t, own))} |" for t in terms),
        "## How it is played here",
        markdown(prose.strip()) or "As in the paper.",
        "## Settings",
        "Each is a flag of `saddle train "
        + name
        + "`; those of the run itself are in [The command](../command.md#train).",
        "| setting | default | meaning |\n| --- | --- | --- |\n" + "\n".join(settings(module.Config)),
    ]
    return "\n\n".join(parts) + "\n"


def pictures(name: str, data: str, runs: dict[str, Facts]) -> Iterator[str]:
    """A run's command, what it came to, its pictures and scores."""
    facts = runs[f"{name} {data}"]
    seen = "images" if data in MEASURED else "points"
    yield f"### On {seen}: {data}"
    yield (
        f"The pictures are of this run: {facts['rounds']:,} rounds, {facts['images']:,} real {seen} seen, "
        f"{facts['seconds']:.0f} seconds on one thread.\n\n```console\n$ {facts['command']}\n```"
    )
    yield f"![Samples of {name} on {data}](img/{name}-{data}-samples.png)"
    yield CAPTIONS[data]
    yield from beside(name, data, runs)
    yield f"![Logged terms of {name} on {data}](img/{name}-{data}-curves.png)"


def losses(module: ModuleType) -> Iterator[str]:
    """The recipe's losses as they stand in its file, and the formulas of the functions that they call."""
    yield "\n\n".join(f"``` {{.python}}\n{source}\n```" for source in loss_sources(module))
    lines = []
    for value in objectives(module):
        text = " ".join((value.__doc__ or "").strip().partition("\n\n")[0].split())
        lines.append(f"- [`{value.__name__}`][{value.__module__}.{value.__name__}]: {markdown(text)}")
    if any(isinstance(entry, FDivergence) for table in tables(module) for entry in table.values()):
        lines.append(
            "- [`DIVERGENCES`][saddle.objectives.divergences.DIVERGENCES]: f, g_f and f\\* of each divergence."
        )
    yield "\n".join(lines)


def loss_sources(module: ModuleType) -> Iterator[str]:
    """The functions within ``build`` that return ``Terms``."""
    text = inspect.getsource(module)
    build = next(n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef) and n.name == "build")
    for node in build.body:
        if isinstance(node, ast.FunctionDef) and isinstance(node.returns, ast.Name) and node.returns.id == "Terms":
            yield dedent("\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno]))


def tables(module: ModuleType) -> list[dict[str, Any]]:
    """The recipe's choices: dictionaries at the top of its file."""
    return [value for key, value in vars(module).items() if isinstance(value, dict) and not key.startswith("__")]


def objectives(module: ModuleType) -> list[FunctionType]:
    """The functions of saddle.objectives that the recipe may call."""
    own = {key: value for key, value in vars(module).items() if key != "ADVERSARIAL"}
    found = [
        *own.values(),
        *(entry for key, table in own.items() if isinstance(table, dict) for entry in table.values()),
    ]
    found += [part for pair in found if isinstance(pair, Adversarial) for part in pair[:2]]
    here = [f for f in found if isinstance(f, FunctionType) and f.__module__.startswith("saddle.objectives")]
    return [f for f in dict.fromkeys(here) if f.__name__ != "one_sided"]


def settings(config: type) -> Iterator[str]:
    """A row for each field: name, default, and the docstring beneath it in the class that sets it last."""
    told: dict[str, str] = {}
    for owner in reversed(config.__mro__[:-1]):
        (node,) = ast.parse(dedent(inspect.getsource(owner))).body
        assert isinstance(node, ast.ClassDef)
        for field, text in zip(node.body, node.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
                told[field.target.id] = " ".join(ast.literal_eval(text.value).split())
    defaults = config()
    for field in fields(config):
        yield f"| `{field.name}` | `{getattr(defaults, field.name)}` | {markdown(told[field.name])} |"


def logged(module: ModuleType) -> list[str]:
    """The names of the terms that two rounds of the recipe's SMALL leave, with label smoothing and without."""
    variants = [module.SMALL]
    if hasattr(module.SMALL, "label_smoothing"):
        variants.append(replace(module.SMALL, label_smoothing=0.1))
    found: dict[str, None] = {}
    for data in small_data(module):
        for config in variants:
            torch.manual_seed(0)
            game = module.build(config, data.spec).seed(0)
            for report in play(game, data.draw(config.batch, seed=0), rounds=2):
                found |= dict.fromkeys(report.terms)
    return list(found)


def small_data(module: ModuleType) -> Iterator[Dataset]:
    """Grey images of 16 pixels, and points where the recipe takes them; both with labels."""
    rng = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (32, 1, 16, 16), dtype=torch.uint8, generator=rng)
    yield Images("images", pixels, torch.arange(32) % 2, classes=2)
    if takes_points(module):
        yield Mixture("points", torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), 0.5)


def own_terms(docstring: str) -> tuple[dict[str, str], str]:
    """What a recipe's docstring says of its terms, in lines ``- ``D.term``: ...``, and the rest of it."""
    line = re.compile(r"^- ``([\w.]+)``: (.+(?:\n  .+)*)\n?", re.MULTILINE)
    return {term: " ".join(text.split()) for term, text in line.findall(docstring)}, line.sub("", docstring)


def markdown(text: str) -> str:
    """A docstring's prose in Markdown: formulas stand as written, code in single back quotes."""
    pieces = re.split(r"(``.+?``|:func:`~?[\w.]+`|`[^`]+`)", text)
    for i, piece in enumerate(pieces):
        if i % 2:
            pieces[i] = "`" + re.sub(r"^:func:`~?(?:[\w]+\.)*", "", piece).strip("`") + "`"
        else:
            pieces[i] = re.sub(r"([*_\[\]|\\])", r"\\\1", piece).replace("<", "&lt;")
    return "".join(pieces)


def linked(source: str) -> str:
    """A source with its arXiv and doi numbers as links."""
    source = re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", source)
    return re.sub(r"doi:(\S+)", r"[doi:\1](https://doi.org/\1)", source)


if __name__ == "__main__":
    main()

"""What the documentation says is so: its commands parse, its examples run, its pages are of this code."""

import re
import shlex
import subprocess
import sys
from dataclasses import fields
from functools import partial
from pathlib import Path

import pytest
import torch

from saddle import recipes
from saddle.app.auto.command import Nothing
from saddle.app.cli import COMMANDS
from saddle.app.options import TrainOptions, parse_flags
from saddle.app.train import AUTO
from saddle.game import play, sample
from small_games import assert_goes_on, start, toys

DOCS = Path(__file__).parents[1] / "docs"
NAMES = sorted(recipes.names())
PAGES = [*sorted(DOCS.rglob("*.md")), DOCS.parent / "README.md", DOCS.parent / "CONTRIBUTING.md"]
REDO = "python docs/make_pages.py --pages-only writes it anew"


@pytest.fixture
def make_pages(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    import make_pages

    return make_pages


@pytest.fixture
def lazy_r1(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS / "examples"))
    import lazy_r1

    return lazy_r1


def commands(page):
    """The command lines of saddle in a page's blocks of code, as words."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    shown = re.findall(r"^(?:\$ )?saddle ([^#>|\n]+)", "\n".join(blocks), re.MULTILINE)
    return [shlex.split(line) for line in shown]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_training_command_parses(page):
    """Words in capitals or brackets stand for something of the reader's, so such lines are left out."""
    for words in commands(page):
        if any(word.isupper() or word.startswith("[") or word == "--config" for word in words) or words[0][0] == "-":
            continue
        assert words[0] in COMMANDS
        if words[0] == "train" and not words[1].startswith("-"):
            flags = [word for word in words[2:] if word not in ("--help", "--print_config")]
            config = Nothing if words[1] == AUTO else recipes.find(words[1]).Config
            parse_flags("saddle train", "", flags, config)


def test_the_command_page_names_every_flag():
    text = (DOCS / "command.md").read_text(encoding="utf-8")
    assert [field.name for field in fields(TrainOptions) if f"`--{field.name}" not in text] == []
    assert [name for name in COMMANDS if f"saddle {name}" not in text] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_has_a_page_of_its_present_file(name, make_pages):
    """The page is what the recipe's file and the stored runs make, so every logged term is explained in it."""
    file = DOCS / "recipes" / f"{name}.md"
    assert file.exists(), REDO
    assert file.read_text(encoding="utf-8") == make_pages.page(name, make_pages.stored()), REDO


def test_the_navigation_lists_every_recipe(make_pages):
    config = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    assert make_pages.with_recipes(config) == config, REDO
    assert [name for name in NAMES if f"recipes/{name}.md" not in config] == []
    chooser = (DOCS / "recipes" / "index.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"({name}.md)" not in chooser] == []


def test_a_term_that_nobody_explains_is_an_error(make_pages):
    with pytest.raises(KeyError, match=r"gan: no one says what the logged term 'D\.mystery' means"):
        make_pages.explain("gan", "D.mystery", {})
    assert make_pages.explain("gan", "D.mystery", {"D.mystery": "known"}) == "known"


def test_prose_keeps_its_formulas(make_pages):
    """What Markdown would take for emphasis, links or a table's edge is shown as written; code stays code."""
    assert make_pages.markdown("f*(v) and g*(w), a_b, |x| in [0, 1]") == r"f\*(v) and g\*(w), a\_b, \|x\| in \[0, 1\]"
    assert make_pages.markdown("``a_b`` as in :func:`~saddle.objectives.penalties.r1`") == "`a_b` as in `r1`"


def test_pictures_are_made_small(make_pages, tmp_path):
    """Noise, which compresses worst, at half the size of a grid of samples."""
    from PIL import Image

    noise = torch.randint(0, 256, (330, 330, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    Image.fromarray(noise.numpy()).save(tmp_path / "noise.png")
    make_pages.shrink(tmp_path / "noise.png", tmp_path / "small.png")
    assert (tmp_path / "small.png").stat().st_size < 60_000


@pytest.mark.parametrize("kind", ["images", "points"])
def test_the_example_recipe_keeps_the_contract(kind, lazy_r1, tmp_path):
    """It plays, goes on after a restart as if never stopped, and samples."""
    game = assert_goes_on(tmp_path, partial(start, lazy_r1, kind))
    assert sample(game, 3, seed=0)[0].shape == (3, *toys(kind).spec.shape)


def test_the_example_penalises_every_so_many_rounds(lazy_r1):
    """In rounds 1, 4 and 7 for every=3, by a weight that falls."""
    game, draw = start(lazy_r1, "points", every=3, gamma=1.0, gamma_end=0.5, fall=32)
    reports = [report.values() for report in play(game, draw, rounds=7)]
    assert ["D.r1" in terms for terms in reports] == [True, False, False, True, False, False, True]
    assert [terms["control.gamma"] for terms in reports] == pytest.approx([1, 0.875, 0.75, 0.625, 0.5, 0.5, 0.5])


def test_the_example_explains_its_own_terms(lazy_r1, make_pages):
    own, _ = make_pages.own_terms(lazy_r1.__doc__)
    assert set(own) == {"D.r1", "control.gamma"}
    assert [term for term in make_pages.logged(lazy_r1) if not make_pages.explain("lazy-r1", term, own)] == []


@pytest.mark.slow
def test_the_example_finds_every_mode():
    done = subprocess.run(
        [sys.executable, "use_it.py"], cwd=DOCS / "examples", capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "modes found: 8 of 8"

"""The gallery shows every lab as it is now: formula, figure, numbers and command are of the present files."""

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
from PIL import Image

from saddle import recipes
from saddle.theory import labs

DOCS = Path(__file__).parents[1] / "docs"
GALLERY = DOCS / "gallery"
NAMES = sorted(labs.names())
QUICK = ("bilinear", "entropy-and-cross-entropy", "generator-costs", "js-vanishing", "transport", "wasserstein-shift")
REDO = "python docs/make_gallery.py writes the gallery anew"


@pytest.fixture
def make_gallery(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    import make_gallery

    return make_gallery


@pytest.mark.parametrize("name", NAMES)
def test_a_lab_is_shown_as_its_file_is_now(name, make_gallery):
    facts = make_gallery.stored()
    assert name in facts, REDO
    assert make_gallery.is_current(name, facts[name]), REDO
    entry = next(entry for entry in labs.catalogue() if entry["name"] == name)
    page, _, place = make_gallery.place(entry).partition("#")
    assert f"\n### {place}\n" in (GALLERY / page).read_text(encoding="utf-8")


def test_the_pages_are_what_the_facts_make(make_gallery):
    assert make_gallery.wrong_pages() == [], REDO
    config = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    assert [page.name for page in GALLERY.glob("*.md") if f"gallery/{page.name}" not in config] == []


def test_nothing_is_kept_of_labs_that_are_no_more(make_gallery):
    facts = make_gallery.stored()
    kept = {picture for lab in facts.values() for picture in lab["pictures"]}
    assert set(facts) == set(NAMES), REDO
    assert {path.name for path in (GALLERY / "img").iterdir()} == kept
    assert set(make_gallery.formula.__globals__["FORMULAS"]) == set(NAMES), "docs/formulas.py"


def test_pictures_are_small_and_films_move(make_gallery):
    for path in (GALLERY / "img").iterdir():
        with Image.open(path) as picture:
            moves = getattr(picture, "n_frames", 1) > 1
            assert picture.width <= make_gallery.WIDTH
        assert moves == (path.suffix == ".gif")
        assert path.stat().st_size <= (make_gallery.LARGEST_FILM if moves else make_gallery.LARGEST)


@pytest.mark.parametrize("name", NAMES)
def test_a_command_parses(name, make_gallery):
    """Each console line of the gallery names a lab that there is and flags that it has."""
    from saddle.app import lab

    text = "\n".join(path.read_text(encoding="utf-8") for path in GALLERY.glob("*.md"))
    lines = set(re.findall(rf"^\$ saddle lab {name} .*$", text, re.MULTILINE))
    assert lines
    for line in lines:
        _, _, _, named, *words = shlex.split(line)
        config, out, _ = lab._parse("saddle lab", "", words, labs.find(named).Config)
        assert config == labs.find(name).Config() and out.suffix in lab.FORMATS
    for field in fields(labs.find(name).Config):
        assert f"`--{field.name} {field.default}`" in text


def test_every_row_and_recipe_named_is_there(make_gallery):
    """The lectures' table knows each lab's rows, and each recipe it names exists."""
    rows = {row for entry in labs.catalogue() for row in make_gallery.rows_of(entry["lecture"])}
    assert rows <= set(make_gallery.ROWS)
    assert {f"T{i}" for i in range(1, 13)} | {"C", "E30"} <= rows
    assert {name for found in make_gallery.RECIPES.values() for name in found} <= set(recipes.names())


def test_a_link_to_a_lab_or_recipe_leads_there(make_gallery):
    """Slips point to a lab of the same page or to a recipe's page."""
    for number, lecture in make_gallery.LECTURES.items():
        text = (GALLERY / f"{number}.md").read_text(encoding="utf-8")
        for *_, link in lecture.slips:
            kind, _, name = link.partition(" ")
            assert kind in ("", "lab", "recipe")
            assert kind != "lab" or f"\n### {name}\n" in text
            assert kind != "recipe" or name in recipes.names()


@pytest.mark.parametrize("name", QUICK)
def test_numbers_are_the_labs_own(name, make_gallery):
    """What takes no training is computed again here: a change of the library under a lab is seen as well."""
    shown = leaves(make_gallery.stored()[name]["values"])
    again = leaves(make_gallery.without_curves(labs.run(name).document()["values"]))
    assert set(again) == set(shown), REDO
    for key, value in shown.items():
        expected = value if isinstance(value, str) else pytest.approx(value, rel=1e-3, abs=1e-6)
        assert again[key] == expected, f"{key}: {REDO}"


def leaves(value, key=""):
    if isinstance(value, dict):
        return {
            place: leaf for inner, found in value.items() for place, leaf in leaves(found, f"{key}/{inner}").items()
        }
    if isinstance(value, list):
        return {place: leaf for i, found in enumerate(value) for place, leaf in leaves(found, f"{key}/{i}").items()}
    return {key: value}


def test_a_lab_without_a_formula_is_an_error(make_gallery):
    with pytest.raises(KeyError, match=r"mystery: docs/formulas\.py has no formula"):
        make_gallery.formula("mystery")


def test_curves_stay_out_of_the_tables(make_gallery):
    values = {"curve": list(range(40)), "pair": [1.0, 2.0], "rows": {"a": {"n": 1.0, "line": list(range(40))}}}
    assert make_gallery.without_curves(values) == {"pair": [1.0, 2.0], "rows": {"a": {"n": 1.0}}}
    assert list(make_gallery.numbers({"W": {"plan": {"of": 1.5}, "critic": {"of": float("inf")}}})) == [
        "| W | of |\n| --- | --- |\n| plan | 1.5 |\n| critic | inf |"
    ]

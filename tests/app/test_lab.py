"""``saddle lab``: each format of picture, the numbers as a table and as JSON, a sentence for each mistake."""

import json
import math

import pytest

from saddle.app.cli import main
from saddle.app.lab import film_page, save
from saddle.theory.lab import Lab
from saddle.theory.labs import names


def line(t: float):
    return lambda figure: figure.subplots().plot([0, 1], [0, t])


FILM = Lab("film", "T0", {"a": {"x": 1.0}, "end": math.inf}, "It rises.", line(2), [line(t) for t in (0, 1, 2)], (3, 2))


def test_a_film_is_written_in_each_format(tmp_path):
    from PIL import Image

    for suffix in (".png", ".gif", ".html"):
        save(FILM, tmp_path / f"film{suffix}", suffix)
    with Image.open(tmp_path / "film.png") as png, Image.open(tmp_path / "film.gif") as gif:
        assert png.format == "PNG" and gif.n_frames == 3
    page = (tmp_path / "film.html").read_text()
    assert page.count("data:image/png;base64,") == 3 + 1
    assert "http" not in page and 'type="range"' in page and "infinite" in page


def test_a_still_picture_has_no_slider():
    still = Lab("still", "T0", {"a": 1.0}, "It stands.", line(1), size=(3, 2))
    assert 'type="range"' not in film_page(still)


def test_the_command_prints_one_json_document(tmp_path, capsys):
    """Infinite numbers are the text "inf": JSON has no word for them."""
    out = tmp_path / "shift.png"
    assert main(["lab", "wasserstein-shift", "--out", str(out), "--json", "--furthest", "2"]) == 0
    document = json.loads(capsys.readouterr().out, parse_constant=lambda word: pytest.fail(word))
    assert {"lab", "lecture", "values", "figure"} <= set(document)
    assert document["lab"] == "wasserstein-shift" and document["lecture"] == "T12"
    assert document["values"]["KL(q, p)"][0] == "inf" and float("inf") == math.inf
    assert document["figure"] == str(out) and out.read_bytes().startswith(b"\x89PNG")


def test_the_command_tells_what_the_numbers_show(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "generator-costs"]) == 0
    said = capsys.readouterr().out
    assert "only the second still teaches" in said and "-0.5" in said
    assert (tmp_path / "generator-costs.png").exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["bilinaer"], "Did you mean 'bilinear'"),
        (["bilinear", "--lr", "-1"], "lr=-1.0: expected a step size"),
        (["bilinear", "--lrr", "1"], "did you mean --lr"),
        (["generator-costs", "--out", "x.jpg"], "a name ending in .png, .gif or .html"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(argv, message, capsys):
    assert main(["lab", *argv]) == 2
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said


def test_list_names_the_labs_with_their_rows(capsys):
    assert main(["list", "labs", "--json"]) == 0
    labs = json.loads(capsys.readouterr().out)["labs"]
    assert {"name", "summary", "source", "lecture"} <= set(labs[0])
    assert {entry["name"] for entry in labs} == set(names())

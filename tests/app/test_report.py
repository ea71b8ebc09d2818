"""The page of a run: it holds every section, refers to nothing outside itself, and changes nothing of the game."""

import base64
import io
import json
import re
import shlex
from dataclasses import asdict, replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from PIL import Image

from saddle.app import gallery
from saddle.app.options import TrainOptions, parse_flags
from saddle.app.pictures import draw, save_png
from saddle.app.report import main, write_report
from saddle.app.runs import Run
from saddle.data import Images, Points, Spec, load
from saddle.game import Game, checkpoint, play
from saddle.recipes import find

VOID = {"meta", "img", "input", "br", "link"}


class Page(HTMLParser):
    """What a browser would see: sections, references, text; complains of tags that do not close."""

    def __init__(self, path):
        super().__init__()
        self.text, self.sections, self.references, self.open = "", [], [], []
        self.shown = 0
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.sections.append(given["id"])
        if tag == "figure" and "hidden" not in given:
            self.shown += 1
        self.references += [given[name] for name in ("src", "href", "srcset", "action", "data") if name in given]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] not in (["style"], ["script"]):
            self.text += data


def noise(side=16):
    rng = torch.Generator().manual_seed(0)
    images = torch.randint(256, (40, 1, side, side), generator=rng, dtype=torch.uint8)
    return Images("noise", images, torch.arange(40) % 3, classes=3)


def build(name, spec, **changes):
    recipe = find(name)
    settings = replace(recipe.SMALL, **changes)
    return recipe.build(settings, spec), settings


def run_folder(folder, name, data, rounds=2, **changes):
    """A run as training leaves it, and its game."""
    torch.manual_seed(0)
    game, settings = build(name, data.spec, **changes)
    options = TrainOptions(data=data.name, seed=3, mirror=True, out=str(folder))
    of_data = asdict(data.spec) | {"name": data.name, "count": len(data), "fingerprint": data.fingerprint}
    config = {"format": 1, "recipe": name, "settings": asdict(settings), "options": asdict(options), "data": of_data}
    run = Run.create(folder, config | {"threads": 1, "device": "cpu", "versions": {}, "created": "2026-01-02T03:04:05"})
    stream = data.draw(settings.batch, 0)
    with open(folder / "log.jsonl", "w", encoding="utf-8") as log:
        for report in play(game, stream, rounds=rounds):
            place = {"round": report.round, "images": report.images, "seconds": 1.5 * report.round}
            log.write(json.dumps(place | report.values()) + "\n")
    checkpoint.save(game, run.checkpoints, stream.state_dict())
    return game, settings


@pytest.fixture(scope="module")
def dcgan(tmp_path_factory):
    """A run with thirty pictures and its page."""
    folder, data = tmp_path_factory.mktemp("runs") / "a run", noise()
    game, settings = run_folder(folder, "dcgan", data)
    picture = draw(game, data, n=4)
    for number in range(1, 31):
        save_png(picture, folder / "samples" / f"round-{number * 10:09d}.png")
    before = {name: value.clone() for name, value in checkpoint.state(game)[0].items()}
    path = write_report(folder, game, data, {"seconds": 83.0, "stopped": "budget"})
    after = {name: value.clone() for name, value in checkpoint.state(game)[0].items()}
    return folder, path, Page(path), game, (before, after), settings


def test_every_section_is_there(dcgan):
    page = dcgan[2]
    assert page.sections == ["over-time", "critic", "curves", "interpolation", "nearest", "settings", "commands"]
    for said in ("dcgan on noise", "1m23s", "40 images, 16×16, grey", "Parameters of G", "lr_generator"):
        assert said in page.text


def test_nothing_is_fetched_from_anywhere(dcgan):
    _, path, page, *_ = dcgan
    assert page.references
    assert all(reference.startswith("data:image/") for reference in page.references)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttp|import\(", path.read_text(encoding="utf-8"))


def test_every_picture_of_the_page_can_be_decoded(dcgan):
    kinds = set()
    for reference in dcgan[2].references:
        kind, _, content = reference.partition(";base64,")
        kinds.add(kind)
        decoded = base64.b64decode(content, validate=True)
        if kind == "data:image/png":
            with Image.open(io.BytesIO(decoded)) as image:
                image.load()
        else:
            assert b"</svg>" in decoded
    assert kinds == {"data:image/png", "data:image/svg+xml"}


def test_pictures_over_time_are_a_dozen_from_first_to_last_and_one_shows(dcgan):
    page = dcgan[2]
    rounds = [int(number) for number in re.findall(r"round (\d+)", page.text)]
    assert len(rounds) == 12
    assert (rounds[0], rounds[-1]) == (10, 300)
    steps = np.diff(rounds)
    assert steps.max() - steps.min() <= 10, "evenly spaced, as far as whole pictures go"
    assert page.shown == 1


def test_a_page_leaves_the_game_bit_identical(dcgan):
    """The critic's histogram passes through it in training mode, which moves batch statistics: they must come back."""
    _, _, _, game, (before, after), _ = dcgan
    assert before.keys() == after.keys()
    assert [name for name in before if not torch.equal(after[name], before[name])] == []
    assert all(module.training for player in game.players for module in player.module.modules())


def test_the_command_it_gives_repeats_the_run(dcgan):
    _, _, page, game, _, settings = dcgan
    command = next(line for line in page.text.splitlines() if "saddle train dcgan" in line)
    words = shlex.split(command[command.index("saddle train dcgan") :])
    recipe = find("dcgan")
    options, parsed, _ = parse_flags("saddle train dcgan", "", words[3:], recipe.Config)
    assert parsed == settings
    assert (options.data, options.seed, options.mirror, options.threads) == ("noise", 3, True, "1")
    assert options.rounds == game.round


def test_a_folder_with_nothing_in_it_still_gives_a_page(tmp_path):
    data = noise()
    game, _ = build("dcgan", data.spec)
    page = Page(write_report(tmp_path, game, data, {}))
    assert "No picture was drawn" in page.text
    assert "Nothing was logged" in page.text
    assert "no config.json" in page.text


def test_names_from_outside_are_text_and_never_markup(tmp_path):
    data = noise()
    data.name = "<script>alert(1)</script>"
    game, _ = build("dcgan", data.spec)
    path = write_report(tmp_path, game, data, {"stopped": "failed", "error": "<b>&"})
    assert "alert(1)</script>" not in path.read_text(encoding="utf-8").partition("<main>")[2].partition("<script>")[0]
    assert "<b>&" in Page(path).text


def test_points_have_no_image_sections(tmp_path):
    data = load("mixture1d")
    game, _ = build("gan", data.spec)
    page = Page(write_report(tmp_path, game, data, {}))
    assert page.sections == ["over-time", "critic", "curves", "settings", "commands"]


def test_a_game_that_generates_nothing_has_a_page(tmp_path):
    page = Page(write_report(tmp_path, Game([], []), Points("cloud", torch.zeros(4, 2)), {}))
    assert "generates nothing" in page.text


def test_an_autoencoder_of_two_latent_numbers_shows_its_plane_and_reconstructions(tmp_path):
    data = noise(8)
    game, _ = build("vae", data.spec, z_dim=2)
    page = Page(write_report(tmp_path, game, data, {}))
    assert {"manifold", "reconstructions", "interpolation"} <= set(page.sections)
    assert "critic" not in page.sections


def test_a_game_with_labels_names_them(tmp_path):
    data = Images("pets", noise().images, torch.arange(40) % 3, ("cat", "dog", "emu"))
    game, _ = build("cgan", data.spec)
    page = Page(write_report(tmp_path, game, data, {}))
    assert all(name in page.text for name in ("cat", "dog", "emu"))


def test_the_latent_plane_has_equal_probability_between_its_lines():
    z = gallery.manifold(9)
    shares = torch.special.ndtr(z.double()).reshape(9, 9, 2)
    even = (torch.arange(9, dtype=torch.float64) + 0.5) / 9
    torch.testing.assert_close(shares[:, :, 0], even.expand(9, 9), atol=1e-6, rtol=0)
    torch.testing.assert_close(shares[:, :, 1], even.flip(0)[:, None].expand(9, 9), atol=1e-6, rtol=0)


def test_the_critic_is_shown_as_its_losses_see_it(dcgan):
    """Batch by batch in training mode the mean of D(x) is that of the same batches scored by hand."""
    _, _, _, game, _, _ = dcgan
    data = noise()
    real, fake = gallery._scores_in_training(game, data, game.sampler, n=200)
    x = data.sample(200, torch.Generator().manual_seed(gallery.SEED)).x
    D = game["D"].module
    state = {name: value.clone() for name, value in D.state_dict().items()}
    with torch.no_grad():
        by_hand = torch.cat([D(part) for part in x.split(100)])
    D.load_state_dict(state)
    torch.testing.assert_close(real, by_hand)
    assert fake.shape == (200,)


def test_the_command_writes_the_page_and_says_where(tmp_path, capsys):
    folder = tmp_path / "run"
    run_folder(folder, "gan", load("ring8"), rounds=1)
    assert main([str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {"run": str(folder), "report": str(folder / "report.html")}
    assert "gan on ring8" in Page(folder / "report.html").text


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match=re.escape("config.json")):
        main([str(tmp_path)])


def test_the_spec_of_points_is_told(tmp_path):
    data = Points("cloud", torch.randn(30, 2))
    game, _ = build("gan", Spec(2))
    assert "30 points in 2 dimensions" in Page(write_report(tmp_path, game, data, {})).text

"""Pictures: geometry and pixels of grids, arcs in latent space, nearest images, and looking that disturbs nothing."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from saddle.app.pictures import GAP, LINE, draw, grid, labelled_grid, nearest, save_png, slerp
from saddle.app.scatter import FAKE, scatter
from saddle.data import Images, Points, Spec
from saddle.data.dataset import to_floats
from saddle.game import Game, Player, Sampler, checkpoint, play
from saddle.recipes import find


@pytest.fixture
def digits(rng):
    """Sixteen-pixel noise with ten labels."""
    images = torch.randint(256, (40, 1, 16, 16), generator=rng, dtype=torch.uint8)
    return Images("noise", images, torch.arange(40) % 10, classes=10)


def tile(picture, row, column, side):
    """The pixels of one place of a grid."""
    pixels = np.asarray(picture)
    top, left = GAP + row * (side + GAP), GAP + column * (side + GAP)
    return pixels[top : top + side, left : left + side]


def test_each_image_is_at_its_place_and_lines_are_between():
    x = torch.rand(3, 1, 2, 2) * 2 - 1
    picture = grid(x, columns=2, scale=3)
    assert picture.size == (2 * 6 + 3 * GAP, 2 * 6 + 3 * GAP)
    expected = ((x + 1) * 127.5).round().numpy()
    for i in range(3):
        np.testing.assert_array_equal(tile(picture, i // 2, i % 2, 6), np.kron(expected[i, 0], np.ones((3, 3))))
    assert (tile(picture, 1, 1, 6) == LINE).all(), "the place left over"
    lines = np.ones((picture.height, picture.width), bool)
    for row in range(2):
        for column in range(2):
            tile(lines, row, column, 6)[:] = False
    assert (np.asarray(picture)[lines] == LINE).all()


def test_bytes_come_back_as_they_were_in_colour_and_grey():
    x = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    np.testing.assert_array_equal(tile(grid(to_floats(x), scale=1), 0, 0, 16), x[0, 0].numpy())
    colour = torch.cat([x, x.flip(2), 255 - x], 1)
    np.testing.assert_array_equal(tile(grid(to_floats(colour), scale=1), 0, 0, 16), colour[0].permute(1, 2, 0).numpy())


def test_values_beyond_the_range_are_clipped_and_nan_is_grey():
    x = torch.tensor([-7.0, 7.0, math.inf, math.nan]).reshape(1, 1, 2, 2)
    assert tile(grid(x, scale=1), 0, 0, 2).tolist() == [[0, 255], [255, 128]]


@pytest.mark.parametrize("count, columns, rows", [(1, 1, 1), (5, 3, 2), (64, 8, 8), (65, 9, 8)])
def test_a_grid_is_nearly_square(count, columns, rows):
    picture = grid(torch.zeros(count, 1, 4, 4), scale=1)
    assert picture.size == (GAP + columns * (4 + GAP), GAP + rows * (4 + GAP))


@pytest.mark.parametrize("shape", [(4, 8, 8), (0, 1, 8, 8), (4, 2, 8, 8)])
def test_what_is_no_batch_of_images_is_refused(shape):
    with pytest.raises(ValueError, match="images"):
        grid(torch.zeros(shape))


def test_rows_with_captions_are_the_grid_with_a_margin():
    x = torch.rand(6, 3, 8, 8) * 2 - 1
    page, plain = labelled_grid([("cat", x[:3]), ("dog", x[3:])], scale=4), grid(x, columns=3, scale=4)
    margin = page.width - plain.width
    assert margin > 0
    np.testing.assert_array_equal(np.asarray(page)[:, margin:], np.asarray(plain))
    assert (np.asarray(page)[:, :margin] < 128).any(), "captions are dark letters"


def test_an_arc_keeps_both_ends_and_turns_evenly(rng):
    z0, z1 = torch.randn(2, 50, generator=rng, dtype=torch.float64)
    path = slerp(z0, 3 * z1, 9)
    assert torch.equal(path[0], z0)
    assert torch.equal(path[-1], 3 * z1)
    logs = path.norm(dim=1).log()
    torch.testing.assert_close(logs.diff(), logs.diff().mean().expand(8))
    cosines = torch.cosine_similarity(path[:-1], path[1:])
    total = torch.cosine_similarity(z0, z1, dim=0).arccos()
    torch.testing.assert_close(cosines.arccos(), (total / 8).expand(8))


def test_an_arc_of_no_angle_is_a_line_and_opposite_ends_have_none():
    z = torch.tensor([3.0, 4.0])
    torch.testing.assert_close(slerp(z, 4 * z, 3).norm(dim=1), torch.tensor([5.0, 10.0, 20.0]))
    with pytest.raises(ValueError, match="opposite"):
        slerp(z, -z, 3)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_the_nearest_image_is_that_of_a_full_search(rng, chunk):
    real = torch.randint(256, (50, 3, 4, 4), generator=rng, dtype=torch.uint8)
    fake = torch.rand(20, 3, 4, 4, generator=rng) * 2 - 1
    fake[3] = to_floats(real[17])
    full = torch.cdist(fake.flatten(1).double(), to_floats(real).flatten(1).double()).argmin(1)
    found = nearest(fake, real, chunk)
    assert torch.equal(found, full)
    assert found[3] == 17


def everything(game):
    """All of a game that training depends on."""
    tensors, facts = checkpoint.state(game)
    modes = [module.training for player in game.players for module in player.module.modules()]
    return tensors, facts, modes


@pytest.mark.parametrize("name", ["dcgan", "cgan"])
def test_drawing_leaves_the_game_bit_identical(name, digits):
    recipe = find(name)
    game = recipe.build(recipe.SMALL, digits.spec)
    for _ in play(game, digits.draw(8, seed=0), rounds=2):
        pass
    tensors, facts, modes = everything(game)
    tensors = {key: value.clone() for key, value in tensors.items()}
    first = draw(game, digits, n=16)
    after = everything(game)
    assert after[1:] == (facts, modes)
    assert after[0].keys() == tensors.keys()
    assert all(torch.equal(after[0][key], tensors[key]) for key in tensors)
    assert first.tobytes() == draw(game, digits, n=16).tobytes()


class Stirring(nn.Module):
    """A generator that draws noise of its own from torch's global numbers, as noise layers do."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, z, y=None):
        level = torch.zeros(len(z)) if y is None else y / 10
        return (self.weight * level)[:, None, None, None] + 0.1 * torch.randn(len(z), 1, 16, 16)


def stirring_game(classes):
    G = Stirring()
    sampler = Sampler(
        lambda n, rng: torch.randn(n, 3, generator=rng), lambda nets, z, y: nets["G"](z, y), classes=classes
    )
    return Game([Player("G", G, torch.optim.SGD(G.parameters(), 0.1))], [], sampler)


def test_noise_within_the_generator_is_fixed_too_and_takes_no_random_numbers(digits):
    game = stirring_game(0)
    before = torch.get_rng_state()
    first = draw(game, digits, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(7)
    assert draw(game, digits, seed=5).tobytes() == first.tobytes()
    assert draw(game, digits, seed=6).tobytes() != first.tobytes()


def test_a_game_with_labels_gives_a_row_for_each(digits):
    """This one paints label k at level k / 10, so that rows grow brighter downwards."""
    picture = draw(stirring_game(10), digits)
    rows = np.array_split(np.asarray(picture)[:, picture.width // 2 :].astype(float), 10)
    means = [row.mean() for row in rows]
    assert means == sorted(means)
    assert means[-1] > means[0] + 40


def test_points_are_drawn_where_they_are():
    """Two pictures with one generated point each: it is moved to the right and stays at its height."""
    colour = np.array([int(FAKE[i : i + 2], 16) for i in (1, 3, 5)])
    real = torch.tensor([[-2.0, -2.0], [2.0, 2.0]])
    places = []
    for x in (-1.0, 1.0):
        pixels = np.asarray(scatter(real, torch.tensor([[x, 0.0]]).repeat(50, 1))).astype(int)[60:]
        places.append(np.argwhere(np.abs(pixels - colour).sum(2) < 30).mean(0))
    assert places[1][1] - places[0][1] > 100
    assert abs(places[1][0] - places[0][0]) < 1


@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_generated_points_do_not_move_the_window(dimensions, rng):
    """Pictures over time compare: wild points change nothing of the real ones beneath and of the axes but the note."""
    real = torch.randn(100, dimensions, generator=rng)
    far, farther = (torch.full((9, dimensions), value) for value in (1e3, 1e6))
    assert scatter(real, far).tobytes() == scatter(real, farther).tobytes()


def test_a_game_on_points_gives_a_plot(rng):
    recipe = find("gan")
    points = Points("cloud", torch.randn(100, 2, generator=rng))
    picture = draw(recipe.build(recipe.SMALL, Spec(2)), points)
    assert picture.width == picture.height


def test_a_game_without_samples_is_refused(digits):
    with pytest.raises(ValueError, match="generates something"):
        draw(Game([], []), digits)


def test_a_picture_is_written_as_png_into_a_folder_that_is_made(tmp_path):
    path = tmp_path / "new" / "grid.png"
    save_png(grid(torch.zeros(1, 1, 4, 4)), path)
    assert [file.name for file in path.parent.iterdir()] == ["grid.png"]
    with Image.open(path) as image:
        assert image.format == "PNG"

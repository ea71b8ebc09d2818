"""The tournament: outcomes in closed form, ratings that order planted models, and who may take part."""

import pytest
import torch
from torch import nn

from saddle import recipes
from saddle.data.spec import Spec
from saddle.evaluation.features import Identity
from saddle.evaluation.measures.glicko import rate_tournament
from saddle.evaluation.measures.skill import outcomes, skill_rating, win_rates
from saddle.evaluation.side import Model, Side
from saddle.evaluation.study import Study
from saddle.game import Game, Player, Sampler


def line(name, shift, weight=-1.0, earlier=None):
    """G(z) = z + shift; D(x) = weight * x, on data N(0, 1)."""
    G, D = nn.Linear(1, 1), nn.Linear(1, 1)
    with torch.no_grad():
        for net, w, b in ((G, 1.0, shift), (D, weight, 0.0)):
            net.weight.fill_(w)
            net.bias.fill_(b)
    players = [Player(n, net, torch.optim.SGD(net.parameters(), lr=0.1)) for n, net in (("G", G), ("D", D))]
    sampler = Sampler(
        prior=lambda n, rng: torch.randn(n, 1, generator=rng),
        generate=lambda nets, z, y: nets["G"](z),
        score=lambda nets, x, y: nets["D"](x)[:, 0],
    )
    return Model(Game(players, [], sampler), Spec(channels=1), name, earlier or {})


def study(mine, *rivals):
    data = torch.randn(1000, 1, generator=torch.Generator().manual_seed(0))
    sides = [Side.of_model(rival, 20) for rival in rivals]
    return Study(Side.of_features(data), Side.of_model(mine, 20), Identity(), rivals=sides)


def test_outcomes_are_the_shares_of_misjudged_samples():
    """Critic 1 errs on 1 of 4 real samples and on 2 of 4 of generator 2: 3 of 8 points."""
    real = torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 0]])
    fake = torch.tensor([[[0.0, 0, 0, 0], [1, 1, 0, 0]], [[1, 1, 1, 1], [0.5, 0.5, 0.5, 0.5]]])
    assert outcomes(real, fake, periods=1)[0].tolist() == [[1 / 8, 3 / 8], [1 / 2, 1 / 4]]
    assert outcomes(real, fake, periods=10).shape == (4, 2, 2)  # no more blocks than samples
    torch.testing.assert_close(outcomes(real, fake, periods=2).mean(0), outcomes(real, fake, periods=1)[0])
    assert win_rates(outcomes(real, fake, periods=2)).tolist() == [5 / 16, 5 / 16]


def test_a_critic_at_chance_gives_everybody_half():
    outcome = outcomes(torch.full((1, 8), 0.5), torch.full((1, 3, 8), 0.5))
    assert win_rates(outcome).tolist() == [0.5] * 3
    _, generators = rate_tournament(outcome)
    assert [g.rating for g in generators] == pytest.approx([1500.0] * 3)


def test_bad_tables_are_refused():
    with pytest.raises(ValueError, match="errors="):
        outcomes(torch.zeros(2, 4), torch.zeros(3, 2, 4))
    with pytest.raises(ValueError, match="errors="):
        outcomes(torch.full((1, 4), 2.0), torch.full((1, 1, 4), 2.0))


def test_a_run_is_rated_above_its_earlier_checkpoints():
    """Generators that come nearer to the data from 4 through 2 to 0.5: win rates and ratings rise in that order."""
    earlier = {name: lambda shift=shift: line("", shift).game for name, shift in (("100", 4.0), ("200", 2.0))}
    found = skill_rating(study(line("run", 0.5, earlier=earlier)))
    table = found.details["generators"]
    assert list(table) == ["100", "200", "run"]
    ratings, rates = ([entry[key] for entry in table.values()] for key in ("rating", "win_rate"))
    assert ratings == sorted(ratings) and rates == sorted(rates)
    assert ratings[2] > ratings[0] + 200
    assert found.value == ratings[2]
    low, high = found.interval
    assert (high - low) / 4 == pytest.approx(table["run"]["rd"])
    assert found.pictures["outcomes"].shape == (72, 72, 3)


@pytest.mark.proves("skill-rating", "closed form")
def test_win_rates_are_those_of_gaussians():
    """Critic i has its threshold at s_i / 2 and meets N(s_j, 1): it errs on Phi(-s_i / 2) and Phi(s_i / 2 - s_j)."""
    found = skill_rating(study(line("a", 1.0), line("b", 3.0)))
    Phi = torch.distributions.Normal(0.0, 1.0).cdf
    s = torch.tensor([1.0, 3.0])
    expected = (Phi(-s / 2)[:, None] + Phi(s[:, None] / 2 - s)) / 2
    torch.testing.assert_close(torch.tensor(found.details["outcomes"]), expected, rtol=0, atol=0.08)


def test_the_order_of_rivals_plays_no_part():
    """Rated twice from one table of errors, players in another order: each keeps its rating."""
    rng = torch.Generator().manual_seed(0)
    real, fake = (torch.rand(3, 40, generator=rng) < 0.3).double(), (torch.rand(3, 3, 40, generator=rng) < 0.4).double()
    order = torch.tensor([2, 0, 1])
    _, generators = rate_tournament(outcomes(real, fake))
    _, moved = rate_tournament(outcomes(real[order], fake[order][:, order]))
    assert [g.rating for g in moved] == pytest.approx([generators[i].rating for i in order.tolist()], rel=1e-12)


def test_a_critic_is_read_the_right_way_round():
    """An energy, low on real data, gives the same tournament as the logit that is its negative."""
    a = skill_rating(study(line("a", 1.0), line("b", 3.0, weight=-1.0)))
    b = skill_rating(study(line("a", 1.0), line("b", 3.0, weight=1.0)))
    assert a.details["outcomes"] == b.details["outcomes"]
    assert b.details["thresholds"]["b"]["sign"] == -1


def test_nobody_to_play_is_said():
    with pytest.raises(ValueError, match=r"--against RUN, or earlier checkpoints"):
        skill_rating(study(line("run", 1.0)))


def test_models_without_a_critic_are_left_out():
    recipe, spec = recipes.find("vae"), Spec(channels=1)
    vae = Model(recipe.build(recipe.SMALL, spec).seed(0), spec, "vae")
    found = skill_rating(study(line("a", 1.0), line("b", 2.0), vae))
    assert found.details["left_out"] == ["vae"]
    assert list(found.details["generators"]) == ["a", "b"]


def test_long_runs_send_eight_checkpoints():
    calls = []

    def load(k):
        calls.append(k)
        return line("", 0.1 * k).game

    earlier = {str(k): lambda k=k: load(k) for k in range(30)}
    found = skill_rating(study(line("run", 0.5, earlier=earlier)))
    assert len(found.details["generators"]) == 9
    assert calls[0] == 0 and calls[-1] == 29 and len(calls) == 8

import math

import pytest
import torch
from scipy.stats import kstest

from saddle.evaluation.features import Identity
from saddle.evaluation.measures.retrieval import closer, nearest_distances, relative_distance, retrieval
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def study(real, fake, held_out=None, rivals=(), seed=0):
    held = None if held_out is None else Side.of_features(held_out)
    others = [Side.of_features(x, name=name) for name, x in rivals]
    return Study(Side.of_features(real), Side.of_features(fake), Identity(), held, others, seed)


def test_goldens_of_the_seeded_arrays(arrays):
    near = {name: nearest_distances(arrays["T"], arrays[name])[:, 0] for name in "RFG"}
    assert float(near["F"].mean()) == pytest.approx(3.1806132125, rel=1e-9)
    assert float(near["G"].mean()) == pytest.approx(3.3553023517, rel=1e-9)
    assert float(near["R"].mean()) == pytest.approx(3.1984774955, rel=1e-9)
    assert relative_distance(near["F"], near["R"])[0] == pytest.approx(-0.0055852458, rel=1e-7)  # digits as printed
    assert relative_distance(near["G"], near["R"])[0] == pytest.approx(0.0490310957, rel=1e-8)
    test = closer(near["F"], near["G"])
    assert test["statistic"] == 14017
    assert test["p_value"] == pytest.approx(1.2621798e-08, rel=1e-7)
    assert test["share_closer"] > 0.5


@pytest.mark.proves("retrieval", "golden")
def test_adapter_gives_the_goldens_with_a_held_out_side_and_a_rival(arrays):
    result = retrieval(study(arrays["R"], arrays["F"], arrays["T"], [("other", arrays["G"])]))
    assert result.value == pytest.approx(-0.0055852458, rel=1e-7)
    assert result.interval[0] < result.value < result.interval[1]
    assert result.details["by_neighbour"][0] == result.value
    rival = result.details["rivals"]["other"]
    assert rival["value"] == pytest.approx(0.0490310957, rel=1e-8) and rival["statistic"] == 14017


@pytest.mark.proves("retrieval", "planted defect")
def test_copies_of_the_training_data_score_zero(arrays):
    """The measure's documented blindness."""
    result = retrieval(study(arrays["R"], arrays["R"].clone(), arrays["T"]))
    assert result.value == 0.0
    assert result.interval == (0.0, 0.0)


def test_several_neighbours_are_the_sorted_distances():
    queries, among = torch.tensor([[0.0], [10.0]]), torch.tensor([[1.0], [12.0], [-3.0]])
    assert nearest_distances(queries, among, 3).tolist() == [[1.0, 3.0, 12.0], [2.0, 9.0, 13.0]]


def test_distances_do_not_lose_digits_far_from_the_origin():
    among = 1e6 + torch.randn(40, 16, generator=rng(), dtype=torch.float64)
    near = nearest_distances(among[:5] + 1e-7, among)[:, 0]
    assert near.tolist() == pytest.approx([4e-7] * 5, rel=1e-3)


@pytest.mark.parametrize("defect", ["shift", "noise"])
def test_defects_grow_the_distance(arrays, defect):
    noise = torch.randn(arrays["F"].shape, generator=rng(), dtype=torch.float64)
    found = []
    for level in (0.0, 0.5, 1.0, 2.0):
        fake = arrays["F"] + level * (noise if defect == "noise" else 1.0)
        found.append(retrieval(study(arrays["R"], fake, arrays["T"])).value)
    assert found == sorted(found)


def test_dropped_modes_grow_the_distance():
    g = rng(1)
    real, kept = (torch.randn(400, 2, generator=g) + 8 * torch.randint(2, (400, 1), generator=g) for _ in range(2))
    whole = torch.randn(400, 2, generator=g) + 8 * torch.randint(2, (400, 1), generator=g)
    one = torch.randn(400, 2, generator=g)
    assert retrieval(study(real, one, kept)).value > 5 > retrieval(study(real, whole, kept)).value


def test_sizes_are_made_equal():
    """Distances shrink with the size of the set searched: four times as many generated samples gain nothing."""
    g = rng(2)
    real, kept, fake = (torch.randn(n, 2, generator=g) for n in (300, 1000, 1200))
    result = retrieval(study(real, fake, kept))
    assert result.details["searched"] == 300
    unequal = relative_distance(nearest_distances(kept, fake)[:, 0], nearest_distances(kept, real)[:, 0])[0]
    assert abs(result.value) < 0.15 and unequal < -0.3


def test_interval_covers_the_ratio_of_means():
    """a = b e with independent e of mean 1.2 has dhat = 0.2; nominally 95 % of 200 intervals hold it."""
    g, held = rng(3), 0
    for _ in range(200):
        train = 1 + torch.rand(100, generator=g)
        fake = train * (0.7 + torch.rand(100, generator=g))
        low, high = relative_distance(fake, train)[1]
        held += low <= 0.2 <= high
    assert 180 <= held <= 199


def test_wilcoxon_p_values_are_uniform_under_the_null():
    g = rng(4)
    found = [closer(*torch.rand(2, 30, generator=g))["p_value"] for _ in range(200)]
    assert kstest(found, "uniform").pvalue > 0.01


def test_degenerate_sets_have_stated_values():
    ones = torch.ones(5)
    assert closer(ones, ones) == {"statistic": 0.0, "p_value": 1.0, "share_closer": 0.5}
    assert relative_distance(torch.zeros(5), torch.zeros(5)) == (0.0, None)
    assert relative_distance(ones, torch.zeros(5)) == (math.inf, None)
    assert relative_distance(ones[:1], ones[:1]) == (0.0, None)
    with pytest.raises(ValueError, match="k=6: expected 1 to 5"):
        nearest_distances(torch.ones(3, 2), torch.ones(5, 2), 6)

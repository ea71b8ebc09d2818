"""The one pass: against brute force, and unmoved by how it is cut up, divided, ordered or rounded."""

import os
import subprocess
import sys
from dataclasses import fields
from functools import reduce
from pathlib import Path
from threading import Barrier, Thread

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saddle.evaluation.nearest import nearest_rows
from saddle.evaluation.pairs import KernelSums, Pairs, mean_squared_distance, sweep


def brute(real, fake, k, inside=torch.le):
    """Neighbours and ball counts of dense matrices of differences, for one k."""
    rr, ff, rf = (
        (a.double()[:, None] - b.double()[None]).square().sum(2).sqrt()
        for a, b in [(real, real), (fake, fake), (real, fake)]
    )
    for D in (rr, ff):
        D.fill_diagonal_(torch.inf)
    r, f = rr.sort(1).values[:, k - 1], ff.sort(1).values[:, k - 1]
    hit = inside(rf, r[:, None])
    return {
        "rr_distance": rr.sort(1).values[:, :k],
        "ff_distance": ff.sort(1).values[:, :k],
        "rf_distance": rf.sort(1).values[:, :k],
        "fr_distance": rf.T.sort(1).values[:, :k],
        "in_real": hit.sum(0)[None],
        "in_fake": inside(rf, f).sum(1)[None],
        "covered": hit.any(1)[None],
        "rarity": torch.where(hit, r[:, None], torch.inf).amin(0)[None],
    }


def tensors(pairs: Pairs):
    """Every tensor of a pass by name."""
    for field in fields(pairs):
        value = getattr(pairs, field.name)
        if isinstance(value, torch.Tensor):
            yield field.name, value
    for at, sums in enumerate((pairs.cubic, *pairs.gaussian)):
        for name in ("rr", "ff", "rf", "fr"):
            yield f"{name}[{at}]", getattr(sums, name)


def assert_same(a: Pairs, b: Pairs, rtol: float = 1e-10) -> None:
    for (name, ours), (_, theirs) in zip(tensors(a), tensors(b), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=rtol, atol=rtol, msg=name)


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("inside", [torch.le, torch.lt])
def test_neighbours_and_balls_are_those_of_brute_force(arrays, k, inside):
    real, fake = arrays["R"][:90], arrays["G"][:70]
    found = sweep(real, fake, neighbours=k, balls=(k,), inside=inside, tile=32)
    for name, value in brute(real, fake, k, inside).items():
        torch.testing.assert_close(getattr(found, name), value, rtol=1e-12, atol=0.0, msg=name)
    at = (real[:, None] - fake[found.rf_index.T].transpose(0, 1)).norm(dim=2)
    torch.testing.assert_close(at, found.rf_distance)


def test_kernel_sums_leave_self_pairs_out(arrays):
    real, fake = arrays["R"][:50], arrays["G"][:40]
    found = sweep(real, fake, tile=16)
    kernels = [(lambda a, b: (a @ b.T / 16 + 1).pow(3), found.cubic)]
    kernels += [(lambda a, b, s=s: (-torch.cdist(a, b).square() / (2 * s.sigma**2)).exp(), s) for s in found.gaussian]
    for kernel, sums in kernels:
        rr, ff, rf = kernel(real, real), kernel(fake, fake), kernel(real, fake)
        expected = KernelSums(rr.sum(1) - rr.diagonal(), ff.sum(1) - ff.diagonal(), rf.sum(1), rf.sum(0))
        for name in ("rr", "ff", "rf", "fr"):
            torch.testing.assert_close(getattr(sums, name), getattr(expected, name), rtol=1e-10, atol=0.0)
    assert [s.sigma**2 / found.scale for s in found.gaussian] == pytest.approx([4.0, 2.0, 1.0, 0.5, 0.25])


@pytest.mark.parametrize("tile", [7, 64, 100])
def test_the_size_of_a_tile_changes_nothing(arrays, tile):
    assert_same(sweep(arrays["R"], arrays["G"][:200], tile=tile), sweep(arrays["R"], arrays["G"][:200]))


class Threads:
    """Workers in one process that wait for one another."""

    def __init__(self, rank, count, barrier, box):
        self.part, self.barrier, self.box = (rank, count), barrier, box

    def merged(self, mine):
        self.box[self.part[0]] = mine
        self.barrier.wait(timeout=30)
        whole = reduce(type(mine).merge, self.box)
        self.barrier.wait(timeout=30)
        return whole


def test_three_workers_find_what_one_finds(arrays):
    real, fake = arrays["R"][:120], arrays["F"][:90]
    barrier, box, found = Barrier(3), [None] * 3, [None] * 3

    def work(rank):
        found[rank] = sweep(real, fake, tile=16, share=Threads(rank, 3, barrier, box))

    workers = [Thread(target=work, args=(rank,)) for rank in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    for one in found:
        assert_same(one, sweep(real, fake), rtol=1e-12)


RANK = """
import sys
import torch
from torch import distributed
from saddle.evaluation.pairs import sweep
from saddle.evaluation.ranks import Ranks, gather_rows

rank, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
rng = torch.Generator().manual_seed(0)
real, fake = torch.randn(61, 8, generator=rng), torch.randn(40, 8, generator=rng)
mine = slice(0, 20) if rank == 0 else slice(20, None)
rows = gather_rows(real[mine]), gather_rows(fake[mine])
assert torch.equal(rows[0], real) and torch.equal(rows[1], fake)
shared, alone = sweep(*rows, tile=16, share=Ranks()), sweep(real, fake, tile=16)
for name in ("rr_distance", "rr_index", "fr_distance", "fr_index", "in_real", "in_fake", "covered", "rarity"):
    assert torch.equal(getattr(shared, name), getattr(alone, name)), name
torch.testing.assert_close(shared.realism, alone.realism)
for a, b in zip((shared.cubic, *shared.gaussian), (alone.cubic, *alone.gaussian), strict=True):
    for name in ("rr", "ff", "rf", "fr"):
        torch.testing.assert_close(getattr(a, name), getattr(b, name), rtol=1e-12, atol=0.0)
distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_find_what_one_finds(tmp_path):
    """Rows divided unevenly over the ranks of gloo, tiles over both: every rank ends with the whole."""
    here = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "PYTHONPATH": str(Path(__file__).parents[2])}
    started = [
        subprocess.Popen([sys.executable, "-c", RANK, str(rank), str(tmp_path)], stderr=subprocess.PIPE, env=here)
        for rank in range(2)
    ]
    errors = [process.communicate(timeout=120)[1].decode() for process in started]
    assert [process.returncode for process in started] == [0, 0], errors


@pytest.mark.parametrize("offset", [0.0, 100.0, 1000.0])
def test_float32_distances_are_exact_far_from_the_origin(arrays, offset):
    real, fake = ((arrays[name] + offset).float() for name in ("R", "F"))
    found, exact = sweep(real, fake), sweep(real.double(), fake.double())
    for name in (
        "rr_distance",
        "ff_distance",
        "rf_distance",
        "fr_distance",
        "rr_index",
        "in_real",
        "in_fake",
        "rarity",
    ):
        assert torch.equal(getattr(found, name), getattr(exact, name)), name
    torch.testing.assert_close(found.realism, exact.realism, rtol=1e-6, atol=0.0)
    torch.testing.assert_close(found.gaussian[0].rf, exact.gaussian[0].rf, rtol=1e-5, atol=0.0)


@pytest.mark.parametrize("dtype, gap", [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_neighbours_closer_than_the_product_can_see_are_found(dtype, gap):
    """Two tight clusters far apart: |x|^2 + |y|^2 - 2xy is all rounding within each, the differences are not."""
    rng = torch.Generator().manual_seed(1)
    shift = torch.tensor([0.0, 1.0], dtype=dtype).repeat_interleave(40)[:, None]
    rows = shift + gap * torch.randn(80, 12, generator=rng, dtype=dtype)
    expected = brute(rows, rows[:60], 5)
    found = sweep(rows, rows[:60], balls=(5,), tile=32)
    for name in ("rr_distance", "ff_distance", "rf_distance", "in_real", "in_fake"):
        torch.testing.assert_close(getattr(found, name), expected[name], rtol=1e-12, atol=0.0, msg=name)


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.sampled_from([torch.float32, torch.float64]), st.sampled_from([torch.le, torch.lt]))
def test_ties_are_decided_exactly(seed, dtype, inside):
    """On a small lattice most distances tie with a radius, duplicates abound, and integers know the truth."""
    rng = torch.Generator().manual_seed(seed)
    real, fake = (torch.randint(0, 3, (n, 3), generator=rng).to(dtype) + 0.25 for n in (30, 25))
    found = sweep(real, fake, neighbours=2, balls=(2,), inside=inside, tile=8)
    for name, value in brute(real, fake, 2, inside).items():
        assert torch.equal(getattr(found, name), value), name


def test_a_duplicate_is_a_neighbour_but_a_sample_is_not_its_own():
    rows = torch.tensor([[0.0], [0.0], [5.0], [7.0]])
    found = sweep(rows, rows, neighbours=1, balls=(1,))
    assert found.rr_distance.flatten().tolist() == [0.0, 0.0, 2.0, 2.0]
    assert found.rr_index.flatten().tolist() == [1, 0, 3, 2]
    assert found.rf_distance.flatten().tolist() == [0.0] * 4  # across the sides there is no self


@pytest.mark.parametrize("value", [0.0, 0.1, 1e3])
def test_equal_features_have_a_stated_value(value):
    """All radii are 0: with the boundary each ball holds everything; without it (prdc's <) nothing, as prdc answers."""
    rows = torch.full((20, 4), value)
    closed, opened = sweep(rows, rows[:12]), sweep(rows, rows[:12], inside=torch.lt)
    assert (closed.in_real == 20).all() and (closed.in_fake == 12).all() and closed.covered.all()
    assert not opened.in_real.any() and not opened.in_fake.any() and not opened.covered.any()
    assert closed.rarity.eq(0).all() and closed.realism.eq(0).all() and closed.scale == 1.0
    assert opened.rarity.isinf().all()


def test_as_few_samples_as_there_can_be(arrays):
    """k + 1 on a side: everybody is everybody's neighbour."""
    found = sweep(arrays["R"][:6], arrays["F"][:6])
    assert torch.equal(found.rr_index.sort(1).values, torch.tensor([[j for j in range(6) if j != i] for i in range(6)]))


@pytest.mark.parametrize(
    "real, fake, message",
    [
        (torch.zeros(5, 2), torch.zeros(9, 2), "real=5 samples: expected 6 or more"),
        (torch.zeros(9, 2), torch.zeros(9, 3), "fake=3 features: expected 2"),
        (torch.full((9, 2), torch.nan), torch.zeros(9, 2), "real=NaN or infinity"),
        (torch.zeros(9, 2), torch.full((9, 2), torch.inf), "fake=NaN or infinity"),
        (torch.zeros(9), torch.zeros(9, 2), "real=\\(9,\\): expected features"),
        (torch.zeros(9, 2, dtype=torch.float16), torch.zeros(9, 2), "expected float32 or float64"),
        (torch.full((9, 2), 1e50, dtype=torch.float64), torch.zeros(9, 2), "features=up to 1e\\+50"),
    ],
)
def test_what_cannot_be_measured_is_refused(real, fake, message):
    with pytest.raises(ValueError, match=message):
        sweep(real, fake)


def test_balls_beyond_the_neighbours_are_refused(arrays):
    with pytest.raises(ValueError, match="balls"):
        sweep(arrays["R"], arrays["F"], neighbours=3, balls=(3, 5))
    with pytest.raises(ValueError, match="k=4: expected one of 3, 5"):
        sweep(arrays["R"], arrays["F"]).ball(4)


def test_large_float32_features_do_not_overflow(arrays):
    found = sweep(1e8 * arrays["R"].float(), 1e8 * arrays["F"].float())
    assert all(value.isfinite().all() for name, value in tensors(found) if name != "rarity")


def test_swapping_the_sides_swaps_what_is_found(arrays):
    one, other = sweep(arrays["R"], arrays["G"]), sweep(arrays["G"], arrays["R"])
    assert torch.equal(one.in_real, other.in_fake) and torch.equal(one.in_fake, other.in_real)
    assert torch.equal(one.rf_distance, other.fr_distance) and torch.equal(one.rr_index, other.ff_index)
    torch.testing.assert_close(one.cubic.rf, other.cubic.fr, rtol=1e-12, atol=0.0)


@settings(max_examples=25)
@given(st.integers(0, 2**31))
def test_rotation_translation_and_scale_leave_the_balls_alone(seed):
    rng = torch.Generator().manual_seed(seed)
    real, fake = (torch.randn(n, 4, generator=rng, dtype=torch.float64) for n in (25, 20))
    turn = torch.linalg.qr(torch.randn(4, 4, generator=rng, dtype=torch.float64)).Q
    moved = [3.0 * rows @ turn + 7.0 for rows in (real, fake)]
    one, other = sweep(real, fake), sweep(*moved)
    assert torch.equal(one.in_real, other.in_real) and torch.equal(one.in_fake, other.in_fake)
    torch.testing.assert_close(3.0 * one.rr_distance, other.rr_distance)
    torch.testing.assert_close(one.gaussian[2].rf, other.gaussian[2].rf)  # widths follow the scale
    torch.testing.assert_close(one.realism, other.realism)


def test_order_of_the_samples_does_not_matter(arrays, rng):
    real, fake = arrays["R"], arrays["F"]
    order = torch.randperm(300, generator=rng)
    one, other = sweep(real, fake), sweep(real[order], fake)
    assert torch.equal(one.rr_distance[order], other.rr_distance) and torch.equal(one.in_real, other.in_real)
    torch.testing.assert_close(one.cubic.rr[order], other.cubic.rr)


def test_mean_squared_distance_is_that_of_the_pairs(arrays):
    rows = arrays["G"]
    assert mean_squared_distance(rows) == pytest.approx(float(torch.pdist(rows).square().mean()), rel=1e-12)


def test_nearest_rows_of_bytes_are_those_of_brute_force(rng):
    """Pixels stay bytes; (a - b)^2 must not wrap."""
    x, y = (torch.randint(0, 256, (n, 48), generator=rng, dtype=torch.uint8) for n in (30, 1500))
    distance, index = nearest_rows(x, y, 3)
    expected = torch.cdist(x.double(), y.double()).sort(1)
    torch.testing.assert_close(distance, expected.values[:, :3])
    assert torch.equal(index, expected.indices[:, :3])

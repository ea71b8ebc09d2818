"""Moments: exact merges, thin and full alike, factors, ranks, and the files that hold them."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from saddle.evaluation.moments import Moments


def same(a: Moments, b: Moments, rtol: float = 1e-12) -> None:
    assert a.n == b.n
    torch.testing.assert_close(a.mean, b.mean, rtol=rtol, atol=rtol)
    torch.testing.assert_close(a.scatter, b.scatter, rtol=rtol, atol=rtol * float(b.scatter.abs().max()))


def test_covariance_is_numpys(arrays: dict[str, Tensor]) -> None:
    moments = Moments.of(arrays["G"])
    np.testing.assert_allclose(moments.covariance, np.cov(arrays["G"].numpy(), rowvar=False), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(moments.mean, arrays["G"].numpy().mean(0), rtol=1e-12)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch, arrays: dict[str, Tensor]) -> None:
    whole = Moments.of(arrays["R"])
    monkeypatch.setattr("saddle.evaluation.moments._CHUNK", 37)
    same(Moments.of(arrays["R"]), whole)


def test_a_far_mean_loses_nothing() -> None:
    """Raw moments about 0 would cancel: with mean 1e6 and variance 1 they keep 4 digits, these keep 10."""
    rows = torch.randn(500, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(Moments.of(rows + 1e6).covariance, Moments.of(rows).covariance, rtol=1e-9, atol=1e-9)


def test_float32_features_give_float64_moments() -> None:
    rows = torch.rand(300, 3, generator=torch.Generator().manual_seed(0)) + 10.0
    same(Moments.of(rows), Moments.of(rows.double()))
    assert Moments.of(rows).covariance.dtype == torch.float64


@given(
    cuts=st.lists(st.integers(1, 39), max_size=4, unique=True),
    d=st.sampled_from([1, 3, 25, 60]),
    seed=st.integers(0, 9),
)
def test_merge_of_parts_is_the_whole_whatever_their_sizes_and_order(cuts: list[int], d: int, seed: int) -> None:
    rows = torch.randn(40, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 3 + 7
    parts = [Moments.of(part) for part in torch.tensor_split(rows, sorted(cuts))]
    merged = parts[-1]
    for part in parts[:-1]:
        merged = part.merge(merged)
    same(merged, Moments.of(rows), rtol=1e-10)


@pytest.mark.parametrize(("n", "d"), [(50, 4), (4, 50), (30, 30), (2, 5)])
def test_half_times_its_transpose_is_the_covariance(n: int, d: int) -> None:
    rows = torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    moments = Moments.of(rows)
    assert moments.half.shape == (d, min(n - 1, d))
    torch.testing.assert_close(moments.half @ moments.half.T, torch.from_numpy(np.cov(rows.numpy(), rowvar=False)))
    assert moments.trace == pytest.approx(float(moments.covariance.trace()), rel=1e-12)
    assert float(moments.eigenvalues.sum()) == pytest.approx(moments.trace, rel=1e-12)


def test_few_samples_never_form_a_covariance() -> None:
    moments = Moments.of(torch.randn(5, 100))
    assert moments.thin
    _ = moments.half, moments.trace, moments.eigenvalues, moments.merge(Moments.of(torch.randn(5, 100)))
    assert "scatter" not in vars(moments)


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_half_of_a_singular_covariance(scale: float) -> None:
    """Constant features, or all of them constant: the factor has fewer columns, and no NaN."""
    rows = torch.randn(60, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * scale
    rows = torch.cat([rows, torch.ones(60, 3), rows[:, :2]], 1)
    moments = Moments.of(rows)
    assert moments.half.shape == (10, 5 if scale else 1)
    torch.testing.assert_close(moments.half @ moments.half.T, moments.covariance)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (torch.zeros(3), "features"),
        (torch.zeros(0, 3), "1 or more"),
        (torch.tensor([[1.0], [float("nan")]]), "finite"),
        (torch.tensor([[1.0], [float("inf")], [0.0]]), "finite"),
    ],
)
def test_what_has_no_moments_is_refused(rows: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Moments.of(rows)


def test_one_sample_has_a_mean_and_no_covariance() -> None:
    one = Moments.of(torch.ones(1, 2))
    assert one.mean.tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="2 or more"):
        _ = one.covariance
    with pytest.raises(ValueError, match="as many on both sides"):
        one.merge(Moments.of(torch.ones(1, 3)))


@pytest.mark.parametrize("n", [3, 30])
def test_save_and_load(tmp_path: Path, n: int) -> None:
    moments = Moments.of(torch.randn(n, 6))
    moments.save(tmp_path / "real.safetensors")
    back = Moments.load(tmp_path / "real.safetensors")
    assert back.thin == moments.thin
    assert back.n == n
    assert torch.equal(back.mean, moments.mean)
    assert torch.equal(back.scatter, moments.scatter)


def test_statistics_of_other_packages(tmp_path: Path, arrays: dict[str, Tensor]) -> None:
    R = arrays["R"].numpy()
    np.savez(tmp_path / "fid.npz", mu=R.mean(0), sigma=np.cov(R, rowvar=False))
    same(Moments.load(tmp_path / "fid.npz", n=300), Moments.of(arrays["R"]))
    with pytest.raises(ValueError, match="number of samples"):
        Moments.load(tmp_path / "fid.npz")


def test_damaged_statistics_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "pickled.npz", mu=np.array([{}], dtype=object), sigma=np.eye(1))
    np.savez(tmp_path / "other.npz", mean=np.zeros(2))
    np.savez(tmp_path / "shapes.npz", mu=np.zeros(2), sigma=np.eye(3))
    np.savez(tmp_path / "nan.npz", mu=np.zeros(2), sigma=np.full((2, 2), np.nan))
    (tmp_path / "text.npz").write_text("no zip")
    (tmp_path / "text.safetensors").write_text("no safetensors")
    for name in ("pickled.npz", "other.npz", "shapes.npz", "nan.npz", "text.npz", "text.safetensors", "none.npz"):
        with pytest.raises(ValueError, match=r"expected"):
            Moments.load(tmp_path / name, n=10)


def _reduce(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    rows = torch.from_numpy(np.load(f"{folder}/rows.npy"))
    Moments.of(rows[:7] if rank == 0 else rows[7:]).all_reduce().save(f"{folder}/{rank}.safetensors")
    dist.destroy_process_group()


@pytest.mark.slow
def test_ranks_end_with_the_moments_of_all_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One rank with fewer samples than features, one with more."""
    rows = torch.randn(40, 9, dtype=torch.float64) + 100
    np.save(tmp_path / "rows.npy", rows.numpy())
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    mp.spawn(_reduce, args=(str(tmp_path),), nprocs=2)
    for rank in (0, 1):
        same(Moments.load(tmp_path / f"{rank}.safetensors"), Moments.of(rows), rtol=1e-11)


def test_no_ranks_are_refused() -> None:
    with pytest.raises(ValueError, match=r"torch\.distributed"):
        Moments.of(torch.zeros(3, 2)).all_reduce()

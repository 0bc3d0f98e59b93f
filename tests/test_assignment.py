import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from whichway.geometry import CloudStack, PointCloud, pairwise_wasserstein
from whichway.geometry import pairwise as pairwise_module
from whichway.geometry.assignment import solve_pairs, squared_cost
from whichway.geometry.pairwise import blocks_of, inner_products, product_error, wasserstein_block


def squares(rows: np.ndarray) -> np.ndarray:
    """n W_2² between all, by SciPy, pair by pair."""
    result = np.zeros((len(rows), len(rows)))
    for i, a in enumerate(rows):
        for j, b in enumerate(rows[:i]):
            costs = cdist(a, b, "sqeuclidean")
            result[i, j] = result[j, i] = costs[linear_sum_assignment(costs)].sum()
    return result


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 70),
    d=st.integers(1, 80),
    seed=st.integers(0, 1000),
    scale=st.sampled_from([1e-6, 1, 1e5]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    repeated=st.booleans(),
)
def test_all_pairs_are_what_scipy_finds(n, d, seed, scale, dtype, repeated):
    """Repeated rows tie: no permutation is the only one, and float64 decides."""
    generator = torch.Generator().manual_seed(seed)
    rows = scale * torch.randn(4, n, d, generator=generator, dtype=torch.float64).to(dtype)
    if repeated:
        rows[:, n // 2 :] = rows[:, :1]
    ours = pairwise_wasserstein([PointCloud(each) for each in rows])
    expected = np.sqrt(squares(rows.double().numpy()) / n)
    assert ours == pytest.approx(expected, rel=1e-12, abs=0 if not repeated else 1e-7 * scale)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.sampled_from([0.0, 1e-6, 1e-3, 0.1, 1.0]))
def test_products_that_are_off_give_the_optimum_or_no_answer(seed, size):
    rng = np.random.default_rng(seed)
    n, d = 20, 6
    left, right = rng.normal(size=(2, 1, n, d))
    error = rng.uniform(-size, size, (n, n))
    products = left[0] @ right[0].T + error
    norms = [np.linalg.norm(rows[0], axis=1).max() for rows in (left, right)]
    one, totals = np.zeros((1, 2), int), np.zeros(1)
    # along a cycle, 2n products may each be off by the size
    solve_pairs(
        products, one, left, right, one, np.zeros((1, d)), np.array([norms[0] * norms[1] + size]),
        np.array([2 * n * size]), totals,
    )  # fmt: skip
    costs = cdist(left[0], right[0], "sqeuclidean")
    optimum = costs[linear_sum_assignment(costs)].sum()
    assert np.isnan(totals[0]) or totals[0] == pytest.approx(optimum, rel=1e-12)
    if size <= 1e-6:
        assert not np.isnan(totals[0])


def test_pairs_without_a_certificate_are_solved_in_float64(monkeypatch):
    def nothing(*arguments):
        arguments[-1][:] = np.nan

    clouds = [PointCloud(rows) for rows in torch.randn(5, 9, 4, generator=torch.Generator().manual_seed(0))]
    expected = pairwise_wasserstein(clouds)
    monkeypatch.setattr("whichway.geometry.assignment.solve_pairs", nothing)
    calls = []
    solve = pairwise_module._solve_in_float64
    monkeypatch.setattr(pairwise_module, "_solve_in_float64", lambda *rows: calls.append(1) or solve(*rows))
    assert pairwise_wasserstein(clouds) == pytest.approx(expected, rel=1e-13)
    assert len(calls) == 10


def test_a_shift_of_a_whole_cloud_changes_no_permutation():
    rows = torch.randn(2, 30, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    far = torch.stack([rows[0], rows[1] + 1e6])
    [[_, moved], _] = wasserstein_block(CloudStack(far), slice(0, 2), slice(0, 2))
    assert moved == pytest.approx(np.sqrt(squares(far.numpy())[0, 1] / 30), rel=1e-12)


def test_products_are_off_by_no_more_than_their_bound():
    left, right = torch.randn(2, 50, 300, generator=torch.Generator().manual_seed(0)) + 3
    exact = left.double() @ right.double().T
    off = (inner_products(left, right).double() - exact).abs() / (left.norm(dim=1)[:, None] * right.norm(dim=1))
    assert 0 < off.max() < product_error(300) < 1e-5


def test_products_with_fewer_digits_are_not_trusted():
    left, right = torch.randn(2, 20, 100, generator=torch.Generator().manual_seed(0))
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        products = inner_products(left, right)
    finally:
        torch.set_float32_matmul_precision(before)
    assert products == pytest.approx((left.double() @ right.double().T).float().numpy(), abs=1e-5)


def test_what_a_permutation_costs_is_computed_from_differences():
    a = 1e8 + np.arange(6.0).reshape(3, 2)
    assert squared_cost(a, a + 0.5, np.array([0, 1, 2], np.int32)) == 3 * 2 * 0.25


def test_blocks_of_one_cloud_with_itself():
    assert [*blocks_of(25)][-1] == (slice(24, 25), slice(24, 25))
    stack = CloudStack(torch.randn(1, 4, 3))
    assert (wasserstein_block(stack, slice(0, 1), slice(0, 1)) == 0).all()

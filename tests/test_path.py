"""Paths as mathematics: what holds of every path, and what each one promises."""

import numpy as np
import ot
import pytest
import torch

import whichway.analysis.paths  # noqa: F401 - its methods are paths too
from tests.conftest import random_cloud
from whichway.geometry import (
    METHODS,
    PATHS,
    DisplacementPath,
    MixturePath,
    PartialPath,
    Path,
    PiecewisePath,
    PointCloud,
    SlerpPath,
    build_path,
    entropic_coupling,
    identity_coupling,
    immediate_methods,
    optimal_coupling,
    partial_coupling,
    soft_coupling,
    transport_cost,
    wasserstein,
)
from whichway.geometry.coupling import Coupling, marginals
from whichway.geometry.great_circle import angles_between
from whichway.geometry.soft_coupling import without_negligible

A, B = random_cloud(12, 5, 0), random_cloud(12, 5, 1)
TIMES = (0.0, 0.2, 0.5, 0.9, 1.0)


@pytest.mark.parametrize("name", immediate_methods())
def test_paths_end_where_they_should_as_clouds(name):
    path = build_path(name, A, B, seed=3)
    assert wasserstein(path(0), A) == pytest.approx(0, abs=1e-6)
    assert wasserstein(path(1), B) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", immediate_methods())
def test_a_path_knows_its_ends_and_says_where_it_has_a_length_as_the_registry_does(name):
    path = build_path(name, A, B)
    assert isinstance(path, Path)
    assert path.start is A
    assert path.end is B
    assert path.length_in == PATHS[METHODS[name].path].length_in


@pytest.mark.parametrize("name", immediate_methods())
@pytest.mark.parametrize("t", [0, 0.3, 1])
def test_a_path_keeps_the_dtype_of_its_clouds(name, t):
    cloud = build_path(name, *(PointCloud(end.rows.float()) for end in (A, B)))(t)
    assert (cloud.rows.dtype, cloud.weights.dtype) == (torch.float32, torch.float32)


@pytest.mark.parametrize("name", immediate_methods())
def test_every_displacement_ends_in_exactly_the_rows_of_b(name):
    """Bit for bit, so that the endpoint check of a run sees the row order and nothing else."""
    rows = build_path(name, A, B, seed=3)(1).rows
    if name not in {"slerp", "spherical"}:
        assert {tuple(row) for row in rows.tolist()} == {tuple(row) for row in B.rows.tolist()}


@pytest.mark.parametrize(("a", "b"), [(A, B), (random_cloud(7, 5, 2, weighted=True), random_cloud(4, 5, 3))])
def test_optimal_displacement_is_a_geodesic_of_constant_speed(a, b):
    path = DisplacementPath(a, b, optimal_coupling(a, b))
    whole = wasserstein(a, b)
    for s in TIMES:
        for t in TIMES:
            assert wasserstein(path(s), path(t)) == pytest.approx(abs(s - t) * whole, abs=1e-9)


def test_the_identity_path_is_linear_interpolation():
    assert torch.allclose(build_path("identity", A, B)(0.3).rows, 0.7 * A.rows + 0.3 * B.rows)


def test_the_random_path_is_not_shorter_than_the_optimal_one():
    random, optimal = (build_path(name, A, B, seed=1)(0.5) for name in ("random", "optimal"))
    assert wasserstein(A, optimal) == pytest.approx(wasserstein(A, B) / 2)
    assert wasserstein(A, random) + wasserstein(random, B) > wasserstein(A, B)


def test_permuting_b_only_permutes_the_optimal_path():
    shuffled = build_path("optimal", A, B.take([*range(1, 12), 0]))
    assert wasserstein(build_path("optimal", A, B)(0.4), shuffled(0.4)) == pytest.approx(0, abs=1e-7)


def test_slerp_keeps_the_norm_and_the_angular_speed():
    unit_a, unit_b = (PointCloud(cloud.rows / torch.linalg.norm(cloud.rows)) for cloud in (A, B))
    path = SlerpPath(unit_a, unit_b)
    angle = torch.acos((unit_a.rows * unit_b.rows).sum())
    for t in TIMES:
        rows = path(t).rows
        assert torch.linalg.norm(rows).item() == pytest.approx(1)
        assert torch.acos((rows * unit_a.rows).sum().clamp(max=1)).item() == pytest.approx(t * angle.item(), abs=1e-6)


def test_slerp_of_equal_clouds_stays_there():
    assert torch.allclose(SlerpPath(A, A)(0.5).rows, A.rows)


def test_the_spherical_path_follows_its_coupling():
    coupling = optimal_coupling(A, B)
    path = build_path("spherical", A, B)
    assert torch.allclose(path(0).rows, A.rows[coupling.sources])
    assert torch.allclose(path(1).rows, B.rows[coupling.targets])


def test_nearly_parallel_rows_go_along_their_great_circle():
    """At a twentieth of a radian the arc still bends by more than rounding: rows of length 1 keep it."""
    start, end = (PointCloud(torch.tensor([[np.cos(angle), np.sin(angle)]])) for angle in (0.0, 0.05))
    assert float(build_path("spherical", start, end)(0.5).rows.norm()) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("angle", [1e-9, 0.3, np.pi - 1e-9])
def test_angles_keep_their_digits_near_zero_and_near_pi(angle):
    x, y = (torch.tensor([[1.0, 0.0]]).double(), torch.tensor([[np.cos(angle), np.sin(angle)]]).double())
    [seen] = angles_between(x, y)
    assert min(float(seen), np.pi - float(seen)) == pytest.approx(min(angle, np.pi - angle), rel=1e-5)


def test_slerp_keeps_weights():
    weights = random_cloud(12, 5, 1, weighted=True).weights
    path = SlerpPath(PointCloud(A.rows, weights), PointCloud(B.rows, weights))
    assert torch.equal(path(0.4).weights, weights)


def test_the_spherical_path_refuses_opposite_rows():
    opposite = A.rows.clone()
    opposite[3] = -opposite[3]
    with pytest.raises(ValueError, match="between opposite rows is not unique; 1 matched rows are"):
        build_path("identity+spherical", A, PointCloud(opposite))


def test_slerp_refuses_what_has_no_great_circle():
    with pytest.raises(ValueError, match="opposite"):
        SlerpPath(A, PointCloud(-A.rows))
    with pytest.raises(ValueError, match="not zero"):
        SlerpPath(A, PointCloud(torch.zeros(12, 5)))
    with pytest.raises(ValueError, match=r"\(12, 5\) and \(4, 5\)"):
        SlerpPath(A, random_cloud(4, 5, 0))
    with pytest.raises(ValueError, match="slerp needs clouds of equal weights"):
        SlerpPath(A, random_cloud(12, 5, 1, weighted=True))


@pytest.mark.parametrize("name", immediate_methods())
@pytest.mark.parametrize("t", [-0.1, 1.1, float("nan")])
def test_times_outside_the_path_are_refused(name, t):
    with pytest.raises(ValueError, match="t: wanted a number from 0 to 1"):
        build_path(name, A, B)(t)


def test_an_unknown_method_names_the_known_ones():
    with pytest.raises(ValueError, match="unknown method 'wormhole'; known: identity, random, optimal, slerp"):
        build_path("wormhole", A, B)


def test_gradients_flow_to_both_ends():
    start, end = (cloud.rows.clone().requires_grad_() for cloud in (A, B))
    build_path("optimal", PointCloud(start), PointCloud(end))(0.25).rows.sum().backward()
    assert torch.allclose(start.grad, torch.full_like(start, 0.75))
    assert torch.allclose(end.grad, torch.full_like(end, 0.25))


# --- what the further paths promise ----------------------------------------------------------------------------------


def measure(cloud):
    """The measure as a dictionary, so that the order of rows and splits of mass do not matter."""
    mass = {}
    for row, weight in zip(cloud.rows.tolist(), cloud.weights.tolist(), strict=True):
        key = tuple(round(x, 9) for x in row)
        mass[key] = mass.get(key, 0) + weight
    return {key: pytest.approx(value, abs=1e-9) for key, value in mass.items() if value > 1e-12}


@pytest.mark.parametrize("name", immediate_methods())
@pytest.mark.parametrize("t", [1e-5, 1 - 1e-5])
def test_paths_are_continuous_at_their_ends(name, t):
    cloud = build_path(name, A, B, seed=3)(t)
    assert wasserstein(cloud, B if t > 0.5 else A) < 0.02


@pytest.mark.parametrize("name", [name for name in immediate_methods() if name != "random"])
def test_the_way_back_is_the_way_reversed(name):
    for t in TIMES:
        there, back = build_path(name, A, B)(t), build_path(name, B, A)(1 - t)
        assert wasserstein(there, back) == pytest.approx(0, abs=2e-4)


def test_the_mixture_is_the_weighted_union():
    halfway = MixturePath(A, B)(0.25)
    assert measure(halfway) == measure(
        PointCloud(torch.cat([A.rows, B.rows]), torch.cat([0.75 * A.weights, 0.25 * B.weights]))
    )
    assert measure(MixturePath(A, B)(0)) == measure(A)


def test_the_mixture_of_clouds_of_different_size():
    small = random_cloud(3, 5, 7, weighted=True)
    assert len(MixturePath(A, small)(0.5)) == 15


def test_the_spherical_path_keeps_lengths_of_equal_rows_and_turns_evenly():
    unit = [PointCloud(cloud.rows / cloud.rows.norm(dim=1, keepdim=True)) for cloud in (A, B)]
    path = build_path("identity+spherical", *unit)
    whole = angles_between(path(0).rows, path(1).rows)
    for t in TIMES:
        assert path(t).rows.norm(dim=1).numpy() == pytest.approx(1)
        assert angles_between(path(0).rows, path(t).rows).numpy() == pytest.approx((t * whole).numpy(), abs=1e-6)


def test_the_entropic_coupling_lies_between_optimal_and_independent():
    sharp, soft = (entropic_coupling(A, B, regularisation=epsilon) for epsilon in (0.02, 100.0))
    assert transport_cost(A, B, sharp) == pytest.approx(wasserstein(A, B), rel=0.05)
    assert soft.plan(12, 12).numpy() == pytest.approx(np.full((12, 12), 1 / 144), rel=0.1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_entropic_coupling_has_the_weights_as_marginals_so_that_no_mass_goes_over_on_the_way(dtype):
    a, b = (
        PointCloud(cloud.rows.to(dtype), cloud.weights.to(dtype))
        for cloud in (random_cloud(12, 5, 0, weighted=True), random_cloud(9, 5, 1, weighted=True))
    )
    coupling = entropic_coupling(a, b)
    tolerance = max(1e-12, 20 * torch.finfo(dtype).eps)
    for seen, cloud in zip(marginals(coupling, a, b), (a, b), strict=True):
        assert (seen - cloud.weights.double()).abs().max() < tolerance
    path, cost = DisplacementPath(a, b, coupling), transport_cost(a, b, coupling)
    assert torch.equal(path(0.3).weights, path(0.8).weights)
    assert wasserstein(path(0.3), path(0.8)) <= 0.5 * cost * (1 + 1e-6)


@pytest.mark.parametrize("path", [DisplacementPath, build_path("spherical", A, B).__class__])
def test_a_coupling_that_is_not_one_of_these_clouds_is_refused(path):
    with pytest.raises(ValueError, match=r"carries all the mass; this one carries 0\.500"):
        path(A, B, partial_coupling(A, B, carried=0.5))
    rows = torch.arange(12)
    lopsided = Coupling(rows, rows, torch.linspace(1, 2, 12, dtype=torch.float64) / 18)
    with pytest.raises(ValueError, match="takes the whole mass of each row; one row is"):
        path(A, B, lopsided)


def test_the_partial_path_refuses_to_take_more_than_there_is():
    doubled = identity_coupling(A, B)
    with pytest.raises(ValueError, match="takes no more of a row than there is"):
        PartialPath(A, B, Coupling(doubled.sources, doubled.targets, 1.0005 * doubled.mass))


def test_the_partial_path_takes_no_more_of_a_row_than_there_is():
    rows = torch.arange(12)
    for sources, targets in ((rows, 0 * rows), (0 * rows, rows)):  # all of it to one row of B, all of it from one of A
        with pytest.raises(ValueError, match="takes no more of a row than there is"):
            PartialPath(A, B, Coupling(sources, targets, A.weights))


def test_a_share_to_carry_is_one():
    for carried in (0, -0.1, 1.1):
        with pytest.raises(ValueError, match=r"carried: wanted a share in \(0, 1\], got"):
            partial_coupling(A, B, carried=carried)


def test_nothing_stays_of_a_row_that_is_carried_whole():
    """Also where sums of float32 carry a little more of it than there is."""
    a, b = (PointCloud(cloud.rows.float()) for cloud in (random_cloud(7, 3, 0), random_cloud(9, 3, 1)))
    coupling = partial_coupling(a, b, carried=0.99)
    more = Coupling(coupling.sources, coupling.targets, coupling.mass * (1 + 1e-6))
    assert (PartialPath(a, b, more)(0.5).weights >= 0).all()


def test_the_partial_path_moves_what_is_carried_and_fades_the_rest():
    coupling = partial_coupling(A, B, carried=0.25)
    cloud = PartialPath(A, B, coupling)(0.3)
    left_a, left_b = (weights.weights - seen for weights, seen in zip((A, B), marginals(coupling, A, B), strict=True))
    moving = 0.7 * A.rows[coupling.sources] + 0.3 * B.rows[coupling.targets]
    wanted = torch.cat([coupling.mass, 0.7 * left_a.clamp(min=0), 0.3 * left_b.clamp(min=0)])
    assert float(wanted.sum()) == pytest.approx(1)
    assert measure(cloud) == measure(PointCloud(torch.cat([moving, A.rows, B.rows]), wanted))


def test_the_partial_coupling_carries_its_share_cheaply_and_one_is_the_optimal():
    partial = partial_coupling(A, B, carried=0.25)
    assert float(partial.mass.sum()) == pytest.approx(0.25)
    assert transport_cost(A, B, partial) < wasserstein(A, B)
    assert transport_cost(A, B, partial_coupling(A, B, carried=1.0)) == pytest.approx(wasserstein(A, B))
    plan = partial.plan(12, 12)
    assert (plan.sum(dim=0) <= B.weights + 1e-9).all()
    assert (plan.sum(dim=1) <= A.weights + 1e-9).all()
    cheapest = torch.cdist(A.rows, B.rows).square().flatten().sort().values[:3].mean()  # of three free rows
    assert transport_cost(A, B, partial) ** 2 >= float(cheapest) * (1 - 1e-9)


@pytest.mark.parametrize("share", [0.3, 0.999])
def test_the_partial_coupling_of_clouds_on_a_line_is_that_of_brute_force(share):
    """Among all plans that carry k of 5 equal rows, whole: Birkhoff's theorem, for partial matchings."""
    from itertools import combinations, permutations

    a, b = random_cloud(5, 1, 3), random_cloud(5, 1, 4)
    count = max(1, round(5 * share))
    least = min(
        sum(float((a.rows[i] - b.rows[j]).square().sum()) for i, j in zip(rows, order, strict=True))
        for rows in combinations(range(5), count)
        for order in permutations(range(5), count)
    )
    carried = transport_cost(a, b, partial_coupling(a, b, carried=count / 5 if share < 0.9 else share))
    assert carried**2 == pytest.approx(least / count, rel=1e-6 if share < 0.9 else 0.01)


def test_the_last_digit_of_the_mass_is_no_reason_to_refuse():
    for seed in range(40):
        a, b = random_cloud(7, 2, seed, weighted=True), random_cloud(6, 2, seed + 1, weighted=True)
        assert float(partial_coupling(a, b, carried=1 - 1e-16).mass.sum()) == pytest.approx(1)


def test_a_coupling_adds_up_atoms_between_the_same_rows():
    coupling = Coupling(torch.tensor([0, 0, 1]), torch.tensor([1, 1, 0]), torch.tensor([0.25, 0.25, 0.5]))
    assert coupling.plan(2, 2).tolist() == [[0.0, 0.5], [0.5, 0.0]]


def test_a_coupling_that_carries_nothing_has_no_cost():
    nothing = Coupling(torch.tensor([], dtype=torch.long), torch.tensor([], dtype=torch.long), torch.zeros(0))
    with pytest.raises(ValueError, match="a coupling that carries no mass has no cost"):
        transport_cost(A, B, nothing)


def test_the_share_that_moves_is_of_the_mass_that_is_carried():
    rows = torch.tensor([0, 1])
    assert Coupling(rows, torch.tensor([0, 0]), torch.tensor([0.1, 0.3])).share_moved == pytest.approx(0.75)
    assert Coupling(rows[:0], rows[:0], torch.zeros(0)).share_moved == 0


def test_clouds_of_one_point_have_an_entropic_coupling():
    """The mean cost is zero: there is no scale to regularise by, and no need of one."""
    ones = PointCloud(torch.ones(4, 3, dtype=torch.float64))
    assert torch.allclose(entropic_coupling(ones, ones).plan(4, 4), torch.full((4, 4), 1 / 16, dtype=torch.float64))


def test_an_atom_that_is_much_to_its_column_is_kept_though_it_is_nothing_to_its_row():
    plan = np.array([[0.5, 1e-5, 0.0], [0.4, 1e-9, 0.1]])
    kept = without_negligible(plan / plan.sum())
    assert (kept > 0).tolist() == [[True, True, False], [True, False, True]]
    assert kept.sum() == pytest.approx(1)


def test_a_network_simplex_that_stops_early_says_so(monkeypatch):
    a, b = random_cloud(7, 2, 0, weighted=True), random_cloud(6, 2, 1)
    solve = ot.emd
    monkeypatch.setattr(ot, "emd", lambda *arguments, **options: solve(*arguments, **options | {"numItermax": 1}))
    stopped = pytest.raises(RuntimeError, match="the network simplex stopped before the optimum: numItermax")
    with pytest.warns(UserWarning, match="numItermax"), stopped:
        optimal_coupling(a, b)


def test_solvers_that_stop_early_say_so(monkeypatch):
    a, b = random_cloud(30, 5, 0), random_cloud(30, 5, 1)
    monkeypatch.setattr("whichway.geometry.soft_coupling.PIVOTS", 3)
    with pytest.raises(RuntimeError, match="partial transport stopped before the optimum"):
        partial_coupling(a, b, carried=0.5)
    with pytest.raises(RuntimeError, match=r"Sinkhorn did not converge \(marginal error"):
        entropic_coupling(a, b, regularisation=1e-5)


def test_the_piecewise_path_visits_its_prompts():
    c = random_cloud(12, 5, 5)
    path = PiecewisePath([build_path("optimal", A, B), build_path("optimal", B, c)], durations=(1, 3))
    assert isinstance(path, Path)
    for t, cloud in ((0, A), (0.25, B), (1, c)):
        assert wasserstein(path(t), cloud) == pytest.approx(0, abs=1e-7)
    assert wasserstein(path(0.5), build_path("optimal", B, c)(1 / 3)) == pytest.approx(0, abs=1e-7)


def test_a_piecewise_path_of_many_legs_reaches_its_end():
    """A tenth, ten times, is not one to the last bit."""
    path = PiecewisePath([build_path("optimal", A, B)] * 10, durations=(0.1,) * 10)
    for t in np.linspace(0, 1, 101).tolist():
        path(t)
    assert wasserstein(path(1), B) == pytest.approx(0, abs=1e-7)


def test_the_piecewise_path_refuses_what_takes_no_time():
    part = build_path("optimal", A, B)
    for durations in ((1,), (1, 0), (1, -1)):
        with pytest.raises(ValueError, match="durations: wanted 2 positive numbers, got"):
            PiecewisePath([part, part], durations=durations)
    with pytest.raises(ValueError, match="needs at least one path"):
        PiecewisePath([])


@pytest.mark.parametrize("name", immediate_methods())
def test_gradients_flow_from_the_middle_of_a_path_to_both_ends(name):
    a, b = (PointCloud(cloud.rows.clone().requires_grad_()) for cloud in (A, B))
    build_path(name, a, b)(0.4).rows.square().sum().backward()
    for cloud in (a, b):
        assert cloud.rows.grad is not None
        assert cloud.rows.grad.abs().sum() > 0


def test_a_soft_plan_that_no_frame_can_hold_is_refused(monkeypatch):
    """Of T5's 256 rows it has 60,000 atoms, each a row of every frame; dropping some would be another plan."""
    monkeypatch.setattr(soft_coupling, "MOST_ATOMS", 20)
    with pytest.raises(RuntimeError, match=r"of 12 and 12 rows has \d+ atoms, .* at most 20 can be rendered"):
        entropic_coupling(A, B, regularisation=1.0)


def test_rows_of_zeros_take_the_direction_of_their_partners():
    """Masked rows of some models: no direction of their own, so that they move straight."""
    rows = torch.eye(3, dtype=torch.float64)
    zeroed = rows * torch.tensor([[1.0], [0.0], [0.0]], dtype=torch.float64)
    turned = rows[[1, 0, 2]] * torch.tensor([[1.0], [1.0], [0.0]], dtype=torch.float64)
    path = build_path("identity+spherical", PointCloud(zeroed), PointCloud(turned))
    half = path(0.5).rows
    assert half[0].tolist() == pytest.approx([2**-0.5, 2**-0.5, 0])  # two directions: on the circle
    assert half[1].tolist() == pytest.approx([0.5, 0, 0])  # from nothing: straight
    assert half[2].tolist() == [0, 0, 0]

"""Unbalanced transport: closed forms, the geometry of the cone, and the solver's honesty."""

import math

import numpy as np
import pytest
import torch

from tests.conftest import random_cloud
from tests.test_path import measure
from whichway.geometry import (
    Cosine,
    CrossAttention,
    HellingerKantorovichPath,
    MixturePath,
    PointCloud,
    build_path,
    hellinger_kantorovich,
    spherical_hellinger_kantorovich,
    step_lengths,
    unbalanced_coupling,
    wasserstein,
)
from whichway.geometry.ground import EUCLIDEAN
from whichway.geometry.unbalanced import DUALITY_GAP, UnbalancedPlan, cone_angles, unbalanced_plan

A, B = random_cloud(12, 5, 0), random_cloud(12, 5, 1)
SMALL = random_cloud(7, 5, 2, weighted=True)
RESOLVED = 2e-5  # of a distance of 0.03, whose square is right to 1e-6
TIMES = np.linspace(0, 1, 6).tolist()


def on_a_line(*places, weights=None):
    weights = np.ones(len(places)) if weights is None else weights
    return PointCloud(torch.tensor(places, dtype=torch.float64)[:, None], torch.tensor(weights, dtype=torch.float64))


@pytest.mark.parametrize("away", [0.3, 1.0, 3.0])
def test_of_two_points_the_distance_is_a_chord_and_the_spherical_one_the_angle(away):
    """√(2 − 2 cos δ) and δ, δ = min(d/κ, π/2), for unit masses."""
    a, b = on_a_line(0.0), on_a_line(away)
    angle = min(away / 0.8, math.pi / 2)
    assert hellinger_kantorovich(a, b, kappa=0.8) == pytest.approx(math.sqrt(2 - 2 * math.cos(angle)), rel=1e-6)
    assert spherical_hellinger_kantorovich(a, b, kappa=0.8) == pytest.approx(angle, rel=1e-6)


def test_of_one_point_and_several_the_distance_has_a_closed_form():
    """HK² = 2 − 2 √(Σ b_j cos² δ_j): stationarity of the one free total mass."""
    places, weights = np.array([0.2, 0.9, 1.4, 2.5]), np.array([0.1, 0.4, 0.3, 0.2])
    cosines = np.cos(np.minimum(places / 1.2, math.pi / 2))
    wanted = 2 - 2 * math.sqrt(weights @ cosines**2)
    several = on_a_line(*places, weights=weights)
    assert hellinger_kantorovich(on_a_line(0.0), several, kappa=1.2) ** 2 == pytest.approx(wanted, abs=1e-7)


@pytest.mark.parametrize("ends", [(A, B), (A, SMALL)])
@pytest.mark.parametrize("kappa", [0.5, 1.5, 4.0])
def test_the_square_is_what_the_optimal_plan_does_not_carry(ends, kappa):
    """HK² = 2 − 2 Σ π_ij at the optimum, since the plan's own scale is free (Liero, Mielke, Savaré 2018)."""
    rms = float(torch.cdist(ends[0].rows, ends[1].rows).square().mean().sqrt())
    carried = float(unbalanced_coupling(*ends, reach=kappa / rms).mass.sum())
    assert hellinger_kantorovich(*ends, kappa=kappa) ** 2 == pytest.approx(2 - 2 * carried, abs=1e-6)


def test_it_tends_to_wasserstein():
    assert 1000 * hellinger_kantorovich(SMALL, A, kappa=1000) == pytest.approx(wasserstein(SMALL, A), rel=1e-3)


@pytest.mark.parametrize("distance", [hellinger_kantorovich, spherical_hellinger_kantorovich])
def test_both_are_metrics_blind_to_order(distance):
    c, order = random_cloud(12, 5, 2), torch.randperm(12, generator=torch.Generator().manual_seed(0))
    ab, bc, ac = (distance(x, y, kappa=2.0) for x, y in ((A, B), (B, c), (A, c)))
    assert ac <= ab + bc
    assert ab == pytest.approx(distance(B.take(order), A, kappa=2.0), rel=1e-4)
    assert distance(A, A.take(order), kappa=2.0) == pytest.approx(0, abs=1e-3)
    with pytest.raises(ValueError, match="kappa: wanted a positive number, got 0"):
        distance(A, B, kappa=0)


@pytest.mark.parametrize("ends", [(A, B), (A, SMALL), (SMALL, B)])
@pytest.mark.parametrize("reach", [0.3, 0.6, 1.0, 3.0])
def test_the_path_is_the_spherical_geodesic_up_to_parametrisation(ends, reach):
    """Its clouds lie at the angles at which the chord from A to B, walked evenly, is seen from the cone's tip."""
    path = HellingerKantorovichPath(*ends, reach=reach)
    whole = spherical_hellinger_kantorovich(*ends, kappa=path.kappa)
    t = np.array(TIMES)
    angles = np.arctan2(t * math.sin(whole), 1 - t + t * math.cos(whole))
    steps = step_lengths(path, TIMES)
    assert steps == pytest.approx(np.diff(angles), abs=RESOLVED)
    assert sum(steps) == pytest.approx(whole, abs=5 * RESOLVED)
    across = spherical_hellinger_kantorovich(path(TIMES[1]), path(TIMES[4]), kappa=path.kappa)
    assert across == pytest.approx(angles[4] - angles[1], abs=RESOLVED)


def test_between_two_points_it_is_the_straight_line_in_the_cone():
    """One atom each: x = r (cos θ, sin θ) is a straight line from (1, 0) to (cos δ, sin δ)."""
    path = HellingerKantorovichPath(on_a_line(0.0), on_a_line(1.0), reach=1.0)
    angle = 1.0  # c / κ with κ = reach · c
    for t in (0.2, 0.5, 0.8):
        x, y = 1 - t + t * math.cos(angle), t * math.sin(angle)
        assert path(t).rows.item() == pytest.approx(math.atan2(y, x))


def test_mass_shrinks_on_the_way_the_more_the_farther_a_row_goes():
    """Of two pairs of rows, far from each other, one stays (angle 0) and one moves (angle δ)."""
    a, b = on_a_line(0.0, 50.0), on_a_line(0.0, 51.0)
    path = HellingerKantorovichPath(a, b, reach=1 / float(torch.cdist(a.rows, b.rows).square().mean().sqrt()))
    assert path.kappa == pytest.approx(1)
    t = 0.3
    moved = (1 - t) ** 2 + t**2 + 2 * t * (1 - t) * math.cos(1)
    still, going = path(t).weights.tolist()
    assert going / still == pytest.approx(moved)


@pytest.mark.parametrize(("away", "matched"), [(0.999, 1), (1.001, 0)])
def test_rows_at_a_right_angle_or_beyond_are_never_matched(away, matched):
    a, b = on_a_line(0.0), on_a_line(away)
    path = HellingerKantorovichPath(a, b, reach=2 / math.pi / away)  # κ·π/2 = 1
    assert len(path.coupling.mass) == matched
    if not matched:
        assert measure(path(0.25)) == {(0.0,): pytest.approx(0.9), (away,): pytest.approx(0.1)}  # (3/4)² and (1/4)²


def test_it_goes_from_displacement_to_mixture_as_its_reach_shrinks():
    far = HellingerKantorovichPath(A, B, reach=10.0)
    assert wasserstein(far(0.5), build_path("optimal", A, B)(0.5)) < 0.1 * wasserstein(A, B)
    near = HellingerKantorovichPath(A, B, reach=0.01)
    assert measure(near(0.5)) == measure(MixturePath(A, B)(0.5))


def test_the_ground_metric_decides_what_is_near():
    doubled = PointCloud(2 * A.rows)
    assert float(HellingerKantorovichPath(A, doubled, ground=Cosine()).coupling.mass.sum()) == pytest.approx(
        1, abs=1e-6
    )
    assert float(HellingerKantorovichPath(A, doubled).coupling.mass.sum()) < 0.99


@pytest.mark.parametrize(
    "metric", [Cosine(), CrossAttention(torch.diag(torch.tensor([3.0, 2.0, 1.0, 0.5, 0.1])).double())]
)
def test_all_of_it_is_done_in_the_space_of_the_ground_metric(metric):
    """κ, plan, distances and masses on the way are those of Euclidean clouds of the metric's features."""
    there = [PointCloud(metric.features(cloud.rows), cloud.weights) for cloud in (A, SMALL)]
    options = {"kappa": 0.7, "ground": metric}
    for distance in (hellinger_kantorovich, spherical_hellinger_kantorovich):
        assert distance(A, SMALL, **options) == pytest.approx(distance(*there, kappa=0.7), rel=1e-5)
    path, euclidean = HellingerKantorovichPath(A, SMALL, ground=metric), HellingerKantorovichPath(*there)
    assert path.kappa == pytest.approx(euclidean.kappa)
    for coupling in (path.coupling, unbalanced_coupling(A, SMALL, ground=metric)):
        assert torch.allclose(coupling.plan(12, 7), euclidean.coupling.plan(12, 7), atol=1e-5)
    assert torch.allclose(path(0.4).weights, euclidean(0.4).weights, atol=1e-5)
    lengths = step_lengths(path, (0, 0.5, 1))
    assert lengths == pytest.approx(
        [
            spherical_hellinger_kantorovich(path(s), path(t), kappa=path.kappa, ground=metric)
            for s, t in ((0, 0.5), (0.5, 1))
        ]
    )


def test_a_row_at_the_angle_zero_goes_as_one_nearly_there():
    """The metric does not see how far it goes, so that the share of its way is a limit: t √m_1 over the sum of both."""
    a = PointCloud(torch.tensor([[1.0, 0.0], [0.0, 1.0]]).double(), torch.tensor([0.5, 0.5]).double())
    ways = []
    for turn in (0.0, 1e-3):
        b = PointCloud(torch.tensor([[2.0, 2 * turn], [0.0, 1.0]]).double(), torch.tensor([0.9, 0.1]).double())
        path = HellingerKantorovichPath(a, b, reach=0.5, ground=Cosine())
        ways.append(float(path(0.5).rows[0, 0]))
    assert ways[0] == pytest.approx(ways[1], abs=1e-4)
    assert ways[0] > 1.55  # beyond the middle: more mass arrives than leaves


def test_clouds_of_one_point_have_a_path():
    still = HellingerKantorovichPath(on_a_line(2.0), on_a_line(2.0, 2.0))
    assert measure(still(0.5)) == {(2.0,): pytest.approx(1)}


@pytest.mark.parametrize("couple", [unbalanced_coupling, lambda a, b: HellingerKantorovichPath(a, b).coupling])
def test_atoms_that_are_next_to_nothing_are_left_out(couple, monkeypatch):
    """Attention would read a row for each of them."""

    def with_dust(*_):
        return UnbalancedPlan(np.eye(12) / 12 + 1e-7, cost=0.0, duality_gap=0.0)

    monkeypatch.setattr("whichway.geometry.unbalanced.unbalanced_plan", with_dust)
    coupling = couple(A, B)
    assert coupling.sources.tolist() == coupling.targets.tolist() == list(range(12))
    assert float(coupling.mass.sum()) == pytest.approx(1 + 144e-7)


def test_rows_that_may_not_be_matched_keep_their_index_or_fade():
    a, b = (PointCloud(cloud.rows, size=4) for cloud in (A, B))
    coupling = build_path("unbalanced", a, b, tokens="own").coupling
    pairs = set(zip(coupling.sources.tolist(), coupling.targets.tolist(), strict=True))
    assert any(i != j for i, j in pairs)
    assert all(i == j or max(i, j) < 4 for i, j in pairs)
    with pytest.raises(ValueError, match=r"matchable: wanted shape \(12, 12\), got \(2, 2\)"):
        HellingerKantorovichPath(A, B, matchable=torch.ones(2, 2, dtype=torch.bool))


def test_rows_without_mass_take_no_part():
    weights = torch.tensor([0.0] + [1.0] * 11, dtype=torch.float64)
    with_nothing, without = PointCloud(A.rows, weights), A.take(range(1, 12))
    assert hellinger_kantorovich(with_nothing, B, kappa=2.0) == pytest.approx(
        hellinger_kantorovich(without, B, kappa=2.0), abs=1e-7
    )


def test_a_solver_that_stops_early_says_so(monkeypatch):
    monkeypatch.setattr("whichway.geometry.unbalanced.NEWTON_STEPS", 1)
    with pytest.raises(RuntimeError, match=r"did not converge \(duality gap"):
        HellingerKantorovichPath(A, B)
    with pytest.raises(RuntimeError, match="did not converge"):
        hellinger_kantorovich(A, B, kappa=2.0)


@pytest.mark.parametrize("kappa", [0.3, 1.0, 3.0, 8.0, 50.0])
def test_it_converges_for_clouds_like_a_prompts(kappa):
    """Most rows alike, as padding is, and of different number: L-BFGS gave up on some of these at a gap of 1e-3."""
    for seed in range(6):
        a, b = (PointCloud(torch.cat([random_cloud(20, 8, seed + k).rows, near_padding(40 + k, seed)])) for k in (0, 9))
        solved = unbalanced_plan(a, b, kappa, EUCLIDEAN)
        assert solved.duality_gap < DUALITY_GAP
        assert_optimal(solved.plan, a, b, kappa)


def assert_optimal(plan, a, b, kappa):
    """Karush, Kuhn and Tucker: ℓ + log π_1/a + log π_2/b is 0 where the plan is not, and nowhere less."""
    angles = cone_angles(a, b, kappa, EUCLIDEAN)
    out, into = plan.sum(axis=1), plan.sum(axis=0)
    carried = np.ix_(out > 1e-9, into > 1e-9)
    costs = -2 * np.log(np.cos(np.minimum(angles, np.pi / 2))[carried])
    log_out, log_into = (np.log(marginal[marginal > 1e-9] * len(marginal)) for marginal in (out, into))
    excess = costs + log_out[:, None] + log_into
    assert excess.min() > -1e-3
    assert excess[plan[carried] > 1e-6].max() < 1e-3


def near_padding(rows, seed):
    return random_cloud(1, 8, 7).rows + 0.05 * random_cloud(rows, 8, seed + 1000).rows


def test_a_solver_that_finds_no_numbers_has_not_converged(monkeypatch):
    def give_up(potentials, mass, sums, costs):
        return np.full_like(potentials, np.nan), np.full(len(costs), np.nan)

    monkeypatch.setattr("whichway.geometry.unbalanced._newton_aim", give_up)
    with pytest.raises(RuntimeError, match=r"did not converge \(duality gap nan\)"):
        HellingerKantorovichPath(A, B)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="reach: wanted a positive number, got 0"):
        HellingerKantorovichPath(A, B, reach=0)
    with pytest.raises(ValueError, match=r"\(12, 5\) and \(4, 3\)"):
        HellingerKantorovichPath(A, random_cloud(4, 3, 0))

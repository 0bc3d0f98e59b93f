"""Geodesics of the render map: against a known one, and as a method like any other in a run."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import Attention
from scipy.spatial.distance import mahalanobis

from tests.conftest import random_cloud
from whichway.analysis.errors import UserError
from whichway.analysis.explorer.settings import ExplorerSettings
from whichway.analysis.families import Conditioning
from whichway.analysis.geodesics import descent
from whichway.analysis.geodesics.descent import Geometry, Search, descend
from whichway.analysis.geodesics.encoder_prior import EncoderPrior
from whichway.analysis.geodesics.find import nodes_of
from whichway.analysis.geodesics.settings import GeodesicSettings
from whichway.analysis.geodesics.string import CloudString, even_places, normal_part, solved, tangents
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import load_model
from whichway.analysis.paths.chosen_method import ChosenMethod, choose_method
from whichway.analysis.paths.conditioning_path import ConditioningPath, join
from whichway.analysis.paths.geodesic import SolvedGeodesic
from whichway.analysis.runs import geodesic_store
from whichway.analysis.runs.comparison import compare
from whichway.analysis.runs.comparison_settings import ComparisonSettings
from whichway.analysis.runs.saved_comparison import read_comparison
from whichway.analysis.smoothness import differentiable_distance
from whichway.analysis.vocabulary import DIFFERENTIABLE
from whichway.geometry import PointCloud, build_path

SAMPLING = Sampling(num_inference_steps=2, guidance_scale=3.0)


def test_even_places_make_steps_even():
    steps = torch.tensor([1.0, 5.0, 0.5, 3.5], dtype=torch.float64)
    places = even_places(steps)
    reached = np.interp(places.numpy(), range(5), np.concatenate([[0], np.cumsum(steps.numpy())]))
    np.testing.assert_allclose(np.diff(reached), 2.5)
    torch.testing.assert_close(even_places(steps, share=0.0), torch.arange(5.0, dtype=torch.float64))
    torch.testing.assert_close(even_places(torch.zeros(3)), torch.arange(4.0))


def test_the_normal_part_is_normal_to_the_string():
    generator = torch.Generator().manual_seed(0)
    points, gradients = (torch.randn(n, 7, generator=generator, dtype=torch.float64) for n in (5, 3))
    along = tangents(points)
    torch.testing.assert_close(along.norm(dim=1), torch.ones(3).double())
    inner_products = (normal_part(gradients, along) * (points[2:] - points[:-2])).sum(dim=1)
    assert float(inner_products.abs().max()) < 1e-14
    still = tangents(torch.ones(3, 4, dtype=torch.float64))
    torch.testing.assert_close(normal_part(gradients[:1, :4], still), gradients[:1, :4])


@pytest.mark.parametrize("method", ["geodesic", "identity+geodesic", "geodesic-mixture"])
def test_a_string_begins_as_the_initial_path(method):
    path = build_path(method, random_cloud(5, 3, 0), random_cloud(5, 3, 1))
    string = CloudString.along(path, 5)
    for cloud, t in zip(string.clouds(), (0.25, 0.5, 0.75), strict=True):
        torch.testing.assert_close(cloud.rows, path.initial(t).rows)
        torch.testing.assert_close(cloud.weights, path.initial(t).weights)
    respaced = string.at(torch.tensor([0.0, 1.5, 2.0, 3.0, 4.0], dtype=torch.float64))
    torch.testing.assert_close(respaced.clouds()[0].rows, path.initial(0.375).rows)
    torch.testing.assert_close(respaced.clouds()[0].weights, path.initial(0.375).weights)


def test_a_solved_geodesic_goes_through_its_nodes_and_ends_in_a_and_b():
    path = build_path("geodesic", random_cloud(4, 3, 0), random_cloud(4, 3, 1))
    with pytest.raises(ValueError, match="found by rendering"):
        path(0.5)
    nodes = [random_cloud(4, 3, seed, weighted=True) for seed in (2, 3, 4)]
    solved_path = SolvedGeodesic(path.initial, nodes)
    assert all(solved_path(t) is node for t, node in zip((0.25, 0.5, 0.75), nodes, strict=True))
    torch.testing.assert_close(solved_path(0.0).rows, path.initial(0).rows)
    torch.testing.assert_close(solved_path(1.0).rows, path.initial(1).rows)
    torch.testing.assert_close(solved_path(0.375).rows, (nodes[0].rows + nodes[1].rows) / 2)
    torch.testing.assert_close(solved_path(0.125).rows, (path.initial(0).rows + nodes[0].rows) / 2, atol=1e-3, rtol=0)


def test_the_prior_measures_how_far_rows_are_from_where_they_may_be():
    rows = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows = rows * torch.tensor([1, 2, 5])
    prior = EncoderPrior.of_rows(rows)
    start, end = rows[:2], rows[2:4]
    weights = torch.tensor([[0.3, 0.7]], dtype=torch.float64)
    between = torch.stack([torch.lerp(start[0], end[0], 0.2), torch.lerp(start[1], end[1], 0.9)])
    assert float(prior.excess(between[None], weights, start, end)) < 1e-20
    behind = torch.stack([end[0] + (end[0] - start[0]), between[1]])
    precision = np.linalg.inv(np.cov(rows.T.numpy(), bias=True))
    wanted = 0.3 * mahalanobis(behind[0].numpy(), end[0].numpy(), precision) ** 2 / 3
    assert float(prior.excess(behind[None], weights, start, end)) == pytest.approx(wanted, rel=0.05)
    mean = torch.zeros(1, 3, dtype=torch.float64)
    alone = torch.ones(len(rows), 1, dtype=torch.float64)
    assert float(prior.excess(rows[:, None], alone, mean, mean).mean()) == pytest.approx(1, rel=0.05)


def sphere(_model, conditionings, _sampling, **_):
    """A render map with a known geometry: the plane onto the unit sphere, stereographically; an image is a point."""
    plane = torch.stack([each.cloud.rows[0] for each in conditionings])
    squared = plane.square().sum(dim=1, keepdim=True)
    return (torch.cat([2 * plane, squared - 1], dim=1) / (squared + 1))[:, :, None, None]


ENDS = tuple(PointCloud(torch.tensor([row], dtype=torch.float64)) for row in ([2.0, -1.0], [-0.5, 1.5]))


@pytest.fixture
def descend_on_sphere(model, monkeypatch):
    """Settings → the path between :data:`ENDS` and its search, on the sphere."""
    monkeypatch.setattr(descent, "render_differentiably", sphere)
    monkeypatch.setitem(differentiable_distance.EMBEDDINGS, "points", (lambda images: images.flatten(1), 1))
    path = ConditioningPath({"text": build_path("geodesic", *ENDS)}, {"text": (1.0, 1.0)})
    geometry = Geometry(model, SAMPLING, "points", "rows", {"text": EncoderPrior(torch.eye(2, dtype=torch.float64))})
    return lambda settings: (path, descend(path, geometry, settings, Search.along(path, 7)))


def test_the_geodesic_of_the_sphere_is_a_great_circle(descend_on_sphere):
    path, search = descend_on_sphere(GeodesicSettings(iterations=200, penalty=0, tolerance=0))
    ends = sphere(None, [Conditioning({"text": cloud}) for cloud in ENDS], None)[:, :, 0, 0]
    angle = math.acos(float(ends[0] @ ends[1]))
    least = 6 * 6 * (2 * math.sin(angle / 12)) ** 2
    assert search.energies[0] > 1.3 * least
    assert least <= search.energies[search.best_index] < 1.01 * least
    found = solved(path, nodes_of(search.best))
    normal = torch.linalg.cross(ends[0], ends[1])
    for t in (1 / 3, 1 / 2, 2 / 3):
        [point] = sphere(None, [found(t)], None).double()
        assert abs(float(point[:, 0, 0] @ normal)) < 0.05


def test_a_search_whose_steps_are_too_long_goes_back_and_shortens_them(descend_on_sphere):
    _, search = descend_on_sphere(GeodesicSettings(iterations=80, penalty=0, tolerance=0, step=3.0))
    times, _ = search.returns
    assert times >= 2
    traces = (Search({}, {}, {}, [], search.objectives[:count]) for count in range(1, 82))
    back = next(count for count, trace in enumerate(traces, start=1) if trace.returns[1])
    assert search.energies[back] == min(search.energies[:back])
    assert min(search.energies) < 0.8 * search.energies[0]


@pytest.mark.parametrize(
    ("objectives", "returns"),
    [
        ([3, 2, 1], (0, False)),
        ([1, 2, 2, 2], (0, False)),
        ([1, 2, 2, 2, 2], (1, True)),
        ([1, 2, 2, 2, 2, 1], (1, False)),
        ([1, 2, 2, 2, 2, 1, 2, 2, 2], (1, False)),
        ([1, 2, 2, 2, 2, 1, 2, 2, 2, 2], (2, True)),
        ([1, 2, 2, 2, 2, 1, 0.5, 2, 2, 2], (1, False)),
    ],
)
def test_four_iterations_without_a_new_best_are_one_return(objectives, returns):
    assert Search({}, {}, {}, [], objectives).returns == returns


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    """With queries, keys and values so large that images bend between prompts."""
    model = load_model(str(tiny_pipeline_folder), device="cpu")
    for module in model.pipeline.unet.modules():
        if isinstance(module, Attention):
            for projection in (module.to_q, module.to_k, module.to_v, module.to_out[0]):
                projection.weight.data *= 4
    return model


@pytest.mark.parametrize(
    ("method", "free"), [("geodesic", "rows"), ("geodesic", "weights"), ("geodesic-mixture", "both")]
)
def test_the_energy_falls_and_what_is_not_free_stays(model, method, free):
    path = join(method, choose_method(method), *model.encode(["a fox", "two pandas at night"]), model=model)
    prior = {"text": EncoderPrior(torch.eye(16, dtype=torch.float64))}
    search = Search.along(path, 4)
    settings = GeodesicSettings(iterations=4, tolerance=0)
    descend(path, Geometry(model, SAMPLING, "lpips", free, prior), settings, search)
    assert len(search.energies) == 5
    assert search.energies[search.best_index] < search.energies[0]
    initial, found = CloudString.along(path.clouds["text"], 4), search.best["text"]
    for name in ("rows", "log_weights"):
        torch.testing.assert_close(getattr(found, name)[[0, -1]], getattr(initial, name)[[0, -1]])
    if free == "rows":
        assert torch.equal(found.weights(), initial.weights())
    if free == "weights":  # rows only slide along the initial path, all of them together
        assert search.excesses[search.best_index] < 1e-12
        assert float((found.weights() - initial.weights()).abs().max()) > 1e-4


def settings_with(methods, **changes):
    geodesic = GeodesicSettings(iterations=2, tolerance=0)
    return ComparisonSettings(
        "a fox", "two pandas", methods=methods, frames=4, sampling=SAMPLING, geodesic=geodesic, **changes
    )


def test_a_run_keeps_its_geodesics_and_goes_on_where_it_was_stopped(model, tmp_path, monkeypatch):
    settings = settings_with(("optimal", "geodesic"))
    whole = compare(settings, out=tmp_path / "whole", model=model)
    assert whole.endpoint_check.passed
    assert whole.results["geodesic"].smoothness.energy < whole.results["optimal"].smoothness.energy

    iterations, write = [], geodesic_store.GeodesicStore.write

    def interrupted(store, address, search):
        write(store, address, search)
        iterations.append(len(search.energies))
        if len(iterations) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(geodesic_store.GeodesicStore, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compare(settings, out=tmp_path / "stopped", model=model)
    resumed = compare(settings, out=tmp_path / "stopped", model=model)
    assert iterations == [1, 2, 3]
    assert resumed.results == whole.results
    compare(settings, out=tmp_path / "stopped", model=model)
    assert len(iterations) == 3  # nothing is looked for again

    saved = read_comparison(tmp_path / "stopped")
    assert len(saved.clouds["geodesic"]) == 4
    assert not torch.equal(saved.clouds["geodesic"][1].rows, saved.clouds["optimal"][1].rows)
    [file] = (tmp_path / "stopped" / "geodesics").iterdir()
    file.write_bytes(b"damaged")
    monkeypatch.setattr(geodesic_store.GeodesicStore, "write", write)
    again = compare(settings, out=tmp_path / "stopped", model=model)
    assert again.results == whole.results


def test_the_energy_said_is_that_of_the_frames(model, tmp_path):
    lines = []
    comparison = compare(settings_with(("geodesic",)), out=tmp_path, model=model, report=lines.append)
    [line] = [line for line in lines if line.startswith("geodesic: energy")]
    energy = float(line.split()[2])
    assert comparison.results["geodesic"].smoothness.energy == pytest.approx(energy, rel=0.05)  # pixels of 8 bits
    assert all(a < b for a, b in pairwise(comparison.results["geodesic"].t))


def test_bad_input_is_one_line(model, tmp_path):
    with pytest.raises(UserError, match="'ssim' has no gradient here; wanted lpips or efficientnet"):
        compare(settings_with(("geodesic",), perceptual_distance="ssim"), out=tmp_path / "ssim", model=model)
    with pytest.raises(UserError, match="'optimal@weights': only a geodesic has the choice 'weights'"):
        choose_method("optimal@weights")
    assert choose_method("geodesic@both@unpenalised") == ChosenMethod("geodesic", free="both", penalty="unpenalised")
    with pytest.raises(UserError, match="with a gradient; ssim has none, wanted lpips or efficientnet"):
        ExplorerSettings(("a", "b"), methods=("geodesic",), perceptual_distance="ssim")
    assert tuple(differentiable_distance.EMBEDDINGS) == DIFFERENTIABLE
    for name, value in {"iterations": 0, "penalty": -1.0, "step": 0.0, "nodes": 2}.items():
        with pytest.raises(UserError, match=f"geodesic {name}"):
            GeodesicSettings(**{name: value})

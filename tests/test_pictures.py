"""Pictures tell the truth: what they show is read back from their data, and none falls over on odd input."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests.conftest import random_cloud
from whichway.analysis.clouds.projection import Projection
from whichway.analysis.pictures.census import draw_census
from whichway.analysis.pictures.change_by_part import draw_change_by_part
from whichway.analysis.pictures.coupling import draw_coupling, draw_couplings, gather_padding
from whichway.analysis.pictures.filmstrips import draw_filmstrips
from whichway.analysis.pictures.invariance import draw_invariance
from whichway.analysis.pictures.projection import draw_projection, draw_projections
from whichway.analysis.pictures.prompt_map import draw_map, spread_apart
from whichway.analysis.pictures.robustness import draw_robustness
from whichway.analysis.pictures.steps import draw_steps
from whichway.analysis.pictures.study import draw_comparison, draw_distances, draw_geometry
from whichway.analysis.pictures.style import (
    DARK,
    METHOD_COLOURS,
    METHOD_MARKERS,
    contrast,
    marker_outline,
    quoted,
)
from whichway.analysis.pictures.unlisted_methods import COLOURS
from whichway.analysis.smoothness.measures import PerceptualSteps, measure_smoothness
from whichway.geometry import PointCloud, build_path, identity_coupling


def prompt_cloud(n: int, size: int, seed: int) -> PointCloud:
    rows = random_cloud(n, 4, seed).rows
    return PointCloud(rows, labels=tuple(f"w{i}" for i in range(size)) + ("<|endoftext|>",) * (n - size), size=size)


def test_gathering_padding_loses_no_mass():
    plan = torch.rand(6, 7).numpy()
    gathered = gather_padding(plan, 2, 3)
    assert gathered.shape == (3, 4)
    assert gathered.sum() == pytest.approx(plan.sum())
    assert gathered[:2, :3] == pytest.approx(plan[:2, :3])
    assert gathered[2, 3] == pytest.approx(plan[2:, 3:].sum())


def test_the_coupling_table_shows_every_row_once():
    a, b = prompt_cloud(9, 4, 0), prompt_cloud(9, 6, 1)
    figure = draw_coupling({"identity": identity_coupling(a, b)}, a, b)
    axis = figure.axes[0]
    assert sum(float(text.get_text()) for text in axis.texts) == 9
    assert [label.get_text() for label in axis.get_yticklabels()][-1] == "padding ×5"
    assert [label.get_text() for label in axis.get_xticklabels()][-1] == "padding ×3"


def test_a_prompt_without_padding_has_no_padding_line():
    a = prompt_cloud(77, 77, 0)
    figure = draw_coupling({"identity": identity_coupling(a, a)}, a, a)
    assert len(figure.axes[0].get_yticklabels()) == 77
    assert figure.get_figwidth() < 30


def test_methods_without_couplings_leave_a_note():
    a = prompt_cloud(5, 3, 0)
    assert "none of the chosen methods" in draw_coupling({}, a, a).texts[0].get_text()


def test_steps_are_drawn_where_they_happen():
    smooth = measure_smoothness(PerceptualSteps(np.array([1.0, 3.0]), 2.0))
    line = draw_steps({"optimal": [1.0, 3.0]}, {"optimal": smooth}, {"optimal": [0, 0.5, 1]}, "ssim").axes[0].lines[0]
    assert line.get_xdata().tolist() == [0.25, 0.75]
    assert line.get_ydata().tolist() == [1.0, 3.0]


def test_film_strips_show_the_frames_in_order():
    strip = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    figure = draw_filmstrips({"optimal": strip}, {"optimal": [0, 0.5, 1]}, "a", "$b$ " * 100)
    for axis, picture in zip(figure.axes, strip, strict=True):
        shown = axis.images[0].get_array()
        times = len(shown) // len(picture)  # as often as each pixel is repeated
        assert (shown == picture.repeat(times, axis=0).repeat(times, axis=1)).all()
    figure.draw_without_rendering()


def test_all_paths_end_together_in_the_wasserstein_view_only():
    a, b = random_cloud(20, 4, 0), random_cloud(20, 4, 1)
    paths = {name: build_path(name, a, b, seed=1) for name in ("identity", "random", "optimal")}
    figure = draw_projection({name: [path(t) for t in (0, 0.5, 1)] for name, path in paths.items()}, a)
    spread = []
    for axis in figure.axes[:2]:
        ends = np.array([line.get_xydata()[-1] for line in axis.lines if len(line.get_xdata()) == 3])
        spread.append(np.ptp(ends, axis=0).max())
    frobenius, wasserstein = spread
    assert wasserstein == pytest.approx(0, abs=1e-9)
    assert frobenius > 0.1


def test_long_prompts_are_shortened_and_dollars_are_no_mathematics():
    assert len(quoted("word " * 200, 60)) < 200
    assert quoted("$5", 60) == r"“\$5”"


def test_the_census_shows_every_architecture_with_its_reason():
    records = json.loads((Path(__file__).parent.parent / "figures" / "census.json").read_text(encoding="utf-8"))
    figure = draw_census(records)
    axis = figure.axes[0]
    shown = {label.get_text().removesuffix(" (float32)") for label in axis.get_yticklabels()}
    assert shown == {record["details"]["title"] for record in records}
    assert len(records) >= 15
    assert {"one softmax over text and image", "cross-attention to text alone"} <= {
        label.get_text() for label in figure.axes[0].child_axes[0].get_yticklabels()
    }


def test_film_strips_of_different_times_say_them_above_each_frame():
    strip = np.zeros((3, 8, 8, 3), dtype=np.uint8)
    times = {"optimal": [0, 0.25, 1], "slerp": [0, 0.75, 1]}
    figure = draw_filmstrips({"optimal": strip, "slerp": strip}, times, "a", "b")
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["t = 0", "t = 0.25", "t = 1", "t = 0", "t = 0.75", "t = 1"]


def test_clouds_that_are_no_matrices_are_in_the_wasserstein_view_only():
    a, b = random_cloud(6, 4, 0), random_cloud(6, 4, 1)
    clouds = {name: [build_path(name, a, b)(t) for t in (0.0, 0.5, 1.0)] for name in ("optimal", "mixture")}
    frobenius, wasserstein = draw_projection(clouds, a).axes
    labels = [
        {line.get_label() for line in axis.lines if line.get_label()[0] != "_"} for axis in (frobenius, wasserstein)
    ]
    assert labels == [{"optimal"}, {"optimal", "mixture"}]


@pytest.mark.parametrize("method", ["pca", "mds"])
def test_the_map_shows_the_images_of_both_ends_and_halfway(method):
    a, b = random_cloud(6, 4, 0), random_cloud(6, 4, 1)
    clouds = {name: [build_path(name, a, b)(t) for t in (0.0, 0.5, 1.0)] for name in ("optimal", "mixture")}
    frames = {name: np.full((3, 8, 8, 3), [[[[0]]], [[[k]]], [[[9]]]], np.uint8) for k, name in enumerate(clouds, 1)}
    axis = draw_projection(clouds, a, method=method, frames=frames).axes[1]
    boxes = [artist for artist in axis.artists if hasattr(artist, "offsetbox")]
    shown = {int(np.asarray(box.offsetbox.get_data())[0, 0, 0]): tuple(box.xy) for box in boxes}
    lines = {line.get_label(): line.get_xydata() for line in axis.lines}
    assert shown == {
        0: tuple(lines["optimal"][0]),
        1: tuple(lines["optimal"][1]),
        2: tuple(lines["mixture"][1]),
        9: tuple(lines["optimal"][-1]),
    }
    assert "stress" in axis.get_title()


def test_each_encoder_has_a_line_of_tables():
    a = {"clip": prompt_cloud(9, 4, 0), "t5": prompt_cloud(12, 6, 1)}
    b = {"clip": prompt_cloud(9, 5, 2), "t5": prompt_cloud(12, 7, 3)}
    couplings = {name: {"identity": identity_coupling(a[name], b[name])} for name in a}
    figure = draw_couplings(couplings, a, b)
    assert [part.get_suptitle() for part in figure.subfigs] == ["rows of clip", "rows of t5"]
    totals = [sum(float(text.get_text()) for text in axis.texts) for axis in figure.axes]
    assert totals == [9, 12]
    figure.draw_without_rendering()


def test_each_encoder_is_projected_in_a_space_of_its_own():
    ends = {name: (random_cloud(6, d, 0), random_cloud(6, d, 1)) for name, d in (("clip", 4), ("t5", 7))}
    clouds = {name: {"optimal": [build_path("optimal", *two)(t) for t in (0.0, 1.0)]} for name, two in ends.items()}
    figure = draw_projections(clouds, {name: a for name, (a, _) in ends.items()})
    titles = [axis.get_title().partition(":")[0] for axis in figure.axes]
    assert titles == ["clip, Frobenius view", "clip, Wasserstein view", "t5, Frobenius view", "t5, Wasserstein view"]


def test_what_each_part_changed_stands_below_its_image():
    titles = {"everything": "everything", "rows": "rows only", "pooled": "pooled vector only"}
    changes = [{"everything": 0.2, "rows": 0.1, "pooled": 0.05}, {"everything": 0.0, "rows": 0.0, "pooled": 0.0}]
    images = [
        {what: np.full((8, 8, 3), 10 * k + line, np.uint8) for k, what in enumerate(titles, 1)} for line in (0, 1)
    ]
    image_a = np.full((8, 8, 3), 99, np.uint8)
    figure = draw_change_by_part(
        image_a, images, changes, ("halfway", "all the way"), titles, distance="ssim", prompts=("$a", "b")
    )
    seen = [int(axis.images[0].get_array()[0, 0, 0]) for axis in figure.axes]
    assert seen == [99, 10, 20, 30, 99, 11, 21, 31]
    below = [axis.get_xlabel() for axis in figure.axes]
    assert below == ["", "0.200 (100%)", "0.100 (50%)", "0.050 (25%)", "", "0.000", "0.000", "0.000"]
    figure.draw_without_rendering()


def test_pairs_without_a_score_are_drawn_too():
    columns = [f"{name}{own}" for name in ("wasserstein", "rms_frobenius") for own in ("", "_own_tokens")]
    results = pd.DataFrame([{"pair": pair, "score": None} | dict.fromkeys(columns, pair + 1.0) for pair in range(3)])
    points = draw_distances(results).axes[0].collections[0]
    points.update_scalarmappable()
    assert not np.ma.getmaskarray(points.get_offsets()).any()
    assert (points.get_facecolors()[:, 3] > 0).all()


def test_contrast_is_that_of_the_guidelines():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # the guidelines' own example


@pytest.mark.parametrize("shade", [*METHOD_COLOURS.values(), *COLOURS])
@pytest.mark.parametrize("page", ["#ffffff", DARK, "#111111"])
def test_every_colour_of_a_method_shows_on_light_and_dark_pages(shade, page):
    assert contrast(shade, page) >= 3


def test_every_method_has_a_marker_of_its_own():
    assert len(set(METHOD_MARKERS.values())) == len(METHOD_MARKERS) == len(METHOD_COLOURS)
    outlines = {marker_outline(method) for method in METHOD_MARKERS}
    assert len(outlines) == len(METHOD_MARKERS)
    assert marker_outline("random") == "M-0.500 0.500L0.500 0.500L0.500 -0.500L-0.500 -0.500Z"


def pixels_of(figure) -> np.ndarray:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


@pytest.mark.parametrize("side", [64, 512])
def test_a_film_strip_has_every_pixel_of_its_frames(side):
    frame = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    figure = draw_filmstrips(
        {"a-method-of-a-long-name": np.stack([frame] * 3)}, {"a-method-of-a-long-name": [0, 0.5, 1]}, "a", "b"
    )
    drawn = pixels_of(figure)
    for axis in figure.axes:
        box = axis.get_window_extent()
        left, top = round(box.x0), round(len(drawn) - box.y1)
        whole = round(box.width) // side
        shown = drawn[top : top + whole * side, left : left + whole * side]
        assert (shown == frame.repeat(whole, axis=0).repeat(whole, axis=1)).all()
    name = next(text for text in figure.texts if text.get_text() == "a-method-of-a-long-name")
    edge = name.get_window_extent().x0 / figure.dpi
    assert edge > 0.05


def test_film_strips_of_many_large_frames_stay_below_what_viewers_open():
    strip = np.zeros((33, 512, 512, 3), np.uint8)
    figure = draw_filmstrips({"optimal": strip}, {"optimal": np.linspace(0, 1, 33).tolist()}, "a", "b")
    assert figure.get_figwidth() * figure.dpi <= 9000


def test_a_cell_of_many_rows_is_darker_and_its_number_readable():
    a, b = prompt_cloud(77, 4, 0), prompt_cloud(77, 4, 1)
    axis = draw_coupling({"identity": identity_coupling(a, b)}, a, b).axes[0]
    shades = axis.images[0].get_array()
    assert shades[-1, -1] > 2 * shades[0, 0] > 0
    assert {text.get_text(): text.get_color() for text in axis.texts} == {"1": "black", "73": "white"}


def test_each_end_of_a_projection_has_its_letter_and_no_line_crosses_the_paths():
    a, b = random_cloud(20, 4, 0), random_cloud(20, 4, 1)
    paths = {name: build_path(name, a, b, seed=1) for name in ("identity", "random", "slerp")}
    clouds = {name: [path(t) for t in (0, 0.5, 1)] for name, path in paths.items()}
    frames = {name: np.zeros((3, 8, 8, 3), np.uint8) for name in clouds}
    figure = draw_projection(clouds, a, frames=frames)
    letters = [[text.get_text() for text in axis.texts if len(text.get_text()) == 1] for axis in figure.axes[:2]]
    assert letters[0] == ["A", "B", "B"]  # identity and slerp end in one point
    assert letters[1][:2] == ["A", "B"]
    boxes = [artist for artist in figure.axes[1].artists if hasattr(artist, "offsetbox")]
    assert len(boxes) == 5
    assert all(box.arrow_patch is None for box in boxes)


def test_layers_stand_in_the_order_of_the_network_and_marks_apart():
    records = json.loads((Path(__file__).parent.parent / "figures" / "invariance.json").read_text(encoding="utf-8"))
    axis = draw_invariance(records).axes[0]
    labels = [label.get_text() for label in axis.get_yticklabels()]
    stages = [label.partition("_")[0] for label in labels]
    assert stages == [*sorted(stages[:-2], key=["down", "mid", "up"].index), "denoiser", "image"]
    permuted, rewritten = ([line for line in axis.lines if line.get_marker() == mark] for mark in "oD")
    for one, other in zip(permuted, rewritten, strict=True):
        assert abs(one.get_ydata()[0] - other.get_ydata()[0]) > 0.3


def test_images_of_a_map_cover_no_other_and_lead_to_their_points():
    points = np.random.default_rng(0).normal(100, 8, (25, 2))
    window = np.array([[0.0, 0.0], [200.0, 200.0]])
    apart = np.abs((places := spread_apart(points, 20, window))[:, None] - places[None]).max(axis=2)
    assert (apart[~np.eye(25, dtype=bool)] >= 19.9).all()
    assert (places >= 10).all()
    assert (places <= 190).all()


def test_a_map_of_many_prompts_names_some_and_clusters_of_images_in_a_legend():
    points = np.random.default_rng(0).normal(size=(60, 2))
    prompts = [f"{'fox' if x > 0 else 'sea'} $ {place}" for place, (x, _) in enumerate(points)]
    projection = Projection(points, ("PC 1", "PC 2"), 0.1, 0.9)
    named = draw_map(projection, prompts)
    assert len(named.axes[0].texts) == 40
    images = np.zeros((60, 8, 8, 3), np.uint8)
    grouped = draw_map(projection, prompts, images, (points[:, 0] < 0).astype(int))
    assert [text.get_text().split(",")[0] for text in grouped.legends[0].get_texts()] == ["fox", "sea"]
    named.draw_without_rendering()
    grouped.draw_without_rendering()


def study_table(methods, pairs=12) -> pd.DataFrame:
    random = np.random.default_rng(0)
    columns = ("ppl_ssim", "worst_step_ssim", "gini_ssim", "length")
    return pd.DataFrame(
        {"pair": pair, "seed": 0, "method": method, "stratum": "0–1", "score": 0.5}
        | {column: float(value) for column, value in zip(columns, random.uniform(1, 2, 4), strict=True)}
        for pair in range(pairs)
        for method in methods
    )


def test_ratios_of_two_methods_are_drawn_on_a_logarithmic_axis_and_nothing_is_cut():
    figure = draw_comparison(study_table(["identity", "optimal"]), "ssim", "identity")
    figure.draw_without_rendering()
    assert {axis.get_xscale() for axis in figure.axes} == {"log"}
    assert all(1 in axis.get_xticks() for axis in figure.axes)
    whole = figure.bbox
    for text in [figure._suptitle, *(axis.title for axis in figure.axes), *(axis.xaxis.label for axis in figure.axes)]:
        box = text.get_window_extent()
        assert min(box.x0, box.y0, whole.x1 - box.x1, whole.y1 - box.y1) >= 0, text


def test_correlations_have_the_axis_that_they_need():
    results = study_table(["identity", "optimal"])
    steps = results[["pair", "method"]].assign(wasserstein=results["pair"] + 1.0, ssim=results["pair"] + 1.0)
    low, high = draw_geometry(results, steps, "ssim").axes[1].get_xlim()
    assert 0.5 < low < high <= 1


def test_what_was_not_measured_is_said_where_it_is_missing():
    rows = [("ssim", "optimal"), ("ssim", "mixture"), ("ssim", "slerp"), ("ssim, steps 25", "optimal")]
    compared = pd.DataFrame(
        {"condition": where, "method": method, "pairs": 1, "ratio": 0.9, "low": 0.8, "high": 1.0}
        for where, method in rows
    )
    agreeing = pd.DataFrame({"tau": [1.0, 1.0], "methods": [3, 1]}, index=["ssim", "ssim, steps 25"])
    figure = draw_robustness(compared, agreeing, "identity", "steps 10")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "not measured" in texts
    assert len(figure.axes[0].patches) == 2
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels[1] == "ssim, steps 25\n1 pair, τ = 1.00 of 1 method"
    assert "steps 10" in figure.get_supxlabel()

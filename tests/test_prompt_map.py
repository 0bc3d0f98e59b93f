import json
import re
import warnings
from itertools import pairwise

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from whichway.analysis.command.main import main
from whichway.analysis.prompts.prompt_file import read_prompts


@pytest.fixture
def draw(tiny_pipeline_folder, tmp_path):
    def run(text, *options):
        prompts = tmp_path / "prompts.txt"
        prompts.write_bytes(text if isinstance(text, bytes) else text.encode())
        fixed = [
            "--model",
            str(tiny_pipeline_folder),
            "--steps",
            "1",
            "--device",
            "cpu",
            "--out",
            str(tmp_path / "run"),
        ]
        return CliRunner().invoke(main, ["map", str(prompts), *fixed, *options])

    return run


def test_every_prompt_has_its_place_and_its_image(draw, tmp_path):
    result = draw("a fox\na panda\n\na fox\na red car at night\n", "--projection", "mds")
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "run" / "map.json").read_text())
    assert list(found["points"]) == ["a fox", "a panda", "a red car at night"]
    assert 0 <= found["stress"] < 1
    assert len(list((tmp_path / "run" / "frames").glob("*.png"))) == 3
    with Image.open(tmp_path / "run" / "map.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 5


def test_words_stand_where_images_are_not_wanted(draw, tmp_path):
    assert draw("a fox\na $pizza$\na panda", "--projection", "pca", "--no-images").exit_code == 0
    assert not (tmp_path / "run" / "frames").exists()


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a fox\na fox\n", (), "prompts: wanted at least 5 different ones, got 1"),
        ("a\nb\n", ("--projection", "pca"), "prompts: wanted at least 3 different ones, got 2"),
        ("a\nb\nc\n", ("--projection", "tsne"), "'--projection': 'tsne' is not one of 'pca', 'mds', 'umap'"),
        (b"a\nb\xe7\n", (), "is not UTF-8"),
    ],
)
def test_a_mistake_gets_one_line_and_status_2(draw, text, options, message):
    result = draw(text, *options)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_repetitions_and_empty_lines_are_left_out(tmp_path):
    (tmp_path / "p.txt").write_text("b\n\na\n b \n")
    assert read_prompts(tmp_path / "p.txt") == ("b", "a")


@pytest.mark.parametrize(
    ("content", "prompts"),
    [
        (b"\xef\xbb\xbfa fox\nan owl\n", ("a fox", "an owl")),
        ("a fox\u2028on ice\x0b\nan owl\x85\n".encode(), ("a fox\u2028on ice", "an owl")),
        (b"a fox\r\nan owl\rtwo owls", ("a fox", "an owl", "two owls")),
    ],
)
def test_a_prompt_is_a_line_as_an_editor_shows_it(tmp_path, content, prompts):
    (tmp_path / "p.txt").write_bytes(content)
    assert read_prompts(tmp_path / "p.txt") == prompts


def test_many_prompts_are_mapped_from_their_neighbours_alone_and_clustered(draw, tmp_path, monkeypatch):
    monkeypatch.setattr("whichway.analysis.clouds.projection.ALL_PAIRS", 10)
    monkeypatch.setattr("whichway.analysis.clouds.projection.MAPPED_NEIGHBOURS", 4)
    prompts = [
        f"{count} {what}" for count in ("one", "two", "three", "four") for what in ("foxes", "cars", "trees", "cats")
    ]
    result = draw("\n".join(prompts), "--no-images", "--clusters", "3")
    assert result.exit_code == 0, result.output
    assert re.search(r"15 neighbours each: [0-9.]+ % of the pairs solved", result.output)
    found = json.loads((tmp_path / "run" / "map.json").read_text())
    assert list(found["cluster_of"]) == prompts
    assert set(found["cluster_of"].values()) == {0, 1, 2}
    assert found["sampled"] == len(prompts)
    assert np.isfinite(list(found["points"].values())).all()


def test_clusters_are_the_groups_that_neighbours_make():
    from tests.conftest import random_cloud
    from whichway.analysis.clouds.clusters import cluster_neighbours
    from whichway.geometry import CloudStack, PointCloud, nearest_neighbours

    sizes = (14, 9, 6)
    clouds = [
        PointCloud(random_cloud(5, 3, 100 + index).rows + 100 * group)
        for group, size in enumerate(sizes)
        for index in range(size)
    ]
    labels = cluster_neighbours(nearest_neighbours(CloudStack.of(clouds), 5), 3)
    assert labels.tolist() == [group for group, size in enumerate(sizes) for _ in range(size)]


@pytest.mark.parametrize("sizes", [(4, 4), (9, 6, 5), (30, 20, 10)])
def test_clusters_of_noisy_groups_are_those_groups_however_few_clouds(sizes):
    """A graph of a fixed number of neighbours joins everything to everything in a small set."""
    from sklearn.metrics import adjusted_rand_score

    from tests.conftest import random_cloud
    from whichway.analysis.clouds.clusters import cluster_neighbours
    from whichway.geometry import CloudStack, PointCloud, nearest_neighbours

    subjects = [subject for subject, size in enumerate(sizes) for _ in range(size)]
    own = [random_cloud(5, 8, 300 + subject).rows for subject in range(len(sizes))]
    clouds = [
        PointCloud(own[subject] + 0.5 * random_cloud(5, 8, 400 + index).rows) for index, subject in enumerate(subjects)
    ]
    neighbours = nearest_neighbours(CloudStack.of(clouds), min(15, len(clouds) - 1))
    assert adjusted_rand_score(subjects, cluster_neighbours(neighbours, len(sizes))) == 1


def test_too_many_clusters_are_named(draw):
    result = draw("a\nb\nc\nd\ne\nf\n", "--clusters", "6")
    assert result.exit_code == 2
    assert "clusters: wanted 2 to 5, or 0 for none, got 6" in result.output


def test_clusters_are_named_by_the_words_that_only_they_have():
    from whichway.analysis.clouds.clusters import cluster_words

    prompts = ["a red fox", "a red cat", "a Fox", "the blue sea", "a blue lake", "a sea"]
    assert cluster_words(prompts, np.array([0, 0, 0, 1, 1, 1]), 2) == [["fox", "red"], ["blue", "sea"]]
    assert cluster_words(["a fox", "the fox"], np.array([0, 0])) == [["fox"]]


@pytest.mark.parametrize("clustered", [False, True])
def test_thousands_of_prompts_are_drawn_by_their_density_or_their_clusters(clustered):
    from matplotlib.colors import to_rgb

    from whichway.analysis.clouds.projection import Projection
    from whichway.analysis.pictures.prompt_map import PALETTE, draw_map

    points = np.random.default_rng(0).normal(size=(3000, 2))
    prompts = [f"{'$fox$' if x > 0 else 'sea'} {place}" for place, (x, _) in enumerate(points)]
    clusters = (points[:, 0] < 0).astype(int) if clustered else None
    figure = draw_map(Projection(points, ("UMAP 1", "UMAP 2"), 0.1, 0.9), prompts, clusters=clusters)
    figure.draw_without_rendering()
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert [text.split(",")[0] for text in texts] == (["fox", "sea"] if clustered else [])
    assert len(figure.axes) == 2  # the second is the scale of the density
    [cells] = figure.axes[0].collections
    depths = 1 - cells.get_facecolor()[:, :3]  # of a cell's own colour, more or less of it
    if clustered:
        inks = 1 - np.array([to_rgb(colour) for colour in PALETTE[:2]])
        unlike = np.linalg.norm(np.cross(depths[:, None], inks), axis=2)
        assert (unlike.min(axis=1) < 1e-6).all()
        on_the_left = cells.get_offsets()[:, 0] < -0.2
        assert (unlike.argmin(axis=1)[on_the_left] == 1).all()
        assert {*unlike.argmin(axis=1)} == {0, 1}
    assert len(np.unique(depths.round(3), axis=0)) > 3


def test_the_name_of_a_cluster_at_the_edge_stays_within_the_axes():
    from whichway.analysis.clouds.projection import Projection
    from whichway.analysis.pictures.prompt_map import draw_map

    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(2900, 2)), [-9, 0] + 0.01 * rng.normal(size=(100, 2))])
    prompts = [f"{'sailboats' if x < -5 else 'umbrellas'} {place}" for place, (x, _) in enumerate(points)]
    clusters = (points[:, 0] < -5).astype(int)
    figure = draw_map(Projection(points, ("UMAP 1", "UMAP 2"), 0.1, 0.9), prompts, clusters=clusters)
    figure.draw_without_rendering()
    [axis, _] = figure.axes
    inside = axis.get_window_extent()
    extents = [text.get_window_extent() for text in axis.texts]
    assert all(inside.x0 <= each.x0 and each.x1 <= inside.x1 for each in extents)


def test_a_map_asks_whether_it_fits_before_it_encodes(draw, monkeypatch):
    from whichway.analysis.errors import UserError
    from whichway.analysis.models.model import Model

    def too_much(count, shapes, **asked):
        raise UserError(f"{count} {shapes} {asked['stored']} {asked['image_size']}")

    monkeypatch.setattr("whichway.analysis.runs.prompt_map.require_memory_for_map", too_much)
    encode_each, encoded = Model.encode_each, []
    monkeypatch.setattr(Model, "encode_each", lambda model, texts: encoded.extend(texts) or encode_each(model, texts))
    drawn = draw("a fox\na panda\nan owl\n", "--projection", "pca", "--no-images")
    assert drawn.exit_code == 2
    assert re.search(r"Error: 3 \[\(\d+, \d+\)\] False None", drawn.output)
    assert encoded == ["a fox"]


@pytest.mark.parametrize("groups", [3, 11])
def test_pieces_of_a_graph_of_many_clouds_are_its_clusters(groups):
    """Above the size up to which all eigenvectors are computed; the largest eigenvalue is there once for each piece."""
    from sklearn.metrics import adjusted_rand_score
    from sklearn.neighbors import NearestNeighbors

    from whichway.analysis.clouds.clusters import DENSE, cluster_neighbours
    from whichway.geometry import Neighbours

    rng = np.random.default_rng(groups)
    owners = np.repeat(np.arange(groups), 660 // groups)
    assert len(owners) > DENSE
    points = 50 * rng.normal(size=(groups, 20))[owners] + rng.normal(size=(len(owners), 20))
    distances, indices = NearestNeighbors(n_neighbors=11).fit(points).kneighbors(points)
    clusters = cluster_neighbours(Neighbours(indices[:, 1:], distances[:, 1:], 0), groups)
    assert adjusted_rand_score(owners, clusters) == 1


def test_many_clusters_are_found_without_a_word():
    """More than a fifth of the clouds: the iteration would warn, and give up"""
    from whichway.analysis.clouds.clusters import DENSE, cluster_neighbours
    from whichway.geometry import Neighbours

    count = DENSE + 20
    around = (np.arange(count)[:, None] + [-1, 1]) % count
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clusters = cluster_neighbours(Neighbours(around, np.ones((count, 2)), 0), count // 4)
    assert len(np.unique(clusters)) > count // 8


def test_the_prompts_of_a_map_are_where_its_points_are_drawn(draw, tmp_path):
    from io import BytesIO

    from whichway.analysis.errors import UserError
    from whichway.analysis.explorer import PromptMap

    prompts = ["a fox", "a <b>panda</b>", "a red car at night", "pizza"]
    assert draw("\n".join(prompts), "--projection", "pca", "--no-images").exit_code == 0
    shown = PromptMap.of_run(tmp_path / "run" / "map.json")
    assert shown.prompts == prompts
    places = np.frombuffer(shown.places, np.float32).reshape(4, 2)
    with Image.open(BytesIO(shown.picture)) as picture:
        pixels = np.asarray(picture.convert("RGB"))
        centres = (places * picture.size).astype(int)
    assert all(pixels[y - 1 : y + 2, x - 1 : x + 2].min() < 200 for x, y in centres)
    (tmp_path / "map.json").write_text("{}")
    with pytest.raises(UserError, match=r"is no map\.json of 'whichway map', or damaged"):
        PromptMap.of_run(tmp_path / "map.json")


@pytest.mark.parametrize("most", [30, 400, 5000])
def test_the_numbers_of_a_density_do_not_touch(most):
    """Cells of one prompt, and one of many."""
    from whichway.analysis.clouds.projection import Projection
    from whichway.analysis.pictures.prompt_map import CROWDED, draw_map

    points = np.concatenate([np.zeros((most, 2)), np.random.default_rng(0).uniform(-1, 1, (CROWDED + 1, 2))])
    figure = draw_map(Projection(points, ("UMAP 1", "UMAP 2"), 0.1, 0.9), [f"prompt {k}" for k in range(len(points))])
    figure.canvas.draw()
    numbers = figure.axes[1].yaxis.get_ticklabels(which="both")
    boxes = [number.get_window_extent() for number in numbers if number.get_text() and number.get_visible()]
    shown = sorted((box for box in boxes if figure.axes[1].bbox.overlaps(box.expanded(3, 1))), key=lambda box: box.y0)
    assert len(shown) > 1
    assert all(above.y0 >= below.y1 for below, above in pairwise(shown))

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from analysis.cli import main
from analysis.prompt_map import read_prompts


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
        ("a\nb\nc\n", ("--projection", "tsne"), "projection: unknown 'tsne'; known: pca, mds, umap"),
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

"""Prompts that are one and the same to the text encoder are legitimate: a study of them says so, without a warning."""

import re
import warnings

import pytest
from click.testing import CliRunner

from whichway.analysis.command.main import main
from whichway.analysis.statistics.estimates import Estimate

#: CLIP's tokenizer does not see capitals
SAME = [f"a {word},A {word.upper()},{score}" for score, word in enumerate(("fox", "panda", "car", "boat", "tree"))]
OTHERS = ["a fox,a panda,1", "a boat,a red car,1"]


@pytest.mark.parametrize("rows", [SAME, SAME[:2] + OTHERS], ids=["all the same", "some"])
def test_pairs_of_one_and_the_same_cloud(tmp_path, tiny_pipeline_folder, rows):
    pairs, out = tmp_path / "pairs.csv", tmp_path / "study"
    pairs.write_text("\n".join(["prompt_a,prompt_b,score", *rows]))
    options = ["--methods", "identity,optimal", "--frames", "3", "--seeds", "1", "--perceptual-distance", "ssim"]
    fixed = ["--model", str(tiny_pipeline_folder), "--device", "cpu", "--steps", "1", "--out", str(out)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", DeprecationWarning)  # of what matplotlib calls: no user sees it
        result = CliRunner().invoke(main, ["study", "--pairs", str(pairs), *options, *fixed])
    assert result.exit_code == 0, result.output
    assert [str(each.message) for each in caught] == []
    assert not re.search(r"Warning|\bnan\b", result.output), result.output
    page = re.sub(r"data:image[^\"]*", "", (out / "report.html").read_text())
    assert not re.search(r"\bnan\b", page)
    assert ("one and the same to the text encoder" in page) == (not set(OTHERS) & set(rows))


def test_a_number_that_there_is_not_is_a_dash():
    assert str(Estimate(float("nan"))) == "–"
    assert str(Estimate(0.5, 0.4, 0.6)) == "0.500 (0.400 to 0.600)"

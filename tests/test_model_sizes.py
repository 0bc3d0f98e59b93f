"""The table in docs/models.md is what is counted: its smallest and quickest rows are counted anew."""

import re
from pathlib import Path

import pytest

from benchmarks.model_sizes import ARCHITECTURES, count, row

PAGE = Path(__file__).parent.parent / "docs" / "models.md"


def test_every_architecture_has_its_row():
    table = re.search(r"<!-- sizes: begin -->\n(.*)<!-- sizes: end -->", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    names = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]]
    assert names == [architecture.name for architecture in ARCHITECTURES]


@pytest.mark.parametrize("name", ["Stable Diffusion 1.5", "PixArt-Σ"])
def test_a_row_is_what_is_counted(name):
    [architecture] = [each for each in ARCHITECTURES if each.name == name]
    assert row(name, count(architecture)) in PAGE.read_text(encoding="utf-8").splitlines()

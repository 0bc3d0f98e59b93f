"""Tables on a terminal of 80 columns: nothing is cut, every number is there once, and every row has its whole name."""

import pytest
from rich.console import Console

from whichway.analysis.command.fitting_table import print_table

METHODS = ("identity", "optimal", "optimal@cross-attention", "identity+spherical@perceptual@words")
MEASURES = ("length", "PPL ↓", "energy ↓", "directness ↑", "worst step ↓", "Gini ↓", "curvature ↓", "consistency ↓")


def printed(width: int, headings=("method", *MEASURES), methods=METHODS) -> list[str]:
    console = Console(width=width)
    rows = [(method, *(f"{10 * i + k}.123" for k in range(len(headings) - 1))) for i, method in enumerate(methods)]
    with console.capture() as capture:
        print_table(console, "Smoothness: 9 frames, lpips", headings, rows)
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_nothing_is_cut_at_any_width(width):
    lines = printed(width)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert "…" not in text
    for number in [f"{10 * i + k}.123" for i in range(len(METHODS)) for k in range(len(MEASURES))]:
        assert len([word for word in text.split() if word == number]) == 1
    for measure in MEASURES:
        assert text.count(measure) == 1


def test_at_80_columns_each_table_names_its_rows_whole():
    lines = printed(80)
    tables = [line for line in lines if line.split()[:1] == ["method"]]
    assert len(tables) == 2
    for method in METHODS[:3]:
        assert len([line for line in lines if line.split()[:1] == [method]]) == len(tables)


def test_where_there_is_room_there_is_one_table():
    assert len([line for line in printed(200) if line.split()[:1] == ["method"]]) == 1


def test_two_methods_are_never_one_name():
    """In 80 columns "optimal" and "optimal@cosine" were both called "opti…"."""
    names = ("optimal", "optimal@cosine", "optimal@own")
    firsts = {line.split()[0] for line in printed(80, methods=names) if line.split()}
    assert set(names) <= firsts

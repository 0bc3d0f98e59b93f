"""Whatever a user has typed can be drawn: letters of any script, signs without a glyph, marks that mean something."""

import warnings

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from whichway.analysis.pictures.filmstrips import draw_filmstrips
from whichway.analysis.pictures.fonts import drawable
from whichway.analysis.pictures.style import literal, new_figure, quoted

PROMPTS = [
    "a 🦊 and a 👩‍🚀 on a ❄️ day",
    "雪の中の赤い狐",
    "雪地里的红狐狸",
    "눈 속의 여우",
    "ثعلب في الثلج",
]
PROMPTS += [r"$x_1$ \alpha 5$ \$", "\x1b[31mred\x1b[0m\u2028 next", "\U0010fffe\ue000", "$", "a" * 10**6]


@pytest.mark.parametrize("prompt", PROMPTS, ids=range(len(PROMPTS)))
def test_every_prompt_is_drawn_without_a_missing_glyph(tmp_path, caplog, prompt):
    frames = {"optimal": np.zeros((3, 8, 8, 3), np.uint8)}
    with warnings.catch_warnings(), caplog.at_level("WARNING"):
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)  # of what matplotlib calls: no user sees it
        draw_filmstrips(frames, {"optimal": [0.0, 0.5, 1.0]}, prompt, prompt).savefig(tmp_path / "strip.png")
    assert not caplog.records  # of a family without bold letters, for instance
    assert len(quoted(prompt, 30)) < 1000


def test_what_no_font_has_stands_there_in_words():
    assert drawable("a 🦊") in ("a 🦊", "a ‹fox face›")
    assert drawable("❄\ufe0f\u200d") in ("❄", "‹snowflake›")
    assert drawable("tab\there\nand \x1b[31m") == "tab here\nand  [31m"


def inked(text, **options):
    """What a text looks like."""
    figure = new_figure(3, 0.5)
    figure.set_layout_engine("none")
    figure.text(0, 0.2, text, fontsize=12, **options)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


@pytest.mark.parametrize("text", ["$x_1$", r"\alpha_{2}", r"costs 5\$ or $6", "$"])
def test_marks_of_mathematics_are_drawn_literally(text):
    assert (inked(literal(text)) == inked(text, parse_math=False)).all()
    assert inked(text).std() > 0

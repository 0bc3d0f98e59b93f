"""How much a model's output depends on the order of the rows: relative changes, level by level, in every dtype."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from whichway.analysis.pictures.style import new_figure

#: what is drawn → (marker, colour, how to read it from a record)
MARKS = {
    "rows permuted": ("o", "#0072B2", lambda record: record["errors"]["permutation"]),
    "same measure, written otherwise (worst of 4)": (
        "D",
        "#009E73",
        lambda record: max((error for error in record["errors"].values() if error is not None), default=None),
    ),
    "summed in another order: the floor": ("|", "#555555", lambda record: record["floor"]),
    "another text: the control": ("s", "#D55E00", lambda record: record["controls"]["different_text"]),
}


def draw_invariance(records: Sequence[Mapping[str, Any]]) -> Figure:
    """The records of ``whichway invariance --json``; the gray band is what rounding alone may do."""
    dtypes = list(dict.fromkeys(record["dtype"] for record in records))
    levels = list(dict.fromkeys(record["level"] for record in records))
    figure = new_figure(3.2 + 2.6 * len(dtypes), 1.6 + 0.3 * len(levels))
    axes = figure.subplots(1, len(dtypes), sharey=True, squeeze=False)[0]
    for axis, dtype in zip(axes, dtypes, strict=True):
        for record in (record for record in records if record["dtype"] == dtype):
            place = levels.index(record["level"])
            axis.barh(place, record["tolerance"], left=0, height=0.9, color="#dddddd", zorder=0)
            for title, (mark, colour, value_of) in MARKS.items():
                value = value_of(record)
                if value:
                    axis.plot(value, place, mark, color=colour, markersize=6, label=title if place == 0 else None)
        axis.set(xscale="log", xlim=(1e-17, 10), title=dtype, xlabel="relative change")
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(range(len(levels)), [_short(level) for level in levels], fontsize=8)
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def _short(level: str) -> str:
    return level.removeprefix("layer ").replace(".transformer_blocks.", " block ").replace(".attn2", "")

"""How much a model's output depends on the order of the rows: relative changes, level by level, in every dtype."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from whichway.analysis.pictures.invariance_marks import CONTROL, FLOOR, PERMUTED, REWRITTEN, Mark
from whichway.analysis.pictures.style import new_figure

#: parts of a UNet in the order in which it runs them; levels of other names stay in the records' order
STAGES = {"down": 0, "mid": 1, "up": 2}


def draw_invariance(records: Sequence[Mapping[str, Any]]) -> Figure:
    """The records of ``whichway invariance --json``."""
    dtypes = list(dict.fromkeys(record["dtype"] for record in records))
    levels = sorted(dict.fromkeys(record["level"] for record in records), key=_stage)
    figure = new_figure(3.2 + 2.6 * len(dtypes), 1.6 + 0.36 * len(levels))
    axes = figure.subplots(1, len(dtypes), sharey=True, squeeze=False)[0]
    for axis, dtype in zip(axes, dtypes, strict=True):
        for record in (record for record in records if record["dtype"] == dtype):
            place = levels.index(record["level"])
            axis.barh(place, record["tolerance"], left=0, height=0.9, color="#dddddd", zorder=0)
            for mark, value in _values(record).items():
                if value:
                    mark.draw(axis, value, place)
        axis.set(xscale="log", xlim=(1e-17, 10), title=dtype, xlabel="relative change")
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(range(len(levels)), [_short(level) for level in levels], fontsize=8)
    axes[0].invert_yaxis()
    rounding = Patch(color="#dddddd", label="what rounding alone may do")
    handles = [PERMUTED.handle(), REWRITTEN.handle(), FLOOR.handle(), CONTROL.handle(), rounding]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _values(record: Mapping[str, Any]) -> dict[Mark, float | None]:
    errors = record["errors"]
    rewritten = [error for name, error in errors.items() if name != "permutation" and error is not None]
    return {
        PERMUTED: errors["permutation"],
        REWRITTEN: max(rewritten, default=None),
        FLOOR: record["floor"],
        CONTROL: record["controls"]["different_text"],
    }


def _stage(level: str) -> int:
    if not level.startswith("layer "):
        return len(STAGES)
    return STAGES.get(level.removeprefix("layer ").partition("_block")[0], 0)


def _short(level: str) -> str:
    return level.removeprefix("layer ").replace(".transformer_blocks.", " block ").replace(".attn2", "")

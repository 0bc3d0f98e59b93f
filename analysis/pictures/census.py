"""The census as a picture: how far each architecture moves when the same measure is written otherwise."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from whichway.analysis.pictures.invariance_marks import CONTROL, PERMUTED, RESTORED, REWRITTEN, Mark
from whichway.analysis.pictures.style import new_figure

LEAST = 1e-17  # an error of exactly zero is drawn here


def draw_census(records: Sequence[Mapping]) -> Figure:
    """One row for each record of the census, as JSON: functions of the measure first, of the order of rows last."""
    ordered = sorted(records, key=lambda record: (-record["measure_invariant"], -record["permutation_invariant"]))
    figure = new_figure(9.6, 0.32 * len(ordered) + 1.5)
    axis = figure.subplots()
    for place, record in enumerate(ordered):
        for mark, value in _values(record).items():
            if value is not None:
                mark.draw(axis, max(value, LEAST), place)
    axis.set_xscale("log")
    axis.set_xlim(LEAST / 3, 3)
    axis.set_ylim(len(ordered) - 0.4, -0.6)
    axis.hlines([place + 0.5 for place in range(len(ordered) - 1)], LEAST / 3, 3, color="0.88", lw=0.5, zorder=0)
    axis.axvspan(LEAST / 3, 1e-5, color="0.95", zorder=-1, lw=0)
    axis.xaxis.set_major_locator(LogLocator(numticks=7))
    axis.set_yticks(range(len(ordered)), [_title(record) for record in ordered], fontsize=8)
    reasons = axis.secondary_yaxis("right")
    reasons.set_yticks(range(len(ordered)), [record["reason"].replace("; ", "\n", 1) for record in ordered], fontsize=7)
    reasons.tick_params(length=0)
    axis.tick_params(axis="x", labelsize=8)
    axis.set_xlabel("relative change of the denoiser's output (shaded: rounding)", fontsize=8)
    handles = [mark.handle() for mark in (PERMUTED, REWRITTEN, RESTORED, CONTROL)]
    figure.legend(handles=handles, loc="outside upper center", ncols=2, fontsize=8, frameon=False)
    return figure


def _title(record: Mapping) -> str:
    coarse = "" if record["dtype"] == "float64" else f" ({record['dtype']})"
    return record["details"]["title"] + coarse


def _values(record: Mapping) -> dict[Mark, float | None]:
    def worst(errors: Mapping) -> float | None:
        numbers = [error for error in errors.values() if error is not None]
        return max(numbers) if len(numbers) == len(errors) else None

    restored = None if record["measure_invariant"] else worst(record["details"]["with_log_weights"])
    errors = record["errors"]
    rewritten = [error for name, error in errors.items() if name != "permutation" and error is not None]
    return {
        PERMUTED: errors["permutation"],
        REWRITTEN: max(rewritten, default=None),
        RESTORED: restored,
        CONTROL: record["controls"]["different_text"],
    }

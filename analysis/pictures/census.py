"""The census as a picture: how far each architecture moves when the same measure is written otherwise."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from whichway.analysis.pictures.style import new_figure

FLOOR = 1e-17  # an error of exactly zero is drawn here
#: what is drawn: heading, marker, face
MARKS = (
    ("rows permuted", "o", "#0072B2"),
    ("measure rewritten (worst of four ways)", "D", "#D55E00"),
    ("… with log-weights on the text keys, and places that travel", "D", "none"),
    ("another text (control)", "|", "#000000"),
)


def draw_census(records: Sequence[Mapping]) -> Figure:
    """One row for each record of the census, as JSON: functions of the measure first, of the order of rows last."""
    ordered = sorted(records, key=lambda record: (-record["measure_invariant"], -record["permutation_invariant"]))
    figure = new_figure(8.6, 0.25 * len(ordered) + 1.5)
    axis = figure.subplots()
    for place, record in enumerate(ordered):
        for (_, marker, face), value in zip(MARKS, _values(record), strict=True):
            if value is not None:
                edge = "#D55E00" if face == "none" else face
                drawn_error = max(value, FLOOR)
                axis.plot(drawn_error, place, marker, color=face, mec=edge, ms=5)
    axis.set_xscale("log")
    axis.set_xlim(FLOOR / 3, 3)
    axis.axvspan(FLOOR / 3, 1e-5, color="0.95", zorder=0, lw=0)
    axis.xaxis.set_major_locator(LogLocator(numticks=7))
    axis.set_yticks(range(len(ordered)), [_title(record) for record in ordered], fontsize=8)
    axis.invert_yaxis()
    reasons = axis.secondary_yaxis("right")
    reasons.set_yticks(
        range(len(ordered)), [record["reason"].replace("; ", "\n", 1) for record in ordered], fontsize=5.5
    )
    reasons.tick_params(length=0)
    axis.tick_params(axis="x", labelsize=8)
    axis.set_xlabel("relative change of the denoiser's output (shaded: rounding)", fontsize=8)
    figure.legend(*_legend(), loc="outside upper center", ncols=2, fontsize=8, frameon=False)
    return figure


def _title(record: Mapping) -> str:
    coarse = "" if record["dtype"] == "float64" else f" ({record['dtype']})"
    return record["details"]["title"] + coarse


def _values(record: Mapping) -> tuple[float | None, ...]:
    def worst(errors: Mapping) -> float | None:
        numbers = [error for error in errors.values() if error is not None]
        return max(numbers) if len(numbers) == len(errors) else None

    restored = None if record["measure_invariant"] else worst(record["details"]["with_log_weights"])
    errors = record["errors"]
    rewritten = [error for name, error in errors.items() if name != "permutation" and error is not None]
    return errors["permutation"], max(rewritten, default=None), restored, record["controls"]["different_text"]


def _legend() -> tuple[list, list]:
    handles = [
        Line2D([], [], marker=marker, color=face, mec="#D55E00" if face == "none" else face, ls="", ms=5)
        for _, marker, face in MARKS
    ]
    return handles, [label for label, _, _ in MARKS]

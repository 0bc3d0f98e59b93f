"""Which measures a study has: read from its records, so that a new one needs no word here but its direction."""

from dataclasses import dataclass

import pandas as pd

from whichway.analysis.smoothness.measures import TITLES

HIGH_IS_BETTER = frozenset({"directness", "fidelity"})


@dataclass(frozen=True)
class MeasuredColumn:
    """A measure as the table of results has it.

    Attributes:
        measure: its name: "ppl".
        column: of the table: "ppl_efficientnet".
        title: what tables and figures call it.
    """

    measure: str
    column: str
    title: str
    low_is_better: bool

    @property
    def better(self) -> str:
        """Which values are the better ones: "low" or "high"."""
        return "low" if self.low_is_better else "high"


def find_column(results: pd.DataFrame, measure: str, distance: str) -> MeasuredColumn | None:
    """The column of a measure: under the perceptual distance, or of its own; None where it was not measured."""
    for column in (f"{measure}_{distance}", measure):
        if column in results and results[column].notna().any():
            title = TITLES.get(measure, measure.replace("_", " "))
            return MeasuredColumn(measure, column, title, measure not in HIGH_IS_BETTER)
    return None


def measured_columns(results: pd.DataFrame, distance: str) -> list[MeasuredColumn]:
    """All measures of a study under one perceptual distance, and those that need none; the known ones first."""
    own = [column.removesuffix(f"_{distance}") for column in results if str(column).endswith(f"_{distance}")]
    names = dict.fromkeys([*TITLES, *own, *results.attrs.get("measures", ())])
    return [column for name in names if (column := find_column(results, name, distance)) is not None]

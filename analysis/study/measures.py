"""Which measures a study has: read from its records, so that a new one needs no word here."""

from dataclasses import dataclass

import pandas as pd

from whichway.analysis.vocabulary import MEASURES, Measure


@dataclass(frozen=True)
class MeasuredColumn:
    """A measure as the table of results has it.

    Attributes:
        measure: its name: "ppl".
        column: of the table: "ppl_lpips".
    """

    measure: str
    column: str

    @property
    def described(self) -> Measure:
        return MEASURES[self.measure]

    @property
    def low_is_better(self) -> bool:
        return self.described.low_is_better


def find_column(results: pd.DataFrame, measure: str, distance: str) -> MeasuredColumn | None:
    """The column of a measure under a perceptual distance; None where it was not measured."""
    column = MEASURES[measure].column(measure, distance)
    if column not in results or not results[column].notna().groupby(results["method"]).any().all():
        return None
    return MeasuredColumn(measure, column)


def measured_columns(results: pd.DataFrame, distance: str) -> list[MeasuredColumn]:
    """All measures of single paths that every method has values of, in the order of the vocabulary."""
    return [
        column
        for name, measure in MEASURES.items()
        if measure.of != "pool" and (column := find_column(results, name, distance)) is not None
    ]

"""The hypotheses that a study declared, tested: one family, corrected as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from statsmodels.stats.multitest import multipletests

from whichway.analysis.statistics.paired import PairedComparison, compare_methods
from whichway.analysis.study.measures import find_column
from whichway.analysis.study.plan import LEVEL, Hypothesis
from whichway.analysis.study.results import group_of


@dataclass(frozen=True)
class DeclaredTest:
    """A hypothesis and what became of it.

    Attributes:
        comparison: None where the study has no results of it (yet).
        p_holm: Holm's correction over all hypotheses declared; those without results count, with p = 1.
    """

    hypothesis: Hypothesis
    comparison: PairedComparison | None
    p_holm: float

    @property
    def holds(self) -> bool:
        """Whether the two methods differ, at the declared level."""
        return self.p_holm < LEVEL


def carry_out(results: pd.DataFrame, hypotheses: Sequence[Hypothesis]) -> list[DeclaredTest]:
    """Each of them, in their order."""
    compared = [_compare(results, hypothesis) for hypothesis in hypotheses]
    p = [1.0 if each is None or each.p is None else each.p for each in compared]
    corrected = multipletests(p, method="holm")[1] if p else ()
    return [
        DeclaredTest(hypothesis, comparison, float(p_holm))
        for hypothesis, comparison, p_holm in zip(hypotheses, compared, corrected, strict=True)
    ]


def _compare(results: pd.DataFrame, hypothesis: Hypothesis) -> PairedComparison | None:
    of_group = group_of(results, hypothesis.group)
    both = of_group[of_group["method"].isin([hypothesis.method, hypothesis.reference])]
    column = find_column(both, hypothesis.measure, hypothesis.distance)
    if column is None or both["method"].nunique() < 2:
        return None
    [comparison] = compare_methods(both, column.column, hypothesis.reference, low_is_better=column.low_is_better)
    return comparison

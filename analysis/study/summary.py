"""What a study says, in a few sentences: the claim, how sure it is, and which table to read."""

from typing import Any

import pandas as pd

from whichway.analysis.counted import counted
from whichway.analysis.statistics.estimates import FEW_PAIRS


def conclusion(method: str, reference: str, row: Any) -> str:
    """Of a comparison of PPL: shorter, longer, or that nothing can be said.

    Args:
        row: of a table of comparisons, with ``pairs``, ``ratio``, ``ratio_low`` and ``ratio_high``.
    """
    over = f"Over {counted(row.pairs, 'pair')}"
    if pd.isna(row.ratio):
        return f"{over} no path has a length: no conclusion."
    numbers = f"ratio {row.ratio:.3f}"
    if row.pairs < FEW_PAIRS or pd.isna(row.ratio_low):
        return f"{over}: no conclusion ({numbers} of {method} to {reference}; wanted {FEW_PAIRS} pairs or more)."
    numbers += f", 95 % interval {row.ratio_low:.3f} to {row.ratio_high:.3f}"
    if row.ratio_low <= 1 <= row.ratio_high:
        return f"{over} no difference between {method} and {reference} was found ({numbers})."
    change = abs(1 - row.ratio)
    direction = "shorter" if row.ratio < 1 else "longer"
    return f"{over} the perceptual path of {method} is {change:.1%} {direction} than that of {reference} ({numbers})."


def holding(tests: pd.DataFrame | None, level: float) -> str:
    """How many of the hypotheses hold; empty where there are none."""
    if tests is None or tests.empty:
        return ""
    holds = int((tests["p_holm"] < level).sum())
    verb = "holds" if holds == 1 else "hold"
    return f"{holds or 'None'} of {counted(len(tests), 'hypothesis', 'hypotheses')} {verb} after Holm's correction."

"""A study's tables: as LaTeX, and as the report shows them."""

import pandas as pd

from whichway.analysis.statistics.paired import PairedComparison, by_pair, compare_methods
from whichway.analysis.study.results import measured_columns
from whichway.analysis.vocabulary import MEASURES


def latex_table(comparisons: list[PairedComparison], reference: str) -> str:
    """A booktabs table of the ratios to ``reference``."""
    lines = [
        r"\begin{tabular}{lrrrr}",
        r"\toprule",
        rf"method & mean PPL & ratio to {_latex(reference)} & 95\,\% interval & wins \\",
        r"\midrule",
    ]
    for each in comparisons:
        low, high = each.ratio.low, each.ratio.high
        interval = "--" if low is None else f"{low:.3f} to {high:.3f}"
        wins = rf"{100 * each.wins:.0f}\,\%"
        cells = (_latex(each.method), f"{each.mean:.3f}", f"{each.ratio.value:.3f}", interval, wins)
        lines.append(rf"{' & '.join(cells)} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _latex(name: str) -> str:
    return name.replace("_", r"\_").replace("&", r"\&")


def strata_tables(results: pd.DataFrame, distance: str, reference: str) -> list[dict]:
    """All comparisons with ``reference`` once more, within each stratum of similarity; one table for each measure."""
    groups = list(results.dropna(subset="stratum").groupby("stratum"))
    if not groups or results["method"].nunique() < 2:
        return []
    titles = [f"{stratum:.0f} to {stratum + 1:.0f} ({group['pair'].nunique()} pairs)" for stratum, group in groups]
    tables = []
    for name, column in measured_columns(results, distance).items():
        low = MEASURES[name].low_is_better
        columns = [compare_methods(group, column, reference, low_is_better=low) for _, group in groups]
        rows = [(cells[0].method, cells) for cells in zip(*columns, strict=True)]
        tables.append(
            {"measure": name, "distance": distance, "reference": reference} | {"strata": titles, "rows": rows}
        )
    return tables


def mean_table(results: pd.DataFrame, distance: str) -> pd.DataFrame:
    """Mean of each measure over pairs, one row for each method."""
    columns = measured_columns(results, distance)
    return pd.DataFrame({name: by_pair(results, column).mean() for name, column in columns.items()})

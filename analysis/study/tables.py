"""A study's tables: as LaTeX, and as the report shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from whichway.analysis.runs.change_by_part import EVERYTHING, titles_of_moves
from whichway.analysis.statistics.estimates import Estimate
from whichway.analysis.statistics.paired import PairedComparison, by_pair, compare_methods
from whichway.analysis.study.results import MEASURES, encoders_of, with_encoder

HIGH_IS_SMOOTH = ("directness",)


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
    for measure in MEASURES:
        high = measure in HIGH_IS_SMOOTH
        columns = [
            compare_methods(group, f"{measure}_{distance}", reference, low_is_better=not high) for _, group in groups
        ]
        rows = [(cells[0].method, cells) for cells in zip(*columns, strict=True)]
        tables.append(
            {"measure": measure, "distance": distance, "reference": reference, "high": high}
            | {"strata": titles, "rows": rows}
        )
    return tables


def mean_table(results: pd.DataFrame, distance: str) -> pd.DataFrame:
    """Mean of each measure over pairs, one row for each method."""
    columns = {measure: by_pair(results, f"{measure}_{distance}").mean() for measure in MEASURES}
    return pd.DataFrame(columns)


@dataclass(frozen=True)
class DistancesOfEncoder:
    """Means over pairs, of one encoder's rows; NaN where no pair has a value.

    Attributes:
        encoder: its name; empty where there is only one.
        ratio: W_2 / RMS Frobenius.
        moved: share of the rows that the optimal coupling moves.
    """

    encoder: str
    wasserstein: float
    rms_frobenius: float
    ratio: float
    moved: float


def distance_table(results: pd.DataFrame) -> list[DistancesOfEncoder]:
    """A line for each encoder: their distances are in units of their own, so no sum of them means anything."""
    pairs, optimal = results.drop_duplicates("pair"), results[results["method"] == "optimal"]
    table = []
    for encoder in encoders_of(results):
        w2, rms = (pairs[with_encoder(name, encoder)].astype(float) for name in ("wasserstein", "rms_frobenius"))
        moved = optimal[with_encoder("share_moved", encoder)].astype(float).mean()
        table.append(DistancesOfEncoder(encoder, w2.mean(), rms.mean(), (w2 / rms).mean(), moved))
    return table


def vector_table(results: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Name of each pooled vector → mean distance of A's and B's over pairs, and mean angle in degrees."""
    pairs = results.drop_duplicates("pair")
    names = [column.removeprefix("distance_") for column in results if column.startswith("distance_")]
    return {name: (pairs[f"distance_{name}"].mean(), pairs[f"angle_{name}"].astype(float).mean()) for name in names}


@dataclass(frozen=True)
class ChangeOfPart:
    """How far the image looks from A's when this moved and the rest of the text stayed A's; means over pairs.

    Attributes:
        title: what moved.
        halfway, end: the distance, and its ratio to that of everything (None of everything itself).
    """

    title: str
    halfway: float
    halfway_ratio: Estimate | None
    end: float
    end_ratio: Estimate | None


def change_table(changes: pd.DataFrame, distance: str, encoders: Sequence[str]) -> list[ChangeOfPart]:
    """A line for each part; empty where a text is one cloud alone."""
    if changes.empty:
        return []
    columns = [f"{where}_{distance}" for where in ("halfway", "end")]
    means = [by_pair(changes, column).mean() for column in columns]
    ratios = [{c.method: c.ratio for c in compare_methods(changes, column, EVERYTHING)} for column in columns]
    titles = titles_of_moves(list(dict.fromkeys(changes["method"])), encoders)
    return [
        ChangeOfPart(title, means[0][what], ratios[0].get(what), means[1][what], ratios[1].get(what))
        for what, title in titles.items()
    ]

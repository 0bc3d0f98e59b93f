"""A study's tables: one frame of plain columns for each, written as CSV and LaTeX, and shown by the report."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from whichway.analysis.prompts.pairs import DIFFERING, GROUPS, STRATA
from whichway.analysis.runs.change_by_part import EVERYTHING, titles_of_moves
from whichway.analysis.statistics.estimates import Estimate
from whichway.analysis.statistics.paired import (
    PairedComparison,
    by_pair,
    columns_by_pair,
    compare_means,
    compare_methods,
    ratios_where_apart,
    strata_of,
)
from whichway.analysis.study.declared_tests import DeclaredTest
from whichway.analysis.study.measures import MeasuredColumn, find_column, measured_columns
from whichway.analysis.study.results import by_stratum, encoders_of, group_of, with_encoder

DIGITS = 3  # of numbers in LaTeX


def comparison_columns(compared: PairedComparison) -> dict[str, object]:
    """A comparison as columns of a table: the effect with its interval, its size, and who wins."""
    return {
        "pairs": compared.pairs,
        "mean": compared.mean,
        **_with_interval("ratio", compared.ratio),
        **_with_interval("effect", compared.effect),
        **_with_interval("difference", compared.difference),
        "wins": compared.wins,
    }


def _with_interval(name: str, estimate: Estimate) -> dict[str, float]:
    """NaN where there is no interval, so that the columns stay numbers."""
    low, high = (float("nan") if end is None else end for end in (estimate.low, estimate.high))
    return {name: estimate.value, f"{name}_low": low, f"{name}_high": high}


def claim_table(results: pd.DataFrame, distance: str, *, method: str, reference: str) -> pd.DataFrame:
    """The claim: PPL of one method against another, over the pairs that differ, and within each stratum.

    One row for each group and stratum that has pairs; the first is the headline.
    """
    column = find_column(results, "ppl", distance)
    parts = {DIFFERING: group_of(results, DIFFERING)} | by_stratum(results)
    both = {name: rows[rows["method"].isin([method, reference])] for name, rows in parts.items()}
    return pd.DataFrame(
        [
            {"stratum": name, "meaning": STRATA.get(name, "the headline: all strata of similarity below 5")}
            | comparison_columns(compared)
            for name, rows in both.items()
            if column is not None and len(rows)
            for compared in compare_methods(rows, column.column, reference)
        ]
    )


def comparison_table(results: pd.DataFrame, distances: Sequence[str], references: Sequence[str]) -> pd.DataFrame:
    """Every method against every reference, for each group of pairs, perceptual distance and measure."""
    rows = []
    for group in GROUPS:
        of_group = group_of(results, group)
        if of_group.empty:
            continue
        for distance in distances:
            for column, means in _means_of_measures(of_group, distance):
                if column.described.of == "frames" and distance != distances[0]:
                    continue  # needs no perceptual distance: once is enough
                strata = strata_of(of_group, means.index)
                for reference in references:
                    where = {
                        "group": group,
                        "distance": distance,
                        "measure": column.measure,
                        "better": column.described.better,
                    }
                    rows += [
                        where | {"method": each.method, "reference": reference} | comparison_columns(each)
                        for each in compare_means(means, strata, reference, low_is_better=column.low_is_better)
                    ]
    return pd.DataFrame(rows)


def strata_table(results: pd.DataFrame, distance: str, reference: str) -> pd.DataFrame:
    """Every method against ``reference`` within each stratum, for each measure."""
    rows = []
    for stratum, of_stratum in by_stratum(results).items():
        for column, means in _means_of_measures(of_stratum, distance):
            strata = strata_of(of_stratum, means.index)
            where = {"stratum": stratum, "measure": column.measure, "better": column.described.better}
            rows += [
                where | {"method": each.method, "reference": reference} | comparison_columns(each)
                for each in compare_means(means, strata, reference, low_is_better=column.low_is_better)
            ]
    return pd.DataFrame(rows)


def tests_table(tested: Sequence[DeclaredTest]) -> pd.DataFrame:
    """The declared hypotheses, one row each, in the order in which they were declared."""
    rows = []
    for each in tested:
        hypothesis, compared = each.hypothesis, each.comparison
        row: dict[str, object] = {
            "group": hypothesis.group,
            "measure": hypothesis.measure,
            "distance": hypothesis.distance,
            "method": hypothesis.method,
            "reference": hypothesis.reference,
        }
        if compared is not None:
            row |= {"pairs": compared.pairs, **_with_interval("ratio", compared.ratio), "p": compared.p}
        rows.append(row | {"p_holm": each.p_holm})
    return pd.DataFrame(rows)


def mean_table(results: pd.DataFrame, distance: str) -> pd.DataFrame:
    """Mean of each measure over the pairs that differ, one row for each method."""
    differing = group_of(results, DIFFERING)
    shown = results if differing.empty else differing
    measures = _means_of_measures(shown, distance)
    return pd.DataFrame({column.described.title: means.mean() for column, means in measures})


def _means_of_measures(results: pd.DataFrame, distance: str) -> list[tuple[MeasuredColumn, pd.DataFrame]]:
    """Each measure, and its means over seeds: a row for each pair and a column for each method."""
    columns = measured_columns(results, distance)
    means = columns_by_pair(results, [each.column for each in columns])
    return [(each, means[each.column]) for each in columns]


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
        table.append(DistancesOfEncoder(encoder, w2.mean(), rms.mean(), ratios_where_apart(w2, rms).mean(), moved))
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


def latex_table(table: pd.DataFrame) -> str:
    """A booktabs table; each interval in one column beside its number, and nothing of the differences."""
    shown = table.drop(columns=[name for name in table if str(name).startswith("difference") or name == "meaning"])
    for name in [str(each) for each in shown if f"{each}_low" in shown]:
        low, high = shown.pop(f"{name}_low"), shown.pop(f"{name}_high")
        intervals = [_interval(*ends) for ends in zip(low, high, strict=True)]
        shown.insert(shown.columns.get_loc(name) + 1, f"{name}, 95% interval", intervals)
    styled = shown.style.format(_cell, escape="latex", na_rep="--").format_index(escape="latex", axis="columns")
    return str(styled.hide(axis="index").to_latex(hrules=True))


def _interval(low: float | None, high: float | None) -> str:
    return "–" if pd.isna(low) else f"{low:.{DIGITS}f} to {high:.{DIGITS}f}"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2g}" if 0 < abs(value) < 10**-DIGITS else f"{value:.{DIGITS}f}"
    return str(value).replace("–", "--")

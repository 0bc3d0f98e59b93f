"""study/, parametrisation/, robustness/ → README.md: sentences and tables, between two markers."""

import re
from pathlib import Path

import pandas as pd

from figures.saved import compare_conditions, perceptual_distance
from whichway.analysis.statistics.correlations import predict_from_length
from whichway.analysis.statistics.estimates import Estimate
from whichway.analysis.statistics.paired import PairedComparison, compare_methods
from whichway.analysis.study.results import read_results

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- study: begin -->", "<!-- study: end -->"


def headline(results: pd.DataFrame) -> str:
    """What the study says of the optimal-transport path, in words that follow from the interval."""
    [found] = [
        each
        for each in compare_methods(results, f"ppl_{perceptual_distance()}", "identity")
        if each.method == "optimal"
    ]
    strata = [
        f"{_number(compared.ratio)} for pairs of similarity {stratum} to {stratum + 1}"
        for stratum, group in results.groupby("stratum")
        if stratum in (results["stratum"].min(), results["stratum"].max())
        for compared in compare_methods(group, f"ppl_{perceptual_distance()}", "identity")
        if compared.method == "optimal"
    ]
    return (
        f"Over {results['pair'].nunique()} pairs of prompts × {results['seed'].nunique()} seeds on the embedded model, "
        f"images along the optimal-transport path change {_verdict(found.ratio)} along the straight line between "
        f"matrices: the ratio of perceptual path lengths is {_number(found.ratio)}, and it is below 1 on "
        f"{found.wins:.0%} of the pairs. It depends on how similar the prompts are: {', '.join(strata)}. "
        f"{_prediction(results)}"
    )


def _prediction(results: pd.DataFrame) -> str:
    """How much of it the ratio of lengths predicts: over all pairs, and without those that say the same."""
    differing = results[results["score"] < 5]
    found, without = (
        predict_from_length(table, perceptual_distance(), method="optimal", reference="identity")
        for table in (results, differing)
    )
    return (
        f"The path itself is {found.length_ratio:.2f} as long (W_2 / RMS Frobenius). Over pairs this ratio explains "
        f"{found.explained:.0%} of the variance of the other (Spearman {_number(found.spearman)}); without the "
        f"{results['pair'].nunique() - differing['pair'].nunique()} pairs that say the same in other words, "
        f"{without.explained:.0%} (Spearman {_number(without.spearman)})."
    )


def _verdict(ratio: Estimate) -> str:
    if ratio.low is None or ratio.high is None or ratio.low <= 1 <= ratio.high:
        return "no more and no less than"
    return "less than" if ratio.value < 1 else "more than"


def table(results: pd.DataFrame) -> str:
    """Ratios to identity, with 95 % intervals, and of PPL to the paper's optimal path."""
    measures = ("ppl", "worst_step", "gini")
    to_identity = {name: _by_method(results, f"{name}_{perceptual_distance()}", "identity") for name in measures}
    to_optimal = _by_method(results, f"ppl_{perceptual_distance()}", "optimal")
    lines = [
        "| method | PPL / identity's | PPL / optimal's | worst step / identity's | Gini / identity's | smoother on |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for method, compared in to_identity["ppl"].items():
        ratios = [compared.ratio, to_optimal[method].ratio if method in to_optimal else None]
        ratios += [to_identity[name][method].ratio for name in measures[1:]]
        numbers = " | ".join("–" if ratio is None else _number(ratio) for ratio in ratios)
        lines.append(f"| `{method}` | {numbers} | {compared.wins:.0%} |")
    return "\n".join(lines)


def _by_method(results: pd.DataFrame, column: str, reference: str) -> dict[str, PairedComparison]:
    return {each.method: each for each in compare_methods(results, column, reference)}


def _number(ratio: Estimate) -> str:
    return f"{ratio.value:.2f}" if ratio.low is None else f"{ratio.value:.2f} ({ratio.low:.2f}–{ratio.high:.2f})"


def robustness(compared: pd.DataFrame) -> str:
    """Under how many conditions the optimal path and the mixture are below identity for sure."""
    said = []
    for method in ("optimal", "mixture"):
        rows = compared[compared["method"] == method]
        sure = (rows["high"].astype(float) < 1).sum()
        said.append(
            f"`{method}` is {rows['ratio'].min():.2f} to {rows['ratio'].max():.2f} of identity's, its interval below 1 "
            f"in {sure} of {len(rows)}"
        )
    return (
        f"Does it depend on how it is measured? Under {compared['condition'].nunique()} conditions (three perceptual "
        f"distances; twice the guidance, more steps, another sampler) the PPL of {'; that of '.join(said)}."
    )


def rewrite(text: str, results: pd.DataFrame, parametrised: pd.DataFrame, compared: pd.DataFrame) -> str:
    of_frames = (
        f"When the frames are taken is another choice than the path. Over {parametrised['pair'].nunique()} pairs × "
        f"{parametrised['seed'].nunique()} seed(s), evenly in t and until consecutive frames look equally far apart "
        "(`@perceptual`):"
    )
    parts = [headline(results), table(results), robustness(compared), of_frames, table(parametrised)]
    section = "\n\n".join(parts)
    section = f"{BEGIN}\n{section}\n{END}"
    return re.sub(f"{BEGIN}.*{END}", lambda _: section, text, flags=re.DOTALL)


def rewritten() -> str:
    """README as the records in this folder want it."""
    studies = [read_results(HERE / name) for name in ("study", "parametrisation")]
    return rewrite(README.read_text(encoding="utf-8"), *studies, compare_conditions())


if __name__ == "__main__":
    README.write_text(rewritten(), encoding="utf-8")

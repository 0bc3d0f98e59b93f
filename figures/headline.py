"""Records of studies in this folder → what README.md and docs/study.md say of them."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from figures import gap, networks
from figures.formats import correlation, number, percent
from figures.saved import CHALLENGE, PARAMETRISATION, STUDY, compare_conditions
from whichway.analysis.counted import counted
from whichway.analysis.prompts.pairs import DIFFERING, GROUPS, LENGTH, SAME_SCENE, WORD_ORDER
from whichway.analysis.statistics.correlations import predict_from_length
from whichway.analysis.statistics.estimates import Estimate
from whichway.analysis.statistics.paired import PairedComparison, compare_methods
from whichway.analysis.study.challenge import HELD_OUT, read_challenge
from whichway.analysis.study.declared_tests import carry_out
from whichway.analysis.study.kernel_distances import KernelDistance, KernelDistances, read_kernel_distances
from whichway.analysis.study.measures import MeasuredColumn, find_column
from whichway.analysis.study.plan import Hypothesis
from whichway.analysis.study.results import by_stratum, group_of, read_results
from whichway.analysis.study.robustness import agreement
from whichway.analysis.study.saved_study import SavedStudy, read_study
from whichway.analysis.study.selection import CandidateResult
from whichway.analysis.vocabulary import MEASURES

#: group of pairs → the clause that says what its two prompts have in common
CLAUSES = {
    SAME_SCENE: "that say the same scene in other words",
    WORD_ORDER: "that have the same words in another order",
    LENGTH: "of which one has the other's words and some that say nothing",
}
#: measures in the table, as far as they were measured: four of smoothness, and all of fidelity
TABLE_MEASURES = (
    *("ppl", "worst_step", "gini", "curvature"),
    *(name for name, measure in MEASURES.items() if (measure.axis, measure.of) == ("fidelity", "frames")),
)


def headline(study: SavedStudy, results: pd.DataFrame) -> str:
    """How the optimal-transport path compares with the straight line, in words that follow from the intervals."""
    distance = study.settings.perceptual_distances[0]
    differing = group_of(results, DIFFERING)
    claim = _claim(differing, distance)
    same_meaning = [
        f"On {rows['pair'].nunique()} pairs {CLAUSES[group]} the ratio is {number(_claim(rows, distance).ratio)}."
        for group in GROUPS[1:]
        if len(rows := group_of(results, group))
    ]
    excluded = f" {_how_far_apart(results, f'ppl_{distance}')}" if same_meaning else ""
    return (
        f"Over {claim.pairs} pairs of prompts that say different things, images along the optimal-transport path "
        f"change {_verdict(claim.ratio)} along the straight line between matrices: the ratio of perceptual path "
        f"lengths is **{number(claim.ratio)}**, and it is below 1 on {claim.wins:.0%} of the pairs. "
        f"{' '.join(same_meaning)}{excluded}"
    )


def _how_far_apart(results: pd.DataFrame, column: str) -> str:
    """Of pairs that say the same: the ratio is one of small numbers."""
    straight = results[results["method"] == "identity"]
    medians = {group: group_of(straight, group).groupby("pair")[column].mean().median() for group in GROUPS}
    alike = [median for group, median in medians.items() if group != DIFFERING]
    return (
        f"On those neither way goes far (the straight line's median PPL is {np.nanmin(alike):.2f} to "
        f"{np.nanmax(alike):.2f}, where prompts differ {medians[DIFFERING]:.2f}), and they are not part of the number "
        "above."
    )


def by_similarity(study: SavedStudy, results: pd.DataFrame) -> str:
    """The claim by how alike the prompts are, and how much of what a geodesic gains the optimal path takes."""
    distance = study.settings.perceptual_distances[0]
    differing = group_of(results, DIFFERING)
    groups = {"all": differing} | by_stratum(differing)
    claims = {name: number(_claim(rows, distance).ratio) for name, rows in groups.items()}
    shares = {each.stratum: each for each in gap.shares_of_optimal()}
    cells = [f"{percent(shares[name].share)}, {counted(shares[name].pairs, 'pair')}" for name in groups]
    return "\n".join(
        [
            f"| similarity of the prompts | {' | '.join(claims)} |",
            f"| --- |{' --- |' * len(claims)}",
            f"| PPL of `optimal` / `identity` | {' | '.join(claims.values())} |",
            f"| share that `optimal` takes of what a geodesic of the images gains ({gap.short_conditions()}) "
            f"| {' | '.join(cells)} |",
        ]
    )


def conditions(study: SavedStudy, results: pd.DataFrame) -> str:
    """What the numbers were measured on, and how."""
    settings, sampling = study.settings, study.settings.sampling
    sizes = sorted({rows["pair"].nunique() for rows in by_stratum(results).values()})
    strata = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    scheduler = study.scheduler if sampling.scheduler == "own" else sampling.scheduler
    if study.plan is None:
        declared = "An older design: hypotheses were not declared before it, nor was the model's accuracy noted."
    else:
        answers = ", ".join(f"{question} {share}" for question, share in (study.plan.accuracy or {}).items())
        accuracy = f"the model's own accuracy: {answers}" if answers else "the model's accuracy was not evaluated"
        declared = f"{_outcome(study.plan.hypotheses, results)}; {accuracy}."
    return (
        f"Conditions: model {settings.model.name} (SHA-256 {study.model_sha256[:8]}…), {scheduler}, "
        f"{sampling.num_inference_steps} steps, guidance {sampling.guidance_scale:g}; {strata} pairs in each of "
        f"{len(by_stratum(results))} strata × {results['seed'].nunique()} seeds, {settings.frames} frames a path; "
        f"perceptual distance {settings.perceptual_distances[0]}; geometric means of paired ratios, seeds averaged "
        f"within their pair, 95 % bootstrap intervals over pairs within their strata. {declared}"
    )


def _outcome(hypotheses: Sequence[Hypothesis], results: pd.DataFrame) -> str:
    tests = carry_out(results, hypotheses)
    failed = [f"`{each.hypothesis.method}` against `{each.hypothesis.reference}`" for each in tests if not each.holds]
    but = f", all but {' and '.join(failed)}" if failed else ""
    return (
        f"Of {len(tests)} hypotheses that were written down before the first image, {len(tests) - len(failed)} hold "
        f"after Holm's correction{but}"
    )


def prediction(study: SavedStudy, results: pd.DataFrame) -> str:
    """How much of the ratio of perceptual path lengths the ratio of geometric lengths explains."""
    differing = group_of(results, DIFFERING)
    ask = partial(
        predict_from_length,
        perceptual_distance=study.settings.perceptual_distances[0],
        method="optimal",
        reference="identity",
    )
    predicted = ask(differing)
    within = ", ".join(f"{name}: {correlation(ask(rows).spearman)}" for name, rows in by_stratum(differing).items())
    return (
        f"The path itself is {predicted.length_ratio:.2f} as long (W_2 / RMS Frobenius). Over these pairs this ratio "
        f"explains {predicted.explained:.0%} of the variance of the ratio of perceptual path lengths (Spearman "
        f"{correlation(predicted.spearman)}). Both ratios fall as the prompts grow alike; among pairs of one stratum "
        f"of similarity, Spearman's correlation is {within}."
    )


def table(study: SavedStudy, results: pd.DataFrame, kernel_distances: KernelDistances | None = None) -> str:
    """Over the pairs that differ, against identity and with 95 % intervals: ratios, and differences where a measure is
    a probability or a score (of numbers near 0 a ratio says nothing)."""
    distance = study.settings.perceptual_distances[0]
    differing = group_of(results, DIFFERING)
    columns = [column for name in TABLE_MEASURES if (column := find_column(differing, name, distance))]
    to_identity = [_by_method(differing, column.column, "identity", column.low_is_better) for column in columns]
    to_optimal = _by_method(differing, columns[0].column, "optimal", True)
    cells: dict[str, Callable[[str], str]] = {
        f"{column.described.title} {'−' if _is_fidelity(column) else '/'} identity's": partial(_cell, column, compared)
        for column, compared in zip(columns, to_identity, strict=True)
    }
    if kernel_distances is not None:
        cells["kernel distance − identity's"] = lambda method: _to_identity(kernel_distances.methods[method])
    ppl, *others = cells
    headings = ["method", ppl, "PPL / optimal's", *others, "smoother on"]
    lines = [f"| {' | '.join(headings)} |", f"| {' | '.join(['---'] * len(headings))} |"]
    for method, of_ppl in to_identity[0].items():
        row = [cells[ppl](method), number(to_optimal[method].ratio) if method in to_optimal else "–"]
        row += [*(cells[other](method) for other in others), f"{of_ppl.wins:.0%}"]
        lines.append(f"| `{method}` | {' | '.join(row)} |")
    return "\n".join(lines)


def _is_fidelity(column: MeasuredColumn) -> bool:
    return column.described.axis == "fidelity"


def _cell(column: MeasuredColumn, compared: dict[str, PairedComparison], method: str) -> str:
    return _difference(compared[method].difference) if _is_fidelity(column) else number(compared[method].ratio)


def _to_identity(distance: KernelDistance) -> str:
    if distance.difference is None:
        return "–"
    return _difference(Estimate(distance.difference, distance.difference_low, distance.difference_high))


def _difference(estimate: Estimate) -> str:
    interval = "" if estimate.low is None else f" ({estimate.low:+.3f} to {estimate.high:+.3f})"
    return f"{estimate.value:+.3f}{interval}"


def _claim(results: pd.DataFrame, distance: str) -> PairedComparison:
    return _by_method(results, f"ppl_{distance}", "identity", True)["optimal"]


def _by_method(results: pd.DataFrame, column: str, reference: str, low_is_better: bool) -> dict[str, PairedComparison]:
    return {each.method: each for each in compare_methods(results, column, reference, low_is_better=low_is_better)}


def _verdict(ratio: Estimate) -> str:
    if not ratio.leaves_out(1):
        return "no more and no less than"
    return "less than" if ratio.value < 1 else "more than"


def robustness(compared: pd.DataFrame) -> str:
    """PPL of ``optimal`` and ``mixture`` relative to identity under every condition, and whether the ranking holds."""
    verdicts = []
    for method in ("optimal", "mixture"):
        rows = compared[compared["method"] == method]
        below = (rows["high"].astype(float) < 1).sum()
        verdicts.append(
            f"`{method}` is {rows['ratio'].min():.2f} to {rows['ratio'].max():.2f} of identity's, its interval below 1 "
            f"in {below} of {len(rows)}"
        )
    parts = [condition.split(", ") for condition in dict.fromkeys(compared["condition"])]
    distances = ", ".join(dict.fromkeys(distance for distance, *_ in parts))
    changes = ", ".join(dict.fromkeys(change for _, *changed in parts for change in changed))
    return (
        f"Does it depend on how it is measured? Under {len(parts)} conditions (perceptual distance {distances}; "
        f"{changes}), on the {compared['pairs'].min()} pairs and the noise that they share, the PPL of "
        f"{'; that of '.join(verdicts)}. The ranking of the methods agrees with the first condition's to Kendall's τ "
        f"{_least_agreement(agreement(compared).iloc[1:])}."
    )


def _least_agreement(agreeing: pd.DataFrame) -> str:
    """By the number of methods that are ranked: of four there are not many ways to disagree."""
    by_methods = agreeing.groupby("methods")["tau"].agg(["min", "size"]).sort_index(ascending=False)
    return ", and ".join(
        f"{row['min']:.2f} or more in the {row['size']:.0f} that have {methods} methods"
        for methods, row in by_methods.iterrows()
    )


def parametrisation(study: SavedStudy, results: pd.DataFrame) -> str:
    """The table of a study that compares how the times of the frames are chosen."""
    differing = group_of(results, DIFFERING)
    return (
        "When the frames are taken is another choice than the path. Over "
        f"{differing['pair'].nunique()} pairs × {results['seed'].nunique()} noise(s), evenly in t and until "
        f"consecutive frames look equally far apart (`@perceptual`):\n\n{table(study, results)}"
    )


def challenge(folder: Path) -> str:
    """The candidates on the tuning pairs, the one that was picked on the held-out ones, and the verdict."""
    result = read_challenge(folder)
    measures = list(result.tuned[0].ratios)
    headings = ["method", *(f"{MEASURES[measure].title} / optimal's" for measure in measures)]

    def rows(compared: list[CandidateResult]) -> list[str]:
        return [
            f"| `{each.method}` | {' | '.join(number(each.ratios[measure].ratio) for measure in measures)} |"
            for each in compared
        ]

    head = [f"| {' | '.join(headings)} |", f"| {' | '.join(['---'] * len(headings))} |"]
    if result.held_out is None:
        verdict = "None of them passes the rule: a shorter perceptual path, and no worse in the other measures."
    else:
        failed = [MEASURES[measure].title for measure, passed in result.verdict.items() if not passed]
        outcome = f"it fails the rule in {', '.join(failed)}" if failed else "it beats optimal transport"
        numbers = "\n".join([*head, *rows([result.held_out])])
        pairs = result.held_out.ratios["ppl"].pairs
        verdict = (
            f"The rule picks `{result.picked}`. On {pairs} held-out pairs, whose scenes it has not seen"
            f"{_of_the_study(folder / HELD_OUT)}, {outcome}:\n\n{numbers}"
        )
    return (
        f"Is there a better method than the paper's? {len(result.tuned)} candidates on "
        f"{result.tuned[0].ratios['ppl'].pairs} pairs for tuning, by a rule that was written down first "
        "(`figures/challenge/rule.json`):\n\n" + "\n".join([*head, *rows(result.tuned)]) + f"\n\n{verdict}"
    )


def _of_the_study(held_out: Path) -> str:
    """Whether the images of the held-out pairs are the study's own, which were there before the pick."""
    study, judged = read_study(STUDY), read_study(held_out)
    noises = {*judged.settings.noise_seeds} <= {*study.settings.noise_seeds}
    if not (noises and {*judged.pairs} <= {*study.pairs} and judged.model_sha256 == study.model_sha256):
        return ""
    return " (pairs, noises and images of the study above, which the pick did not use, but which were there before it)"


def short_result() -> str:
    """What README says: the claim, and the conditions under which it was measured."""
    study, results = read_study(STUDY), read_results(STUDY)
    claim = f"{headline(study, results)} {networks.sentence()}"
    return "\n\n".join((claim, by_similarity(study, results), conditions(study, results)))


def whole_result() -> str:
    """What the page of the study says: that, its tables, and what the other records say."""
    study, results = read_study(STUDY), read_results(STUDY)
    parts = [short_result(), prediction(study, results)]
    parts += [table(study, results, read_kernel_distances(STUDY)), robustness(compare_conditions())]
    parts += [networks.text(), parametrisation(read_study(PARAMETRISATION), read_results(PARAMETRISATION))]
    if CHALLENGE.is_dir():
        parts.append(challenge(CHALLENGE))
    return "\n\n".join(parts)

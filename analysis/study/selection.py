"""Is there a way that beats the paper's? Candidates, one rule to pick among them, and one to judge the pick by.

The pick is made on pairs for tuning and judged on pairs that are held out of it; both rules are written down before the
first frame of the tuning. Held-out pairs may be those of another study: then their images were there before the pick,
which did not see them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from whichway.analysis.prompts.pairs import DIFFERING
from whichway.analysis.statistics.paired import PairedComparison, compare_methods
from whichway.analysis.study.measures import MeasuredColumn, find_column
from whichway.analysis.study.plan import Hypothesis
from whichway.analysis.study.results import group_of
from whichway.analysis.vocabulary import MEASURES

REFERENCE = "optimal"  # the paper's
#: method → why it might be better
CANDIDATES = {
    "mixture": "no row moves: the other straight line between measures",
    "partial": "between displacement and mixture: near rows move, far ones fade",
    "halved+partial": "between displacement and mixture: every row half moves and half fades",
    "unbalanced-near": "between displacement and mixture, by reach: little moves",
    "unbalanced": "between displacement and mixture, by reach",
    "unbalanced-far": "between displacement and mixture, by reach: most moves",
    "optimal@own": "padding is left out of the coupling",
    "optimal@cross-attention": "rows are matched as the denoiser's keys and values see them",
    "optimal@cross-attention@own": "the same, padding left out",
    "ordered+displacement": "rows pay for leaving their place in the prompt",
    "fused-gromov+displacement": "neighbours in the prompt stay neighbours",
    "gromov+displacement": "distances within the prompt stay",
    "spherical": "matched rows keep their length",
    "aid-outer": "frames attend to both ends' frames, rows as they come",
    "optimal+aid-inner": "frames attend to both ends' frames, rows matched by optimal transport",
    "optimal+aid-outer": "the same, outputs interpolated",
}


#: measures of how real the frames in between look, of single paths
FIDELITY = tuple(name for name, measure in MEASURES.items() if (measure.axis, measure.of) == ("fidelity", "frames"))


@dataclass(frozen=True)
class SelectionRule:
    """How one candidate is picked, and when it has beaten the reference.

    All numbers are geometric means over pairs that differ of candidate / reference, turned so that below 1 is better.

    Attributes:
        aim: the measure that is to be smaller.
        guards: measures that must not be worse, as far as they were measured.
        margin: what a guard may be above 1: on the tuning pairs the ratio itself, on the held-out ones the upper end of
            its 95 % interval.
        gain: how far below 1 the aim's ratio has to be on the held-out pairs, with an interval that leaves out 1.
    """

    aim: str = "ppl"
    guards: tuple[str, ...] = ("gini", "worst_step", *FIDELITY)
    margin: float = 0.05
    gain: float = 0.05

    def as_json(self) -> dict:
        return asdict(self) | {
            "guards": [*self.guards],
            "reference": REFERENCE,
            "pick": (
                f"on the tuning pairs, of the candidates whose ratio in each of {', '.join(self.guards)} is at most "
                f"{1 + self.margin:g}, the one of the smallest ratio in {self.aim}, if that is below 1"
            ),
            "judge": (
                f"on the held-out pairs, {self.aim} at most {1 - self.gain:g} with a 95 % interval below 1, and the "
                f"upper end of each guard's 95 % interval at most {1 + self.margin:g}"
            ),
        }


@dataclass(frozen=True)
class CandidateResult:
    """A candidate against the reference.

    Attributes:
        ratios: measure → its comparison with the reference.
        costs: measure → the ratio, turned so that below 1 is better, and the ends of its interval.
    """

    method: str
    ratios: Mapping[str, PairedComparison]
    costs: Mapping[str, tuple[float, float | None, float | None]]


def compare_candidates(
    results: pd.DataFrame, distance: str, candidates: Iterable[str], rule: SelectionRule
) -> list[CandidateResult]:
    """Each candidate that has results, against the reference, over the pairs that differ.

    In the measures that have ratios: those that were measured and are nowhere negative.
    """
    differing = group_of(results, DIFFERING)
    columns = [
        column
        for name in (rule.aim, *rule.guards)
        if (column := find_column(differing, name, distance)) and not (differing[column.column] < 0).any()
    ]
    found = []
    for method in candidates:
        both = differing[differing["method"].isin([method, REFERENCE])]
        if both["method"].nunique() == 2:
            ratios = {column.measure: _compare(both, column) for column in columns}
            costs = {column.measure: _cost(ratios[column.measure], column) for column in columns}
            found.append(CandidateResult(method, ratios, costs))
    return found


def _compare(results: pd.DataFrame, column: MeasuredColumn) -> PairedComparison:
    [compared] = compare_methods(results, column.column, REFERENCE, low_is_better=column.low_is_better)
    return compared


def _cost(compared: PairedComparison, column: MeasuredColumn) -> tuple[float, float | None, float | None]:
    value, low, high = compared.ratio.value, compared.ratio.low, compared.ratio.high
    if column.low_is_better:
        return value, low, high
    return 1 / value, None if high is None else 1 / high, None if low is None else 1 / low


def pick(compared: Sequence[CandidateResult], rule: SelectionRule) -> str | None:
    """The candidate that the rule picks; None where every one is longer, or worse in what it must not be."""
    admitted = [
        each
        for each in compared
        if each.costs[rule.aim][0] < 1
        and all(each.costs[guard][0] <= 1 + rule.margin for guard in rule.guards if guard in each.costs)
    ]
    best = min(admitted, key=lambda each: each.costs[rule.aim][0], default=None)
    return None if best is None else best.method


def judge(compared: CandidateResult, rule: SelectionRule) -> dict[str, bool]:
    """Measure → whether it passes the rule on held-out pairs; if all do, the reference is beaten."""
    value, _, high = compared.costs[rule.aim]
    verdict = {rule.aim: value <= 1 - rule.gain and high is not None and high < 1}
    for guard in rule.guards:
        if guard in compared.costs:
            upper = compared.costs[guard][2]
            verdict[guard] = upper is not None and upper <= 1 + rule.margin
    return verdict


def selection_hypotheses(method: str, distance: str, measures: Iterable[str]) -> tuple[Hypothesis, ...]:
    """What the held-out study declares: the picked method against the reference, in the aim and in every guard."""
    return tuple(Hypothesis(method, REFERENCE, measure, distance, DIFFERING) for measure in measures)


def candidates_table(compared: Sequence[CandidateResult]) -> pd.DataFrame:
    """One row for each candidate: ratios to the reference with their intervals."""
    rows = []
    for each in compared:
        row: dict[str, object] = {"method": each.method, "reason": CANDIDATES.get(each.method, "")}
        for measure, comparison in each.ratios.items():
            ratio = comparison.ratio
            row |= {"pairs": comparison.pairs}
            row |= {measure: ratio.value, f"{measure}_low": ratio.low, f"{measure}_high": ratio.high}
        rows.append(row)
    return pd.DataFrame(rows)

"""What a study asks, written down in ``study.json`` before its first frame: one family of hypotheses.

Every test of a study is one of this family, and is corrected for all of it. All else that a report shows describes: it
has intervals, and no tests.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from whichway.analysis.errors import UserError
from whichway.analysis.files import read_json, write_json
from whichway.analysis.prompts.pairs import DIFFERING, GROUPS, PromptPair
from whichway.analysis.study.settings import StudySettings

FILE = "study.json"
LEVEL = 0.05
#: how each hypothesis is tested, in words that are written down with it
TEST = {
    "test": "Wilcoxon's signed-rank test on log(method / reference) over pairs, seeds averaged within their pair",
    "alternative": "two-sided",
    "correction": "Holm, over all hypotheses that are listed here",
    "level": LEVEL,
    "effect": "geometric mean of method / reference over pairs",
    "interval": "95 % BCa bootstrap interval, pairs drawn again within their strata",
}


@dataclass(frozen=True)
class Hypothesis:
    """That two methods differ in a measure, over the pairs of one group.

    Attributes:
        distance: the perceptual distance of the measure.
        group: :data:`whichway.analysis.prompts.pairs.GROUPS`.
    """

    method: str
    reference: str
    measure: str
    distance: str
    group: str

    def __str__(self) -> str:
        return f"{self.measure} ({self.distance}) of {self.method} against {self.reference}, {self.group}"


@dataclass(frozen=True)
class StudyPlan:
    """What was declared.

    Attributes:
        pairs: stratum → number of pairs; "no score" for those without one.
        seeds: of the noise.
        accuracy: what the model's own evaluation says of its pictures, question → share; None where there is none.
    """

    hypotheses: tuple[Hypothesis, ...]
    pairs: Mapping[str, int]
    seeds: tuple[int, ...]
    accuracy: Mapping[str, str] | None = None

    def as_json(self) -> dict:
        return asdict(self) | {"seeds": [*self.seeds], "hypotheses": [asdict(each) for each in self.hypotheses]} | TEST


def plan_study(
    settings: StudySettings,
    pairs: Sequence[PromptPair],
    *,
    hypotheses: Sequence[Hypothesis] | None = None,
    accuracy: Mapping[str, str] | None = None,
) -> StudyPlan:
    """The plan of a study of these pairs.

    Args:
        hypotheses: default :func:`usual_hypotheses`.
        accuracy: of the model.
    """
    if hypotheses is None:
        hypotheses = usual_hypotheses(settings, {pair.group for pair in pairs})
    counts = Counter(pair.stratum or "no score" for pair in pairs)
    return StudyPlan(tuple(hypotheses), dict(counts), settings.noise_seeds, accuracy)


def usual_hypotheses(settings: StudySettings, groups: set[str]) -> tuple[Hypothesis, ...]:
    """The paper's claim and what is asked beside it, all of PPL under the first perceptual distance.

    On pairs that differ: every method against identity, and optimal against random (the paper's control) and mixture
    (its rival). On each group that says the same in other words: optimal against identity.
    """
    contrasts = [(method, "identity", DIFFERING) for method in settings.methods if method != "identity"]
    contrasts += [("optimal", "random", DIFFERING), ("mixture", "optimal", DIFFERING)]
    contrasts += [("optimal", "identity", group) for group in GROUPS if group != DIFFERING]
    return tuple(
        Hypothesis(method, reference, "ppl", settings.perceptual_distances[0], group)
        for method, reference, group in contrasts
        if {method, reference} <= set(settings.methods) and group in groups
    )


def write_plan(out: Path, plan: StudyPlan) -> None:
    """Write the plan down, once; a folder that has another one is refused.

    Raises:
        UserError: the study was planned otherwise, or the file cannot be written.
    """
    existing = read_plan(out)
    if existing is None:
        write_json(out / FILE, {"written": datetime.now(UTC).isoformat(timespec="seconds")} | plan.as_json())
    elif (existing.hypotheses, existing.seeds) != (plan.hypotheses, plan.seeds):
        raise UserError(f"the study in {str(out)!r} declared other hypotheses; choose another folder")


def read_plan(out: Path) -> StudyPlan | None:
    """The plan of the study in ``out``; None where none was written down, as in older studies.

    Raises:
        UserError: a damaged plan.
    """
    path = out / FILE
    if not path.is_file():
        return None
    try:
        content = read_json(path)
        hypotheses = tuple(Hypothesis(**each) for each in content["hypotheses"])
        return StudyPlan(hypotheses, content["pairs"], tuple(content["seeds"]), content["accuracy"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{str(path)!r} is damaged; it said what the study asks, so choose another folder") from error

"""From candidates to a verdict: a study on tuning pairs, a pick by the rule, a study of the pick on held-out pairs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from whichway.analysis.errors import UserError
from whichway.analysis.files import read_json, write_json, write_text
from whichway.analysis.models.model import Model
from whichway.analysis.prompts.pairs import PromptPair
from whichway.analysis.study.results import read_results
from whichway.analysis.study.saved_study import read_study
from whichway.analysis.study.selection import (
    CANDIDATES,
    REFERENCE,
    CandidateResult,
    SelectionRule,
    candidates_table,
    compare_candidates,
    judge,
    pick,
    selection_hypotheses,
)
from whichway.analysis.study.settings import StudySettings
from whichway.analysis.study.study import run_study
from whichway.analysis.study.tables import latex_table

RULE, SELECTION = "rule.json", "selection.json"
TUNING, HELD_OUT = "tuning", "held-out"
FIRST_TUNING_SEED = 1_000  # of the noise, so that tuning sees no noise that is reported


@dataclass(frozen=True)
class Challenge:
    """What came out.

    Attributes:
        tuned: every candidate against the reference, on the tuning pairs.
        picked: the candidate that went on; None where the rule admits none.
        held_out: the picked one on the held-out pairs.
        verdict: measure → whether it passes the rule.
    """

    tuned: list[CandidateResult]
    picked: str | None
    held_out: CandidateResult | None
    verdict: dict[str, bool]

    @property
    def beaten(self) -> bool:
        return bool(self.verdict) and all(self.verdict.values())


def tuning_settings(settings: StudySettings, candidates: Sequence[str] = tuple(CANDIDATES)) -> StudySettings:
    """The study of all candidates on the tuning pairs: one noise, of a seed that is never reported."""
    methods = tuple(dict.fromkeys(("identity", REFERENCE, *candidates)))
    return replace(settings, methods=methods, seeds=1, first_seed=FIRST_TUNING_SEED)


def held_out_settings(settings: StudySettings, picked: str) -> StudySettings:
    """The study of the picked candidate on the held-out pairs."""
    return replace(settings, methods=("identity", REFERENCE, picked))


def run_challenge(
    settings: StudySettings,
    tuning: Sequence[PromptPair],
    held_out: Sequence[PromptPair],
    out: Path,
    *,
    model: Model | None = None,
    candidates: Sequence[str] = tuple(CANDIDATES),
    rule: SelectionRule = SelectionRule(),
    dask: str | None = None,
    progress: bool = True,
    report: Callable[[str], object] = lambda line: None,
) -> Challenge:
    """Write the rule down, compare the candidates, pick one, write that down, and judge it on the held-out pairs.

    Both studies are resumable, and so is the whole. ``candidates.csv`` and ``.tex`` hold every candidate,
    ``held-out.csv`` the pick.

    Args:
        settings: of the held-out study, but its methods.
        tuning, held_out: pairs that have no prompts in common.
        dask: as in :func:`whichway.analysis.study.study.run_study`.

    Raises:
        UserError: prompts that are in both; a folder with another rule, other candidates or another pick; what
            :func:`whichway.analysis.study.study.run_study` refuses.
    """
    _require_disjoint(tuning, held_out)
    model = model or settings.model.load()
    _write_once(out / RULE, rule.as_json() | {"candidates": [*candidates]})
    distance, options = (
        settings.perceptual_distances[0],
        {"model": model, "dask": dask, "progress": progress, "report": report},
    )
    run_study(tuning_settings(settings, candidates), tuning, out / TUNING, hypotheses=(), **options)  # type: ignore[arg-type]
    tuned = _compare_in(out / TUNING, candidates, rule)
    _write_table(out / "candidates", candidates_table(tuned))
    picked = pick(tuned, rule)
    _write_once(out / SELECTION, {"picked": picked})
    if picked is None:
        report(f"no candidate is shorter than {REFERENCE} and no worse in {', '.join(rule.guards)}")
        return Challenge(tuned, None, None, {})
    report(f"picked on the tuning pairs: {picked}")
    hypotheses = selection_hypotheses(picked, distance, tuned[0].ratios)
    run_study(held_out_settings(settings, picked), held_out, out / HELD_OUT, hypotheses=hypotheses, **options)  # type: ignore[arg-type]
    [judged] = _compare_in(out / HELD_OUT, [picked], rule)
    _write_table(out / "held-out", candidates_table([judged]))
    verdict = judge(judged, rule)
    write_json(out / "verdict.json", {"picked": picked, "verdict": verdict, "beaten": all(verdict.values())})
    return Challenge(tuned, picked, judged, verdict)


def read_challenge(out: Path) -> Challenge:
    """The finished challenge in ``out``, from its records.

    Raises:
        UserError: none there, or a damaged one.
    """
    try:
        content, picked = read_json(out / RULE), read_json(out / SELECTION)["picked"]
        rule = SelectionRule(
            **{name: content[name] for name in ("aim", "margin", "gain")}, guards=tuple(content["guards"])
        )
        candidates = content["candidates"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{str(out)!r} holds no finished challenge, or a damaged one") from error
    tuned = _compare_in(out / TUNING, candidates, rule)
    if picked is None:
        return Challenge(tuned, None, None, {})
    [judged] = _compare_in(out / HELD_OUT, [picked], rule)
    return Challenge(tuned, picked, judged, judge(judged, rule))


def _compare_in(folder: Path, candidates: Sequence[str], rule: SelectionRule) -> list[CandidateResult]:
    distance = read_study(folder).settings.perceptual_distances[0]
    return compare_candidates(read_results(folder), distance, candidates, rule)


def _require_disjoint(tuning: Sequence[PromptPair], held_out: Sequence[PromptPair]) -> None:
    first, second = (
        {prompt for pair in pairs for prompt in (pair.prompt_a, pair.prompt_b)} for pairs in (tuning, held_out)
    )
    shared = sorted(first & second)
    if shared:
        raise UserError(f"pairs: {len(shared)} prompts are in both sets, for tuning and held out: {shared[0]!r}, …")


def _write_once(path: Path, content: dict) -> None:
    if not path.is_file():
        write_json(path, content)
        return
    try:
        written = read_json(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{str(path)!r} is damaged; choose another folder") from error
    if written != json.loads(json.dumps(content)):
        raise UserError(f"{str(path)!r} says otherwise than this run would; choose another folder")


def _write_table(path: Path, table: pd.DataFrame) -> None:
    write_text(path.with_suffix(".csv"), table.to_csv(index=False))
    write_text(path.with_suffix(".tex"), latex_table(table.drop(columns="reason")))

"""A study as its manifest describes it."""

from dataclasses import dataclass
from pathlib import Path

from whichway.analysis.errors import UserError
from whichway.analysis.prompts.pairs import PromptPair
from whichway.analysis.runs.run import read_run
from whichway.analysis.study.plan import StudyPlan, read_plan
from whichway.analysis.study.settings import StudySettings

KIND = "study"


@dataclass(frozen=True)
class SavedStudy:
    """What was written down before the first frame.

    Attributes:
        scheduler: diffusers' class that sampled.
        endpoint_tolerance: what rounding may cause at the end of a path, in levels of 255.
        model_sha256: hash of all that the model's images depend on.
        plan: what the study asks; None where that was not written down (in older studies).
    """

    settings: StudySettings
    pairs: tuple[PromptPair, ...]
    scheduler: str
    endpoint_tolerance: int
    model_sha256: str
    plan: StudyPlan | None


def read_study(out: Path) -> SavedStudy:
    """What was written down before the first frame: settings, pairs, model.

    Raises:
        UserError: no study in the folder, one of another layout, or a damaged one.
    """
    manifest = read_run(out, KIND)
    try:
        content = dict(manifest["settings"])
        pairs = tuple(PromptPair(**pair) for pair in content.pop("pairs"))
        tolerance = content.pop("endpoint_tolerance")
        scheduler = manifest["scheduler"]["class"]
        model_sha256 = str(manifest["model"].get("model_sha256", ""))
        settings = StudySettings.from_json(content)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"the manifest of the study in {str(out)!r} is damaged; choose another folder") from error
    return SavedStudy(settings, pairs, scheduler, tolerance, model_sha256, read_plan(out))

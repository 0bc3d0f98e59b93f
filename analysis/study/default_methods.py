"""Which of the study's methods a model can go by, where the user named none."""

from collections.abc import Callable

from whichway.analysis.errors import UserError
from whichway.analysis.models.model import Model
from whichway.analysis.paths.conditioning_path import join
from whichway.analysis.study.settings import StudySettings

TRIAL = ("a fox", "a large panda on a pink background")  # of different length: where padding is masked, so are clouds


def joinable_methods(
    settings: StudySettings, model: Model, report: Callable[[str], object] = lambda line: None
) -> tuple[str, ...]:
    """Those of the settings' methods that can join two texts of the model; tried, not guessed.

    Args:
        report: called with a line for each method that is left out, with its reason.

    Raises:
        UserError: none can.
    """
    start, end = model.encode(TRIAL)
    joinable = []
    for name, method in settings.chosen_methods.items():
        try:
            join(name, method, start, end, model=model)
        except UserError as error:
            report(f"left out: {name}: {error}")
        else:
            joinable.append(name)
    if not joinable:
        raise UserError(f"methods: none of {', '.join(settings.methods)} can join two texts of {model.family.name}")
    return tuple(joinable)

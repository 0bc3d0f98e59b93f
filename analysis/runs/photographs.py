"""Prompts that name photographs: they are inverted before anything is encoded."""

from collections.abc import Callable, Sequence
from dataclasses import asdict

from whichway.analysis.images.sampling import Sampling
from whichway.analysis.inversion.settings import InversionSettings
from whichway.analysis.models.model import Model
from whichway.analysis.models.photographs import read_inversion
from whichway.analysis.reading.photograph_prompt import names_photograph, photograph_path
from whichway.analysis.runs.inversion import invert


def invert_photographs(
    model: Model,
    prompts: Sequence[str],
    sampling: Sampling,
    report: Callable[[str], object] = lambda line: None,
) -> None:
    """Invert each ``@photo.png`` among the prompts that was not inverted with this model under this sampling.

    An image is the photograph only under the sampling, noise included, that its conditioning was found under. Of an
    inversion's folder, which is taken as it is, a line says so where it was another.

    Raises:
        UserError: as :func:`whichway.analysis.runs.inversion.invert`; no such file.
    """
    own = asdict(sampling.resolved(model.defaults))
    for prompt in dict.fromkeys(filter(names_photograph, prompts)):
        path = photograph_path(prompt)
        saved = read_inversion(path, model.rendering_identity)
        if saved is not None and saved.record["sampling"] == own:
            continue
        if path.is_dir():
            report(f"{prompt!r} was inverted under another sampling: its image here is not the photograph's")
            continue
        report(f"{prompt!r}: not inverted under this sampling yet; 'whichway invert' has options for how")
        report(str(invert(InversionSettings(str(path), sampling=sampling), model=model, report=report)))

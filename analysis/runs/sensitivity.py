"""A prompt → which of its tokens move the image, into a JSON file and a picture."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from whichway.analysis.errors import UserError, require_between
from whichway.analysis.files import read_json, write_json, written_whole
from whichway.analysis.geodesics.pull_back import Jacobian, measure_pull_back, predict_by_ground
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.model import Model
from whichway.analysis.models.versions import versions
from whichway.analysis.models.with_model import with_model
from whichway.analysis.runs.photographs import invert_photographs
from whichway.analysis.vocabulary import PERCEPTUAL_DISTANCE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KEYS = {"settings", "model", "versions", "prompts"}  # of the file
MOST_DIRECTIONS = 100  # beyond, they have to be told apart by rounding
MOST_PRODUCTS = 10_000  # with the Jacobian: each costs a backward pass


@dataclass(frozen=True)
class SensitivitySettings:
    """What is measured.

    Attributes:
        directions: of the largest stretches.
        probes: random vectors by which tokens are measured.
        movements: of single rows towards those of the next prompt (of the first, for the last), by which ground metrics
            are judged; 0: none.

    Raises:
        UserError: a setting that makes no sense, with what would.
    """

    prompts: tuple[str, ...]
    directions: int = 3
    probes: int = 16
    movements: int = 48
    perceptual_distance: str = PERCEPTUAL_DISTANCE
    model: ModelChoice = ModelChoice()
    sampling: Sampling = Sampling()

    def __post_init__(self) -> None:
        if not self.prompts:
            raise UserError("prompts: none given")
        require_between("directions", self.directions, 1, MOST_DIRECTIONS)
        require_between("probes", self.probes, 2, MOST_PRODUCTS)
        require_between("movements", self.movements, 0, MOST_PRODUCTS)


def measure_sensitivity(
    settings: SensitivitySettings,
    out: Path,
    *,
    model: Model | None = None,
    report: Callable[[str], object] = lambda line: None,
) -> Path:
    """Measure, write ``out`` with the suffix .json, draw ``out``.

    Raises:
        UserError: ``out`` is no picture's name, or beside it is a .json file of somebody else's; a family with several
            clouds; what :class:`whichway.analysis.geodesics.pull_back.Jacobian` refuses; a
            file that cannot be written.
    """
    from whichway.analysis.pictures.style import require_picture

    require_picture(out)
    _require_ours(out.with_suffix(".json"))
    settings, model = with_model(settings, model, report)
    invert_photographs(model, settings.prompts, settings.sampling, report)
    if len(model.family.clouds) > 1:
        raise UserError(f"sensitivity: wanted a model whose text is one cloud, got {model.family.name}")
    clouds = [conditioning.cloud for conditioning in model.encode(settings.prompts)]
    measured = []
    with tqdm(desc="products with the Jacobian", unit="batch") as bar:
        for index, cloud in enumerate(clouds):
            distance = settings.perceptual_distance
            jacobian = Jacobian(model, cloud, settings.sampling, distance=distance, on_product=bar.update)
            measured.append(_measure(jacobian, settings, clouds[(index + 1) % len(clouds)]))
            report(f"{settings.prompts[index]!r}: {_line(measured[-1])}")
    content = {"settings": asdict(settings), "model": model.identity, "versions": versions(), "prompts": measured}
    write_json(out.with_suffix(".json"), json.loads(json.dumps(content)))
    with written_whole(out) as aside:
        draw_saved_sensitivity(out.with_suffix(".json")).savefig(aside)
    return out


def _require_ours(path: Path) -> None:
    """What stands beside the picture is written over only where it says the same of another model, or another day.

    Raises:
        UserError: it does not, or cannot be read.
    """
    try:
        ours = not path.exists() or set(read_json(path)) >= KEYS
    except (OSError, ValueError):
        ours = False
    if not ours:
        raise UserError(f"{str(path)!r} is not ours, and would be written over; choose another name for the picture")


def _measure(jacobian: Jacobian, settings: SensitivitySettings, other: Any) -> dict[str, Any]:
    from whichway.analysis.pictures.sensitivity import of_tokens

    seed = settings.sampling.seed
    pull_back = measure_pull_back(jacobian, directions=settings.directions, probes=settings.probes, seed=seed)
    tokens = of_tokens(pull_back.cloud, pull_back.sensitivity, pull_back.sensitivity_error)
    content = {
        "tokens": [asdict(token) for token in tokens],
        "stretches": pull_back.stretches.tolist(),
        "shares": pull_back.shares.tolist(),
        "anisotropy": pull_back.anisotropy,
    }
    if settings.movements and len(settings.prompts) > 1:
        prediction = predict_by_ground(jacobian, other, count=settings.movements, seed=seed)
        content["spearman"] = prediction.spearman
    return content


def _line(measured: dict[str, Any]) -> str:
    top = sorted(measured["tokens"], key=lambda token: -token["value"])[:3]
    words = ", ".join(f"{token['label']} {token['value']:.2g}" for token in top)
    line = f"{words}; one direction has {measured['shares'][0]:.0%} of the metric's trace"
    for ground, rho in measured.get("spearman", {}).items():
        line += f"; {ground} ranks movements of rows with ρ = {rho:.2f}"
    return line


def draw_saved_sensitivity(path: Path) -> "Figure":
    """What was measured, drawn again without the model.

    Raises:
        UserError: no such file, or a damaged one.
    """
    from whichway.analysis.pictures.sensitivity import TokenSensitivity, draw_sensitivity

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        prompts: Sequence[Any] = content["prompts"]
        tokens = [[TokenSensitivity(**token) for token in prompt["tokens"]] for prompt in prompts]
        distance = content["settings"]["perceptual_distance"]
        return draw_sensitivity(tokens, distance, [prompt["anisotropy"] for prompt in prompts])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{str(path)!r} holds no sensitivities, or is damaged") from error

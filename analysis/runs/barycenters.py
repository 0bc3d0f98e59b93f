"""Several prompts → images between them: Wasserstein barycenters, over a grid of weights or for given ones."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from whichway.analysis.errors import UserError, require_between, require_finite
from whichway.analysis.families import Conditioning
from whichway.analysis.files import written_whole
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.model import Model
from whichway.analysis.models.with_model import with_model
from whichway.analysis.runs.between_prompts import between
from whichway.analysis.runs.frame_index import FrameIndex, FrameName
from whichway.analysis.runs.frame_recipe import FrameRecipe
from whichway.analysis.runs.frame_renderer import read_strip
from whichway.analysis.runs.frame_store import FrameStore
from whichway.analysis.runs.photographs import invert_photographs
from whichway.analysis.runs.run import FRAMES, INDEX, open_run, read_run, run_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = "barycenters"
MOST_ALONG_SIDE = 100  # images; the picture shows all of them


@dataclass(frozen=True)
class BarycenterSettings:
    """Without weights three prompts make a triangle, four a square; with weights any number has one image between them.

    Attributes:
        side: images along one side of a triangle or square.
        weights: one for each prompt, non-negative; scaled to sum to 1.

    Raises:
        UserError: another number of prompts or weights, weights that are none, or a side below 2.
    """

    prompts: tuple[str, ...]
    side: int = 5
    weights: tuple[float, ...] = ()
    model: ModelChoice = ModelChoice()
    sampling: Sampling = Sampling()

    def __post_init__(self) -> None:
        if self.weights:
            self._require_weights()
        elif len(self.prompts) not in (3, 4):
            raise UserError(
                f"wanted 3 prompts (a triangle) or 4 (a square), or weights for any number, got {len(self.prompts)}"
            )
        require_between("side", self.side, 2, MOST_ALONG_SIDE)

    def _require_weights(self) -> None:
        if len(self.prompts) < 2:
            raise UserError(f"wanted two prompts or more, got {len(self.prompts)}")
        if len(self.weights) != len(self.prompts):
            raise UserError(f"weights: wanted {len(self.prompts)}, one for each prompt, got {len(self.weights)}")
        for weight in self.weights:
            require_finite("weights", weight, 0)
        total = sum(self.weights)
        if not 0 < total < math.inf:
            wanted = "smaller ones: their sum overflows" if total else "at least one above 0"
            raise UserError(f"weights: wanted {wanted}")
        object.__setattr__(self, "weights", tuple(weight / total for weight in self.weights))

    @property
    def places(self) -> list[tuple[float, ...]]:
        """The weights of every image."""
        if not self.weights:
            return grid_weights(len(self.prompts), self.side)
        corners = [tuple(float(k == corner) for k in range(len(self.prompts))) for corner in range(len(self.prompts))]
        return [*corners, self.weights]


def grid_weights(corners: int, side: int) -> list[tuple[float, ...]]:
    """Weights of the corners at every place of the grid, row by row.

    Triangle: all (i, j, k)/(side − 1) with i + j + k = side − 1; the first corner on top. Square: bilinear, corners in
    reading order.
    """
    last = side - 1
    if corners == 3:
        return [((last - row) / last, (row - k) / last, k / last) for row in range(side) for k in range(row + 1)]
    shares = np.linspace(0, 1, side).tolist()
    return [((1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u) for v in shares for u in shares]


def render_barycenters(
    settings: BarycenterSettings,
    *,
    out: Path | None = None,
    model: Model | None = None,
    report: Callable[[str], object] = lambda line: None,
) -> Path:
    """Render the barycenters of the prompts over the grid, and draw them; returns the picture.

    Frames are kept in the run's folder, so that an interrupted run is continued.

    Raises:
        UserError: what :func:`~whichway.analysis.runs.run.open_run` refuses; a model that cannot be loaded.
    """
    settings, model = with_model(settings, model, report)
    invert_photographs(model, settings.prompts, settings.sampling, report)
    identity = {"prompts": settings.prompts} | asdict(settings.sampling) | model.identity
    folder = out or Path("runs") / run_name(settings.prompts, identity, settings.weights or settings.side)
    with open_run(folder, KIND, identity=identity, settings=asdict(settings), model=model, report=report) as run:
        conditionings = {prompt: model.encode([prompt])[0] for prompt in settings.prompts}
        report(f"barycenters: {len(settings.places)}")
        recipes: dict[FrameName, FrameRecipe] = {
            (_name(weights), None): _recipe(settings.prompts, weights) for weights in settings.places
        }
        requested: dict[FrameName, Conditioning] = {
            name: between([conditionings[prompt] for prompt in recipe.prompts], recipe.weights)
            for name, recipe in recipes.items()
        }
        run.renderer(settings.sampling, lambda name: recipes.get(name)).render(requested)
        picture = folder / "barycenters.png"
        with written_whole(picture) as aside:
            draw_saved_barycenters(folder).savefig(aside)
    return picture


def _recipe(prompts: tuple[str, ...], weights: tuple[float, ...]) -> FrameRecipe:
    """In an order that is not the user's: sums of floats depend on theirs, if only in their last digits."""
    order = sorted(range(len(prompts)), key=lambda k: (-weights[k], prompts[k]))
    return FrameRecipe(tuple(prompts[k] for k in order), tuple(weights[k] for k in order))


def _name(weights: tuple[float, ...]) -> str:
    return "-".join(f"{weight:.4f}" for weight in weights)


def draw_saved_barycenters(folder: Path) -> "Figure":
    """The images of a finished run, drawn again without its model.

    Raises:
        UserError: no run in the folder, or an unfinished one.
    """
    from whichway.analysis.pictures.barycenters import draw_barycenters
    from whichway.analysis.pictures.gallery import draw_gallery
    from whichway.analysis.pictures.style import quoted

    saved = read_run(folder, KIND)["settings"]
    store, index = FrameStore(folder / FRAMES), FrameIndex(folder / INDEX)
    try:
        settings = BarycenterSettings(tuple(saved["prompts"]), saved["side"], tuple(saved.get("weights", ())))
        images = np.concatenate([read_strip(store, index, _name(weights), [None]) for weights in settings.places])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{str(folder)!r} holds no finished barycenters; run the command again") from error
    if not settings.weights:
        return draw_barycenters(images, settings.prompts, settings.side)
    shares = zip(settings.prompts, settings.weights, strict=True)
    captions = [f"{k}. {quoted(prompt, 24)}\n{share:.3g}" for k, (prompt, share) in enumerate(shares, start=1)]
    return draw_gallery(dict(zip([*captions, "barycenter"], images, strict=True)))

"""Several prompts → a grid of images between them: Wasserstein barycenters for every mixture of the corners."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from whichway.analysis.errors import UserError, require_at_least
from whichway.analysis.families import Conditioning
from whichway.analysis.files import written_whole
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.model import Model
from whichway.analysis.models.with_model import with_model
from whichway.analysis.runs.frame_index import FrameIndex, FrameName
from whichway.analysis.runs.frame_renderer import read_strip
from whichway.analysis.runs.frame_store import FrameStore
from whichway.analysis.runs.run import FRAMES, INDEX, open_run, read_run, run_name
from whichway.geometry import barycenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = "barycenters"


@dataclass(frozen=True)
class BarycenterSettings:
    """Three prompts make a triangle, four a square.

    Attributes:
        side: images along one side.

    Raises:
        UserError: another number of prompts, or a side below 2.
    """

    prompts: tuple[str, ...]
    side: int = 5
    model: ModelChoice = ModelChoice()
    sampling: Sampling = Sampling()

    def __post_init__(self) -> None:
        if len(self.prompts) not in (3, 4):
            raise UserError(f"wanted 3 prompts (a triangle) or 4 (a square), got {len(self.prompts)}")
        require_at_least("side", self.side, 2)


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
    identity = {"prompts": settings.prompts} | asdict(settings.sampling) | model.identity
    folder = out or Path("runs") / run_name(settings.prompts, identity, settings.side)
    with open_run(folder, KIND, identity=identity, settings=asdict(settings), model=model, report=report) as run:
        conditionings = [model.encode([prompt])[0] for prompt in settings.prompts]
        grid = grid_weights(len(conditionings), settings.side)
        report(f"barycenters: {len(grid)}")
        requested: dict[FrameName, Conditioning] = {(_name(w), None): _between(conditionings, w) for w in grid}
        run.renderer(settings.sampling).render(requested)
        picture = folder / "barycenters.png"
        with written_whole(picture) as aside:
            draw_saved_barycenters(folder).savefig(aside)
    return picture


def _between(corners: list[Conditioning], weights: tuple[float, ...]) -> Conditioning:
    """The barycenter cloud by cloud; masses and vectors are the weighted means."""
    first = corners[0]
    shares = list(zip(corners, weights, strict=True))
    return Conditioning(
        {name: barycenter([corner.clouds[name] for corner in corners], weights) for name in first.clouds},
        {name: sum(share * corner.masses[name] for corner, share in shares) for name in first.masses},
        {
            name: torch.stack([share * corner.vectors[name] for corner, share in shares]).sum(dim=0)
            for name in first.vectors
        },
    )


def _name(weights: tuple[float, ...]) -> str:
    return "-".join(f"{weight:.4f}" for weight in weights)


def draw_saved_barycenters(folder: Path) -> "Figure":
    """The images of a finished run, drawn again without its model.

    Raises:
        UserError: no run in the folder, or an unfinished one.
    """
    from whichway.analysis.pictures.barycenters import draw_barycenters

    settings = read_run(folder, KIND)["settings"]
    prompts, side = tuple(settings["prompts"]), settings["side"]
    store, index = FrameStore(folder / FRAMES), FrameIndex(folder / INDEX)
    try:
        images = np.concatenate(
            [read_strip(store, index, _name(weights), [None]) for weights in grid_weights(len(prompts), side)]
        )
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{str(folder)!r} holds no finished barycenters; run the command again") from error
    return draw_barycenters(images, prompts, side)

"""Several prompts → a grid of images between them: barycenters for every mixture of the corners."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from whichway.analysis.prompts.encoding import encode
from whichway.analysis.errors import UserError, writing
from whichway.analysis.runs.frames import FrameRenderer, FrameStore, Name
from whichway.analysis.models.model import MINIATURE, Model, load_model
from whichway.analysis.images.rendering import Sampling
from whichway.analysis.runs.folder import frame_identity, open_run, read_run, run_name
from whichway.geometry import PointCloud, barycenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class SimplexSettings:
    """Three prompts make a triangle, four a square.

    Raises:
        UserError: another number of prompts, or a side below 2.
    """

    prompts: tuple[str, ...]
    side: int = 5
    seed: int = 0
    steps: int = 20
    guidance: float = 3.0
    model: str = MINIATURE
    device: str = "auto"
    dtype: str = "auto"

    def __post_init__(self) -> None:
        if len(self.prompts) not in (3, 4):
            raise UserError(f"wanted 3 prompts (a triangle) or 4 (a square), got {len(self.prompts)}")
        for name, value, least in (("side", self.side, 2), ("seed", self.seed, 0), ("steps", self.steps, 1)):
            if not least <= value < 2**63:
                raise UserError(f"{name}: wanted at least {least} (and below 2^63), got {value}")
        if not (np.isfinite(self.guidance) and self.guidance >= 0):
            raise UserError(f"guidance: wanted a finite number of at least 0, got {self.guidance}")

    @property
    def sampling(self) -> Sampling:
        return Sampling(seed=self.seed, steps=self.steps, guidance=self.guidance)


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


def render_simplex(
    settings: SimplexSettings,
    *,
    out: Path | None = None,
    model: Model | None = None,
    report: Callable[[str], object] = lambda line: None,
) -> Path:
    """Render the barycenters of the prompts over the grid, and draw them; returns the picture.

    Frames are kept in the run's folder, so that an interrupted run is continued.

    Raises:
        UserError: the folder cannot be written or holds another run; a model that cannot be loaded.
    """
    model = model or load_model(settings.model, device=settings.device, dtype=settings.dtype)
    identity = frame_identity(model, settings.sampling, prompts=list(settings.prompts))
    folder = out or Path("runs") / run_name(settings.prompts, identity | {"side": settings.side})
    open_run(folder, asdict(settings), model, identity)

    clouds = [encode(model, prompt) for prompt in settings.prompts]
    grid = grid_weights(len(clouds), settings.side)
    report(f"barycenters: {len(grid)}")
    wanted: dict[Name, PointCloud] = {(_name(weights), None): barycenter(clouds, weights) for weights in grid}
    FrameRenderer(model, settings.sampling, FrameStore(folder / "frames"), report).render(wanted)

    picture = folder / "simplex.png"
    with writing(picture):
        draw_saved_simplex(folder).savefig(picture)
    return picture


def _name(weights: tuple[float, ...]) -> str:
    return "-".join(f"{weight:.4f}" for weight in weights)


def draw_saved_simplex(folder: Path) -> "Figure":
    """The images of a finished run, drawn again without its model.

    Raises:
        UserError: no run in the folder, or an unfinished one.
    """
    from whichway.analysis.pictures.simplex import draw_simplex

    said = read_run(folder)["settings"]
    settings = SimplexSettings(**said | {"prompts": tuple(said["prompts"])})
    names = [_name(weights) for weights in grid_weights(len(settings.prompts), settings.side)]
    try:
        store = FrameStore(folder / "frames")
        images = np.stack([store.read(store.path(name)) for name in names])
    except OSError as error:
        raise UserError(f"{str(folder)!r} holds no finished barycenters; run the command again") from error
    return draw_simplex(images, settings.prompts, settings.side)

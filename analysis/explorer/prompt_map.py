"""A map of prompts in a notebook: the drawn map, and the prompts under the pointer."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from jaxtyping import Int, UInt8

from whichway.analysis.clouds.projection import Projection
from whichway.analysis.pictures.prompt_map import draw_map
from whichway.analysis.runs.prompt_map import read_map

PAGE = Path(__file__).parent / "page"
PARTS = ("elements", "prompt_map")


class PromptMap(anywidget.AnyWidget):
    """What :func:`whichway.draw_map` draws, to be read prompt by prompt: those under the pointer are shown.

    Args:
        projection, prompts, images, clusters: as :func:`whichway.draw_map`.
    """

    _esm = "\n".join((PAGE / f"{part}.js").read_text(encoding="utf-8") for part in PARTS)
    _css = PAGE / "prompt_map.css"

    picture = traitlets.Bytes().tag(sync=True)
    places = traitlets.Bytes().tag(sync=True)
    prompts = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(
        self,
        projection: Projection,
        prompts: Sequence[str],
        images: UInt8[np.ndarray, "prompts height width 3"] | None = None,
        clusters: Int[np.ndarray, " prompts"] | None = None,
    ) -> None:
        figure = draw_map(projection, prompts, images, clusters)
        drawn = BytesIO()
        figure.savefig(drawn, format="png")  # which lays out: only now points have their places in print
        width, height = figure.canvas.get_width_height()
        right, up = (figure.axes[0].transData.transform(projection.points) / (width, height)).T
        places = np.stack([right, 1 - up], axis=1).astype("<f4")  # a page counts from its top
        super().__init__(picture=drawn.getvalue(), places=places.tobytes(), prompts=list(prompts))

    @classmethod
    def of_run(cls, file: Path | str) -> "PromptMap":
        """Of the ``map.json`` that ``whichway map`` has written.

        Raises:
            UserError: no such file, or it is not one of those.
        """
        projection, prompts, clusters = read_map(Path(file))
        return cls(projection, prompts, clusters=clusters)

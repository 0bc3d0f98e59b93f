"""Which part of the text carried the change: its rows or its pooled vector, and of several encoders, whose rows?

A and B differ in all parts at once. Here images are made of texts of which one part alone has moved from A to B, while
the others are still A's. How far such an image looks from A's is what the part does by itself. These changes need not
add up to that of everything: parts may say the same twice, or only together what neither says alone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from whichway.analysis.families import Conditioning
from whichway.analysis.paths.chosen_method import ChosenMethod
from whichway.analysis.paths.conditioning_path import join
from whichway.analysis.runs.frame_index import FrameName
from whichway.analysis.runs.frame_recipe import FrameRecipe
from whichway.analysis.runs.frame_renderer import FrameRenderer
from whichway.analysis.runs.frame_store import Picture
from whichway.analysis.runs.rendered_paths import IMAGE_A
from whichway.analysis.smoothness.perceptual_distance import perceptual_distance

EVERYTHING, ROWS = "everything", "rows"
HALFWAY, END = 0.5, 1.0


@dataclass(frozen=True)
class MovedAlone:
    """Images of texts of which only a part has moved.

    Attributes:
        method: along whose path it moved.
        image_a: nothing has moved.
        halfway, end: what moved → its image at t = 1/2 and at t = 1; see :func:`parts_that_move`.
    """

    method: str
    image_a: Picture
    halfway: Mapping[str, Picture]
    end: Mapping[str, Picture]


@dataclass(frozen=True)
class ChangeByPart:
    """How far each of these images looks from A's.

    Attributes:
        distance: the perceptual distance.
        halfway, end: what moved → distance from A's image.
    """

    method: str
    distance: str
    halfway: dict[str, float]
    end: dict[str, float]


def parts_that_move(conditioning: Conditioning) -> dict[str, tuple[str, ...]]:
    """What moves → the parts that do so together: everything, all rows, those of each encoder, each vector.

    What would be there twice is left out: nothing but everything where a text is one cloud alone.
    """
    clouds, vectors = tuple(conditioning.clouds), tuple(conditioning.vectors)
    moves = {EVERYTHING: (*clouds, *vectors)}
    if vectors:
        moves[ROWS] = clouds
    if len(clouds) > 1:
        moves |= {encoder: (encoder,) for encoder in clouds}
    return moves | {name: (name,) for name in vectors}


def titles_of_moves(moves: Collection[str], encoders: Collection[str]) -> dict[str, str]:
    """What moves → as tables and figures call it."""
    titles = {EVERYTHING: EVERYTHING, ROWS: "rows only"}
    titles |= {encoder: f"rows of {encoder} only" for encoder in encoders}
    return {what: titles.get(what, f"{what} vector only") for what in moves}


def render_moved_alone(
    renderer: FrameRenderer,
    ends: tuple[Conditioning, Conditioning],
    methods: Mapping[str, ChosenMethod],
    *,
    seed: int,
) -> MovedAlone | None:
    """Move each part alone, along the path of "optimal" if it is among the methods, else of the first of them.

    A geodesic is none of them: it is found for all parts together. Where there are only geodesics, the path is that of
    "optimal". A vector moves as with ``pooled="auto"``, also where the methods hold it. None where a text is one cloud
    alone: then there is nothing to tell apart, and nothing is rendered.

    Args:
        seed: of the random coupling.
    """
    moves = parts_that_move(ends[0])
    if len(moves) == 1:
        return None
    direct = {name: method for name, method in methods.items() if not method.is_geodesic}
    direct = direct or {"optimal": ChosenMethod("optimal")}
    name = "optimal" if "optimal" in direct else next(iter(direct))
    method, prompts = replace(direct[name], pooled="auto"), (ends[0].source, ends[1].source)
    path = join(name, method, *ends, model=renderer.model, seed=seed)
    requested: dict[FrameName, Conditioning] = {
        (_frame(what), t): path.with_moved(parts, t) for what, parts in moves.items() for t in (HALFWAY, END)
    }
    recipes: dict[FrameName, FrameRecipe] = {IMAGE_A: FrameRecipe(prompts[:1])} | {
        (_frame(what), t): FrameRecipe(prompts, method=method, position=t, coupling_seed=seed, parts=parts)
        for what, parts in moves.items()
        for t in (HALFWAY, END)
    }
    renderer.render({IMAGE_A: ends[0]} | requested, lambda name: recipes.get(name))
    halfway, end = ({what: renderer.image((_frame(what), t)) for what in moves} for t in (HALFWAY, END))
    return MovedAlone(name, renderer.image(IMAGE_A), halfway, end)


def _frame(what: str) -> str:
    return f"moved alone: {what}"


def measure_changes(moved_alone: MovedAlone, distance: str) -> ChangeByPart:
    """``distance`` of each image from A's."""
    halfway, end = (
        _changes(moved_alone.image_a, images, distance) for images in (moved_alone.halfway, moved_alone.end)
    )
    return ChangeByPart(moved_alone.method, distance, halfway, end)


def _changes(image_a: Picture, images: Mapping[str, Picture], distance: str) -> dict[str, float]:
    pictures: Sequence[Picture] = [*images.values()]
    changes = perceptual_distance(distance, np.stack([image_a] * len(pictures)), np.stack(pictures))
    return dict(zip(images, map(float, changes), strict=True))

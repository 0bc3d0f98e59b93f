"""Where every frame's cloud is on the plane, for the page's map."""

from collections.abc import Sequence

from whichway.analysis.clouds.projection import project
from whichway.analysis.explorer.leg import Leg
from whichway.analysis.pictures.projection import TITLES
from whichway.geometry import PointCloud

MAPPED_ROWS = 256  # of a cloud; W_2 between larger ones takes longer than their frames


def map_frames(legs: Sequence[Leg], methods: Sequence[str]) -> dict[str, dict]:
    """Both views of each encoder's clouds. Methods that a view cannot show are left out."""
    several = len(legs[0].start.clouds) > 1
    return {
        f"{view}, {encoder}" if several else view: shown
        for encoder in legs[0].start.clouds
        for view in TITLES
        if (shown := _view(legs, methods, encoder, view))
    }


def _view(legs: Sequence[Leg], methods: Sequence[str], encoder: str, view: str) -> dict | None:
    """One encoder's clouds in one view; None where it shows no method."""
    reference = legs[0].start.clouds[encoder]
    clouds = {method: _clouds(legs, method, encoder) for method in methods}
    shown = {m: c for m, c in clouds.items() if _is_shown(c, view, len(reference))}
    if not shown:
        return None
    projection = project([cloud for of_path in shown.values() for cloud in of_path], view, reference=reference)
    points = iter(projection.points.tolist())
    return {
        "title": f"{TITLES[view]}; {projection.distortion}",
        "axes": projection.axes,
        "points": {method: [next(points) for _ in of_path] for method, of_path in shown.items()},
    }


def _clouds(legs: Sequence[Leg], method: str, encoder: str) -> list[PointCloud]:
    """Of all frames; where a leg begins, the one before has ended."""
    paths = [
        (leg.paths[method].clouds[encoder], leg.times[method][int(number > 0) :]) for number, leg in enumerate(legs)
    ]
    return [path(t) for path, times in paths for t in times]


def _is_shown(clouds: Sequence[PointCloud], view: str, rows: int) -> bool:
    if view == "frobenius":
        return all(len(cloud) == rows for cloud in clouds)
    return max(map(len, clouds)) <= MAPPED_ROWS

"""Geodesics of a run on disk: what was found, and how far a search has come, by the hash of all that they depend on."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from whichway.analysis.errors import UserError
from whichway.analysis.files import write_safetensors
from whichway.analysis.geodesics.descent import Geometry, Search, iterate
from whichway.analysis.geodesics.encoder_prior import encoder_priors
from whichway.analysis.geodesics.find import follow, nodes_of
from whichway.analysis.geodesics.settings import GeodesicSettings
from whichway.analysis.geodesics.string import CloudString, conditionings, solved
from whichway.analysis.paths.chosen_method import ChosenMethod
from whichway.analysis.paths.conditioning_path import ConditioningPath
from whichway.analysis.runs.frame_address import FrameAddresses
from whichway.analysis.runs.frame_index import FrameIndex
from whichway.analysis.runs.frame_renderer import FrameRenderer
from whichway.analysis.runs.frame_store import FrameStore

FOLDER = "geodesics"  # beside the frames
TRACE = ("energies", "objectives", "excesses")


@dataclass(frozen=True)
class GeodesicStore:
    """``folder/<address>.safetensors``: a search, finished or not; its state is small beside the frames it rendered."""

    folder: Path

    def path(self, address: str) -> Path:
        return self.folder / f"{address}.safetensors"

    def read(self, address: str, search: Search) -> Search | None:
        """The search as it was left, or None; ``search`` is a new one of the same geodesic.

        A damaged file counts as none.
        """
        try:
            with safe_open(self.path(address), framework="pt") as file:
                trace = json.loads(file.metadata()["trace"])
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
            strings, best = (
                {name: _string(tensors, f"{name}.{which}", of) for name, of in search.strings.items()}
                for which in ("now", "best")
            )
            moments = {
                name: (tensors[f"{name}.first"], tensors[f"{name}.second"])
                for name in strings
                if f"{name}.first" in tensors
            }
            return Search(strings, best, moments, *(list(map(float, trace[key])) for key in TRACE))
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):
            return None

    def read_best(self, address: str, path: ConditioningPath) -> dict[str, CloudString]:
        """Encoder → the clouds found, from a whole search or from what :meth:`keep_best` kept of it.

        Raises:
            OSError, SafetensorError, ValueError, KeyError: they are not there, or are damaged.
        """
        with safe_open(self.path(address), framework="pt") as file:
            tensors = {
                f"{name}.best.{part}": file.get_tensor(f"{name}.best.{part}").double()
                for name in path.clouds
                for part in ("rows", "log_weights")
            }
        nodes = len(next(iter(tensors.values())))
        new = Search.along(path, nodes).strings
        return {name: _string(tensors, f"{name}.best", new[name]) for name in path.clouds}

    def keep_best(self, into: "GeodesicStore") -> None:
        """Copy what was found, as float32, and how, but not what it takes to go on with the search."""
        for file in self.folder.glob("*.safetensors"):
            with safe_open(file, framework="pt") as source:
                kept = {key: source.get_tensor(key).float() for key in source.keys() if ".best." in key}  # noqa: SIM118
                metadata = source.metadata()
            write_safetensors(into.path(file.stem), kept, metadata)

    def write(self, address: str, search: Search) -> None:
        tensors = {}
        for which, strings in {"now": search.strings, "best": search.best}.items():
            for name, string in strings.items():  # copied: of a search that went back, now and best are the same
                tensors[f"{name}.{which}.rows"] = string.rows.clone()
                tensors[f"{name}.{which}.log_weights"] = string.log_weights.clone()
        for name, (first, second) in search.moments.items():
            tensors |= {f"{name}.first": first.contiguous(), f"{name}.second": second.contiguous()}
        trace = json.dumps({key: getattr(search, key) for key in TRACE})
        write_safetensors(self.path(address), tensors, {"trace": trace})


def _string(tensors: dict[str, torch.Tensor], key: str, new: CloudString) -> CloudString:
    rows, log_weights = tensors[f"{key}.rows"], tensors[f"{key}.log_weights"]
    if rows.shape[1:] != new.rows.shape[1:]:
        raise ValueError(f"rows of shape {tuple(rows.shape)}")
    return replace(new, rows=rows, log_weights=log_weights)


def solve_path(
    name: str,
    method: ChosenMethod,
    path: ConditioningPath,
    renderer: FrameRenderer,
    settings: GeodesicSettings,
    *,
    distance: str,
    frames: int,
) -> ConditioningPath:
    """The geodesic that ``path`` is the beginning of; a search that is on disk goes on from there.

    Args:
        name: what the user called the method.
        distance: the perceptual distance whose energy is minimised.
        frames: of the path, which has as many nodes, 9 at most, unless the settings say otherwise.

    Raises:
        UserError: what :func:`whichway.analysis.geodesics.descent.descend` refuses.
    """
    settings = _penalised(settings, method)
    address, search = _search_on_disk(method, path, renderer, settings, distance, frames)
    if not search.is_done(settings):
        renderer.report(f"{name}: {len(search.energies)} of at most {settings.iterations + 1} iterations are there")
        store = _store(renderer.store)
        follow(
            path,
            _geometry(method, renderer, distance),
            settings,
            search,
            progress=renderer.progress,
            after_each=lambda search: store.write(address, search),
        )
    energy = search.energies[search.best_index]
    renderer.report(
        f"{name}: energy {energy:.4g} ({distance}), {energy / (search.energies[0] or 1):.0%} of the initial path's, "
        f"after {len(search.energies)} iterations; rows are {search.excesses[search.best_index]:.2g} off the encoder's"
    )
    _index(renderer.index).add({(name, None): address})
    return solved(path, nodes_of(search.best))


def improving_paths(
    name: str,
    method: ChosenMethod,
    path: ConditioningPath,
    renderer: FrameRenderer,
    settings: GeodesicSettings,
    *,
    distance: str,
    frames: int,
    on_step: Callable[[], object] = lambda: None,
) -> Iterator[tuple[ConditioningPath, Search]]:
    """What :func:`solve_path` finds, for somebody who watches: the best path so far, where there is one on disk, and
    after each iteration. Arguments and errors: as there; ``on_step`` is called after each sampling step.
    """
    settings = _penalised(settings, method)
    address, search = _search_on_disk(method, path, renderer, settings, distance, frames)
    if search.objectives:
        yield solved(path, nodes_of(search.best)), search
    if not search.is_done(settings):
        store = _store(renderer.store)
        for _ in iterate(path, _geometry(method, renderer, distance), settings, search, on_step=on_step):
            store.write(address, search)
            yield solved(path, nodes_of(search.best)), search
    _index(renderer.index).add({(name, None): address})


def _penalised(settings: GeodesicSettings, method: ChosenMethod) -> GeodesicSettings:
    return replace(settings, penalty=0.0) if method.penalty == "unpenalised" else settings


def _geometry(method: ChosenMethod, renderer: FrameRenderer, distance: str) -> Geometry:
    return Geometry(renderer.model, renderer.sampling, distance, method.free, encoder_priors(renderer.model))


def _search_on_disk(
    method: ChosenMethod,
    path: ConditioningPath,
    renderer: FrameRenderer,
    settings: GeodesicSettings,
    distance: str,
    frames: int,
) -> tuple[str, Search]:
    """The address of the search, and the search as it was left; a new one where there is none."""
    search = Search.along(path, settings.count(frames))
    address = _address(FrameAddresses(renderer.model, renderer.sampling), path, search, method, settings, distance)
    return address, _store(renderer.store).read(address, search) or search


def read_solved(name: str, path: ConditioningPath, frames: FrameStore, index: FrameIndex) -> ConditioningPath:
    """The geodesic of a finished run, without its model.

    Raises:
        UserError: it is not there, or is damaged.
    """
    try:
        [address] = _index(index).addresses(name, [None])
        strings = _store(frames).read_best(address, path)
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise UserError(
            f"{str(frames.folder.parent)!r} lacks the geodesic {name!r}, or has a damaged one; run the command again"
        ) from error
    return solved(path, nodes_of(strings))


def _store(frames: FrameStore) -> GeodesicStore:
    return GeodesicStore(frames.folder.parent / FOLDER)


def _index(frames: FrameIndex) -> FrameIndex:
    return FrameIndex(frames.path.with_name(f"{frames.path.stem}.geodesics.json"))


def _address(
    frames: FrameAddresses,
    path: ConditioningPath,
    search: Search,
    method: ChosenMethod,
    settings: GeodesicSettings,
    distance: str,
) -> str:
    """A hash of the initial path's frames and of how the search goes; not of how long: a longer one goes on."""
    how = {key: value for key, value in asdict(settings).items() if key not in ("iterations", "tolerance")}
    digest = hashlib.sha256(json.dumps(how | {"free": method.free, "distance": distance}, sort_keys=True).encode())
    for conditioning in (path(0.0), *conditionings(path, search.strings), path(1.0)):
        digest.update(frames.of(conditioning).encode())
    return digest.hexdigest()

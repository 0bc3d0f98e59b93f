"""Couplings one after the other → trajectories: which row a piece of mass is at each of several clouds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from whichway.geometry.cloud import PointCloud
from whichway.geometry.coupling import Coupling


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Pieces of mass and where they are.

    Attributes:
        rows: for each cloud, (k,): the row that each piece is.
        mass: (k,), in the dtype of the couplings.
    """

    rows: tuple[Int[np.ndarray, " k"], ...]
    mass: Float[Tensor, " k"]


def glue(clouds: Sequence[PointCloud], times: Sequence[float], couplings: Sequence[Coupling]) -> Trajectories:
    """A joint distribution of all clouds whose marginals of neighbours are the couplings (the gluing lemma).

    Permutations have one gluing. Where rows split, there are many; this one sends mass on as straight as it can: at
    each row, what comes in is matched with what goes out so that Σ mass ‖v_in − v_out‖² is least, v the mean velocities
    before and after. It has at most Σ_k n_k atoms, where the Markov composition (in and out independent) has products.

    Args:
        clouds: X_0 … X_K.
        times: of the clouds, increasing.
        couplings: of each cloud with the next.
    """
    first = couplings[0]
    rows = [first.sources.numpy(), first.targets.numpy()]
    mass = first.mass.double().numpy()
    for k, coupling in enumerate(couplings[1:], start=1):
        sources, targets = coupling.sources.numpy(), coupling.targets.numpy()
        if _is_one_to_one(rows[-1]) and _is_one_to_one(sources):
            order = np.argsort(sources)[np.searchsorted(np.sort(sources), rows[-1])]
            rows.append(targets[order])
            continue
        before = _velocity(clouds[k - 1], rows[-2], clouds[k], rows[-1], times[k] - times[k - 1])
        after = _velocity(clouds[k], sources, clouds[k + 1], targets, times[k + 1] - times[k])
        arriving, leaving, mass = _match(rows[-1], mass, before, sources, coupling.mass.double().numpy(), after)
        rows = [*(each[arriving] for each in rows), targets[leaving]]
    return Trajectories(tuple(rows), torch.from_numpy(np.asarray(mass)).to(first.mass))


def _is_one_to_one(rows: np.ndarray) -> bool:
    return len(np.unique(rows)) == len(rows)


def _velocity(a: PointCloud, rows_a: np.ndarray, b: PointCloud, rows_b: np.ndarray, duration: float) -> np.ndarray:
    start, end = (cloud.rows.detach().double().cpu().numpy() for cloud in (a, b))
    moved: np.ndarray = (end[rows_b] - start[rows_a]) / duration
    return moved


def _match(
    arrivals: np.ndarray,
    mass_in: np.ndarray,
    before: np.ndarray,
    departures: np.ndarray,
    mass_out: np.ndarray,
    after: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pieces that come in matched with those that go out of the same row: indices of both, and mass."""
    import ot

    arriving, leaving, mass = [], [], []
    for row in np.unique(arrivals):
        incoming, outgoing = np.flatnonzero(arrivals == row), np.flatnonzero(departures == row)
        turn = ((before[incoming][:, None] - after[outgoing][None]) ** 2).sum(-1)
        total = mass_in[incoming].sum()
        plan = ot.emd(mass_in[incoming] / total, mass_out[outgoing] / mass_out[outgoing].sum(), turn)
        i, j = np.nonzero(plan)
        arriving.append(incoming[i])
        leaving.append(outgoing[j])
        mass.append(plan[i, j] * total)
    return np.concatenate(arriving), np.concatenate(leaving), np.concatenate(mass)

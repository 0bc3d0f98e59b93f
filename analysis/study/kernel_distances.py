"""How far the frames in between are from real images, for each method of a study: over all pairs that differ.

The kernel distance (:mod:`whichway.analysis.fidelity.kernel_distance`) is one of distributions, so that it stands in no
record of a single pair. It is estimated once the pairs are done, from the frames that are on the disk, and kept in
``kernel_distances.json``. On the miniature the real images are painted scenes; on any other model they are its own
images of the study's prompts, the ends of all paths, as AID's fidelity has it (arXiv:2403.17924).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from whichway.analysis.errors import UserError
from whichway.analysis.fidelity.kernel_distance import (
    Features,
    kernel_distance,
    kernel_features,
    painted_features,
    polynomial_kernel,
)
from whichway.analysis.fidelity.world import draws_the_world
from whichway.analysis.files import read_json, write_json
from whichway.analysis.prompts.pairs import DIFFERING
from whichway.analysis.runs.frame_renderer import read_strip
from whichway.analysis.study.records import read_records
from whichway.analysis.study.saved_study import read_study
from whichway.analysis.study.unit import Unit, unit_frames

FILE = "kernel_distances.json"
RESAMPLES = 2_000
REFERENCE = "identity"


@dataclass(frozen=True)
class KernelDistance:
    """One method's frames in between against real images.

    Attributes:
        value: the unbiased estimate of MMD²; may be negative where the two are alike. Low is better.
        low, high: 95 % bootstrap interval over pairs of prompts.
        difference, difference_low, difference_high: to that of ``identity``, pairs drawn together; None without it.
    """

    value: float
    low: float
    high: float
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None


@dataclass(frozen=True)
class KernelDistances:
    """Of every method of a study.

    Attributes:
        real_images: what the frames are compared with, in words.
        pairs, units: numbers of pairs of prompts, and of (pair, seed), whose frames were pooled.
    """

    real_images: str
    pairs: int
    units: int
    methods: dict[str, KernelDistance]


def measure_kernel_distances(out: Path, pipeline: Any) -> KernelDistances | None:
    """Of the study in ``out``; written there too. None with fewer than two pairs, or no frames in between.

    Args:
        pipeline: the study's, which says what its real images are.

    Raises:
        UserError: no study there, or frames that are missing.
    """
    study, records = read_study(out), read_records(out)
    differing = [record for record in records if study.pairs[record["pair"]].group == DIFFERING]
    records = [record for record in differing or records if set(record["methods"]) == set(study.settings.methods)]
    pairs = sorted({record["pair"] for record in records})
    if len(pairs) < 2 or study.settings.frames < 3:
        return None
    between: dict[str, dict[int, list[Features]]] = {name: {} for name in study.settings.methods}
    ends: list[Features] = []
    for record in records:
        unit = Unit(record["pair"], study.pairs[record["pair"]], record["seed"])
        for index, (name, measured) in enumerate(record["methods"].items()):
            features = _features(out, unit, name, measured["t"])
            between[name].setdefault(unit.index, []).append(features[1:-1])
            if not index:
                ends.append(features[[0, -1]])
    of_world = draws_the_world(pipeline)
    real = painted_features() if of_world else np.concatenate(ends)
    pools = {name: {pair: np.concatenate(of_pair[pair]) for pair in pairs} for name, of_pair in between.items()}
    described = "painted scenes" if of_world else "of the model's own images of the prompts, the ends of the paths"
    measured = KernelDistances(f"{len(real)} {described}", len(pairs), len(records), compare_pools(pools, real))
    write_json(out / FILE, asdict(measured))
    return measured


def read_kernel_distances(out: Path) -> KernelDistances | None:
    """Of the study in ``out``; None where none were measured.

    Raises:
        UserError: a damaged file.
    """
    path = out / FILE
    if not path.is_file():
        return None
    try:
        content = read_json(path)
        methods = {name: KernelDistance(**distance) for name, distance in content["methods"].items()}
        return KernelDistances(**content | {"methods": methods})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{str(path)!r} is damaged; remove it, and 'whichway study' makes it anew") from error


def _features(out: Path, unit: Unit, method: str, times: list[float]) -> Features:
    try:
        return kernel_features(read_strip(*unit_frames(out, unit), method, times))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{str(out)!r} lacks frames of pair {unit.index}, seed {unit.seed}, {method!r}") from error


def compare_pools(
    pools: Mapping[str, Mapping[int, Features]], real: Features, *, seed: int = 0
) -> dict[str, KernelDistance]:
    """Method → its kernel distance, from the features of its frames by pair of prompts, equally many of each pair."""
    names, pairs = list(pools), list(next(iter(pools.values())))
    drawn = np.random.default_rng([17, seed]).multinomial(len(pairs), np.full(len(pairs), 1 / len(pairs)), RESAMPLES)
    draws = drawn[(drawn > 0).sum(axis=1) > 1]  # of two different pairs at least
    real_alone = polynomial_kernel(real, real)
    of_real = float((real_alone.sum() - np.trace(real_alone)) / (len(real) * (len(real) - 1)))
    values: dict[str, float] = {}
    resampled: dict[str, np.ndarray] = {}
    for name in names:
        rows, groups = (
            np.concatenate([pools[name][pair] for pair in pairs]),
            np.repeat(pairs, len(pools[name][pairs[0]])),
        )
        values[name] = kernel_distance(rows, real, groups=groups.tolist())
        resampled[name] = _resample(pools[name], real, draws) + of_real
    base = REFERENCE if REFERENCE in pools else None
    distances = {}
    for name in names:
        low, high = np.percentile(resampled[name], (2.5, 97.5))
        difference: tuple[float, ...] = ()
        if base and name != base:
            ends = np.percentile(resampled[name] - resampled[base], (2.5, 97.5))
            difference = (values[name] - values[base], float(ends[0]), float(ends[1]))
        distances[name] = KernelDistance(values[name], float(low), float(high), *difference)
    return distances


def _resample(
    pool: Mapping[int, Features], real: Features, draws: Int[np.ndarray, "resamples pairs"]
) -> Float[np.ndarray, " resamples"]:
    """E k(x, x') − 2 E k(x, y) when pair p is drawn m_p times: Σ_{p≠q} m_p m_q K_pq / Σ_{p≠q} m_p m_q, and so on."""
    features = list(pool.values())
    within = np.array([[polynomial_kernel(a, b).mean() for b in features] for a in features])
    np.fill_diagonal(within, 0)
    across = np.array([polynomial_kernel(a, real).mean() for a in features])
    weights = draws.sum(axis=1) ** 2 - (draws**2).sum(axis=1)
    return np.einsum("rp,pq,rq->r", draws, within, draws, optimize=True) / weights - 2 * draws @ across / draws.sum(
        axis=1
    )

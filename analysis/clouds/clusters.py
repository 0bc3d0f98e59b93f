"""Nearest neighbours under W_2 → groups of prompts: spectral clustering of the graph that joins neighbours.

How many neighbours are joined follows the number of clouds: half as many as a group has on average. With more, in a
small set everything is joined to everything, and the groups are chance.
"""

import re
import warnings
from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import qr
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import lobpcg

from whichway.geometry import Neighbours

FEWEST_JOINED = 2
DENSE = 500  # clouds, of whose graph all eigenvectors are computed
FEWEST_TIMES = 5  # as many clouds as vectors: LOBPCG wants more
SPARE = 5  # vectors besides those that are asked for: the last ones of a block settle late
TOLERANCE, ROUNDS = 1e-4, 500
#: words that say nothing about what a prompt is of
FUNCTION_WORDS = frozenset(re.findall(r"\w+", "a an and as at by for from in is it its of on or that the to with"))


def cluster_neighbours(neighbours: Neighbours, count: int, *, seed: int = 0) -> Int[np.ndarray, " N"]:
    """One of ``count`` groups for each cloud, numbered by size from 0, the largest. (von Luxburg 2007)

    Raises:
        ValueError: fewer than two groups, or not fewer than the clouds.
    """
    size, most = neighbours.indices.shape
    if not 2 <= count < size:
        raise ValueError(f"clusters: wanted 2 to {size - 1}, fewer than the clouds, got {count}")
    joined = affinities(neighbours, min(most, max(FEWEST_JOINED, size // (2 * count))))
    labels = _groups(_spectral_coordinates(joined, count, seed))
    _, labels, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    numbered: np.ndarray = np.argsort(np.argsort(-sizes, kind="stable"))[labels]
    return numbered


def _spectral_coordinates(joined: csr_array, count: int, seed: int) -> Float[np.ndarray, "N count"]:
    """Eigenvectors of D^(-1/2) A D^(-1/2) with the largest eigenvalues: products with A are all that is computed.

    scikit-learn's SpectralClustering factorises the graph's Laplacian instead, which fills in as the graph grows.
    """
    scale = diags_array(np.asarray(joined.sum(axis=1)).ravel() ** -0.5)
    normalised = scale @ joined @ scale
    size = len(normalised.indptr) - 1
    if size <= max(DENSE, FEWEST_TIMES * (count + SPARE)):
        return np.linalg.eigh(normalised.toarray()).eigenvectors[:, -count:]
    start = np.random.default_rng(seed).normal(size=(size, count + SPARE))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Exited", UserWarning)  # within the rounds: as exact as groups need
        values, vectors = lobpcg(normalised, start, tol=TOLERANCE, maxiter=ROUNDS)
    return vectors[:, np.argsort(values)[-count:]]


def _groups(coordinates: Float[np.ndarray, "N k"]) -> Int[np.ndarray, " N"]:
    """To which of k axes each point is nearest, once the axes are turned to points that are far from each other.

    The points are picked by QR with column pivoting; no start is random. (Damle, Minden and Ying 2019)
    """
    _, _, picked = qr(coordinates.T, pivoting=True, mode="economic")
    left, _, right = np.linalg.svd(coordinates[picked[: coordinates.shape[1]]].T)
    turned: np.ndarray = np.abs(coordinates @ (left @ right)).argmax(axis=1)
    return turned


def cluster_words(prompts: Sequence[str], clusters: Int[np.ndarray, " N"], count: int = 3) -> list[list[str]]:
    """The words by which each cluster's prompts differ most from the others', the most telling first.

    A word is ranked by the share of prompts inside that have it, less the share outside.
    """
    words = [set(re.findall(r"\w+", prompt.lower())) - FUNCTION_WORDS for prompt in prompts]
    everywhere = Counter(word for of_prompt in words for word in of_prompt)
    telling = []
    for cluster in range(int(clusters.max()) + 1):
        inside = np.flatnonzero(clusters == cluster).tolist()
        within = Counter(word for place in inside for word in words[place])
        outside = max(1, len(prompts) - len(inside))
        lead = {word: often / len(inside) - (everywhere[word] - often) / outside for word, often in within.items()}
        telling.append(sorted(lead, key=lambda word: (-lead[word], word))[:count])
    return telling


def affinities(neighbours: Neighbours, k: int) -> Float[csr_array, "N N"]:
    """exp(−W_2²(i, j) / σ_i σ_j) for the k nearest neighbours, σ the distance to the k-th.

    The scale is each cloud's own (Zelnik-Manor and Perona 2004): prompts lie densely here and thinly there.
    """
    size = len(neighbours.indices)
    columns = neighbours.indices[:, :k].astype(np.int32)  # scikit-learn takes no wider ones
    distances = neighbours.distances[:, :k]
    scales = distances[:, -1]
    products = np.maximum(scales[:, None] * scales[columns], np.finfo(float).tiny)
    near = np.exp(-(distances**2) / products)
    graph = csr_array((near.ravel(), columns.ravel(), np.arange(0, size * k + 1, k, dtype=np.int32)), (size, size))
    return graph.maximum(graph.T).tocsr()

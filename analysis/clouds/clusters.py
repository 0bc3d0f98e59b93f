"""Nearest neighbours under W_2 → groups of prompts: spectral clustering of the graph that joins neighbours."""

import warnings

import numpy as np
from jaxtyping import Int
from scipy.sparse import csr_array

from whichway.geometry import Neighbours


def cluster_neighbours(neighbours: Neighbours, count: int, *, seed: int = 0) -> Int[np.ndarray, " N"]:
    """One of ``count`` groups for each cloud, numbered by size from 0, the largest. (von Luxburg 2007)

    Raises:
        ValueError: fewer than two groups, or not fewer than the clouds.
    """
    from sklearn.cluster import SpectralClustering

    size, k = neighbours.indices.shape
    if not 2 <= count < size:
        raise ValueError(f"clusters: wanted 2 to {size - 1}, fewer than the clouds, got {count}")
    columns = neighbours.indices.ravel().astype(np.int32)  # scikit-learn takes no wider ones
    joined = csr_array((np.ones(size * k), columns, np.arange(0, size * k + 1, k, dtype=np.int32)), (size, size))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Graph is not fully connected")  # then its pieces are the groups
        labels = SpectralClustering(
            count, affinity="precomputed", assign_labels="cluster_qr", random_state=seed
        ).fit_predict(joined.maximum(joined.T).tocsr())
    _, labels, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    numbered: np.ndarray = np.argsort(np.argsort(-sizes, kind="stable"))[labels]
    return numbered

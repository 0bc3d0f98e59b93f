"""What a map of prompts takes of memory, before it is taken: what cannot fit is refused in one line."""

from collections.abc import Sequence

from whichway.analysis.clouds.projection import MAPPED_NEIGHBOURS, takes_neighbours
from whichway.analysis.models.memory import require_memory
from whichway.geometry.lower_bounds import COMPONENTS
from whichway.geometry.neighbours import COMPARED

SINGLE, DOUBLE = 4, 8  # bytes of a number
PAIRS = 60  # that are solved for each cloud, at most, as far as was measured,
OF_PAIR = 150  # and bytes for each, since all are remembered
OF_EDGE = 100  # bytes of UMAP and of the groups for each neighbour
LIBRARIES = 0.5 * 2**30  # UMAP, scikit-learn and what Numba compiles


def require_memory_for_map(
    count: int,
    shapes: Sequence[tuple[int, int]],
    *,
    view: str,
    projection: str,
    stored: bool,
    image_size: tuple[int, int] | None,
) -> None:
    """Check that a map of ``count`` prompts fits.

    Args:
        shapes: (n, d) of the cloud of each part of a prompt.
        stored: whether clouds are on the disk.
        image_size: height and width of each prompt's image; None without images.

    Raises:
        UserError: it does not fit, with what takes most.
    """
    clouds = count * sum(n * d for n, d in shapes) * SINGLE
    needed = {} if stored else {"the encoded prompts (--store keeps them on the disk)": 2.0 * clouds}
    if takes_neighbours(count, view, projection):
        needed["neighbours and UMAP"] = max(neighbours_memory(count, n, d) for n, d in shapes)
    else:
        vectors = 2.0 * max(n * d for n, d in shapes) * count * DOUBLE
        needed["the distances between all pairs (--projection umap of the wasserstein view takes neighbours alone)"] = (
            4.0 * count** 2 * DOUBLE + (vectors if view == "frobenius" or projection == "pca" else 0.0)
        )
    if image_size:
        height, width = image_size
        needed["their images, side by side (--no-images draws none)"] = count * (
            3.0 * height * width + 6.0 * DOUBLE * count
        )
    total = sum(needed.values())
    largest = max(needed, key=lambda part: needed[part])
    require_memory(total, f"a map of {count:,} prompts", f"its parts, most of it for {largest}")


def neighbours_memory(count: int, n: int, d: int) -> float:
    """Bytes, at most, of nearest neighbours and UMAP of clouds (n, d) whose rows and features are on the disk.

    Centroids, twice; the components of the bounds; the coarse bounds of a batch and their order; the solved pairs.
    """
    of_cloud = 2 * d * SINGLE + COMPONENTS * DOUBLE + PAIRS * OF_PAIR + 2 * MAPPED_NEIGHBOURS * OF_EDGE
    batch = 3 * COMPARED * DOUBLE
    return count * float(of_cloud) + batch + LIBRARIES

"""LPIPS along a path of 1,000 frames against pair by pair. ``python -m benchmarks.perceptual_distance``

The rival looks at both images of every pair, as calling a network for each step does; along a path each image is the
end of one step and the start of the next, and is looked at once.
"""

import click
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.timing import interleaved
from whichway.analysis.smoothness.efficientnet import efficientnet_features
from whichway.analysis.smoothness.feature_space import FeatureSpace
from whichway.analysis.smoothness.lpips import lpips_features

SIZE = 64  # pixels


def along_the_path(frames: np.ndarray, embed=lpips_features, power: int = 2) -> np.ndarray:
    """With nothing kept from before."""
    return FeatureSpace(embed, power=power).distances(frames[:-1], frames[1:])


def pair_by_pair(frames: np.ndarray) -> np.ndarray:
    pairs = [lpips_features(frames[k : k + 2]) for k in range(len(frames) - 1)]
    return np.array([float((a - b).double().square().sum()) for a, b in pairs])


@click.command(context_settings={"show_default": True})
@click.option("--frames", default=1_000, help="Of the path, all different, 64×64.")
@click.option("--rounds", default=3, help="Interleaved repetitions.")
@click.option("--threads", default=1, help="Of torch.")
def main(frames: int, rounds: int, threads: int) -> None:
    """Seconds for the perceptual steps of a path of 64×64 frames."""
    torch.set_num_threads(threads)
    images = np.random.default_rng(0).integers(0, 256, (frames, SIZE, SIZE, 3), dtype=np.uint8)
    few = images[: max(2, frames // 20)]
    times = interleaved(
        {
            "rival: LPIPS pair by pair": lambda: pair_by_pair(images),
            "LPIPS along the path": lambda: along_the_path(images),
            "EfficientNet, a twentieth of the frames": lambda: along_the_path(few, efficientnet_features, 1),
        },
        rounds,
    )
    difference = np.abs(pair_by_pair(few) - along_the_path(few)).max()
    rival = times["rival: LPIPS pair by pair"]
    table = Table("", "seconds", "ms a frame", "times as fast as the rival")
    table.title = f"{frames} frames of {SIZE}×{SIZE}, {threads} thread(s); largest difference {difference:.0e}"
    counts = (frames, frames, len(few))
    for (name, seconds), count in zip(times.items(), counts, strict=True):
        per_frame = seconds / count
        table.add_row(name, f"{seconds:.2f}", f"{1000 * per_frame:.1f}", f"{rival / frames / per_frame:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()

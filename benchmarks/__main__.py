"""All benchmarks, one after the other: ``python -m benchmarks``, a quarter of an hour."""

from shutil import which

from benchmarks import (
    compare_command,
    explorer,
    neighbours,
    pairwise,
    perceptual_distance,
    rendering,
    start_up,
    training,
)

browsed = (explorer,) if which("chromium") else ()
for benchmark in (start_up, pairwise, neighbours, rendering, perceptual_distance, compare_command, training, *browsed):
    benchmark.main(standalone_mode=False)

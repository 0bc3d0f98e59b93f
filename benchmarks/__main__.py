"""All benchmarks, and how time and memory grow, drawn: ``python -m benchmarks``, a quarter of an hour.

Records and the figure land in runs/benchmarks; those in docs/performance are drawn by ``python -m benchmarks.growth``.
"""

from pathlib import Path
from shutil import rmtree, which

from benchmarks import (
    compare_command,
    explorer,
    growth,
    neighbours,
    pairwise,
    perceptual_distance,
    rendering,
    start_up,
    training,
)

RECORDS = Path("runs/benchmarks")

rmtree(RECORDS, ignore_errors=True)  # a record that is there would be continued
RECORDS.mkdir(parents=True)
recorded = {
    pairwise: ["--json", str(RECORDS / "pairwise.json")],
    neighbours: ["--json", str(RECORDS / "neighbours.json")],
}
browsed = (explorer,) if which("chromium") else ()
for benchmark in (start_up, pairwise, neighbours, rendering, perceptual_distance, compare_command, training, *browsed):
    benchmark.main(recorded.get(benchmark, []), standalone_mode=False)
growth.main(["--folder", str(RECORDS)], standalone_mode=False)

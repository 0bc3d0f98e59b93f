"""Nearest neighbours under W_2 from a store on disk: time and memory against N. ``python -m benchmarks.neighbours``

Every pair is solved too up to some N, whose time is compared in the same run and whose neighbours have to be the same.
The record is drawn by ``python -m benchmarks.growth``.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np
import psutil
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.caption_clouds import WIDTH, stored_caption_clouds
from benchmarks.timing import Clock, seconds
from whichway.geometry import CloudStack, Neighbours, StoredClouds, StoredRows, nearest_neighbours, pairwise_wasserstein

K = 15
GIBIBYTE = 2**30


def growth(counts: list[int], times: list[float]) -> float:
    """The exponent of time ∝ N^exponent, least squares in logarithms."""
    return float(np.polyfit(np.log(counts), np.log(times), 1)[0])


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """The largest resident memory while the block runs, in bytes, of this process; filled in as it goes."""
    process, peak, finished = psutil.Process(), [0.0], threading.Event()

    def watch() -> None:
        while not finished.wait(0.05):
            peak[0] = max(peak[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        finished.set()
        watcher.join()


def measure(path: Path, count: int, all_pairs: int, clock: Clock) -> dict:
    """Neighbours of the first ``count`` clouds, and, up to ``all_pairs`` of them, all distances."""
    found: list[Neighbours] = []
    with peak_memory() as peak:
        took = seconds(lambda: found.append(nearest_neighbours(CloudStack(StoredRows(path, count)), K)), clock)
    row = {"count": count, "seconds": took, "solved": found[0].solved, "share_solved": found[0].share_solved}
    row["gibibytes"] = peak[0] / GIBIBYTE
    if count <= all_pairs:
        matrix: list[np.ndarray] = []
        stored = StoredClouds(StoredRows(path, count))
        row["seconds_all_pairs"] = seconds(lambda: matrix.append(pairwise_wasserstein(stored)), clock)
        require_same(found[0].distances, matrix[0])
    return row


def require_same(distances: np.ndarray, matrix: np.ndarray) -> None:
    np.fill_diagonal(matrix, np.inf)
    np.testing.assert_allclose(distances, np.sort(matrix, axis=1)[:, :K], rtol=1e-9)


@click.command(context_settings={"show_default": True})
@click.option("--counts", default="200,400,800,1600", help="Prompts, ascending.")
@click.option("--all-pairs", default=800, help="Up to how many prompts every pair is solved too.")
@click.option(
    "--store", type=click.Path(path_type=Path), default="runs/caption_clouds.npy", help="Where clouds are kept."
)
@click.option(
    "--cpu-time", is_flag=True, help="Of the processor, not of the clock: on a busy machine, with one thread."
)
@click.option(
    "--json", "record", type=click.Path(path_type=Path), help="Write what is measured there; what is there is kept."
)
def main(counts: str, all_pairs: int, store: Path, cpu_time: bool, record: Path | None) -> None:
    """The 15 nearest of N captions, 77 rows of width 768."""
    numbers = [int(count) for count in counts.split(",")]
    stored_caption_clouds(numbers[-1], store)
    clock = time.process_time if cpu_time else time.perf_counter
    about = {"k": K, "width": WIDTH, "threads": torch.get_num_threads(), "clock": clock.__name__}
    rows = read_record(record, about)
    nearest_neighbours(CloudStack(StoredRows(store, 2 * K)), K)  # compiles
    for count in numbers:
        if count not in [row["count"] for row in rows]:
            rows.append(measure(store, count, all_pairs, clock))
            if record:
                record.write_text(json.dumps(about | {"measured": rows}, indent=2) + "\n", encoding="utf-8")
    show(rows)


def read_record(record: Path | None, about: dict) -> list[dict]:
    """What was measured under the same conditions."""
    saved: dict = json.loads(record.read_text(encoding="utf-8")) if record and record.exists() else {}
    return saved["measured"] if about.items() <= saved.items() else []


def show(rows: list[dict]) -> None:
    table = Table("N", "pairs solved", "share", "seconds", "all pairs, seconds", "all pairs / ours", "GiB")
    table.title = f"{K} nearest neighbours, n = 77, d = {WIDTH}"
    for row in rows:
        every = row.get("seconds_all_pairs")
        compared = (f"{every:.1f}", f"{every / row['seconds']:.1f}") if every else ("–", "–")
        table.add_row(
            str(row["count"]), str(row["solved"]), f"{row['share_solved']:.1%}", f"{row['seconds']:.1f}", *compared,
            f"{row['gibibytes']:.2f}",
        )  # fmt: skip
    console = Console()
    console.print(table)
    exponent = growth([row["count"] for row in rows], [row["seconds"] for row in rows])
    console.print(f"time grows as N^{exponent:.2f}", highlight=False)


if __name__ == "__main__":
    main()

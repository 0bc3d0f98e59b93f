"""A comparison as tables on the terminal."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from analysis.comparison import Comparison, MethodResult


def show_comparison(comparison: Comparison, console: Console | None = None) -> None:
    console = console or Console()
    settings, distances = comparison.settings, comparison.distances
    console.print(f"\nA: {settings.prompt_a!r}\nB: {settings.prompt_b!r}\n", highlight=False, markup=False)
    console.print(
        f"W_2 {distances['wasserstein']:.4g} against RMS Frobenius {distances['rms_frobenius']:.4g} over all rows, "
        f"{distances['wasserstein_own_tokens']:.4g} against {distances['rms_frobenius_own_tokens']:.4g} over the "
        f"prompts' own tokens; the optimal coupling moves {distances['share_moved']:.0%} of the rows.\n",
        highlight=False,
    )
    table = Table(title=f"{settings.frames} frames, {settings.metric} (lower is smoother, but directness)")
    for heading in ("method", "length", "PPL", "energy", "directness", "worst step", "Gini"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for name, result in comparison.results.items():
        table.add_row(name, *_row(result))
    console.print(table)
    console.print(_endpoint_check(comparison.results, comparison.endpoint_tolerance), highlight=False, soft_wrap=True)
    console.print(f"frames: {comparison.rendered} rendered, {comparison.reused} reused")
    for path in (comparison.folder / "metrics.json", *comparison.pictures):
        console.print(str(path), highlight=False, soft_wrap=True)


def _row(result: MethodResult) -> list[str]:
    smooth = result.smoothness
    numbers = (result.length, smooth.ppl, smooth.energy, smooth.directness, smooth.worst_step, smooth.gini)
    return ["–" if number is None else f"{number:.3f}" for number in numbers]


def _endpoint_check(results: Mapping[str, MethodResult], tolerance: int) -> str:
    worst = max(results, key=lambda name: results[name].endpoint_error)
    error = results[worst].endpoint_error
    found = f"largest pixel difference {error}/255, rounding allows {tolerance}/255"
    if error <= tolerance:
        return f"endpoint check: every path ends in the image of B ({found})"
    return f"endpoint check FAILED: {worst} ends in another image than B's ({found})"

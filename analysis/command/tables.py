"""Results as tables on the terminal."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from whichway.analysis.clouds.parts import measure_name
from whichway.analysis.clouds.prompt_distances import Distances
from whichway.analysis.command.fitting_table import print_table
from whichway.analysis.invariance.record import InvarianceRecord
from whichway.analysis.prompts.pairs import DIFFERING
from whichway.analysis.runs.change_by_part import EVERYTHING, ChangeByPart, titles_of_moves
from whichway.analysis.runs.comparison import Comparison
from whichway.analysis.runs.endpoint_check import EndpointCheck
from whichway.analysis.statistics.estimates import Estimate
from whichway.analysis.statistics.paired import by_pair, compare_methods
from whichway.analysis.study.challenge import Challenge
from whichway.analysis.study.results import group_of
from whichway.analysis.study.selection import REFERENCE, SelectionRule
from whichway.analysis.vocabulary import MEASURES


def show_comparison(comparison: Comparison, console: Console | None = None) -> None:
    console = console or Console(markup=False)
    settings = comparison.settings
    console.print(f"\nA: {settings.prompt_a!r}\nB: {settings.prompt_b!r}\n", highlight=False, markup=False)
    encoders = next(iter(comparison.results.values())).lengths
    if len(encoders) == 1:
        console.print(_distances_in_words(comparison.distances), highlight=False)
    else:
        _show_distances(comparison.distances, tuple(encoders), console)
    for line in _vectors_in_words(comparison.distances):
        console.print(line, highlight=False)
    console.print()
    _show_measures(comparison, tuple(encoders), console)
    if comparison.change_by_part:
        _show_change(comparison.change_by_part, tuple(encoders), console)
    console.print(str(comparison.endpoint_check), highlight=False, soft_wrap=True)
    if any(method.pooled == "start" for method in settings.chosen_methods.values()):
        console.print("where A's pooled vector is held, B is its rows beside that vector", highlight=False)
    console.print(f"frames: {comparison.rendered} rendered, {comparison.reused} reused")
    for path in (comparison.folder / "metrics.json", *comparison.pictures):
        console.print(str(path), highlight=False, soft_wrap=True)


def _distances_in_words(distances: Distances) -> str:
    return (
        f"W_2 {_number(distances['wasserstein'])} against RMS Frobenius {_number(distances['rms_frobenius'])} over all "
        f"rows, {_number(distances['wasserstein_own_tokens'])} against "
        f"{_number(distances['rms_frobenius_own_tokens'])} over the prompts' own tokens; the optimal coupling moves "
        f"{_share(distances['share_moved'])} of the rows."
    )


def _show_distances(distances: Distances, encoders: Sequence[str], console: Console) -> None:
    """A line for each encoder; no sum, since their spaces have units of their own."""
    headings = ("rows of", "W_2", "RMS Frobenius", "own tokens: W_2", "own: RMS Frobenius", "optimal moves")
    measures = ("wasserstein", "rms_frobenius", "wasserstein_own_tokens", "rms_frobenius_own_tokens")
    rows = []
    for encoder in encoders:
        numbers = [_number(distances[measure_name(measure, encoder, encoders)]) for measure in measures]
        rows.append((encoder, *numbers, _share(distances[measure_name("share_moved", encoder, encoders)])))
    print_table(console, "How far apart A and B are, for each encoder's rows", headings, rows)


def _vectors_in_words(distances: Distances) -> Iterator[str]:
    for name in distances:
        if name.startswith("distance_"):
            vector = name.removeprefix("distance_")
            angle = distances[f"angle_{vector}"]
            turned = "" if angle is None else f", at an angle of {angle:.3g}°"
            yield f"The {vector} vectors are {_number(distances[name])} apart{turned}."


def _show_change(change: ChangeByPart, encoders: Sequence[str], console: Console) -> None:
    """Which part of the text carried the change."""
    console.print(
        "\nWhat carried the change? Images of texts of which only this moved from A to B, while the rest stayed A's: "
        f"how far they look from A's image ({change.distance}), and in % of what everything together does. The shares "
        "need not add up.",
        highlight=False,
    )
    table = Table(box=SIMPLE)
    table.add_column("moved")
    for heading in (f"halfway ({change.method})", "all the way"):
        table.add_column(heading, justify="right")
    for what, title in titles_of_moves(change.end, encoders).items():
        cells = [_of_everything(changes, what) for changes in (change.halfway, change.end)]
        table.add_row(title, *cells)
    console.print(table)


def _of_everything(changes: Mapping[str, float], what: str) -> str:
    whole = changes[EVERYTHING]
    share = f"{changes[what] / whole:.0%}" if whole else "–"
    return f"{changes[what]:.3f} {share:>5}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _show_measures(comparison: Comparison, encoders: Sequence[str], console: Console) -> None:
    """One for smoothness, one for the other two axes: a short path may be one of mush."""
    settings, results = comparison.settings, comparison.results
    measured = {name: asdict(result.smoothness) | result.fidelity for name, result in results.items()}
    smoothness = f"Smoothness: {settings.frames} frames, {settings.perceptual_distance} (↓ low is better, ↑ high)"
    others = "Consistency, and fidelity of the frames in between"
    for title, axes in ((smoothness, ("smoothness",)), (others, ("consistency", "fidelity"))):
        columns = [
            name
            for name, measure in MEASURES.items()
            if measure.axis in axes and any(of_method.get(name) is not None for of_method in measured.values())
        ]
        of_clouds = encoders if axes == ("smoothness",) else ()
        headings = ["method", *(measure_name("length", each, encoders).replace("_", " ") for each in of_clouds)]
        headings += [f"{MEASURES[name].title} {'↓' if MEASURES[name].low_is_better else '↑'}" for name in columns]
        rows = []
        for name, result in results.items():
            lengths = result.lengths.values() if of_clouds else ()
            numbers = (*lengths, *(measured[name][column] for column in columns))
            rows.append((name, *("–" if number is None else f"{number:.3f}" for number in numbers)))
        print_table(console, title, headings, rows)


def show_study(
    results: pd.DataFrame,
    distance: str,
    files: Sequence[Path],
    check: EndpointCheck,
    console: Console | None = None,
) -> None:
    """Each method's mean, its ratio to identity and to the optimal method, and where the report is.

    Over the pairs that differ; over all, where none does.
    """
    console = console or Console(markup=False)
    differing = group_of(results, DIFFERING)
    results, which = (results, "") if differing.empty else (differing, " that say different things")
    column = f"ppl_{distance}"
    methods = list(dict.fromkeys(results["method"]))
    references = [name for name in ("identity", "optimal") if name in methods]
    compared = {name: {c.method: c for c in compare_methods(results, column, name)} for name in references}
    pairs, seeds = results["pair"].nunique(), results["seed"].nunique()
    title = f"PPL ({distance}) over {pairs} pairs{which} × {seeds} seeds; below 1 is smoother"
    rows = []
    for method, mean in by_pair(results, column).mean().items():
        ratios = [str(of[method].ratio) if (of := compared[name]) and method in of else "1" for name in references]
        rows.append((str(method), f"{mean:.3f}", *ratios))
    headings = ("method", "mean", *(f"ratio to {name}" for name in references))
    print_table(console, title, headings, rows)
    console.print(str(check), highlight=False, soft_wrap=True)
    for kind in ("report.html", "results.csv", ".tex"):
        for path in files:
            if path.name.endswith(kind):
                console.print(str(path), highlight=False, soft_wrap=True)


def show_robustness(
    compared: pd.DataFrame, agreement: pd.DataFrame, reference: str, console: Console | None = None
) -> None:
    """Methods × conditions, and how far their rankings agree."""
    console = console or Console(markup=False)
    conditions = list(dict.fromkeys(compared["condition"]))
    rows = [
        (str(method), *(str(Estimate(row.ratio, row.low, row.high)) for row in of_method.itertuples()))
        for method, of_method in compared.groupby("method", sort=False)
    ]
    rows.append(("Kendall's τ", *(_agreement(row.tau, row.methods) for row in agreement.itertuples())))
    title = f"PPL, ratio to {reference}; below 1 is smoother"
    print_table(console, title, ("method", *conditions), rows)


def _agreement(tau: float, methods: int) -> str:
    return "–" if tau != tau else f"{tau:.2f} of {methods} methods"


def show_challenge(challenge: Challenge, rule: SelectionRule, folder: Path, console: Console | None = None) -> None:
    """Every candidate on the tuning pairs, the one that was picked on the held-out ones, and the verdict."""
    console = console or Console(markup=False)
    tables = {"tuning pairs": challenge.tuned, "held-out pairs": [challenge.held_out] if challenge.held_out else []}
    for title, compared in tables.items():
        if not compared:
            continue
        measures = list(compared[0].ratios)
        rows = [(each.method, *(str(each.ratios[measure].ratio) for measure in measures)) for each in compared]
        heading = f"ratio to {REFERENCE}, {title} that say different things"
        print_table(console, heading, ("method", *measures), rows)
    if challenge.picked is None:
        outcome = f"no candidate is shorter than {REFERENCE} and no worse in {', '.join(rule.guards)}"
    else:
        failed = [measure for measure, passed in challenge.verdict.items() if not passed]
        beaten = f"it fails the rule in {', '.join(failed)}" if failed else f"{REFERENCE} is beaten"
        outcome = f"{challenge.picked} on the held-out pairs: {beaten}"
    unmeasured = [guard for guard in rule.guards if challenge.tuned and guard not in challenge.tuned[0].ratios]
    console.print(outcome, highlight=False, soft_wrap=True)
    if unmeasured:
        console.print(
            f"not measured, or no ratio, so not judged: {', '.join(unmeasured)}", highlight=False, soft_wrap=True
        )
    console.print(str(folder / "candidates.csv"), highlight=False, soft_wrap=True)


def show_invariance(records: Sequence[InvarianceRecord], console: Console | None = None) -> None:
    """A table for each dtype, one row for each level, and what they amount to."""
    console = console or Console(markup=False)
    console.print(
        "Relative change of the output when the rows are permuted (perm.), or the measure is written in the worst of "
        "four other ways (meas.); what summing in another order does (floor), and what rounding may do (limit). "
        "Controls: another text, the words in another order, the permutation under attention broken on purpose.",
        highlight=False,
    )
    for dtype in dict.fromkeys(record.dtype for record in records):
        table = Table(title=dtype, box=SIMPLE, padding=(0, 1, 0, 0), title_justify="left")
        table.add_column("level", overflow="fold")
        for heading in ("perm.", "meas.", "floor", "limit", "text", "words", "broken"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("verdict", no_wrap=True)
        of_dtype = [record for record in records if record.dtype == dtype]
        for record in of_dtype:
            changes = (record.errors["permutation"], _largest(record.errors), record.floor, record.tolerance)
            numbers = (*changes, *record.controls.values())
            level = record.level.removeprefix("layer ").replace(".transformer_blocks", "\n.transformer_blocks")
            table.add_row(level, *map(_short, numbers), _verdict(record))
        console.print(table)
        for record in of_dtype:
            if record.growth:
                console.print(_growth(record), highlight=False)
    failed = [f"{record.level} in {record.dtype}" for record in records if not record.measure_invariant]
    said = f"does NOT hold, or was not shown, for: {', '.join(failed)}" if failed else "holds at every level checked"
    console.print(f"measure invariance {said}", highlight=False)


def _growth(record: InvarianceRecord) -> str:
    steps, pixels = record.growth["permutation"], record.details["largest_pixel_difference"]
    return (
        f"the permuted image's error grows from {_short(steps[0])} after the first of {len(steps)} steps to "
        f"{_short(steps[-1])}; largest pixel difference {pixels['permutation']}/255, for the other text "
        f"{pixels['different_text']}/255"
    )


def show_census(records: Sequence[InvarianceRecord], console: Console | None = None) -> None:
    """One row for each architecture, and what restores measure invariance where it does not hold."""
    console = console or Console(markup=False)
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0))
    for heading in ("architecture", "permutation", "measure", "other text", "because"):
        table.add_column(heading, overflow="fold")
    restored: dict[str, list[str]] = {}
    for record in records:
        table.add_row(
            record.details["title"],
            f"{_yes(record.permutation_invariant)} {_short(record.errors['permutation'])}",
            f"{_yes(record.measure_invariant)} {_short(_largest(record.errors))}",
            _short(record.controls["different_text"]),
            record.reason,
        )
        restored.setdefault(record.details["restored_by"], []).append(record.details["title"])
    console.print(table)
    for remedy, titles in restored.items():
        console.print(f"{remedy}: {', '.join(titles)}", highlight=False)
    console.print(
        f"{sum(record.permutation_invariant for record in records)} of {len(records)} do not see the order of the "
        f"rows, {sum(record.measure_invariant for record in records)} see only the measure "
        f"({sum(record.details['parameters'] for record in records) / 1e6:,.1f} M parameters in all, "
        f"{sum(record.seconds for record in records):.0f} s, peak memory {_peak_memory() / 2**30:.1f} GiB)",
        highlight=False,
    )


def _yes(holds: bool) -> str:
    return "yes" if holds else "no "


def _largest(errors: Mapping[str, float | None]) -> float | None:
    numbers = [error for error in errors.values() if error is not None]
    return max(numbers, default=None)


def show_choices(groups: Mapping[str, Mapping[str, str]], console: Console | None = None) -> None:
    """Each option's possible values, and what they are."""
    console = console or Console(markup=False)
    for option, group in groups.items():
        console.print(option, highlight=False)
        table = Table(box=None, show_header=False, padding=(0, 0, 0, 2))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, summary in group.items():
            table.add_row(Text(name), Text(summary))
        console.print(table)


def _verdict(record: InvarianceRecord) -> str:
    if record.failed_controls:
        return "control failed"
    return "holds" if record.measure_invariant else "order only" if record.permutation_invariant else "FAILS"


def _short(number: float | None) -> str:
    return "–" if number is None else f"{number:.0e}"


def _peak_memory() -> int:
    """Bytes, of this process so far."""
    import resource

    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes if sys.platform == "darwin" else kilobytes * 1024

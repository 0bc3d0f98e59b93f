"""The figures of a study: how methods compare, in which strata, and how geometric length predicts perceptual length."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import XAxis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

from whichway.analysis.counted import counted
from whichway.analysis.pictures.ratio_matrix import draw_ratio_matrix
from whichway.analysis.pictures.style import colour, marker, new_figure
from whichway.analysis.prompts.pairs import GROUPS, STRATA
from whichway.analysis.statistics.correlations import correlation, correlation_of_steps, predict_from_length
from whichway.analysis.statistics.paired import PairedComparison, by_pair, compare_methods, ratios_where_apart

#: geometric length of a step, as :func:`whichway.analysis.study.results.read_steps` calls it → as a figure does
LENGTHS = {"wasserstein": "$W_2$", "pull_back": "pull-back $W_2$", "frobenius": "RMS Frobenius"}
SAYING_THE_SAME = GROUPS[1:]
BY_SCORE = colormaps["viridis"].with_extremes(bad=colour("optimal"))  # pairs without a score are drawn too
MEASURES = {"ppl": "perceptual path length", "worst_step": "worst step", "gini": "Gini"}


def draw_comparison(results: pd.DataFrame, distance: str, reference: str) -> Figure:
    """Every method's ratio to ``reference`` with its interval, for three measures. Left of the line is smoother."""
    compared = {
        title: compare_methods(results, f"{measure}_{distance}", reference) for measure, title in MEASURES.items()
    }
    methods = [comparison.method for comparison in next(iter(compared.values()))]
    figure = new_figure(10, 1.5 + 0.32 * max(len(methods), 2))
    axes = figure.subplots(1, len(compared), sharey=True, squeeze=False)[0]
    for axis, (title, comparisons) in zip(axes, compared.items(), strict=True):
        axis.axvline(1, color="black", linewidth=0.8)
        for place, comparison in enumerate(comparisons):
            _draw_interval(axis, place, comparison)
        axis.set(title=title, xlabel=f"ratio to {reference}", ylim=(-0.6, len(methods) - 0.4))
        _ratio_axis(axis.xaxis, axis.get_xlim())
        axis.grid(axis="x", alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(range(len(methods)), methods)
    axes[0].invert_yaxis()
    pairs, seeds = results["pair"].nunique(), results["seed"].nunique()
    figure.suptitle(
        f"Geometric mean over {counted(pairs, 'pair')} × {counted(seeds, 'seed')}, with 95 % bootstrap intervals over "
        f"pairs ({distance}). Below 1 is smoother.",
        fontsize=9,
    )
    return figure


def _ratio_axis(axis: XAxis, limits: tuple[float, float]) -> None:
    """Logarithmic, as ratios are: 0.5 is as far from 1 as 2. Ticks at round numbers, of which 1 is one."""
    low, high = (abs(float(np.log(limit))) for limit in (max(limits[0], 1e-3), max(limits[1], 1e-3)))
    reach = 1.08 * max(low, high, 0.02)
    axis.axes.set_xscale("log")
    step = next((step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if np.expm1(reach) <= 7 * step), None)
    if step:
        ticks = 1 + step * np.arange(-9, 10)
        ticks = ticks[ticks > 0]
    else:
        ticks = np.array([0.1, 0.2, 0.5, 1, 2, 5, 10])
    inside = ticks[(ticks >= limits[0]) & (ticks <= limits[1])]
    axis.set_major_locator(FixedLocator(inside.tolist() or [1.0]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter("{x:.3g}")


def _draw_interval(axis: Axes, place: int, comparison: PairedComparison) -> None:
    ratio, method = comparison.ratio, comparison.method
    if ratio.low is not None and ratio.high is not None:
        axis.plot([ratio.low, ratio.high], [place, place], color=colour(method), linewidth=2.5, alpha=0.6)
    axis.plot(ratio.value, place, color=colour(method), marker=marker(method), markersize=7)


def draw_claim(results: pd.DataFrame, distance: str, method: str, reference: str) -> Figure:
    """One method's PPL against another's: every pair as a dot, the geometric mean of each stratum with its interval.

    Strata whose pairs say the same stand apart from those of the headline.
    """
    both = results[results["method"].isin([method, reference])]
    parts = {name: rows for name in STRATA if len(rows := both[both["stratum"] == name])} or {"all pairs": both}
    figure = new_figure(7.2, 3.4)
    axis = figure.subplots()
    axis.axhline(1, color="black", linewidth=0.8)
    ticks: list[str] = []
    for place, (name, rows) in enumerate(parts.items()):
        [compared] = compare_methods(rows, f"ppl_{distance}", reference)
        ppl = by_pair(rows, f"ppl_{distance}")
        ratios = (ppl[method] / ppl[reference]).to_numpy()
        spread = np.random.default_rng(0).permutation(np.linspace(-0.32, 0.08, len(ratios)))
        axis.plot(place + spread, ratios, ".", color="0.6", markersize=4, zorder=1)
        _draw_upright_interval(axis, place + 0.25, compared)
        ticks.append(f"{name}\n{counted(compared.pairs, 'pair')}\n{_number(compared.ratio.value)}")
        if name in SAYING_THE_SAME and not set(list(parts)[:place]) & set(SAYING_THE_SAME) and place:
            axis.axvline(place - 0.5, color="0.4", linewidth=0.8, linestyle="--")
    axis.set_xticks(range(len(parts)), ticks, fontsize=8)
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    axis.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5) if high > 8 * low else (1, 2, 4, 6, 8, 9)))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter("{x:g}")
    axis.tick_params(axis="y", labelsize=8)
    axis.grid(axis="y", alpha=0.3)
    axis.set_ylabel(f"PPL of {method} / of {reference}\n({distance})", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def _number(value: float, digits: int = 2) -> str:
    """A dash where there is none: prompts of one and the same cloud have no ratio."""
    return "–" if np.isnan(value) else f"{value:.{digits}f}"


def _draw_upright_interval(axis: Axes, place: float, comparison: PairedComparison) -> None:
    ratio, ink = comparison.ratio, colour(comparison.method)
    if ratio.low is not None and ratio.high is not None:
        axis.plot([place, place], [ratio.low, ratio.high], color=ink, linewidth=1.8)
    axis.plot(place, ratio.value, color=ink, marker=marker(comparison.method), markersize=5, linestyle="")


def draw_strata(results: pd.DataFrame, distance: str, reference: str) -> Figure | None:
    """PPL's ratio to ``reference``, methods × strata; None where pairs have no score."""
    parts = {name: rows for name in STRATA if len(rows := results[results["stratum"] == name])}
    if not parts:
        return None
    headings = {name: f"{name}\n{counted(rows['pair'].nunique(), 'pair')}" for name, rows in parts.items()}
    compared = {name: compare_methods(rows, f"ppl_{distance}", reference) for name, rows in parts.items()}
    methods = [comparison.method for comparison in next(iter(compared.values()))]
    cells = {
        (comparison.method, headings[name]): comparison.ratio
        for name, comparisons in compared.items()
        for comparison in comparisons
    }
    figure = new_figure(max(2.2 + 0.85 * len(parts), 6.2), 1.4 + 0.36 * len(methods))
    axis = draw_ratio_matrix(figure, cells, methods, [*headings.values()])
    same = next((place for place, name in enumerate(parts) if name in SAYING_THE_SAME), 0)
    if same:
        axis.axvline(same - 0.5, color="black", linewidth=1.2)
    axis.set_xlabel(
        f"PPL ({distance}), ratio to {reference}; bold: the 95 % interval leaves out 1.\n"
        "Strata of similarity; right of the line both prompts say the same",
        fontsize=8,
    )
    return figure


def draw_distances(results: pd.DataFrame, encoder: str = "") -> Figure:
    """W_2 against RMS Frobenius of the pairs, over all rows and over the prompts' own tokens.

    Args:
        encoder: whose rows, where there are several (:func:`whichway.analysis.study.results.encoders_of`).
    """
    pairs, of = results.drop_duplicates("pair"), f"_{encoder}" if encoder else ""
    figure = new_figure(9.4, 4.4)
    views = {"all rows": "", "the prompts' own tokens": "_own_tokens"}
    for axis, (title, suffix) in zip(figure.subplots(1, 2), views.items(), strict=True):
        x, y = (pairs[f"{measure}{suffix}{of}"].astype(float) for measure in ("rms_frobenius", "wasserstein"))
        scores = pairs["score"].astype(float)
        edge: dict[str, Any] = {"edgecolors": "#333333", "linewidths": 0.4}  # without it, yellow is lost on white
        points = axis.scatter(x, y, c=scores, cmap=BY_SCORE, s=22, vmin=0, vmax=5, plotnonfinite=True, **edge)
        lower, upper = 0.95 * min(y.min(), x.min()), 1.05 * x.max()
        axis.plot([lower, upper], [lower, upper], color="black", linewidth=0.8, label="equal")
        title = f"{title} of {encoder}" if encoder else title
        ratio = _number(ratios_where_apart(y, x).mean(), 3)
        axis.set(xlabel="RMS Frobenius", ylabel="$W_2$", title=f"{title}: mean ratio {ratio}")
        axis.spines[["top", "right"]].set_visible(False)
    if pairs["score"].notna().any():
        figure.colorbar(points, ax=figure.axes, label="similarity of the prompts")
    return figure


def draw_geometry(results: pd.DataFrame, steps: pd.DataFrame, distance: str, encoder: str = "") -> Figure:
    """Geometric length against PPL, over pairs: the ratios of two methods, and each method's own length and PPL.

    Args:
        encoder: whose rows' lengths, where there are several.
    """
    suffix = f"_{encoder}" if encoder else ""
    figure = new_figure(9.8, 4.4)
    left, right = figure.subplots(1, 2)
    length_column = f"length{suffix}"
    prediction = predict_from_length(results, distance, method="optimal", reference="identity", length=length_column)
    lengths, ppl = by_pair(results.dropna(subset=length_column), length_column), by_pair(results, f"ppl_{distance}")
    x, y = lengths["optimal"] / lengths["identity"], ppl["optimal"] / ppl["identity"]
    left.axhline(1, color="black", linewidth=0.8)
    left.scatter(x, y, s=20, color=colour("optimal"), alpha=0.7)
    left.set(xlabel="$W_2$ / RMS Frobenius", ylabel="PPL of optimal / PPL of identity")
    left.set_title(
        f"optimal against identity, over pairs\nSpearman {prediction.spearman}, $R^2$ {_number(prediction.explained)}",
        fontsize=9,
    )
    rows = []
    for method in steps["method"].unique():
        for length in LENGTHS:
            column = f"{length}{suffix}"
            of_method = steps[steps["method"] == method].dropna(subset=[column]) if column in steps else steps[:0]
            if of_method["pair"].nunique() > 4:
                totals = of_method.groupby("pair")[[column, distance]].mean()
                rows.append((method, length, correlation(totals[column].to_numpy(), totals[distance].to_numpy())))
    methods = list(dict.fromkeys(row[0] for row in rows))
    for shift, (length, title) in zip((-0.22, 0, 0.22), LENGTHS.items(), strict=True):
        estimates = [(methods.index(method) + shift, estimate) for method, name, estimate in rows if name == length]
        if not estimates:  # the family has no such geometry, or too many rows to measure it
            continue
        for place, estimate in estimates:
            if estimate.low is not None:
                right.plot([estimate.low, estimate.high], [place, place], color="black", alpha=0.3)
        style = {"wasserstein": "D", "pull_back": "s", "frobenius": "o"}[length]
        right.plot(
            [estimate.value for _, estimate in estimates],
            [place for place, _ in estimates],
            style,
            color="black",  # a method's colour would say that a geometry is one
            markerfacecolor={"wasserstein": "black", "pull_back": "0.6", "frobenius": "white"}[length],
            label=title,
            markersize=5,
        )
    ends = [end for *_, estimate in rows for end in (estimate.low, estimate.value, estimate.high) if end is not None]
    ends = [end for end in ends if np.isfinite(end)] or [0.0]  # of pairs that are all alike nothing is correlated
    low, high = np.clip([min(ends) - 0.08, max(ends) + 0.08], -1, 1)
    if low <= 0 <= high:
        right.axvline(0, color="black", linewidth=0.8)
    right.set_yticks(range(len(methods)), methods)
    right.invert_yaxis()
    right.set(xlabel="Spearman correlation over pairs, 95 % interval", xlim=(low, high))
    right.grid(axis="x", alpha=0.3)
    right.set_title("a path's geometric length and its perceptual length", fontsize=9)
    right.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def draw_steps_against_length(
    results: pd.DataFrame, steps: pd.DataFrame, distance: str, encoder: str = ""
) -> Figure | None:
    """Geometric against perceptual length of single steps (above) and whole paths (below), in three geometries.

    Spearman's correlation stands in the legend, with its interval over pairs. None where no step has a length.

    Args:
        encoder: whose rows' lengths, where there are several.
    """
    suffix = f"_{encoder}" if encoder else ""
    lengths = {f"{length}{suffix}": title for length, title in LENGTHS.items()}
    lengths = {column: title for column, title in lengths.items() if column in steps and steps[column].notna().any()}
    if not lengths:
        return None
    figure = new_figure(1 + 3 * len(lengths), 6.6)
    axes = figure.subplots(2, len(lengths), sharey="row", squeeze=False)
    for column, (length, title) in enumerate(lengths.items()):
        above, below = axes[:, column]
        for method in ("identity", "optimal"):
            of_steps, of_paths = steps[steps["method"] == method], results[results["method"] == method]
            _scatter(above, of_steps, length, distance, method, size=4)
            _scatter(below, of_paths, f"path_{length}", f"ppl_{distance}", method, size=9)
        above.set(title=title, xlabel=f"step in {title}")
        below.set(xlabel=f"path's length in {title}")
        for axis in (above, below):
            axis.spines[["top", "right"]].set_visible(False)
            box = {"fontsize": 8, "title": "Spearman, 95 % interval", "title_fontsize": 8, "markerscale": 3}
            for handle in axis.legend(frameon=False, loc="upper left", **box).legend_handles:
                handle.set_alpha(1)
    for axis in axes[:, 0]:
        axis.set_ylim(0, 1.35 * axis.get_ylim()[1])  # room for the legends of its row
    axes[0, 0].set_ylabel(f"perceptual step ({distance})")
    axes[1, 0].set_ylabel(f"PPL ({distance})")
    return figure


def _scatter(axis: Axes, frame: pd.DataFrame, x: str, y: str, method: str, *, size: float) -> None:
    spearman = correlation_of_steps(frame, x, y)
    interval = "" if spearman.low is None else f" ({spearman.low:.2f} to {spearman.high:.2f})"
    label = f"{method}: {_number(spearman.value)}{interval}"
    axis.scatter(frame[x], frame[y], s=size, color=colour(method), alpha=0.25, linewidth=0, label=label)

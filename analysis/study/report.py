"""A study's records → its tables, its figures and one page that holds everything."""

import base64
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from whichway.analysis.errors import UserError, writing
from whichway.analysis.models.model import Model
from whichway.analysis.pictures.filmstrips import draw_filmstrips
from whichway.analysis.pictures.study import (
    draw_comparison,
    draw_distances,
    draw_geometry,
    draw_steps_against_length,
    draw_strata,
)
from whichway.analysis.prompts.pairs import PromptPair
from whichway.analysis.runs.frames import FrameStore
from whichway.analysis.smoothness.measures import TITLES
from whichway.analysis.study.statistics import PairedComparison, by_pair, compare_methods, predict_from_length
from whichway.analysis.study.study import (
    MEASURES,
    StudySettings,
    Unit,
    frames_folder,
    read_records,
    read_results,
    read_steps,
    read_study,
    walk_unit,
)

REFERENCES = ("identity", "optimal")
HIGH_IS_SMOOTH = ("directness",)
STRIP_METHODS = ("identity", "optimal")


def write_report(out: Path, model: Model | None = None) -> list[Path]:
    """Everything that can be said of the study in ``out`` so far; returns the files, the page first.

    Args:
        model: the study's. With it, frames of the film strips that were not kept are rendered again; without it, strips
            whose frames are missing are left out.

    Raises:
        UserError: no study there, or none of its pairs is finished.
    """
    study = read_study(out)
    results = read_results(out)
    if results.empty:
        raise UserError(f"{str(out)!r} has no finished pair yet")
    metrics = study["settings"]["metrics"]
    references = [name for name in REFERENCES if name in study["settings"]["methods"]]
    figures = _draw(results, read_steps(out), metrics[0], references)
    strips = draw_strips(out, study, strip_pairs(results, metrics[0]), model)
    written = []
    with writing(out):
        results.to_csv(out / "results.csv", index=False)
        (out / "figures").mkdir(exist_ok=True)
        for name, figure in (figures | strips).items():
            for suffix in ("png", "pdf"):
                figure.savefig(out / "figures" / f"{name}.{suffix}")
                written.append(out / "figures" / f"{name}.{suffix}")
        if references:
            latex = latex_table(compare_methods(results, f"ppl_{metrics[0]}", references[0]), references[0])
            (out / "table.tex").write_text(latex, encoding="utf-8")
        page = render_page(study, results, metrics, references, figures | strips)
        (out / "report.html").write_text(page, encoding="utf-8")
    return [out / "report.html", out / "results.csv", *written]


def _draw(results: pd.DataFrame, steps: pd.DataFrame, metric: str, references: list[str]) -> dict[str, Figure]:
    figures: dict[str, Figure | None] = {"distances": draw_distances(results)}
    if references and results["method"].nunique() > 1:
        figures = {
            "comparison": draw_comparison(results, metric, references[0]),
            "strata": draw_strata(results, metric, references[0]),
        } | figures
    if len(references) == 2 and results["pair"].nunique() > 4:
        figures["geometry"] = draw_geometry(results, steps, metric)
        figures["steps"] = draw_steps_against_length(results, steps, metric)
    return {name: figure for name, figure in figures.items() if figure is not None}


def strip_pairs(results: pd.DataFrame, metric: str) -> dict[str, int]:
    """The pairs on which the optimal method does best, median and worst against identity: nobody's choice."""
    if not set(STRIP_METHODS) <= set(results["method"]):
        return {}
    ppl = by_pair(results, f"ppl_{metric}")
    order = [int(pair) for pair in (ppl["optimal"] / ppl["identity"]).sort_values().index]
    return {"best": order[0], "median": order[len(order) // 2], "worst": order[-1]}


def draw_strips(out: Path, study: dict, pairs: Mapping[str, int], model: Model | None = None) -> dict[str, Figure]:
    """Film strips of these pairs, from the first seed's noise."""
    figures = {}
    for name, index in pairs.items():
        pair = PromptPair(**study["pairs"][index])
        frames, times = _strip(out, study, Unit(index, pair, 0), model)
        if frames:
            figures[f"strip-{name}"] = draw_filmstrips(frames, times, pair.prompt_a, pair.prompt_b)
    return figures


def draw_study_strip(out: Path, which: str) -> Figure:
    """The film strips of the "best", "median" or "worst" pair of the study in ``out``, from frames that were kept.

    Raises:
        UserError: no study there, or without these frames.
    """
    study = read_study(out)
    pair = strip_pairs(read_results(out), study["settings"]["metrics"][0])[which]
    drawn = draw_strips(out, study, {which: pair})
    if not drawn:
        raise UserError(f"the study in {str(out)!r} has no frames of pair {pair}, the {which} one")
    return drawn[f"strip-{which}"]


def _strip(out: Path, study: dict, unit: Unit, model: Model | None) -> tuple[dict, dict]:
    if model is not None:
        settings = StudySettings(
            **study["settings"] | {"methods": STRIP_METHODS, "metrics": tuple(study["settings"]["metrics"])}
        )
        walked = walk_unit(unit, settings, model, out)
        return walked.frames, walked.times
    times = {(r["pair"], r["seed"]): {name: way["t"] for name, way in r["methods"].items()} for r in read_records(out)}
    store, at = FrameStore(frames_folder(out, unit.index, unit.seed)), times.get(unit.key, {})
    shown = {way: at[way] for way in STRIP_METHODS if way in at}
    try:
        return {way: store.read_strip(way, each) for way, each in shown.items()}, shown
    except OSError:  # a study whose images were not kept
        return {}, {}


def latex_table(comparisons: list[PairedComparison], reference: str) -> str:
    """A booktabs table of the ratios to ``reference``."""
    lines = [
        r"\begin{tabular}{lrrrr}",
        r"\toprule",
        rf"method & mean PPL & ratio to {_latex(reference)} & 95\,\% interval & wins \\",
        r"\midrule",
    ]
    for each in comparisons:
        low, high = each.ratio.low, each.ratio.high
        interval = "--" if low is None else f"{low:.3f} to {high:.3f}"
        wins = rf"{100 * each.wins:.0f}\,\%"
        cells = (_latex(each.method), f"{each.mean:.3f}", f"{each.ratio.value:.3f}", interval, wins)
        lines.append(rf"{' & '.join(cells)} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _latex(name: str) -> str:
    return name.replace("_", r"\_").replace("&", r"\&")


def render_page(
    study: dict,
    results: pd.DataFrame,
    metrics: list[str],
    references: list[str],
    figures: Mapping[str, Figure],
) -> str:
    """One HTML page that needs nothing but itself; whatever a user typed is escaped."""
    environment = Environment(
        loader=PackageLoader("whichway.analysis.study", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    prediction = None
    if len(references) == 2 and results["pair"].nunique() > 4:
        prediction = predict_from_length(results, metrics[0], method="optimal", reference="identity")
    tables = [
        {"measure": measure, "metric": metric, "reference": reference, "high": high, "rows": rows}
        for reference in references
        for metric in metrics
        for measure in MEASURES
        for high in [measure in HIGH_IS_SMOOTH]
        if (rows := compare_methods(results, f"{measure}_{metric}", reference, low_is_better=not high))
    ]
    return environment.get_template("report.html").render(
        study=study,
        titles=TITLES,
        pairs=results["pair"].nunique(),
        seeds=results["seed"].nunique(),
        asked=len(study["pairs"]) * study["settings"]["seeds"],
        finished=len(results.drop_duplicates(["pair", "seed"])),
        means=mean_table(results, metrics[0]),
        tables=tables,
        strata=strata_tables(results, metrics[0], references[0]) if references else [],
        prediction=prediction,
        ratio=(results["wasserstein"] / results["rms_frobenius"]).mean(),
        moved=results["share_moved"].where(results["method"] == "optimal").mean(),
        endpoint_error=int(results["endpoint_error"].max()),
        figures={name: _as_data(figure) for name, figure in figures.items()},
    )


def strata_tables(results: pd.DataFrame, metric: str, reference: str) -> list[dict]:
    """All comparisons with ``reference`` once more, within each stratum of similarity; one table for each measure."""
    groups = list(results.dropna(subset="stratum").groupby("stratum"))
    if not groups or results["method"].nunique() < 2:
        return []
    titles = [f"{stratum:.0f} to {stratum + 1:.0f} ({group['pair'].nunique()} pairs)" for stratum, group in groups]
    tables = []
    for measure in MEASURES:
        high = measure in HIGH_IS_SMOOTH
        columns = [
            compare_methods(group, f"{measure}_{metric}", reference, low_is_better=not high) for _, group in groups
        ]
        rows = [(cells[0].method, cells) for cells in zip(*columns, strict=True)]
        tables.append(
            {"measure": measure, "metric": metric, "reference": reference, "high": high}
            | {"strata": titles, "rows": rows}
        )
    return tables


def mean_table(results: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean of each measure over pairs, one row for each method."""
    columns = {measure: by_pair(results, f"{measure}_{metric}").mean() for measure in MEASURES}
    return pd.DataFrame(columns)


def _as_data(figure: Figure) -> str:
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()

"""A study's records → its tables, its figures and one page that holds everything."""

import base64
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from whichway.analysis.errors import UserError
from whichway.analysis.files import write_text, written_whole
from whichway.analysis.models.model import Model
from whichway.analysis.pictures.study import (
    draw_comparison,
    draw_distances,
    draw_geometry,
    draw_steps_against_length,
    draw_strata,
)
from whichway.analysis.runs.endpoint_check import EndpointCheck
from whichway.analysis.statistics.correlations import predict_from_length
from whichway.analysis.statistics.paired import compare_methods
from whichway.analysis.study.kernel_distances import KernelDistances, read_kernel_distances
from whichway.analysis.study.results import measured_columns, read_results, read_steps
from whichway.analysis.study.saved_study import SavedStudy, read_study
from whichway.analysis.study.strips import draw_strips, strip_pairs
from whichway.analysis.study.tables import latex_table, mean_table, strata_tables
from whichway.analysis.vocabulary import MEASURES

REFERENCES = ("identity", "optimal")


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
    distance = study.settings.perceptual_distances[0]
    references = [name for name in REFERENCES if name in study.settings.methods]
    figures = _draw(results, read_steps(out), distance, references)
    strips = draw_strips(out, study, strip_pairs(results, distance), model)
    written = []
    write_text(out / "results.csv", results.to_csv(index=False))
    for name, figure in (figures | strips).items():
        for suffix in ("png", "pdf"):
            path = out / "figures" / f"{name}.{suffix}"
            with written_whole(path) as aside:
                figure.savefig(aside)
            written.append(path)
    if references:
        latex = latex_table(compare_methods(results, f"ppl_{distance}", references[0]), references[0])
        write_text(out / "table.tex", latex)
    page = render_page(study, results, references, figures | strips, read_kernel_distances(out))
    write_text(out / "report.html", page)
    return [out / "report.html", out / "results.csv", *written]


def _draw(results: pd.DataFrame, steps: pd.DataFrame, distance: str, references: list[str]) -> dict[str, Figure]:
    figures: dict[str, Figure | None] = {"distances": draw_distances(results)}
    if references and results["method"].nunique() > 1:
        figures = {
            "comparison": draw_comparison(results, distance, references[0]),
            "strata": draw_strata(results, distance, references[0]),
        } | figures
    if len(references) == 2 and results["pair"].nunique() > 4:
        figures["geometry"] = draw_geometry(results, steps, distance)
        figures["steps"] = draw_steps_against_length(results, steps, distance)
    return {name: figure for name, figure in figures.items() if figure is not None}


def endpoint_check(study: SavedStudy, results: pd.DataFrame) -> EndpointCheck:
    """Whether every path of every pair ends in the image of B."""
    worst = results.groupby("method", sort=False)["endpoint_error"].max()
    errors = {str(method): int(error) for method, error in worst.items()}
    return EndpointCheck(errors, study.endpoint_tolerance)


def render_page(
    study: SavedStudy,
    results: pd.DataFrame,
    references: list[str],
    figures: Mapping[str, Figure],
    kernel_distances: KernelDistances | None = None,
) -> str:
    """One HTML page that needs nothing but itself; whatever a user typed is escaped."""
    environment = Environment(
        loader=PackageLoader("whichway.analysis.study", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    prediction = None
    distances = study.settings.perceptual_distances
    if len(references) == 2 and results["pair"].nunique() > 4:
        prediction = predict_from_length(results, distances[0], method="optimal", reference="identity")
    tables = [
        {"measure": name, "distance": distance, "reference": reference, "rows": rows}
        for reference in references
        for distance in distances
        for name, column in measured_columns(results, distance).items()
        for measure in [MEASURES[name]]
        if measure.of == "steps" or distance == distances[0]
        if (rows := compare_methods(results, column, reference, low_is_better=measure.low_is_better))
    ]
    return environment.get_template("report.html").render(
        study=study,
        measures=MEASURES,
        kernel_distances=kernel_distances,
        pairs=results["pair"].nunique(),
        seeds=results["seed"].nunique(),
        requested=len(study.pairs) * study.settings.seeds,
        finished=len(results.drop_duplicates(["pair", "seed"])),
        means=mean_table(results, distances[0]),
        tables=tables,
        strata=strata_tables(results, distances[0], references[0]) if references else [],
        prediction=prediction,
        ratio=(results["wasserstein"] / results["rms_frobenius"]).mean(),
        moved=results["share_moved"].where(results["method"] == "optimal").mean(),
        endpoint_check=endpoint_check(study, results),
        figures={name: _as_data(figure) for name, figure in figures.items()},
    )


def _as_data(figure: Figure) -> str:
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()

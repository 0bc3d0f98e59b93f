"""A study's records → its tables, its figures and one page that holds everything."""

import base64
from collections.abc import Mapping, Sequence
from functools import partial
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
from whichway.analysis.smoothness.measures import TITLES
from whichway.analysis.statistics.correlations import predict_from_length
from whichway.analysis.statistics.paired import compare_methods
from whichway.analysis.study.results import (
    MEASURES,
    encoders_of,
    read_changes,
    read_results,
    read_steps,
    with_encoder,
)
from whichway.analysis.study.saved_study import SavedStudy, read_study
from whichway.analysis.study.strips import draw_strips, strip_pairs
from whichway.analysis.study.tables import (
    HIGH_IS_SMOOTH,
    ChangeOfPart,
    change_table,
    distance_table,
    latex_table,
    mean_table,
    strata_tables,
    vector_table,
)

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
    changes = change_table(read_changes(out), distance, encoders_of(results))
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
    write_text(out / "report.html", render_page(study, results, references, figures | strips, changes))
    return [out / "report.html", out / "results.csv", *written]


def _draw(results: pd.DataFrame, steps: pd.DataFrame, distance: str, references: list[str]) -> dict[str, Figure]:
    encoders = encoders_of(results)
    figures: dict[str, Figure | None] = {
        with_encoder("distances", encoder): draw_distances(results, encoder)
        for encoder in encoders
        if results[with_encoder("rms_frobenius", encoder)].notna().any()
    }
    if references and results["method"].nunique() > 1:
        figures = {
            "comparison": draw_comparison(results, distance, references[0]),
            "strata": draw_strata(results, distance, references[0]),
        } | figures
    if len(references) == 2 and results["pair"].nunique() > 4:
        for encoder in filter(partial(_have_lengths, results), encoders):
            figures[with_encoder("geometry", encoder)] = draw_geometry(results, steps, distance, encoder)
            figures[with_encoder("steps", encoder)] = draw_steps_against_length(results, steps, distance, encoder)
    return {name: figure for name, figure in figures.items() if figure is not None}


def _have_lengths(results: pd.DataFrame, encoder: str) -> bool:
    """Whether both methods that are compared have one, of that encoder's rows."""
    with_length = results.dropna(subset=with_encoder("length", encoder))
    return set(REFERENCES) <= set(with_length["method"])


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
    changes: Sequence[ChangeOfPart] = (),
) -> str:
    """One HTML page that needs nothing but itself; whatever a user typed is escaped."""
    environment = Environment(
        loader=PackageLoader("whichway.analysis.study", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    distances, encoders = study.settings.perceptual_distances, encoders_of(results)
    predictions = {}
    if len(references) == 2 and results["pair"].nunique() > 4:
        predictions = {
            encoder: predict_from_length(
                results, distances[0], method="optimal", reference="identity", length=with_encoder("length", encoder)
            )
            for encoder in encoders
            if _have_lengths(results, encoder)
        }
    tables = [
        {"measure": measure, "distance": distance, "reference": reference, "high": high, "rows": rows}
        for reference in references
        for distance in distances
        for measure in MEASURES
        for high in [measure in HIGH_IS_SMOOTH]
        if (rows := compare_methods(results, f"{measure}_{distance}", reference, low_is_better=not high))
    ]
    return environment.get_template("report.html").render(
        study=study,
        with_encoder=with_encoder,
        titles=TITLES,
        pairs=results["pair"].nunique(),
        seeds=results["seed"].nunique(),
        requested=len(study.pairs) * study.settings.seeds,
        finished=len(results.drop_duplicates(["pair", "seed"])),
        means=mean_table(results, distances[0]),
        tables=tables,
        strata=strata_tables(results, distances[0], references[0]) if references else [],
        predictions=predictions,
        prompts=distance_table(results),
        vectors=vector_table(results),
        changes=changes,
        endpoint_check=endpoint_check(study, results),
        figures={name: _as_data(figure) for name, figure in figures.items()},
    )


def _as_data(figure: Figure) -> str:
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()

"""A study's records → its tables, its figures and one page that holds everything."""

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from whichway.analysis.counted import counted
from whichway.analysis.errors import UserError
from whichway.analysis.files import write_text, written_whole
from whichway.analysis.models.model import Model
from whichway.analysis.pictures.study import (
    draw_claim,
    draw_comparison,
    draw_distances,
    draw_geometry,
    draw_steps_against_length,
    draw_strata,
)
from whichway.analysis.prompts.pairs import DIFFERING, GROUPS, STRATA
from whichway.analysis.runs.endpoint_check import EndpointCheck
from whichway.analysis.statistics.correlations import LengthPrediction, predict_from_length
from whichway.analysis.statistics.estimates import FEW_PAIRS
from whichway.analysis.study.declared_tests import carry_out
from whichway.analysis.study.kernel_distances import KernelDistances, read_kernel_distances
from whichway.analysis.study.plan import LEVEL, TEST, usual_hypotheses
from whichway.analysis.study.results import (
    encoders_of,
    group_of,
    read_changes,
    read_results,
    read_seconds,
    read_steps,
    with_encoder,
)
from whichway.analysis.study.saved_study import SavedStudy, read_study
from whichway.analysis.study.strips import draw_strips, strip_pairs
from whichway.analysis.study.summary import conclusion, holding
from whichway.analysis.study.tables import (
    ChangeOfPart,
    change_table,
    claim_table,
    comparison_table,
    distance_table,
    latex_table,
    mean_table,
    strata_table,
    tests_table,
    vector_table,
)
from whichway.analysis.vocabulary import MEASURES

REFERENCES = ("identity", "optimal")
CLAIM = ("optimal", "identity")  # the paper's


def write_report(out: Path, model: Model | None = None) -> list[Path]:
    """Everything that can be said of the study in ``out`` so far; returns the files, the page first.

    ``tables/`` has each table as CSV, and the short ones as LaTeX; ``figures/`` each figure as PNG and PDF.

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
    tables = make_tables(study, results, references)
    figures = _draw(results, read_steps(out), distance, references)
    changes = change_table(read_changes(out), distance, encoders_of(results))
    strips = draw_strips(out, study, strip_pairs(results, distance), model)
    written = []
    for name, table in {"results": results, **tables}.items():
        written.append(out / "tables" / f"{name}.csv")
        write_text(written[-1], table.to_csv(index=False))
    for name, table in short_tables(tables, distance).items():
        written.append(out / "tables" / f"{name}.tex")
        write_text(written[-1], latex_table(table))
    pictures = {}
    for name, figure in (figures | strips).items():
        pictures[name] = _as_png(figure)
        for suffix, content in (("png", pictures[name]), ("pdf", _as_pdf(figure))):
            written.append(out / "figures" / f"{name}.{suffix}")
            with written_whole(written[-1]) as aside:
                aside.write_bytes(content)
    page = render_page(study, results, tables, pictures, read_seconds(out), read_kernel_distances(out), changes)
    write_text(out / "report.html", page)
    return [out / "report.html", *written]


def make_tables(study: SavedStudy, results: pd.DataFrame, references: list[str]) -> dict[str, pd.DataFrame]:
    """The claim by stratum, the declared tests, all comparisons, and those within strata; those that are not empty."""
    distances, methods = study.settings.perceptual_distances, study.settings.methods
    tables = {}
    if set(CLAIM) <= set(methods):
        tables["claim"] = claim_table(results, distances[0], method=CLAIM[0], reference=CLAIM[1])
    if study.plan is None:  # an older study: the same tests, but nobody wrote them down before
        hypotheses = usual_hypotheses(study.settings, {pair.group for pair in study.pairs})
    else:
        hypotheses = study.plan.hypotheses
    tables["tests"] = tests_table(carry_out(results, hypotheses))
    tables["comparisons"] = comparison_table(results, distances, references)
    if references and results["method"].nunique() > 1:
        tables["strata"] = strata_table(results, distances[0], references[0])
    return {name: table for name, table in tables.items() if not table.empty}


def short_tables(tables: dict[str, pd.DataFrame], distance: str) -> dict[str, pd.DataFrame]:
    """What a paper has room for: of the comparisons, PPL over the pairs that differ."""
    short: dict[str, pd.DataFrame] = {name: tables[name] for name in ("claim", "tests") if name in tables}
    if "comparisons" in tables:
        every = tables["comparisons"]
        chosen = (every["group"] == DIFFERING) & (every["distance"] == distance) & (every["measure"] == "ppl")
        if chosen.any():
            columns = ["method", "reference", "mean", "ratio", "ratio_low", "ratio_high", "effect", "effect_low"]
            short["comparisons"] = every.loc[chosen, [*columns, "effect_high", "wins"]]
    return short


def _draw(results: pd.DataFrame, steps: pd.DataFrame, distance: str, references: list[str]) -> dict[str, Figure]:
    encoders, differing = encoders_of(results), group_of(results, DIFFERING)
    figures: dict[str, Figure | None] = {
        with_encoder("distances", encoder): draw_distances(results, encoder)
        for encoder in encoders
        if results[with_encoder("rms_frobenius", encoder)].notna().any()
    }
    if references and results["method"].nunique() > 1:
        by_reference: dict[str, Figure | None] = {
            "comparison": None if differing.empty else draw_comparison(differing, distance, references[0]),
            "strata": draw_strata(results, distance, references[0]),
        }
        figures = by_reference | figures
    if set(CLAIM) <= set(results["method"]):
        claim: dict[str, Figure | None] = {"claim": draw_claim(results, distance, *CLAIM)}
        figures = claim | figures
    for encoder in _encoders_with_lengths(differing):
        of_steps = group_of(steps, DIFFERING)
        figures[with_encoder("geometry", encoder)] = draw_geometry(differing, of_steps, distance, encoder)
        figures[with_encoder("steps", encoder)] = draw_steps_against_length(differing, of_steps, distance, encoder)
    return {name: figure for name, figure in figures.items() if figure is not None}


def _encoders_with_lengths(differing: pd.DataFrame) -> list[str]:
    """Those of whose rows both methods of the claim have lengths, on pairs enough to draw them."""
    return [
        encoder
        for encoder in encoders_of(differing)
        if set(CLAIM) <= set((measured := differing.dropna(subset=with_encoder("length", encoder)))["method"])
        and measured["pair"].nunique() > 4
    ]


def endpoint_check(study: SavedStudy, results: pd.DataFrame) -> EndpointCheck:
    """Whether every path of every pair ends in the image of B."""
    worst = results.groupby("method", sort=False)["endpoint_error"].max()
    errors = {str(method): int(error) for method, error in worst.items()}
    return EndpointCheck(errors, study.endpoint_tolerance)


def render_page(
    study: SavedStudy,
    results: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    pictures: Mapping[str, bytes],
    seconds: Mapping[str, float],
    kernel_distances: KernelDistances | None = None,
    changes: Sequence[ChangeOfPart] = (),
) -> str:
    """One HTML page that needs nothing but itself; whatever a user typed is escaped."""
    environment = Environment(
        loader=PackageLoader("whichway.analysis.study", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    distance = study.settings.perceptual_distances[0]
    comparisons, strata = tables.get("comparisons"), tables.get("strata")
    return environment.get_template("report.html").render(
        study=study,
        measures=MEASURES,
        kernel_distances=kernel_distances,
        test=TEST,
        strata_meanings=STRATA,
        groups=[group for group in GROUPS if len(group_of(results, group))],
        with_encoder=with_encoder,
        pairs=results["pair"].nunique(),
        seeds=results["seed"].nunique(),
        requested=len(study.pairs) * study.settings.seeds,
        finished=len(results.drop_duplicates(["pair", "seed"])),
        seconds=seconds,
        means=mean_table(results, distance),
        claim=_rows(tables.get("claim")),
        latex={*short_tables({**tables}, distance)},
        few_pairs=FEW_PAIRS,
        counted=counted,
        conclusion=conclusion,
        holding=holding(tables.get("tests"), LEVEL),
        tests=_rows(tables.get("tests")),
        tables=_grouped(comparisons, ["group", "measure", "distance", "reference", "better"]),
        strata=_grouped(strata, ["measure", "stratum", "reference", "better"]),
        predictions=_predictions(results, distance),
        prompts=distance_table(results),
        vectors=vector_table(results),
        changes=changes,
        endpoint_check=endpoint_check(study, results),
        figures={name: f"data:image/png;base64,{base64.b64encode(png).decode()}" for name, png in pictures.items()},
    )


def _rows(table: pd.DataFrame | None) -> list:
    return [] if table is None else [*table.itertuples()]


def _grouped(table: pd.DataFrame | None, columns: list[str]) -> list[dict]:
    """A table for each combination of these columns, in their order: the combination, and the rows."""
    if table is None:
        return []
    return [
        dict(zip(columns, values, strict=True)) | {"rows": _rows(rows)}
        for values, rows in table.groupby(columns, sort=False)
    ]


def _predictions(results: pd.DataFrame, distance: str) -> dict[str, LengthPrediction]:
    """Encoder → what the ratio of its paths' lengths says of that of PPL, over the pairs that differ."""
    differing, (method, reference) = group_of(results, DIFFERING), CLAIM
    return {
        encoder: predict_from_length(
            differing, distance, method=method, reference=reference, length=with_encoder("length", encoder)
        )
        for encoder in _encoders_with_lengths(differing)
    }


def _as_png(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _as_pdf(figure: Figure) -> bytes:
    """In the layout that the PNG has found already, the same bytes every time."""
    buffer = BytesIO()
    figure.set_layout_engine("none")
    figure.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    return buffer.getvalue()

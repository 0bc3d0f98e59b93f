"""geodesics/study → docs/geodesics.md: which share of the possible gain over the straight line each method takes.

``python -m figures.gap`` writes it between two markers.
"""

from pathlib import Path

import pandas as pd

from figures.formats import percent
from figures.saved import HERE, with_generated
from whichway.analysis.prompts.pairs import DIFFERING
from whichway.analysis.runs.run import read_run
from whichway.analysis.statistics.gap import ShareOfGap, shares_of_gap
from whichway.analysis.study.measures import find_column
from whichway.analysis.study.results import group_of, read_results
from whichway.analysis.study.saved_study import KIND, SavedStudy, read_study
from whichway.analysis.vocabulary import MEASURES

FOLDER = HERE / "geodesics" / "study"
PAGE = HERE.parent / "docs" / "geodesics.md"
LEFT_OUT = ("identity", "geodesic", "geodesic@unpenalised")


def table(results: pd.DataFrame, distance: str) -> str:
    """One row for each method and stratum: of PPL and of the energy."""
    methods = [name for name in dict.fromkeys(results["method"]) if name not in LEFT_OUT]
    of_ppl, of_energy = (shares_of_gap(results, f"{measure}_{distance}", methods) for measure in ("ppl", "energy"))
    lines = [
        f"| method | similarity | pairs | PPL, geodesic below identity ({distance}) | share of it | of the energy's |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for ppl, energy in zip(of_ppl, of_energy, strict=True):
        shares = " | ".join(map(percent, (ppl.share, energy.share)))
        lines.append(f"| `{ppl.method}` | {ppl.stratum} | {ppl.pairs} | {ppl.gap:.0%} | {shares} |")
    return "\n".join(lines)


def measures(results: pd.DataFrame, distance: str) -> str:
    """Means over the pairs: what a shorter path costs in fidelity stands beside its length."""
    names = ("ppl", "energy", "gini", "worst_step", "scene_confidence", "scene_agreement", "text_image_score")
    columns = {name: found.column for name in names if (found := find_column(results, name, distance))}
    means = results.groupby("method", sort=False)[list(columns.values())].mean()
    titles = " | ".join(MEASURES[name].title for name in columns)
    lines = [f"| method | {titles} |", f"| --- |{' --- |' * len(columns)}"]
    lines += [f"| `{method}` | {' | '.join(f'{value:.3f}' for value in row)} |" for method, row in means.iterrows()]
    return "\n".join(lines)


def conditions(study: SavedStudy, results: pd.DataFrame, folder: Path) -> str:
    settings, sampling, done = study.settings, study.settings.sampling, results["pair"].nunique()
    model = read_run(folder, KIND)["model"]  # its device and dtype as they were, where the settings say "auto"
    of = f"the first {done} of {len(study.pairs)} pairs" if done < len(study.pairs) else f"{done} pairs"
    return (
        f"Conditions: model {settings.model.name} (SHA-256 {study.model_sha256[:8]}…), {model['device']}, "
        f"{model['dtype']}; {of} that say different things × {results['seed'].nunique()} noise(s), "
        f"{settings.frames} frames a path, {sampling.num_inference_steps} steps, guidance {sampling.guidance_scale:g}; "
        f"at most {settings.geodesic.iterations} iterations from the optimal path; perceptual distance "
        f"{settings.perceptual_distances[0]}; 95 % BCa intervals over pairs. What the search has not found yet is "
        "missing in the gap, so that the shares are upper bounds."
    )


def shares_of_optimal(folder: Path = FOLDER) -> list[ShareOfGap]:
    """Of PPL: over all pairs, then by stratum."""
    results = group_of(read_results(folder), DIFFERING)
    return shares_of_gap(results, f"ppl_{results.attrs['perceptual_distances'][0]}", ["optimal"])


def short_conditions(folder: Path = FOLDER) -> str:
    """What is not as in the study of all methods."""
    settings = read_study(folder).settings
    return f"{settings.sampling.num_inference_steps} steps, at most {settings.geodesic.iterations} iterations"


def text(folder: Path = FOLDER) -> str:
    study, results = read_study(folder), group_of(read_results(folder), DIFFERING)
    distance = study.settings.perceptual_distances[0]
    return "\n\n".join((table(results, distance), measures(results, distance), conditions(study, results, folder)))


def rewritten() -> str:
    """The page as the records want it; raises as :func:`with_generated`."""
    return with_generated(PAGE, "gap", text())


if __name__ == "__main__":
    PAGE.write_text(rewritten(), encoding="utf-8")

"""geodesics/study → docs/geodesics.md: which share of the possible gain over the straight line each method takes."""

from pathlib import Path

import pandas as pd

from figures.formats import percent
from figures.saved import HERE
from whichway.analysis.counted import counted
from whichway.analysis.prompts.pairs import DIFFERING
from whichway.analysis.runs.run import read_run
from whichway.analysis.statistics.estimates import FEW_PAIRS
from whichway.analysis.statistics.gap import ShareOfGap, shares_of_gap
from whichway.analysis.statistics.paired import by_pair, compare_methods
from whichway.analysis.study.measures import find_column
from whichway.analysis.study.results import group_of, read_results
from whichway.analysis.study.saved_study import KIND, SavedStudy, read_study
from whichway.analysis.vocabulary import MEASURES

FOLDER = HERE / "geodesics" / "study"
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
    cells = pd.DataFrame({name: _means(results, column) for name, column in columns.items()})
    lines = [
        "Means over the pairs; in brackets the 95 % interval of the paired difference from `identity`:\n",
        f"| method | {' | '.join(MEASURES[name].title for name in columns)} |",
        f"| --- |{' --- |' * len(columns)}",
    ]
    lines += [f"| `{method}` | {' | '.join(row)} |" for method, row in cells.iterrows()]
    return "\n".join(lines)


def _means(results: pd.DataFrame, column: str) -> dict[str, str]:
    """Method → its mean, and how far from the straight line's it is."""
    cells = {"identity": f"{by_pair(results, column)['identity'].mean():.3f}"}
    for compared in compare_methods(results, column, "identity"):
        difference = compared.difference
        cells[compared.method] = f"{compared.mean:.3f} ({difference.low:+.3f} to {difference.high:+.3f})"
    return cells


def conditions(study: SavedStudy, results: pd.DataFrame, folder: Path) -> str:
    settings, sampling, done = study.settings, study.settings.sampling, results["pair"].nunique()
    model = read_run(folder, KIND)["model"]  # its device and dtype as they were, where the settings say "auto"
    of = f"the first {done} of {len(study.pairs)} pairs" if done < len(study.pairs) else f"{done} pairs"
    return (
        f"Conditions: model {settings.model.name} (SHA-256 {study.model_sha256[:8]}…), {model['device']}, "
        f"{model['dtype']}; {of} that say different things × {results['seed'].nunique()} noise(s), "
        f"{settings.frames} frames a path, {sampling.num_inference_steps} steps, guidance {sampling.guidance_scale:g}; "
        f"at most {settings.geodesic.iterations} iterations from the optimal path; perceptual distance "
        f"{settings.perceptual_distances[0]}; shares are of mean logarithms of ratios; 95 % BCa intervals over "
        f"pairs within their strata, where there are {FEW_PAIRS} pairs or more. What the search has not found yet is "
        "missing in the gap, so that a share is nearer to 0 than it says."
    )


def shares_of_optimal(folder: Path = FOLDER) -> list[ShareOfGap]:
    """Of PPL: over all pairs, then by stratum."""
    results = group_of(read_results(folder), DIFFERING)
    return shares_of_gap(results, f"ppl_{results.attrs['perceptual_distances'][0]}", ["optimal"])


def short_conditions(folder: Path = FOLDER) -> str:
    """What is not as in the study of all methods."""
    settings = read_study(folder).settings
    noises = counted(settings.seeds, "noise")
    return f"{noises}, {settings.sampling.num_inference_steps} steps, at most {settings.geodesic.iterations} iterations"


def text(folder: Path = FOLDER) -> str:
    study, results = read_study(folder), group_of(read_results(folder), DIFFERING)
    distance = study.settings.perceptual_distances[0]
    return "\n\n".join((table(results, distance), measures(results, distance), conditions(study, results, folder)))

"""geodesics/study → a table: which share of the possible gain over the straight line each method takes.

``python -m figures.gap [STUDY]`` prints it, as README has it.
"""

from pathlib import Path

import click
import pandas as pd

from figures.saved import HERE
from whichway.analysis.prompts.pairs import DIFFERING
from whichway.analysis.statistics.estimates import Estimate
from whichway.analysis.statistics.gap import shares_of_gap
from whichway.analysis.study.results import group_of, read_results
from whichway.analysis.study.saved_study import read_study

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
        shares = " | ".join(map(_percent, (ppl.share, energy.share)))
        lines.append(f"| `{ppl.method}` | {ppl.stratum} | {ppl.pairs} | {ppl.gap:.0%} | {shares} |")
    return "\n".join(lines)


def _percent(share: Estimate) -> str:
    return f"{share.value:.0%}" + ("" if share.low is None else f" ({share.low:.0%} to {share.high:.0%})")


@click.command()
@click.argument("study", type=click.Path(path_type=Path), default=HERE / "geodesics" / "study")
def main(study: Path) -> None:
    """Print the table of STUDY, of its pairs that differ in what they say."""
    results = group_of(read_results(study), DIFFERING)
    click.echo(table(results, read_study(study).settings.perceptual_distances[0]))


if __name__ == "__main__":
    main()

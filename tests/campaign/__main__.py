"""``python -m tests.campaign``: all trials that have not been done yet, in parallel; what came of them, in a table."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: its threads do not survive a fork
os.environ["HF_HUB_OFFLINE"] = "1"

from pathlib import Path
from typing import Any

import click

from tests.campaign.campaign import carry_out
from tests.campaign.results import Results, summary, write_figures

FIGURES, PAGE, README = Path("figures") / "campaign.json", Path("docs") / "reliability.md", Path("README.md")


@click.command(context_settings={"show_default": True})
@click.option("--out", default="runs/campaign", type=click.Path(path_type=Path), help="What is done already is kept.")
@click.option("--processes", default=2, help="Trials at a time.")
@click.option("--seed", default=0, help="Of the random moments.")
@click.option("--only", default="", help="Trials whose key begins with one of these, separated by semicolons.")
@click.option("--again", is_flag=True, help="Also those that went wrong before.")
@click.option("--sample", type=int, help="Of each family at most so many trials, drawn by the seed.")
@click.option("--minutes", type=float, help="Begin no further trial after that.")
@click.option("--figures", default=FIGURES, type=click.Path(path_type=Path), help="What is counted, as JSON.")
@click.option("--page", default=PAGE, type=click.Path(path_type=Path), help="The page with the table of it.")
@click.option("--readme", default=README, type=click.Path(path_type=Path), help="The page with the sum of it in words.")
def main(out: Path, processes: int, only: str, figures: Path, page: Path, readme: Path, **options: Any) -> None:
    """Kills, signals, full disks, two processes, damaged files: is anything lost, and is it said in one line?"""
    results = Results(out / "results.jsonl")
    prefixes = tuple(filter(None, only.split(";"))) or ("",)
    planned = carry_out(out, results, processes=processes, prefixes=prefixes, **options)
    counted = results.figures(planned)
    for line in summary(counted):
        click.echo(line)
    write_figures(figures, counted, table_on=page, sentence_on=readme)


if __name__ == "__main__":
    main()

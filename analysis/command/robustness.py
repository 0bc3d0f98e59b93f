"""``whichway robustness``"""

from pathlib import Path

import click

from whichway.analysis.command.outcome import ends_in_one_line, say


@click.command()
@ends_in_one_line("Nothing was written.")
@click.argument("studies", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="STUDY…")
@click.option("--reference", default="identity", help="The method that the others are compared with.")
@click.option("--out", type=click.Path(path_type=Path), default="robustness.png", help="The picture.")
def robustness(studies: tuple[Path, ...], reference: str, out: Path) -> None:
    """Compare studies: does the ranking of methods hold under other distances, schedulers and guidance?"""
    from whichway.analysis.command.tables import show_robustness
    from whichway.analysis.files import written_whole
    from whichway.analysis.pictures.robustness import draw_robustness
    from whichway.analysis.pictures.style import require_picture
    from whichway.analysis.study.results import how_far
    from whichway.analysis.study.robustness import agreement, compare_studies, describe_condition
    from whichway.analysis.study.saved_study import read_study

    require_picture(out)
    compared = compare_studies(studies, reference=reference)
    for folder in studies:
        done, planned = how_far(folder)
        if done < planned:
            say(f"Warning: {str(folder)!r} is not finished ({done} of {planned}); 'whichway study' continues it")
    agreeing = agreement(compared)
    usual = describe_condition(read_study(studies[0]))
    with written_whole(out) as aside:
        draw_robustness(compared, agreeing, reference, usual).savefig(aside)
    show_robustness(compared, agreeing, reference)
    click.echo(out)

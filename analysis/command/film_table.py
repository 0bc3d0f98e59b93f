"""A finished film on the terminal."""

from dataclasses import asdict

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from whichway.analysis.runs.animation import MOVING, Film
from whichway.analysis.runs.film_settings import FilmSettings


def show_film(film: Film, settings: FilmSettings, console: Console | None = None) -> None:
    """Where it is, and how much of its change was noise, if that was measured."""
    console = console or Console(markup=False)
    if len(film.smoothness) > 1:
        console.print(_noise_table(film, settings))
    for path in (film.path, film.contact_sheet):
        console.print(str(path), highlight=False, soft_wrap=True)


def _noise_table(film: Film, settings: FilmSettings) -> Table:
    """The film's own path, and those on which text or noise stays the first prompt's; shares need not add up."""
    table = Table(title=f"How much of the change was noise? ({settings.perceptual_distance}, the same t)", box=SIMPLE)
    table.add_column("moving")
    columns = ("ppl", "worst_step", "gini")
    for heading in ("PPL", "of both", "worst step", "Gini"):
        table.add_column(heading, justify="right")
    whole = film.smoothness["both"].ppl
    for moving, title in {"both": "text and noise", "text": "text alone", "noise": "noise alone"}.items():
        measured = asdict(film.smoothness[MOVING[moving]])
        ppl, *others = ("–" if measured[name] is None else f"{measured[name]:.3f}" for name in columns)
        table.add_row(title, ppl, f"{measured['ppl'] / whole:.0%}" if whole else "–", *others)
    return table

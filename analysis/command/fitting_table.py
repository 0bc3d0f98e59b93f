"""Tables that fit the terminal: columns for which there is no room go on in a table below, beside the rows' names."""

from collections.abc import Sequence

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

SHORT = 24  # characters of a row's name that are never broken
WIDE = 10_000  # characters: no terminal, so that a table says what it would take


def print_table(console: Console, title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """One table, or as many as it takes for no cell to be cut.

    Args:
        headings: the first is that of the rows' names, which stand left in every table; all others are numbers.
        rows: as many cells as there are headings, each.
    """
    console.print(title, highlight=False, markup=False)
    first = 1
    while first < len(headings):
        count = len(headings) - first
        while count > 1 and not _fits(first, first + count, headings, rows, console):
            count -= 1
        console.print(_table(first, first + count, headings, rows))
        first += count


def _fits(first: int, last: int, headings: Sequence[str], rows: Sequence[Sequence[str]], console: Console) -> bool:
    table = _table(first, last, headings, rows)
    return console.measure(table, options=console.options.update(width=WIDE)).minimum <= console.width


def _table(first: int, last: int, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0))
    table.add_column(headings[0], overflow="fold", min_width=min(SHORT, max(len(row[0]) for row in rows)))
    for heading in headings[first:last]:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row[0], *row[first:last])
    return table

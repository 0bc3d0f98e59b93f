"""What records here say in README.md and docs/, between two markers: ``python -m figures.texts`` writes it."""

from collections.abc import Callable
from pathlib import Path

from figures import gap, headline, weights
from figures.saved import HERE

ROOT = HERE.parent
#: page, and the name of its markers → what stands between them
TEXTS: dict[tuple[Path, str], Callable[[], str]] = {
    (ROOT / "README.md", "study"): headline.short_result,
    (ROOT / "docs" / "study.md", "study"): headline.whole_result,
    (ROOT / "docs" / "geodesics.md", "gap"): gap.text,
    (ROOT / "docs" / "weights.md", "weights"): weights.table,
}


def rewritten(page: Path, name: str) -> str:
    """The page as the records want it, its markers ``<!-- name: begin -->`` and ``end``.

    Raises:
        ValueError: a page without markers: nothing would be written, and nobody would see it.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found_begin, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"{page} has no {begin} … {end}")
    return f"{before}{begin}\n{TEXTS[page, name]()}\n{end}{after}"


if __name__ == "__main__":
    for page, name in TEXTS:
        page.write_text(rewritten(page, name), encoding="utf-8")

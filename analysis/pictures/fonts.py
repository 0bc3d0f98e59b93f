"""Letters of all scripts in figures: fonts that have them, and in words what no font here has."""

import logging
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from matplotlib import font_manager, rcParams

#: families with scripts and signs that matplotlib's own DejaVu lacks, as systems install them; the first that is there
#: and has a character draws it
FURTHER_FAMILIES = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Source Han Sans",
    "IPAexGothic",
    "Hiragino Sans",
    "PingFang SC",
    "Apple SD Gothic Neo",
    "Yu Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "Noto Emoji",
    "Segoe UI Emoji",
    "Segoe UI Symbol",
    "Symbola",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Arial Unicode MS",
    "Unifont",
)
#: packages that bring fonts along, where one is installed
PACKAGES = ("mplfonts", "matplotlib_fontja", "koreanize_matplotlib")


@cache
def families() -> tuple[str, ...]:
    """The font families that figures are drawn with, in the order in which they are asked for a character."""
    for package in PACKAGES:
        for file in _font_files(package):
            font_manager.fontManager.addfont(file)
    installed = {font.name for font in font_manager.fontManager.ttflist}
    brought = [font.name for font in font_manager.fontManager.ttflist if _is_brought(Path(font.fname))]
    further = [family for family in (*FURTHER_FAMILIES, *brought) if family in installed]
    return tuple(dict.fromkeys(("DejaVu Sans", *further)))


def _font_files(package: str) -> Iterator[Path]:
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        yield from sorted(path for path in Path(folder).rglob("*") if path.suffix in (".ttf", ".otf"))


def _is_brought(path: Path) -> bool:
    return any(package in path.parts for package in PACKAGES)


def use_all_fonts() -> None:
    """From now on, figures ask all the families for the characters that the first one lacks."""
    rcParams["font.family"] = list(families())
    logger = logging.getLogger("matplotlib.font_manager")
    if _is_news not in logger.filters:
        logger.addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Not that a further family has no bold letters: matplotlib says so whenever bold text is drawn."""
    return "Failed to find font weight" not in record.getMessage()


@cache
def _has(character: str) -> bool:
    """Whether some font draws it."""
    for family in families():
        font = font_manager.get_font(font_manager.findfont(family))
        if font.get_char_index(ord(character)):
            return True
    return False


def drawable(text: str) -> str:
    """The text with all characters that no font has in words: "🦊" as "‹fox face›"; signs without a shape are left out.

    Line breaks stay; other control characters are spaces.
    """
    return "".join(_drawn(character) for character in text)


def _drawn(character: str) -> str:
    if (character.isascii() and character.isprintable()) or character == "\n":
        return character
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp", "Zs"):
        return " "
    if category in ("Cf", "Cs", "Co", "Cn") or unicodedata.name(character, "").startswith("VARIATION SELECTOR"):
        return "" if category == "Cf" or category == "Mn" else "‹?›"
    if _has(character):
        return character
    name = unicodedata.name(character, "").lower()
    return f"‹{name}›" if name and "ideograph" not in name else f"‹U+{ord(character):04X}›"

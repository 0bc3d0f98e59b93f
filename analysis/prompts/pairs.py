"""Prompt pairs for a study, and their strata; read from Crisscrossed Captions, or from any CSV.

Those of the miniature's world: :mod:`whichway.analysis.prompts.world_pairs`.
"""

import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from whichway.analysis.errors import UserError

CAPTION_COLUMNS = ("caption1", "caption2", "agg_score")
PROMPT_COLUMNS = ("prompt_a", "prompt_b")

#: strata of pairs whose prompts differ in what they say, by whole points of similarity from 0 to 5
SIMILARITY = ("0–1", "1–2", "2–3", "3–4", "4–5")
#: strata of pairs that say the same; no headline averages over them
SAME_SCENE, WORD_ORDER, LENGTH = "same scene", "word order", "length"
#: stratum → what it is
STRATA = {
    **{name: f"similarity {name.replace('–', ' to below ')}" for name in SIMILARITY},
    SAME_SCENE: "similarity 5: the same scene in other words",
    WORD_ORDER: "the same words in another order",
    LENGTH: "the same words and others that say nothing",
}
#: groups of pairs that one number may stand for: those that differ in what they say (headlines), and three that do not
DIFFERING = "differing prompts"
GROUPS = (DIFFERING, SAME_SCENE, WORD_ORDER, LENGTH)


@dataclass(frozen=True)
class PromptPair:
    """Two prompts and how alike they are.

    Attributes:
        score: similarity of what they say, 0 to 5, or None where nobody said.
        changed: "word order" or "length" where nothing else tells the prompts apart; else None.

    Raises:
        ValueError: another change.
    """

    prompt_a: str
    prompt_b: str
    score: float | None = None
    changed: str | None = None

    def __post_init__(self) -> None:
        if self.changed not in (None, WORD_ORDER, LENGTH):
            raise ValueError(f"changed: unknown {self.changed!r}; known: {WORD_ORDER}, {LENGTH}")

    @property
    def stratum(self) -> str | None:
        """One of :data:`STRATA`; None without a score."""
        if self.changed is not None:
            return self.changed
        if self.score is None:
            return None
        return SAME_SCENE if self.score == 5 else SIMILARITY[int(self.score)]

    @property
    def group(self) -> str:
        """One of :data:`GROUPS`; pairs without a score are taken to differ."""
        return self.stratum if self.stratum in GROUPS else DIFFERING


@dataclass(frozen=True)
class Pairs:
    """Pairs that can be used, and one line for each kind of row that cannot."""

    pairs: tuple[PromptPair, ...]
    problems: tuple[str, ...] = ()


def read_pairs(path: Path, *, captions: Path | None = None, strict: bool = False) -> Pairs:
    """Pairs of a CSV: columns ``prompt_a``, ``prompt_b`` and optionally ``score``, or Crisscrossed Captions' STS file.

    Args:
        captions: MS-COCO's ``captions_val2014.json``, which Crisscrossed Captions' ids are joined with.
        strict: any unusable row is an error.

    Raises:
        UserError: a file that cannot be read, missing columns, no usable row; with ``strict``, any unusable row.
    """
    table = _read_table(path)
    places = [f"line {number}" for number in _lines_of_rows(path, len(table))]
    if set(CAPTION_COLUMNS) <= set(table.columns):
        if captions is None:
            raise UserError(
                f"{str(path)!r} holds ids of MS-COCO captions; name the file captions_val2014.json with --captions"
            )
        places = (table["caption1"] + " / " + table["caption2"]).tolist()
        table = _join_captions(table, captions)
    missing = [name for name in PROMPT_COLUMNS if name not in table.columns]
    if missing:
        raise UserError(
            f"{str(path)!r} lacks the columns {', '.join(missing)}; wanted {', '.join(PROMPT_COLUMNS)} and optionally "
            f"score, or Crisscrossed Captions' {', '.join(CAPTION_COLUMNS)}; it has {', '.join(table.columns)}"
        )
    found = _usable(table, places)
    if strict and found.problems:
        raise UserError(f"{str(path)!r}: {'; '.join(found.problems)}")
    if not found.pairs:
        raise UserError(f"{str(path)!r} holds no usable pair: {'; '.join(found.problems) or 'it has no rows'}")
    return found


def _read_table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{str(path)!r} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UserError(f"{str(path)!r} is not a CSV file with a header: {str(error).strip()}") from error


def _join_captions(table: pd.DataFrame, captions: Path) -> pd.DataFrame:
    """The ids' captions; an id without one stays behind as None, to be counted."""
    try:
        annotations = json.loads(captions.read_text(encoding="utf-8"))["annotations"]
        texts = {str(each["id"]): each["caption"].strip() for each in annotations}
    except OSError as error:
        raise UserError(f"cannot read {str(captions)!r}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{str(captions)!r} is not MS-COCO's captions file (annotations with id and caption)"
        ) from error

    def caption(name: str) -> str | None:
        return texts.get(name.rpartition(":")[2])

    return pd.DataFrame(
        {
            "prompt_a": table["caption1"].map(caption),
            "prompt_b": table["caption2"].map(caption),
            "score": table["agg_score"],
        }
    )


def _lines_of_rows(path: Path, rows: int) -> list[int]:
    """At which line of the file each row begins: a quoted prompt may be several lines long, an empty line is no row."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        begins, before = [], 0
        for cells in reader:
            if cells:
                begins.append(before + 1)
            before = reader.line_num
    return begins[1:] if len(begins) == rows + 1 else list(range(2, rows + 2))  # the header is line 1


def _usable(table: pd.DataFrame, places: Sequence[str]) -> Pairs:
    """The pairs, and what is wrong with the other rows; ``places`` says where each row is."""
    pairs: dict[tuple[str, str], PromptPair] = {}
    bad: dict[str, list[str]] = {}
    for place, row in zip(places, table.to_dict("records"), strict=True):
        problem, score = None, None
        a, b = row["prompt_a"], row["prompt_b"]
        if pd.isna(a) or pd.isna(b):
            problem = "captions that the captions file does not have"
        elif not a.strip() or not b.strip():
            problem = "empty prompts"
        elif (a, b) in pairs or (b, a) in pairs:
            problem = "duplicate pairs"
        elif row.get("score"):
            try:
                score = float(row["score"])
            except ValueError:
                score = np.nan
            if not 0 <= score <= 5:
                problem = "scores that are no number from 0 to 5"
        if problem:
            bad.setdefault(problem, []).append(place)
        else:
            pairs[a, b] = PromptPair(a, b, score)
    return Pairs(tuple(pairs.values()), tuple(_said(problem, where) for problem, where in bad.items()))


def _said(problem: str, where: Sequence[str]) -> str:
    """How many rows, and the first three of them."""
    rows, more = "row" if len(where) == 1 else "rows", ", …" if len(where) > 3 else ""
    return f"{len(where)} {rows} left out, {problem}: {', '.join(where[:3])}{more}"


def sample_by_stratum(pairs: Sequence[PromptPair], per_stratum: int, *, seed: int = 0) -> tuple[PromptPair, ...]:
    """At most ``per_stratum`` pairs of each stratum, drawn without replacement, one stratum after the other in turn.

    Pairs without a score are a stratum of their own.
    """
    order = np.random.default_rng([13, seed]).permutation(len(pairs))
    names = [*STRATA, None]
    turn: Counter = Counter()
    ranked = []
    for index in order:
        stratum = pairs[index].stratum
        if turn[stratum] < per_stratum:
            ranked.append((turn[stratum], names.index(stratum), int(index)))
        turn[stratum] += 1
    return tuple(pairs[index] for _, _, index in sorted(ranked))

"""Prompt pairs for a study, and their strata; read from Crisscrossed Captions, or from any CSV.

Those of the miniature's world: :mod:`whichway.analysis.prompts.world_pairs`.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from whichway.analysis.errors import UserError
from whichway.analysis.prompts.prompt_file import LONGEST, read_text

CAPTION_COLUMNS = ("caption1", "caption2", "agg_score")
PROMPT_COLUMNS = ("prompt_a", "prompt_b")
LINE = " line"  # a column of our own: where a row comes from

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
        ValueError: another change, a score out of range, prompts that are no text.
    """

    prompt_a: str
    prompt_b: str
    score: float | None = None
    changed: str | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.prompt_a, str) and isinstance(self.prompt_b, str)):
            raise ValueError(f"prompts: wanted text, got {self.prompt_a!r} and {self.prompt_b!r}")
        if self.score is not None and not 0 <= self.score <= 5:
            raise ValueError(f"score: wanted a number from 0 to 5, or none, got {self.score!r}")
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
    table, ragged = _read_table(path)
    if set(CAPTION_COLUMNS) <= set(table.columns):
        if captions is None:
            raise UserError(
                f"{str(path)!r} holds ids of MS-COCO captions; name the file captions_val2014.json with --captions"
            )
        table = _join_captions(table, captions)
    missing = [name for name in PROMPT_COLUMNS if name not in table.columns]
    if missing:
        raise UserError(
            f"{str(path)!r} lacks the columns {', '.join(missing)}; wanted {', '.join(PROMPT_COLUMNS)} and optionally "
            f"score, or Crisscrossed Captions' {', '.join(CAPTION_COLUMNS)}; it has {', '.join(table.columns[:-1])}"
        )
    usable = _usable(table, ragged)
    if strict and usable.problems:
        raise UserError(f"{str(path)!r}: {'; '.join(usable.problems)}")
    if not usable.pairs:
        raise UserError(f"{str(path)!r} holds no usable pair: {'; '.join(usable.problems) or 'it has no rows'}")
    return usable


def _read_table(path: Path) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """The rows, and where those are that have more fields than there are columns: pandas would shift these.

    Names of columns may have capitals and spaces around them; columns without a name and without content, as commas at
    the ends of lines make them, are none.
    """
    try:
        with io.StringIO(read_text(path), newline="") as text:
            reader = csv.reader(text, strict=True)
            lines = [(reader.line_num, fields) for fields in reader if any(field.strip() for field in fields)]
    except csv.Error as error:
        raise UserError(f"{str(path)!r} is no CSV file (line {reader.line_num}: {error})") from error
    if not lines:
        raise UserError(f"{str(path)!r} is not a CSV file with a header: it is empty")
    names = [name.strip().lower() for name in lines[0][1]]
    while names and not names[-1]:
        names.pop()
    if doubled := [name for name, count in Counter(names).items() if count > 1]:
        raise UserError(f"{str(path)!r} has two columns {doubled[0]!r}; wanted each name once")
    rows: list[dict[str, str]] = []
    ragged: dict[str, list[str]] = {}
    for number, fields in lines[1:]:
        while len(fields) > len(names) and not fields[-1].strip():
            fields.pop()
        if len(fields) <= len(names):  # a field too many has shifted others; one that is missing is empty
            fields += [""] * (len(names) - len(fields))
            rows.append({**dict(zip(names, fields, strict=True)), LINE: f"line {number}"})
        else:
            problem = f"more fields than the header's {len(names)} (put quotes around a prompt that has a comma)"
            ragged.setdefault(problem, []).append(f"line {number}")
    return pd.DataFrame(rows, columns=[*names, LINE], dtype=str), ragged


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
            LINE: table["caption1"] + " / " + table["caption2"],
        }
    )


def _usable(table: pd.DataFrame, bad: dict[str, list[str]]) -> Pairs:
    """The pairs; ``bad``, problem → rows, takes those that are none."""
    pairs: dict[tuple[str, str], PromptPair] = {}
    for row in table.to_dict("records"):
        problem, score = None, None
        a, b = (text.strip() if isinstance(text, str) else text for text in (row["prompt_a"], row["prompt_b"]))
        if pd.isna(a) or pd.isna(b):
            problem = "captions that the captions file does not have"
        elif not a or not b:
            problem = "empty prompts"
        elif max(len(a), len(b)) > LONGEST:
            problem = f"prompts of more than {LONGEST:,} characters"
        elif (a, b) in pairs or (b, a) in pairs:
            problem = "duplicate pairs"
        elif row.get("score", "").strip():
            try:
                score = float(row["score"])
            except ValueError:
                score = np.nan
            if not 0 <= score <= 5:
                problem = "scores that are no number from 0 to 5"
        if problem:
            bad.setdefault(problem, []).append(row[LINE])
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

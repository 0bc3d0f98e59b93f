"""Prompt pairs for a study: of the miniature's world, of Crisscrossed Captions, or of any CSV."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from whichway.analysis.errors import UserError

STRATA = 5  # [0, 1), [1, 2), … [4, 5] of similarity
CAPTION_COLUMNS = ("caption1", "caption2", "agg_score")
PROMPT_COLUMNS = ("prompt_a", "prompt_b")


@dataclass(frozen=True)
class PromptPair:
    """Two prompts and how alike they are, 0 to 5, or None where nobody said."""

    prompt_a: str
    prompt_b: str
    score: float | None = None

    @property
    def stratum(self) -> int | None:
        """0 to 4: the whole number of points of similarity, 5 counted with 4."""
        return None if self.score is None else min(int(self.score), STRATA - 1)


@dataclass(frozen=True)
class Pairs:
    """Pairs that can be used, and one line for each kind of row that cannot."""

    pairs: tuple[PromptPair, ...]
    problems: tuple[str, ...] = ()


def world_pairs(count: int, *, seed: int = 0) -> Pairs:
    """Pairs of captions of the miniature's world, evenly over the strata of scene similarity.

    Every scene shows a combination that training never saw (:func:`whichway.miniature.world.is_held_out`). The second
    scene of a pair is the first with some of its properties changed, so that similar pairs exist; each is worded anew.

    Args:
        count: how many pairs.
        seed: the same seed gives the same pairs, and a smaller count the first of a larger one's.
    """
    from whichway.miniature.captions import describe
    from whichway.miniature.world import scene_similarity

    rng = np.random.default_rng([11, seed])
    pairs: list[PromptPair] = []
    while len(pairs) < count:
        wanted = len(pairs) % STRATA
        a, b = _related_scenes(rng)
        pair = PromptPair(describe(a, rng), describe(b, rng), scene_similarity(a, b))
        if pair.stratum == wanted and pair.prompt_a != pair.prompt_b:
            pairs.append(pair)
    return Pairs(tuple(pairs))


def _related_scenes(rng: np.random.Generator) -> tuple:
    """Two held-out scenes; the second keeps each property of the first with a chance of its own."""
    from whichway.miniature.world import Scene, is_held_out, sample_scene

    keep = rng.random()
    while True:
        a, other = (sample_scene(rng, held_out=True) for _ in range(2))

        def either(name: str, a: Scene = a, other: Scene = other) -> str:
            return str(getattr(a if rng.random() < keep else other, name))

        if len(a.objects) == 2 == len(other.objects):
            first, second = (
                mine if rng.random() < keep else its for mine, its in zip(a.objects, other.objects, strict=True)
            )
            if first == second:
                continue
            b = Scene((first, second), either("background"), relation=either("relation"))
        elif len(a.objects) == 1 == len(other.objects):
            kept = a.objects if rng.random() < keep else other.objects
            b = Scene(kept, either("background"), either("size"), either("position"))
        else:
            b = other
        if is_held_out(b):
            return a, b


def read_pairs(path: Path, *, captions: Path | None = None, strict: bool = False) -> Pairs:
    """Pairs of a CSV: columns ``prompt_a``, ``prompt_b`` and optionally ``score``, or Crisscrossed Captions' STS file.

    Args:
        captions: MS-COCO's ``captions_val2014.json``, which Crisscrossed Captions' ids are joined with.
        strict: any unusable row is an error.

    Raises:
        UserError: a file that cannot be read, missing columns, no usable row; with ``strict``, any unusable row.
    """
    table = _read_table(path)
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
            f"score, or Crisscrossed Captions' {', '.join(CAPTION_COLUMNS)}; it has {', '.join(table.columns)}"
        )
    found = _usable(table)
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
            "row": table["caption1"] + " / " + table["caption2"],
        }
    )


def _usable(table: pd.DataFrame) -> Pairs:
    pairs: dict[tuple[str, str], PromptPair] = {}
    bad: dict[str, list[str]] = {}
    for number, row in enumerate(table.to_dict("records"), start=2):  # the header is line 1
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
            bad.setdefault(problem, []).append(row.get("row") or f"line {number}")
        else:
            pairs[a, b] = PromptPair(a, b, score)
    return Pairs(tuple(pairs.values()), tuple(_said(problem, where) for problem, where in bad.items()))


def _said(problem: str, where: Sequence[str]) -> str:
    """How many rows, and the first three of them."""
    rows, more = "row" if len(where) == 1 else "rows", ", …" if len(where) > 3 else ""
    return f"{len(where)} {rows} left out, {problem}: {', '.join(where[:3])}{more}"


def sample_by_stratum(pairs: Sequence[PromptPair], count: int, *, seed: int = 0) -> tuple[PromptPair, ...]:
    """``count`` pairs, as evenly over the strata of similarity as they go round; all of them where there are fewer.

    Pairs without a score are a stratum of their own.
    """
    order = np.random.default_rng([13, seed]).permutation(len(pairs))
    turn: Counter = Counter()
    ranked = []
    for index in order:
        stratum = pairs[index].stratum
        ranked.append((turn[stratum], -1 if stratum is None else stratum, int(index)))
        turn[stratum] += 1
    return tuple(pairs[index] for _, _, index in sorted(ranked)[:count])

"""How often a model draws what its caption names, as its own evaluation says: a condition of every study with it."""

import re
from collections.abc import Mapping
from pathlib import Path

from whichway.analysis.models.choice import MINIATURE, SECOND_MINIATURE

#: written by ``python -m whichway.miniature.evaluate --model FOLDER`` into the folder of a model of the world
EVALUATION = "evaluation.md"
#: what a study of scenes that were held out of training rests on
QUESTIONS = (
    "one object, held out: objects",
    "one object, held out: background",
    "two objects, held out: objects",
    "two objects, held out: arrangement",
)


def read_accuracy(name: str) -> Mapping[str, str] | None:
    """Question → share of the pictures on which the answer is right; None where nobody has evaluated the model.

    Args:
        name: of the model, as :class:`whichway.analysis.models.choice.ModelChoice` has it.
    """
    from whichway.miniature import CARD, SECOND

    path = {MINIATURE: CARD, SECOND_MINIATURE: SECOND / EVALUATION}.get(name, Path(name) / EVALUATION)
    if not path.is_file():
        return None
    rows = dict(re.findall(r"^\| ([^|]+?) \| ([\d.]+%)[^|]*\|$", path.read_text(encoding="utf-8"), flags=re.MULTILINE))
    answers = {question: rows[question] for question in QUESTIONS if question in rows}
    return answers or None

r"""Brackets in a prompt as AUTOMATIC1111's web interface reads them ("Attention/emphasis" in its documentation).

    (word)      weight 1.1; brackets within brackets multiply: ((word)) is 1.21
    [word]      weight 1 / 1.1
    (word:1.3)  weight 1.3
    \( \) \[ \] the characters themselves; so do \\ and, here alone, \: at the end of a bracket
    BREAK       begins a chunk

It is stricter where that interface guesses: an unbalanced bracket, a weight that is no number and a negative one are
refused. A weight of zero is a word that is not there. Its other syntaxes are not read: ``[from:to:when]`` and
``[a|b]``, which change the prompt between sampling steps, are refused; ``AND`` is a word.
"""

import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from whichway.analysis.errors import UserError
from whichway.analysis.reading.weighted_text import WeightedText

STEP = 1.1  # what one pair of brackets multiplies or divides by

GRAMMAR = r"""
    prompt: node*
    ?node: TEXT | BREAK | emphasised | weighted | weakened
    emphasised: "(" node* ")"
    weighted: "(" node* WEIGHT
    weakened: "[" node* "]"
    BREAK.3: /\s*\bBREAK\b\s*/
    WEIGHT.2: /:\s*[^\s:\\()\[\]]*\s*\)/
    TEXT: /\\./s | /[^\\()\[\]:B\s]+/ | /[\\:B\s]/
"""
ESCAPED = re.compile(r"\\([\\()\[\]:])")
CHANGES_WITH_STEPS = re.compile(r"\||:\s*[+-]?[.\d]+\s*$")
#: what looks as if weights, or chunks, were meant
TYPED_WEIGHT = re.compile(r"(?<!\\)\([^()]*:\s*[.\d]+\s*\)|(?<!\\)\(\(|(?<!\\)\[\[|\bBREAK\b")


def has_typed_weights(prompt: str) -> bool:
    """Whether there is something in it that is a weight or a break to others."""
    return TYPED_WEIGHT.search(prompt) is not None


def read_weighted(prompt: str) -> tuple[WeightedText, ...]:
    """The text between breaks, with its weights; one text where nothing breaks it.

    Raises:
        UserError: brackets that do not balance, a weight that is no number, or a negative one.
    """
    from lark.exceptions import UnexpectedToken

    try:
        tree = _parser().parse(prompt)
    except UnexpectedToken as error:
        raise UserError(f"prompt {prompt!r}: {_unbalanced(prompt, error)}") from error
    texts: list[list[tuple[str, float]]] = [[]]
    for kind, text, weight in _stretches(tree, 1.0, prompt):
        if kind == "BREAK":
            texts.append([])
        else:
            texts[-1].append((text, weight))
    return tuple(WeightedText.of(stretches) for stretches in texts)


@cache
def _parser() -> Any:
    from lark import Lark

    return Lark(GRAMMAR, start="prompt", parser="lalr", lexer="basic")


def _unbalanced(prompt: str, error: Any) -> str:
    token = error.token
    if token.type == "$END":
        return r"a bracket is opened and never closed; one that is meant as a character is written \( or \["
    place = token.start_pos + len(token)  # a weight's token ends in the bracket
    return rf"the {token[-1]!r} at character {place} closes no bracket; as a character it is written \{token[-1]}"


def _stretches(tree: Any, weight: float, prompt: str) -> Iterator[tuple[str, str, float]]:
    """(kind, text, weight) of each token, in their order; ``weight`` is that of the brackets around."""
    from lark import Tree

    children = tree.children
    if tree.data == "weighted":
        *children, typed = children
        weight *= _weight(typed, prompt)
    elif tree.data == "emphasised":
        weight *= STEP
    elif tree.data == "weakened":
        _require_no_schedule(children, prompt)
        weight /= STEP
    for child in children:
        if isinstance(child, Tree):
            yield from _stretches(child, weight, prompt)
        else:
            yield child.type, ESCAPED.sub(r"\1", child), weight


def _weight(typed: str, prompt: str) -> float:
    """Of ``:1.3)``."""
    text = typed.strip(":)").strip()
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight):
        raise UserError(
            rf"prompt {prompt!r}: the weight {text!r} is no number; wanted one such as 1.3, or \: for a colon"
        )
    if weight < 0:
        raise UserError(
            f"prompt {prompt!r}: the weight {text} is negative, and there is no negative mass; what shall not be there "
            "belongs into the negative prompt"
        )
    return weight


def _require_no_schedule(children: list[Any], prompt: str) -> None:
    text = "".join(child for child in children if isinstance(child, str))
    if CHANGES_WITH_STEPS.search(text):
        raise UserError(
            rf"prompt {prompt!r}: [{text}] changes the prompt between sampling steps, which is not done here; "
            r"characters that are meant are written \[ and \]"
        )

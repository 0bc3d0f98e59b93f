"""``@photo.png``: a prompt that names a photograph, by its file or by the folder of its inversion.

What stands for it is looked up by :mod:`whichway.analysis.models.photographs`. A prompt that begins with an at sign
itself is written with two, ``@@home``.
"""

from pathlib import Path

from whichway.analysis.errors import UserError

MARK = "@"


def names_photograph(prompt: str | None) -> bool:
    return prompt is not None and prompt.startswith(MARK) and not prompt.startswith(2 * MARK)


def literal_prompt(prompt: str) -> str:
    """The text of a prompt that is none of a photograph: of two at signs at its beginning, one."""
    return prompt[len(MARK) :] if prompt.startswith(2 * MARK) else prompt


def photograph_path(prompt: str) -> Path:
    """What stands behind the at sign.

    Raises:
        UserError: there is no such file or folder.
    """
    path = Path(prompt.removeprefix(MARK))
    if prompt == MARK or not path.exists():
        raise UserError(
            f"{prompt!r}: no such file; wanted @ and a photograph or the folder of an inversion (a prompt that begins "
            "with an at sign is written with two)"
        )
    return path


def require_no_photograph(prompt: str | None, what: str) -> None:
    """Raises a :class:`~whichway.analysis.errors.UserError` for a photograph where only a text can stand."""
    if names_photograph(prompt):
        raise UserError(
            f"{what}: a photograph ({prompt!r}) cannot stand here; wanted a text (one that begins with an at sign is "
            "written with two)"
        )

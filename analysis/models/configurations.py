"""The JSON files of a model's folder, and the components that are made of them.

What the loaders raise for a damaged one is Python's ("argument of type 'NoneType' is not iterable"), or speaks of a
hub that was never asked. Here it is said which file is not what it should be.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from whichway.analysis.errors import UserError
from whichway.analysis.files import read_json

#: how transformers' validation says which setting is of a wrong type
WRONG_FIELD = re.compile(r"[Ff]ield '(?P<field>\w+)' expected (?P<wanted>[\w.|\[\] ]+)")
#: what Python says where a library did not look at a value before it used it: no sentence for a user
OF_PYTHON = (
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RecursionError,
    UnicodeError,
    json.JSONDecodeError,
)


def require_configurations(folder: Path, name: str, classes: Mapping[str, type]) -> None:
    """Each component has its configuration, and all its JSON files are JSON objects.

    Args:
        classes: component → its class.

    Raises:
        UserError: the first file that is missing or damaged.
    """
    for part, cls in classes.items():
        if not (folder / part).is_dir():
            continue
        wanted = _configuration_of(cls)
        if wanted is not None and not (folder / part / wanted).is_file():
            raise UserError(f"model {name!r}: its {part!r} has no {wanted}, which says what {cls.__name__} it is")
        for path in sorted((folder / part).glob("*.json")):
            try:
                read_json(path)
            except (OSError, ValueError) as error:
                right = "wanted a JSON object, as save_pretrained writes it"
                raise UserError(f"{str(path)!r} is damaged; {right}") from error


def _configuration_of(cls: type) -> str | None:
    """The file without which a component cannot be made, or, of a module of transformers, is made with other sizes."""
    if issubclass(cls, torch.nn.Module):
        return "config.json"
    return getattr(cls, "config_name", None)  # of diffusers' schedulers


def cannot_be_made(name: str, part: str, cls: type, error: Exception) -> UserError:
    """The complaint about a module whose configuration has values that its class cannot take."""
    which = f": {first_line}" if not isinstance(error, OF_PYTHON) and (first_line := _first_line(error)) else ""
    if field := WRONG_FIELD.search(str(error)):
        which = f": {field['field']} is no {field['wanted'].strip()}"
    return UserError(
        f"model {name!r}: its {part!r} cannot be made{which}; wanted the config.json that the {cls.__name__} was saved "
        "with"
    )


def differing_shapes(error: Exception) -> str | None:
    """ "NAME expected shape (4, 3), but got (4, 2)", of what diffusers raises for a weight that does not fit."""
    text = str(error).split(". If you want")[0]
    if "expected shape" not in text:
        return None
    return re.sub(r"torch\.Size\(\[(.*?)\]\)", r"(\1)", text.split("because ")[-1])


def require_others_can_be_made(folder: Path, name: str, classes: Mapping[str, Any]) -> None:
    """Tokenizers and schedulers: asked after a pipeline could not be loaded, to say which part of it is at fault.

    Raises:
        UserError: the first one that cannot be made of its files.
    """
    for part, cls in classes.items():
        try:
            cls.from_pretrained(folder / part)
        except ImportError:
            raise  # it names the package that is missing
        except Exception as error:
            raise UserError(
                f"model {name!r}: its {part!r} cannot be made of the files in {str(folder / part)!r}; wanted those "
                f"that the {cls.__name__} was saved with"
            ) from error


def reason_in_words(error: Exception) -> str:
    """The first line of what a library raised, where it is a sentence; else what can be said of any folder."""
    first_line = _first_line(error)
    if isinstance(error, OF_PYTHON) or not first_line:
        import diffusers
        import transformers

        return (
            f"diffusers {diffusers.__version__} and transformers {transformers.__version__} cannot read its files; "
            "wanted them as save_pretrained writes them, of these versions or older ones"
        )
    return first_line


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0]

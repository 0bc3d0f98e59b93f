"""Files made wrong: any file, and JSON, pictures, matrices and weights each in ways of their own."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Damage = Callable[[bytes], bytes | None]  # content → another one; None: no file


def _of_values(change: Callable[[Any], Any]) -> Damage:
    """Of a JSON object or list, every value changed."""

    def damage(content: bytes) -> bytes:
        whole = json.loads(content)
        if isinstance(whole, dict):
            return json.dumps({key: change(value) for key, value in whole.items()}).encode()
        return json.dumps([change(value) for value in whole]).encode()

    return damage


def _other_type(value: Any) -> Any:
    return [value] if isinstance(value, str | int | float | None) else "text"


OF_ANY: dict[str, Damage] = {
    "removed": lambda content: None,
    "emptied": lambda content: b"",
    "cut in half": lambda content: content[: len(content) // 2],
    "not UTF-8": lambda content: b"\xff\xfe\x80\x81" + content[4:],
}
OF_JSON: dict[str, Damage] = {
    "null": lambda content: b"null",
    "a list": lambda content: b"[]",
    "no entries": lambda content: b"{}",
    "a number": lambda content: b"3",
    "nested without end": lambda content: b"[" * 100_000,
    "values null": _of_values(lambda value: None),
    "values of other types": _of_values(_other_type),
}
OF_LINES: dict[str, Damage] = {
    "a line of no JSON": lambda content: b"{nonsense\n" + content,
    "a line of null": lambda content: b"null\n" + content,
    "a line without entries": lambda content: b"{}\n" + content,
    "a pair that is not there": lambda content: content.replace(b'"pair": 0', b'"pair": 99'),
    "a seed that is not there": lambda content: content.replace(b'"seed": 0', b'"seed": 99'),
    "a line twice": lambda content: content.splitlines(keepends=True)[0] + content,
}


def _array(change: Callable[[np.ndarray], np.ndarray]) -> Damage:
    def damage(content: bytes) -> bytes:
        into = io.BytesIO()
        np.save(into, change(np.load(io.BytesIO(content), allow_pickle=False)), allow_pickle=True)
        return into.getvalue()

    return damage


OF_MATRIX: dict[str, Damage] = {
    "fewer rows": _array(lambda matrix: matrix[:-1]),
    "float32": _array(lambda matrix: matrix.astype(np.float32)),
    "whole numbers": _array(lambda matrix: matrix.astype(np.int64)),
    "pickled objects": _array(lambda matrix: matrix.astype(object)),
    "flat": _array(lambda matrix: matrix.ravel()),
}


def _picture(change: Callable[[Image.Image], Image.Image], form: str = "PNG") -> Damage:
    def damage(content: bytes) -> bytes:
        into = io.BytesIO()
        change(Image.open(io.BytesIO(content))).save(into, format=form)
        return into.getvalue()

    return damage


OF_PICTURE: dict[str, Damage] = {
    "another size": _picture(lambda picture: picture.resize((5, 7))),
    "grey": _picture(lambda picture: picture.convert("L")),
    "a JPEG": _picture(lambda picture: picture, "JPEG"),
}


def _tensors(change: Callable[[dict], dict]) -> Damage:
    def damage(content: bytes) -> bytes:
        from safetensors.torch import load, save

        changed: bytes = save(change(load(content)), metadata={"format": "pt"})
        return changed

    return damage


def _first(change: Callable[[Any], Any]) -> Damage:
    """Of all tensors, the largest one changed."""

    def changed(tensors: dict) -> dict:
        largest = max(tensors, key=lambda name: tensors[name].numel())
        return tensors | {largest: change(tensors[largest]).contiguous()}

    return _tensors(changed)


OF_WEIGHTS: dict[str, Damage] = {
    "a tensor missing": _tensors(lambda tensors: dict(list(tensors.items())[1:])),
    "a tensor of another name": _tensors(lambda tensors: {f"other.{name}": value for name, value in tensors.items()}),
    "a tensor of another shape": _first(lambda tensor: tensor[..., :-1]),
    "not a number": _first(lambda tensor: tensor * float("nan")),
    "infinite": _first(lambda tensor: tensor + float("inf")),
    "no tensors": _tensors(lambda tensors: {}),
    "a header without end": lambda content: (2**60).to_bytes(8, "little") + content[8:],
}


def damages_of(path: Path) -> dict[str, Damage]:
    """Those that mean something for a file of this name."""
    own = {".json": OF_JSON, ".jsonl": OF_LINES, ".npy": OF_MATRIX, ".png": OF_PICTURE, ".safetensors": OF_WEIGHTS}
    return OF_ANY | own.get(path.suffix, {})


def damaged(file: Path, damage: Damage) -> None:
    content = damage(file.read_bytes())
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)

"""Frames in batches that fit: where memory runs out, the batch is halved, and nothing that was rendered is lost."""

import gc
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from typing import TypeVar

import torch

from whichway.analysis.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

#: how allocators that have no exception of their own say it: the CPU's, Apple's, CUDA's libraries
ALLOCATORS = ("can't allocate memory", "not enough memory", "out of memory", "alloc_failed")


def is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in ALLOCATORS)


def in_fitting_batches(
    items: Sequence[Item],
    render: Callable[[Sequence[Item]], Iterable[Result]],
    *,
    largest: int,
    limits: MutableMapping[object, int],
    key: object,
    what: str,
) -> Iterator[Result]:
    """The result of each item, rendered ``largest`` at a time or as many as turn out to fit.

    Args:
        limits: key → how many fitted where memory ran out before; read, and written to.
        key: all that a frame's memory depends on.
        what: one item in words, for the error.

    Raises:
        UserError: a single one does not fit.
    """
    first = 0
    while first < len(items):
        size = min(largest, limits.get(key, largest), len(items) - first)
        results = _attempt(render, items[first : first + size])
        if results is not None:
            yield from results
            first += size
        elif size == 1:
            raise UserError(
                f"{what} does not fit in memory; try --offload model or sequential, --vae-tiling, --dtype bfloat16, or "
                "a smaller --height and --width"
            )
        else:
            limits[key] = size // 2


def _attempt(render: Callable[[Sequence[Item]], Iterable[Result]], items: Sequence[Item]) -> Iterable[Result] | None:
    """None where memory runs out. What was allocated for it is freed when the exception is gone, not before."""
    try:
        return render(items)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None

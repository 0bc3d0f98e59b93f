"""Numbers that enter or leave a model are finite, or it is an error that says where they stopped being so.

NaN and infinity are not seen in a picture: a NaN is a black pixel, an infinity a clamped one. A path of such frames
would be perfectly smooth.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from whichway.analysis.errors import UserError

#: what brings finite numbers back where a half precision has overflowed
REMEDY = "wanted --dtype float32, or bfloat16, whose range is as wide"


def is_finite(tensor: Tensor) -> bool:
    """Whether there is neither NaN nor infinity in it; true of integers, and of what has no memory."""
    if not tensor.is_floating_point() or tensor.is_meta or not tensor.numel():
        return True
    if tensor.dtype.itemsize < 2:  # eight bits, quantized: reductions are not defined for them
        return True
    return bool(torch.stack(torch.aminmax(tensor.detach())).isfinite().all())  # NaN is carried along; no copy is made


def require_finite_numbers(tensor: Tensor, what: str) -> None:
    """Complain of NaN and infinity.

    Args:
        what: the tensor in words, as the subject of a sentence in the plural.

    Raises:
        UserError: with how many of them there are.
    """
    if is_finite(tensor):
        return
    bad = int((~tensor.isfinite()).sum())
    half = f"; {REMEDY}" if tensor.dtype == torch.float16 else ""
    dtype = str(tensor.dtype).removeprefix("torch.")
    raise UserError(f"{what} are not finite: {bad} of {tensor.numel()} are NaN or infinity (in {dtype}){half}")


def require_finite_weights(pipeline: Any, name: str) -> None:
    """Every weight and buffer of every component of a pipeline, adapters included, is there and finite.

    Raises:
        UserError: the first one that is not; a weight may be too large for the dtype that the model was loaded in.
    """
    for part, module in pipeline.components.items():
        if isinstance(module, torch.nn.Module):
            tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
            for key, tensor in tensors.items():
                if tensor.is_meta:
                    raise UserError(f"model {name!r}: weights {key!r} of {part!r} are not in its files")
                require_finite_numbers(tensor, f"model {name!r}: weights {key!r} of {part!r}")


@contextmanager
def finite_output(module: torch.nn.Module, what: str) -> Iterator[None]:
    """Within the context, what the module returns has to be finite.

    Raises:
        UserError: as :func:`require_finite_numbers`.
    """

    def check(_module: torch.nn.Module, _arguments: tuple, output: Any) -> None:
        require_finite_numbers(output if isinstance(output, Tensor) else output[0], what)

    hook = module.register_forward_hook(check)
    try:
        yield
    finally:
        hook.remove()

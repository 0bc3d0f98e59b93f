"""On a GPU, float32 arithmetic is float32: cuDNN's convolutions would round their factors to 10 bits (TF32) unasked."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def without_tf32() -> Iterator[None]:
    """Within the context products of float32 are rounded as float32; afterwards the settings are as before.

    The tolerances of the checks are derived from the dtype's rounding, and frames of a CPU and a GPU are to agree.
    """
    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = convolutions.allow_tf32, products.allow_tf32
    convolutions.allow_tf32 = products.allow_tf32 = False
    try:
        yield
    finally:
        convolutions.allow_tf32, products.allow_tf32 = before

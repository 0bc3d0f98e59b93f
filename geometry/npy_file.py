"""A .npy file that is written piece by piece: its header, and where its numbers begin.

Written, not mapped: where the disk is full, writing to a file is an error, and writing to a map the end of the process.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import DTypeLike

VERSION = (1, 0)  # of the format


def write_header(file: BinaryIO, shape: Sequence[int], dtype: DTypeLike) -> None:
    """What stands before the numbers, which follow in C order."""
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": tuple(shape)}
    np.lib.format.write_array_header_1_0(file, header)


def data_offset(path: Path, shape: Sequence[int], dtype: DTypeLike) -> int | None:
    """Where the numbers begin; None where the file is missing, damaged, not as long as it says, or of another array."""
    wanted = np.dtype(dtype)
    try:
        with path.open("rb") as file:
            if np.lib.format.read_magic(file) != VERSION:
                return None
            header = np.lib.format.read_array_header_1_0(file)
            whole = path.stat().st_size == file.tell() + int(np.prod(shape)) * wanted.itemsize
            return file.tell() if whole and header == (tuple(shape), False, wanted) else None
    except (OSError, ValueError):
        return None

"""Refuse what cannot fit in memory before the machine starts to swap."""

import psutil

from whichway.analysis.errors import UserError


def require_memory(needed: int, what: str) -> None:
    """Check that ``needed`` bytes are available for the weights of ``what``.

    Raises:
        UserError: fewer bytes are available.
    """
    available = psutil.virtual_memory().available
    if needed > available:
        raise UserError(
            f"{what} needs {needed / 2**30:.1f} GiB for its weights, {available / 2**30:.1f} GiB of memory is available"
        )

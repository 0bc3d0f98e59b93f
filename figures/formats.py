"""How numbers with their intervals are written in text and tables."""

from whichway.analysis.statistics.estimates import Estimate


def number(estimate: Estimate) -> str:
    """0.88 (0.86–0.91)."""
    interval = "" if estimate.low is None else f" ({estimate.low:.2f}–{estimate.high:.2f})"
    return f"{estimate.value:.2f}{interval}"


def percent(share: Estimate) -> str:
    """29% (12% to 55%): a share may be negative, and a dash would read as its sign."""
    interval = "" if share.low is None else f" ({share.low:z.0%} to {share.high:z.0%})"
    return f"{share.value:z.0%}{interval}"


def correlation(estimate: Estimate) -> str:
    """0.43 (0.31 to 0.53)."""
    return f"{estimate.value:.2f}" + ("" if estimate.low is None else f" ({estimate.low:.2f} to {estimate.high:.2f})")

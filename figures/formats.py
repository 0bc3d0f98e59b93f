"""How numbers with their intervals are written in text and tables."""

from whichway.analysis.statistics.estimates import Estimate


def number(estimate: Estimate) -> str:
    """0.88 (0.86–0.91)."""
    interval = "" if estimate.low is None else f" ({estimate.low:.2f}–{estimate.high:.2f})"
    return f"{estimate.value:.2f}{interval}"


def percent(share: Estimate) -> str:
    """29% (12% to 55%): a share may be negative, and a dash would read as its sign."""
    return f"{share.value:.0%}" + ("" if share.low is None else f" ({share.low:.0%} to {share.high:.0%})")

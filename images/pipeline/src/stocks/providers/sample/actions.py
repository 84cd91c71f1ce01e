"""Splits and dividends of a stock, recovered from its closes and adjusted closes, and the way back.

The convention of Alpha Vantage and of the Quandl WIKI set, with factor = adjusted close / close:

    factor(t-1) / factor(t) = C_t / (C_t + D_t) / split_t
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# New shares for an old one. They lie further apart than any dividend moves the factor, so a step of the
# factor has one reading only, also where a split and a dividend fall on one day.
_RATIOS = (0.1, 0.2, 0.25, 1 / 3, 0.5, 2 / 3, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0)
_NOISE = 1e-9


@dataclass(frozen=True)
class Actions:
    """What happened to a stock on each of its bars; both lists have one value a bar, oldest first."""

    dividends: Sequence[float]
    """Cash a share, to the cent; 0 on a day without one."""
    splits: Sequence[float]
    """New shares for an old one; 1 on a day without a split."""


def recover_actions(closes: Sequence[float], adjusted: Sequence[float]) -> Actions:
    """The actions that explain a series of adjusted closes.

    Args:
        closes: Closes as traded, oldest first, all positive.
        adjusted: The adjusted closes of the same bars, on any basis.

    Returns:
        The actions. Those on the first bar can't be known; it gets none.
    """
    factors = [a / c for a, c in zip(adjusted, closes, strict=True)]
    dividends, splits = [0.0] * len(closes), [1.0] * len(closes)
    for t in range(1, len(closes)):
        step = factors[t] / factors[t - 1]
        if abs(step - 1) > _NOISE:
            splits[t] = max((r for r in _RATIOS if r <= step * (1 + _NOISE)), default=1.0)
            dividends[t] = round(closes[t] * (step / splits[t] - 1), 2) or 0.0
    return Actions(dividends, splits)


def adjusted_closes(closes: Sequence[float], actions: Actions) -> list[float]:
    """The adjusted closes of a series whose newest bar has factor 1.

    Args:
        closes: Closes as traded, oldest first.
        actions: The actions on these bars; those of later bars are not looked at.
    """
    adjusted = list(closes)
    factor = 1.0
    for t in range(len(closes) - 1, 0, -1):
        factor *= closes[t] / (closes[t] + actions.dividends[t]) / actions.splits[t]
        adjusted[t - 1] = closes[t - 1] * factor
    return adjusted

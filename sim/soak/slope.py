"""A straight line through samples, with an honest error: is this memory flat?

Rules:
- Ordinary least squares; the error of the slope is widened by the lag-1 autocorrelation r of the residuals,
  sqrt((1 + r) / (1 - r)), because memory moves in steps and its samples repeat each other. The r of n
  residuals of a line is too small by about (2 + 4r) / n (Marriott and Pope, Biometrika 41, 1954).
- Flat: the slope is within two standard errors of zero, or below the limit an hour.
- A few minutes say nothing about an hour: below LEAST_HOURS there is no slope.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

LEAST_HOURS = 0.1
LEAST_SAMPLES = 12
MAX_CORRELATION = 0.98


@dataclass(frozen=True)
class Trend:
    """The line through a series: units an hour, and the standard error of that."""

    slope: float
    error: float

    def is_flat(self, limit: float) -> bool:
        """True if it does not rise by what can be told from noise, or by less than `limit` an hour."""
        return self.slope <= max(2 * self.error, limit)


def fit_trend(hours: Sequence[float], values: Sequence[float]) -> Trend | None:
    """The trend of `values` at `hours` (rising); None for too few or too short a time."""
    count = len(values)
    if count < LEAST_SAMPLES or hours[-1] - hours[0] < LEAST_HOURS:
        return None
    mean_x, mean_y = sum(hours) / count, sum(values) / count
    spread = sum((x - mean_x) ** 2 for x in hours)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(hours, values, strict=True)) / spread
    residuals = [y - mean_y - slope * (x - mean_x) for x, y in zip(hours, values, strict=True)]
    squares = sum(r * r for r in residuals)
    error = math.sqrt(squares / (count - 2) / spread) * _widening(residuals, squares)
    return Trend(slope, error)


def _widening(residuals: Sequence[float], squares: float) -> float:
    if not squares:
        return 1.0
    seen = sum(a * b for a, b in pairwise(residuals)) / squares
    correlation = min(max(seen + (2 + 4 * seen) / len(residuals), 0.0), MAX_CORRELATION)
    return math.sqrt((1 + correlation) / (1 - correlation))

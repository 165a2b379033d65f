"""What a soak found: a series of readings a process, and the verdict on each."""

import math
from dataclasses import dataclass, field
from typing import Any

from sim.soak.slope import Trend, fit_trend

WARM_UP_SHARE = 0.25
MAX_WARM_UP_S = 900.0
"""Of the start, while caches fill: not in the fit."""
BOARD_HEAP = "board heap"
SIMULATOR = "simulator"
"""The process that plays the line and reads the others: shown, and not judged."""
LIMITS_KB = {BOARD_HEAP: 1.0, SIMULATOR: math.inf}
LIMIT_KB = 1024.0
"""Rise in kB an hour that counts as flat whatever the noise: 24 MB a day of an office PC's memory."""


@dataclass
class Series:
    """Readings of one process: hours since the start, kB."""

    hours: list[float] = field(default_factory=list)
    kb: list[float] = field(default_factory=list)

    def append(self, hour: float, kb: float) -> None:
        """One reading more."""
        self.hours.append(hour)
        self.kb.append(kb)

    def ends(self) -> tuple[float, ...]:
        """First, last and greatest reading; nothing where there is none."""
        return (self.kb[0], self.kb[-1], max(self.kb)) if self.kb else ()

    def trend(self, from_hour: float) -> Trend | None:
        """Of what was read from then on."""
        used = [(hour, kb) for hour, kb in zip(self.hours, self.kb, strict=True) if hour >= from_hour]
        return fit_trend([hour for hour, _ in used], [kb for _, kb in used])


@dataclass(frozen=True)
class SoakReport:
    """What a soak found.

    Attributes:
        calls, in_cloud: calls that ended on the line, and those that the cloud shows as ended.
    """

    minutes: float
    calls: int
    in_cloud: int
    series: dict[str, Series]

    def trends(self) -> dict[str, Trend | None]:
        """By process; None where there are too few readings to say."""
        warm_up_hours = min(self.minutes * 60 * WARM_UP_SHARE, MAX_WARM_UP_S) / 3600
        return {name: series.trend(warm_up_hours) for name, series in self.series.items()}

    @property
    def is_flat(self) -> bool:
        """No process is known to grow."""
        return all(trend is None or is_flat(name, trend) for name, trend in self.trends().items())

    def as_json(self) -> dict[str, Any]:
        series = {name: {"hours": one.hours, "kb": one.kb} for name, one in self.series.items()}
        return {"minutes": self.minutes, "calls": self.calls, "in_cloud": self.in_cloud, "series": series}


def limit_kb(name: str) -> float:
    """Rise an hour that counts as flat for that process."""
    return LIMITS_KB.get(name, LIMIT_KB)


def is_flat(name: str, trend: Trend) -> bool:
    """The verdict on one process."""
    return trend.is_flat(limit_kb(name))


def format_table(report: SoakReport) -> list[str]:
    """A Markdown table, a row a process; memory in MB, the heap in kB."""
    rows = ["| process | first | last | peak | slope an hour ± standard error | limit | |", "|---" * 7 + "|"]
    trends = report.trends()
    for name, series in report.series.items():
        scale, unit, digits = (1.0, "kB", 2) if name == BOARD_HEAP else (1024.0, "MB", 3)
        cells = [f"{kb / scale:.1f}" for kb in series.ends()] or ["-"] * 3
        cells += [
            _slope(trends[name], scale, digits),
            f"{limit_kb(name) / scale:g}".replace("inf", "-"),
            _verdict(name, trends[name]),
        ]
        rows.append(f"| {name}, {unit} | {' | '.join(cells)} |")
    return rows


def _slope(trend: Trend | None, scale: float, digits: int) -> str:
    if trend is None:
        return "-"
    return f"{trend.slope / scale:+.{digits}f} ± {trend.error / scale:.{digits}f}"


def _verdict(name: str, trend: Trend | None) -> str:
    if trend is None:
        return "too short to say"
    if limit_kb(name) == math.inf:
        return "not judged"
    return "flat" if is_flat(name, trend) else "GROWS"

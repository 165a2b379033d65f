"""Each night the box's counters, the agent's and the cloud's are compared, per source and day.

A day that is not whole raises an alarm with what is missing, once; the alarm closes by itself when late
events fill the gap. What only waits on a desk PC is no alarm in the first night: PCs sleep, too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from cloud_broker.adapters.sql import days, letters
from cloud_broker.adapters.sql.dump import open_snapshot
from cloud_broker.adapters.sql.engine import Database, is_away
from cloud_broker.domain.reconciliation import MISSING, WAITING, WHOLE, DayResult, Gap, compare
from cloud_broker.domain.times import DAY_MS, china_day, parse_day_ms
from cloud_broker.domain.views import Invalid

log = structlog.get_logger()

ALARM = "day_incomplete"
NIGHTLY_DAYS = 3
LATE_LEEWAY_MS = 10 * 60_000
"""For events that were being written when the last night looked, and for clocks that differ."""
OPEN_DAYS = 30
"""A day that stays open is looked at again for so long."""
MAX_SAID = 6


@dataclass(frozen=True, slots=True)
class Compared:
    """One source and day."""

    source: str
    day: str
    desk: str
    result: DayResult

    def describe(self) -> dict[str, Any]:
        """For programs."""
        result = self.result
        return {
            "source": self.source,
            "day": self.day,
            "desk": self.desk,
            "state": result.state,
            "box": result.box,
            "agent": result.agent,
            "cloud": result.cloud,
            "gaps": [gap.describe() for gap in result.gaps],
        }

    def describe_line(self) -> str:
        """For a terminal."""
        counted = f"box {self.result.box.get('events', '-')}, PC {self.result.agent.get('events', '-')}"
        line = f"{self.result.state:8} {self.day} {self.source} {self.desk}: events {counted}"
        line += f", cloud {self.result.cloud.get('events', 0)}"
        return f"{line}; missing {describe(self.result.gaps)}" if self.result.gaps else line


def reconcile_day(database: Database, now_ms: int, day: str | None) -> list[Compared]:
    """One day by hand; None: yesterday.

    Raises:
        Invalid: `day` is none, or has not begun.
    """
    day = day or china_day(now_ms - DAY_MS)
    try:
        begun_ms = parse_day_ms(day)
    except ValueError as error:
        raise Invalid("day", "unknown") from error
    if begun_ms > now_ms:
        raise Invalid("day", "unknown")
    return [
        one
        for source, desk in _load_sources(database)
        for one in _reconcile_source(database, now_ms, source, desk, day, day)
    ]


def reconcile_night(database: Database, now_ms: int, since_ms: int = 0) -> list[Compared]:
    """Compare the last days that have ended; earlier ones of which events came since `since_ms`, when this
    was done last; and those that are open."""
    first, last = china_day(now_ms - NIGHTLY_DAYS * DAY_MS), china_day(now_ms - DAY_MS)
    compared = reconcile(database, now_ms, first, last)
    with database.read() as connection:
        late = days.load_late_days(connection, since_ms - LATE_LEEWAY_MS)
    for source, day in late:
        if day < first:
            compared += reconcile(database, now_ms, day, day, [source])
    return compared + reconcile_open(database, now_ms, days.OPEN, before=first)


def reconcile_open(
    database: Database, now_ms: int, states: Iterable[str] = (WAITING, MISSING), before: str = "9999-12-31"
) -> list[Compared]:
    """Look again at the days before `before` that are in one of `states`; what a box lost seldom comes."""
    with database.read() as connection:
        since_day = china_day(now_ms - OPEN_DAYS * DAY_MS)
        found = days.load_open_days(connection, since_day, states=states)
    compared = []
    for source, open_days in found.items():
        wanted = [day for day in open_days if day < before]
        if wanted:
            compared += reconcile(database, now_ms, wanted[0], wanted[-1], [source])
    return compared


def reconcile(
    database: Database, now_ms: int, first_day: str, last_day: str, sources: Iterable[str] | None = None
) -> list[Compared]:
    """Compare the days `first_day`..`last_day` (both included), of all sources or of some.

    A source that cannot be compared stops no other.
    """
    compared = []
    for source, desk in _load_sources(database, sources):
        try:
            compared += _reconcile_source(database, now_ms, source, desk, first_day, last_day)
        except Exception as error:
            if isinstance(error, SQLAlchemyError) and is_away(error):
                raise
            log.exception("reconcile.failed", source=source, first_day=first_day, last_day=last_day)
    return compared


def _load_sources(database: Database, wanted: Iterable[str] | None = None) -> list[tuple[str, str]]:
    with database.read() as connection:
        homes = days.load_sources(connection)
    return sorted(
        (source, homes[source]) for source in (homes if wanted is None else homes.keys() & set(wanted))
    )


def _reconcile_source(
    database: Database, now_ms: int, source: str, desk: str, first_day: str, last_day: str
) -> list[Compared]:
    """Compared in what was committed at one moment, so that events may come meanwhile; then written."""
    with open_snapshot(database) as connection:
        results = compare(*days.load_facts(connection, now_ms, source, first_day, last_day))
        open_days = days.load_open_days(connection, first_day, source).get(source, [])
    for day in open_days:
        results.setdefault(day, DayResult())
    later_gaps = [gap for day in results if day > last_day for gap in results[day].gaps]
    may_have_moved = any(gap.kind == "event" for gap in later_gaps)  # to a day that has no row yet
    compared = [
        Compared(source, day, desk, results[day])
        for day in sorted(day for day in results if first_day <= day <= last_day)
        if not (may_have_moved and results[day].state == WHOLE and day in open_days)
    ]
    if compared:
        with database.write() as connection:
            for one in compared:
                _keep(connection, now_ms, one)
    return compared


def _keep(connection: Connection, now_ms: int, one: Compared) -> None:
    result, subject = one.result, f"{one.source} {one.day}"
    has_changed, checked_ms = days.store_day(connection, now_ms, one.source, one.day, one.desk, result)
    if result.state == WHOLE:
        letters.close_alarm(connection, now_ms, ALARM, subject)
    elif _is_alarming(result, one.day, now_ms) and (
        has_changed or not _is_alarming(result, one.day, checked_ms)
    ):
        log.warning("reconcile.gap", source=one.source, day=one.day, state=result.state, desk=one.desk)
        letters.raise_alarm(connection, now_ms, ALARM, subject, describe(result.gaps))


def _is_alarming(result: DayResult, day: str, now_ms: int) -> bool:
    """Not while the day still runs; and what waits on a desk PC may wait one night."""
    nights = (now_ms - parse_day_ms(day)) // DAY_MS
    return nights >= (2 if result.state == WAITING else 1)


def describe(gaps: Sequence[Gap]) -> str:
    """What is missing, exactly, as far as it fits: `1f2e3d4c-7:4-5 cloud, 1f2e3d4c-7:9 link`."""
    said = [_name(gap) for gap in gaps[:MAX_SAID]]
    return ", ".join(said) + (f", … ({sum(gap.size for gap in gaps)})" if len(gaps) > MAX_SAID else "")


def _name(gap: Gap) -> str:
    if gap.kind == "recording":
        return f"{gap.call} {gap.where}"
    if gap.kind != "event":
        return f"{gap.boot} {gap.kind} {gap.size}".lstrip()
    numbers = str(gap.first) if gap.first == gap.last else f"{gap.first}-{gap.last}"
    return f"{gap.boot}:{numbers} {gap.where}"

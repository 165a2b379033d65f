"""Telemetry that is worth keeping for the comparison: a box's counters, and an agent's report.

Both are lower bounds: what was once counted exists. A message of a source that is not at home at the desk
it came from changes nothing.
"""

from typing import Any

from sqlalchemy import Connection, select

from cloud_broker.adapters.sql import counts, tables
from cloud_broker.domain.times import china_day, parse_day_ms
from protocol.const import UINT32_MAX
from protocol.ids import is_boot

MAX_SOURCES = 64
MAX_BOOTS = 32
MAX_RANGES = 256
MAX_DAYS = 32
RECORDING_COUNTS = ("begun", "stored", "verified", "lost")


class ReportMalformed(Exception):
    """An agent's report that does not have the form of `host_agent.report`."""


def note_box_counts(connection: Connection, now_ms: int, source: str, body: dict[str, Any]) -> None:
    """Keep what a box counted. Telemetry of an older firmware has no counters: nothing is kept then."""
    boot = body.get("boot")
    numbers = [body.get(name) for name in counts.COUNTED]
    if not isinstance(boot, str) or not is_boot(boot):
        return
    known = [number for number in numbers if type(number) is int and 0 <= number <= UINT32_MAX]
    if len(known) == len(numbers):
        counts.keep_box_count(connection, source, boot, china_day(now_ms), known)


def note_report(connection: Connection, now_ms: int, desk: str, agent: str, body: dict[str, Any]) -> None:
    """Keep what an agent says of itself and of the boxes of its desk.

    Raises:
        ReportMalformed.
    """
    sources = _expect(body.get("sources"), dict)
    if len(sources) > MAX_SOURCES:
        raise ReportMalformed
    box = tables.box.c
    at_home = set(connection.execute(select(box.source).where(box.desk == desk)).scalars()) | {agent}
    for source in sorted(at_home & sources.keys()):
        told = _expect(sources[source], dict)
        boots = _expect(told.get("boots"), dict)
        days = _expect(told.get("recordings", {}), dict)
        if len(boots) > MAX_BOOTS or len(days) > MAX_DAYS:
            raise ReportMalformed
        kept = {
            "boots": {_read_boot(boot): _read_boot_ranges(said) for boot, said in boots.items()},
            "recordings": {_read_day(day): _read_counts(said) for day, said in days.items()},
        }
        counts.keep_report(connection, agent, source, now_ms, kept)


def _read_boot(boot: str) -> str:
    if not is_boot(boot):
        raise ReportMalformed
    return boot


def _read_day(day: str) -> str:
    try:
        parse_day_ms(day)
    except ValueError as error:
        raise ReportMalformed from error
    return day


def _read_boot_ranges(said: Any) -> dict[str, list[list[int]]]:
    return {name: _read_ranges(_expect(said, dict).get(name)) for name in ("received", "waiting")}


def _read_ranges(said: Any) -> list[list[int]]:
    ranges: list[list[int]] = _expect(said, list)
    if len(ranges) > MAX_RANGES:
        raise ReportMalformed
    for one in ranges:
        if not isinstance(one, list) or len(one) != 2 or not all(type(number) is int for number in one):
            raise ReportMalformed
        if not 0 <= one[0] <= one[1] <= UINT32_MAX:
            raise ReportMalformed
    return ranges


def _read_counts(said: Any) -> dict[str, int]:
    numbers = {name: _expect(said, dict).get(name, 0) for name in RECORDING_COUNTS}
    if not all(type(number) is int and 0 <= number <= UINT32_MAX for number in numbers.values()):
        raise ReportMalformed
    return numbers


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise ReportMalformed
    return value

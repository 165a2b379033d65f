"""Each night: is there a sequence number that nobody accounts for?

Events of a boot count up without a hole. A number that is neither in the log nor in an `events_lost` of
the box is missing: an alarm a box, with the ranges. Late events close holes by themselves.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, func, select

from cloud_broker.adapters.sql import letters, tables
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.domain.times import DAY_MS

LOOK_BACK_MS = 2 * DAY_MS
SETTLED_MS = 10 * 60_000
"""Events younger than this may still be on their way."""

Hole = tuple[str, int, int]


def reconcile(database: Database, now_ms: int) -> dict[str, list[Hole]]:
    """Holes (boot, first, last) by source, of boots heard of in the last two days; alarms raised."""
    with database.write() as connection:
        holes = _find_holes(connection, now_ms)
        for source, ranges in holes.items():
            missing = sum(last - first + 1 for _, first, last in ranges)
            detail = f"{missing} events missing: " + ", ".join(f"{b}:{f}-{last}" for b, f, last in ranges[:5])
            letters.raise_alarm(connection, now_ms, "events_missing", source, detail)
    return holes


def find_gaps(numbers: Iterable[int], lost: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges between the least and the greatest of `numbers` that are neither among them nor in `lost`."""
    known = [(number, number) for number in numbers]
    if not known:
        return []
    first, last = min(known)[0], max(known)[0]
    gaps, wanted = [], first
    for start, end in sorted([*known, *lost]):
        if start > wanted and start <= last:
            gaps.append((wanted, start - 1))
        wanted = max(wanted, end + 1)
    return gaps


def _find_holes(connection: Connection, now_ms: int) -> dict[str, list[Hole]]:
    event = tables.event.c
    recent = select(event.source, event.boot).where(
        event.received_ms >= now_ms - LOOK_BACK_MS, event.received_ms < now_ms - SETTLED_MS
    )
    counted = (
        select(event.source, event.boot)
        .where(event.received_ms < now_ms - SETTLED_MS)
        .group_by(event.source, event.boot)
        .having(func.max(event.seq) - func.min(event.seq) + 1 > func.count())
    )
    suspects = connection.execute(recent.intersect(counted)).all()
    holes: dict[str, list[Hole]] = defaultdict(list)
    for source, boot in sorted((row.source, row.boot) for row in suspects):
        query = select(event.seq).where(event.source == source, event.boot == boot)
        numbers = connection.execute(query).scalars()
        gaps = find_gaps(numbers, _load_lost(connection, source).get(boot, ()))
        holes[source] += [(boot, first, last) for first, last in gaps]
    return {source: ranges for source, ranges in holes.items() if ranges}


def _load_lost(connection: Connection, source: str) -> Mapping[str, list[tuple[int, int]]]:
    """What the box itself declared lost, by boot."""
    event = tables.event.c
    query = select(event.fields).where(event.source == source, event.type == "events_lost")
    lost: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for text in connection.execute(query).scalars():
        fields = json.loads(text)
        lost[fields["lost_boot"]].append((fields["first"], fields["last"]))
    return lost

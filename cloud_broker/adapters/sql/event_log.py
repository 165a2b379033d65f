"""The append-only log of events, and the boots it tells of."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Connection, exists, select

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.bulk import insert_rows, select_in
from cloud_broker.handlers.decode import Received, load_fields
from protocol.ids import parse_call_id
from telephony.events import Event

LATE_EVENTS = 20
"""Of a call's events, at most so many come after the next call has begun (gaps of its recording)."""

_COLUMNS = (
    "source", "boot", "seq", "desk", "type", "call_id", "uptime_ms", "at_ms", "clock", "fields", "hash",
    "received_ms",
)  # fmt: skip


def append(connection: Connection, now_ms: int, received: Sequence[Received]) -> int:
    """Add events by id; returns how many were new. Sorted, so that two consumers lock in one order."""
    rows = [
        (
            event.source, event.boot, event.seq, desk, event.type, call_id, event.uptime_ms, event.at_ms,
            event.clock, fields_json, digest, now_ms,
        )
        for desk, event, call_id, fields_json, digest in sorted(received, key=lambda item: item.event[:3])
    ]  # fmt: skip
    return insert_rows(connection, tables.event, _COLUMNS, rows, or_else="ON CONFLICT DO NOTHING")


def as_kept(connection: Connection, received: Sequence[Received]) -> list[Received]:
    """The same events with the `at` that the log has of them: the first that was told."""
    beside = _beside_log(connection, received, tables.event.c.at_ms)
    return [item._replace(event=item.event._replace(at_ms=at_ms)) for item, at_ms in beside]


def find_conflicts(connection: Connection, received: Sequence[Received]) -> list[Received]:
    """Those whose id is in the log with another payload."""
    beside = _beside_log(connection, received, tables.event.c.hash)
    return [item for item, digest in beside if digest != item.hash]


def _beside_log(
    connection: Connection, received: Sequence[Received], column: Column[Any]
) -> Iterator[tuple[Received, Any]]:
    """Each event with what the log has under its id, as far as it has that."""
    by_boot: dict[tuple[str, str], list[Received]] = defaultdict(list)
    for item in received:
        by_boot[item.event[:2]].append(item)
    for (source, boot), items in by_boot.items():
        sequences = [item.event.seq for item in items]
        rows = connection.execute(
            tables.event.select()
            .with_only_columns(tables.event.c.seq, column)
            .where(tables.event.c.source == source, tables.event.c.boot == boot)
            .where(tables.event.c.seq.between(min(sequences), max(sequences)))
        )
        known = {row.seq: row[1] for row in rows}
        yield from ((item, known[item.event.seq]) for item in items if item.event.seq in known)


def load_calls(connection: Connection, call_ids: Iterable[str]) -> dict[str, list[Event]]:
    """All events of each call, in no order."""
    columns = "call_id, source, boot, seq, uptime_ms, type, fields, at_ms, clock"
    found: dict[str, list[Event]] = defaultdict(list)
    for call_id, source, boot, seq, uptime_ms, kind, fields, at_ms, clock in select_in(
        connection, columns, tables.event, "call_id", call_ids
    ):
        event = Event(source, boot, seq, uptime_ms, kind, load_fields(kind, fields), at_ms, clock)
        found[call_id].append(event)
    return found


def note_boots(connection: Connection, received: Iterable[Received]) -> bool:
    """Remember when each boot was first heard of: the earliest `at` of its events, whatever their order.

    Returns:
        True if a boot is new, or began earlier than was known.
    """
    first: dict[tuple[str, str], int] = {}
    for item in received:
        key = item.event[:2]
        first[key] = min(item.event.at_ms, first.get(key, item.event.at_ms))
    least = "min" if connection.dialect.name == "sqlite" else "least"
    changed = insert_rows(
        connection,
        tables.boot,
        ("source", "boot", "first_ms"),
        [(*key, at_ms) for key, at_ms in sorted(first.items())],
        or_else=(
            f"ON CONFLICT (source, boot) DO UPDATE SET first_ms = {least}(boot.first_ms, excluded.first_ms) "
            "WHERE excluded.first_ms < boot.first_ms"
        ),
    )
    return changed > 0


def load_boots(connection: Connection, sources: Iterable[str]) -> dict[str, dict[str, int]]:
    """Every known boot of each source with its first `at`."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for source, boot, first_ms in select_in(
        connection, "source, boot, first_ms", tables.boot, "source", sources
    ):
        found[source][boot] = first_ms
    return found


def find_boots_with_calls(connection: Connection, source: str, boots: Sequence[str]) -> set[str]:
    """Those of `boots` in which there was a call."""
    if not boots:
        return set()
    boot, event = tables.boot.c, tables.event.c
    has_call = exists().where(event.source == source, event.boot == boot.boot, event.call_id.is_not(None))
    query = select(boot.boot).where(boot.source == source, boot.boot.in_(boots), has_call)
    return set(connection.execute(query).scalars())


def find_edge_call(connection: Connection, source: str, boot: str, *, is_first: bool) -> str | None:
    """The first or the last call of one boot of a box."""
    event = tables.event.c
    query = select(event.call_id).where(
        event.source == source, event.boot == boot, event.call_id.is_not(None)
    )
    order = event.seq if is_first else event.seq.desc()
    found = connection.execute(query.order_by(order).limit(1 if is_first else LATE_EVENTS)).scalars().all()
    return max(found, key=lambda call_id: parse_call_id(call_id)[2], default=None)

"""What could not be taken in: dead letters, quarantined events, and the alarms they raise."""

from collections.abc import Sequence

from sqlalchemy import Connection, insert

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.bulk import insert_rows
from cloud_broker.domain.times import iso_ms
from cloud_broker.handlers.decode import Received
from protocol.event_json import EventRecord, encode_event
from protocol.topics import build_topic

MAX_KEPT_BYTES = 16_384
MAX_TOPIC = 256


def keep_letter(connection: Connection, now_ms: int, topic: str, reason: str, payload: bytes) -> None:
    """Keep a message that is not an event, cut to its first 16 KiB."""
    connection.execute(
        insert(tables.dead_letter).values(
            at_ms=now_ms, topic=topic[:MAX_TOPIC], reason=reason, payload=payload[:MAX_KEPT_BYTES]
        )
    )


def keep_conflict(connection: Connection, now_ms: int, item: Received) -> None:
    """The same event id with another payload: both are kept, and somebody has to look."""
    topic = build_topic("event", item.desk, item.event.source)
    keep_letter(connection, now_ms, topic, "conflict", _encode(item))
    event_id = f"{item.event.source}-{item.event.boot}-{item.event.seq}"
    raise_alarm(connection, now_ms, "event_conflict", item.event.source, event_id)


def quarantine(connection: Connection, now_ms: int, strangers: Sequence[Received]) -> None:
    """Keep events of sources that are not at home at the desk they came from."""
    rows = [(*item.event[:3], item.desk, _encode(item).decode(), now_ms) for item in strangers]
    columns = ("source", "boot", "seq", "desk", "payload", "received_ms")
    insert_rows(connection, tables.quarantine, columns, rows, or_else="ON CONFLICT DO NOTHING")
    for source, desk in sorted({(item.event.source, item.desk) for item in strangers}):
        raise_alarm(connection, now_ms, "source_unknown", source, f"quarantined at desk {desk}")


def raise_alarm(connection: Connection, now_ms: int, kind: str, subject: str, detail: str) -> None:
    """One row a (kind, subject): a repetition raises its count and opens it again."""
    columns = ("kind", "subject", "detail", "first_ms", "last_ms", "count")
    insert_rows(
        connection,
        tables.alarm,
        columns,
        [(kind, subject, detail, now_ms, now_ms, 1)],
        or_else=(
            "ON CONFLICT (kind, subject) DO UPDATE SET detail = excluded.detail, last_ms = excluded.last_ms, "
            "count = alarm.count + 1, resolved_ms = NULL"
        ),
    )


def _encode(item: Received) -> bytes:
    event = item.event
    at = iso_ms(event.at_ms)
    record = EventRecord(*event[:3], event.uptime_ms, event.type, event.fields, at, event.clock)
    return encode_event(record)

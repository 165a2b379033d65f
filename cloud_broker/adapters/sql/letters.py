"""What could not be taken in: dead letters, quarantined events, and the alarms they raise."""

import hashlib
from collections.abc import Sequence

from sqlalchemy import Connection, update

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.bulk import insert_rows
from cloud_broker.domain.times import iso_ms
from cloud_broker.handlers.decode import HASH_BYTES, Received, claimed_id
from protocol.errors import TopicError
from protocol.event_json import EventRecord, encode_event
from protocol.topics import build_topic, parse_topic

MAX_KEPT_BYTES = 16_384
MAX_TOPIC = 256
_LETTER = (
    "at_ms", "topic", "reason", "payload", "digest", "count", "last_ms", "desk", "source", "boot", "seq",
)  # fmt: skip
_COUNT_LETTER = (
    "ON CONFLICT (digest) DO UPDATE SET count = dead_letter.count + 1, last_ms = excluded.last_ms, "
    "resolved_ms = CASE WHEN dead_letter.resolution = 'set_aside' THEN dead_letter.resolved_ms END, "
    "resolution = CASE WHEN dead_letter.resolution = 'set_aside' THEN dead_letter.resolution END"
)


def keep_letter(connection: Connection, now_ms: int, topic: str, reason: str, payload: bytes) -> None:
    """Keep a message that could not be taken in, cut to its first 16 KiB; the same one again is counted.

    A repetition opens the letter again, unless a person has set it aside.
    """
    topic, payload = topic[:MAX_TOPIC], payload[:MAX_KEPT_BYTES]
    digest = hashlib.blake2b(f"{topic}\n{reason}\n".encode() + payload, digest_size=HASH_BYTES).hexdigest()
    boot, seq = claimed_id(payload) or (None, None)
    desk, source = _read_place(topic)
    insert_rows(
        connection,
        tables.dead_letter,
        _LETTER,
        [(now_ms, topic, reason, payload, digest, 1, now_ms, desk, source, boot, seq)],
        or_else=_COUNT_LETTER,
    )


def _read_place(topic: str) -> tuple[str | None, str | None]:
    """(desk, source) of a topic, None for what is none."""
    try:
        _, desk, source = parse_topic(topic)
    except TopicError:
        return None, None
    return desk, source


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
        raise_alarm(connection, now_ms, "source_unknown", source, desk)


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


def close_alarm(connection: Connection, now_ms: int, kind: str, subject: str) -> None:
    """What raised it is over."""
    alarm = tables.alarm.c
    mine = alarm.kind == kind, alarm.subject == subject, alarm.resolved_ms.is_(None)
    connection.execute(update(tables.alarm).where(*mine).values(resolved_ms=now_ms))


def _encode(item: Received) -> bytes:
    event = item.event
    at = iso_ms(event.at_ms)
    record = EventRecord(*event[:3], event.uptime_ms, event.type, event.fields, at, event.clock)
    return encode_event(record)

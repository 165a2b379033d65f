"""The rows of calls: the lock, what people decided, and the projection's columns."""

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.bulk import insert_rows, select_in, update_rows
from protocol.ids import parse_call_id
from telephony.calls import Call

_SAME_NAME = (
    "state", "direction", "outcome", "number", "e164", "number_kind", "number_state", "started_ms",
    "answered_ms", "ended_ms", "ring_count", "talk_ms", "caller_id_format", "caller_name", "dialled",
    "connected_by", "resumed", "clock",
)  # fmt: skip
_read_same_name = attrgetter(*_SAME_NAME)
_PROJECTED = (
    *_SAME_NAME, "recording_state", "recording_reason", "recording_samples", "recording_gaps", "owner_id",
    "joined_to",
)  # fmt: skip


class LockedCall(NamedTuple):
    """A call's row as it stood when its lock was taken; `projected` is comparable with `row_of`."""

    id: str
    desk: str
    gone_ms: int | None
    projected: tuple[Any, ...]


def lock_calls(connection: Connection, desks: Mapping[str, str]) -> list[LockedCall]:
    """Make sure the rows of `desks` (call id → desk) exist, and lock them in one order."""
    rows = []
    for call_id in sorted(desks):
        box, boot, _ = parse_call_id(call_id)
        rows.append((call_id, desks[call_id], box, boot))
    insert_rows(
        connection, tables.call, ("id", "desk", "box", "boot"), rows, or_else="ON CONFLICT DO NOTHING"
    )
    lock = "" if connection.dialect.name == "sqlite" else "FOR UPDATE"
    columns = "id, desk, gone_ms, " + ", ".join(_PROJECTED)
    found = select_in(connection, columns, tables.call, "id", sorted(desks), f"ORDER BY id {lock}")
    return [LockedCall(row[0], row[1], row[2], tuple(row[3:])) for row in found]


def row_of(call: Call, owner_id: int | None, joined_to: str | None) -> tuple[Any, ...]:
    """The projected columns of one call."""
    same = (str(value) if isinstance(value, StrEnum) else value for value in _read_same_name(call))
    recording = call.recording
    gaps = json.dumps(recording.gaps)
    return (*same, str(recording.state), recording.reason, recording.samples, gaps, owner_id, joined_to)


def update_calls(connection: Connection, rows: Sequence[tuple[str, tuple[Any, ...]]]) -> None:
    """Write the projected columns of locked calls."""
    update_rows(connection, tables.call, ("id", *_PROJECTED), [(call_id, *row) for call_id, row in rows])


def find_open_calls(connection: Connection, boxes: Iterable[str]) -> list[tuple[str, str, str, str]]:
    """(id, desk, box, boot) of the calls of these boxes that have not ended."""
    rows = select_in(
        connection, "id, desk, box, boot", tables.call, "box", boxes, "AND state IN ('ringing', 'talking')"
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def find_joined(connection: Connection, call_ids: Iterable[str]) -> dict[str, str]:
    """Calls (id → desk) that continue one of these."""
    rows = select_in(connection, "id, desk", tables.call, "joined_to", call_ids)
    return {row[0]: row[1] for row in rows}


def load_desks(connection: Connection, call_ids: Iterable[str]) -> dict[str, str]:
    """Id → desk."""
    return {row[0]: row[1] for row in select_in(connection, "id, desk", tables.call, "id", call_ids)}

"""Rows of calls into `CallView`: residents, recordings and tickets of a whole page in a query each."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select

from cloud_broker.adapters.sql import event_log, tables
from cloud_broker.adapters.sql.resident_views import match_numbers, match_residents
from cloud_broker.domain.timeline import build_timeline
from cloud_broker.domain.times import to_datetime
from cloud_broker.domain.views import CallView, RecordingState, RecordingView, ResidentMatch
from telephony.calls import SAMPLE_RATE_HZ

RINGS_BEFORE_CALLER_ID = 1


def build_calls(connection: Connection, rows: Sequence[Any]) -> list[CallView]:
    """Views of rows of the table call, in their order."""
    call_ids = [row.id for row in rows]
    known = match_numbers(connection, {(row.desk, row.e164) for row in rows if row.direction})
    chosen = match_residents(connection, {row.resident_id for row in rows if row.resident_id})
    recordings = load_recordings(connection, call_ids)
    tickets = _load_tickets(connection, call_ids)
    names, parts = load_names(connection), _load_parts(connection, call_ids)
    views = []
    for row in rows:
        matches = known.get((row.desk, row.e164), [])
        residents = [chosen[row.resident_id]] if row.resident_id in chosen else matches
        recording = build_recording(row, recordings.get(row.id))
        agent = names.get(row.claimed_by or row.owner_id or 0)
        built = _build(row, residents, recording, tickets.get(row.id, []), agent)
        views.append(replace(built, parts=parts.get(row.id, ())))
    return views


def add_timeline(connection: Connection, view: CallView) -> CallView:
    """The same view with its timeline."""
    events = event_log.load_calls(connection, [view.id])[view.id]
    return replace(view, timeline=build_timeline(view.id, events))


def load_recordings(connection: Connection, call_ids: Sequence[str]) -> dict[str, Any]:
    """The cloud's own rows of these calls' recordings."""
    table = tables.recording
    return {
        row.call_id: row for row in connection.execute(select(table).where(table.c.call_id.in_(call_ids)))
    }


def build_recording(row: Any, stored: Any | None) -> RecordingView:
    """What box and agent said (columns of the call) overlaid by what the cloud holds."""
    state: RecordingState = row.recording_state or "none"
    if state == "none" and row.recording_reason not in (None, "not_answered"):
        state = "lost"
    samples, length = row.recording_samples, None
    if stored is not None:
        state = stored.state
        samples, length = stored.samples or samples, stored.bytes or None
    gaps = tuple(
        (first / SAMPLE_RATE_HZ, count / SAMPLE_RATE_HZ, "not_received")
        for first, count in json.loads(row.recording_gaps or "[]")
    )
    return RecordingView(state, samples / SAMPLE_RATE_HZ if samples else None, length, gaps)


def _load_parts(connection: Connection, call_ids: Sequence[str]) -> dict[str, list[str]]:
    """Call → the calls of later boots that continue it, in their order."""
    table = tables.call.c
    query = select(table.joined_to, table.id).where(table.joined_to.in_(call_ids)).order_by(table.started_ms)
    found: dict[str, list[str]] = defaultdict(list)
    for joined_to, call_id in connection.execute(query):
        found[joined_to].append(call_id)
    return found


def load_names(connection: Connection) -> Mapping[int, str]:
    """User id → name (there are few)."""
    rows = connection.execute(select(tables.user.c.id, tables.user.c.name))
    return {row.id: row.name for row in rows}


def _load_tickets(connection: Connection, call_ids: Sequence[str]) -> dict[str, list[int]]:
    table = tables.ticket_call.c
    found: dict[str, list[int]] = defaultdict(list)
    query = (
        select(table.call_id, table.ticket_id).where(table.call_id.in_(call_ids)).order_by(table.ticket_id)
    )
    for row in connection.execute(query):
        found[row.call_id].append(row.ticket_id)
    return found


def _build(
    row: Any,
    residents: Sequence[ResidentMatch],
    recording: RecordingView,
    tickets: Sequence[int],
    agent: str | None,
) -> CallView:
    early = row.direction == "in" and row.answered_ms is not None and row.number_state == "none"
    return CallView(
        id=row.id,
        desk=row.desk,
        box=row.box,
        direction=row.direction,
        state=row.state,
        outcome=row.outcome,
        number=row.number,
        e164=row.e164,
        number_state=row.number_state,
        caller_id_format=row.caller_id_format,
        started_at=to_datetime(row.started_ms),
        answered_at=to_datetime(row.answered_ms) if row.answered_ms is not None else None,
        ended_at=to_datetime(row.ended_ms) if row.ended_ms is not None else None,
        ring_count=row.ring_count,
        talk_seconds=row.talk_ms / 1000 if row.ended_ms is not None else None,
        dialled=row.dialled,
        agent=agent,
        residents=residents,
        recording=recording,
        tickets=tickets,
        clock=row.clock,
        early_lift=early and row.ring_count <= RINGS_BEFORE_CALLER_ID,
    )

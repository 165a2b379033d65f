"""Who is there: the retained status of agents and boxes, and the calls of boxes that went away.

A box is online when its status and its agent's are. Away for over two minutes, its open calls are closed as
`interrupted`; if it comes back with the call still going, or with the call's end, that replaces it.
"""

import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from cloud_broker.adapters.sql import homes, letters, tables
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.domain.times import LEEWAY_MS
from cloud_broker.handlers import counts
from cloud_broker.handlers.projection import project_calls
from cloud_broker.ports import Clock
from protocol.ids import is_source
from protocol.topics import parse_topic

GONE_AFTER_MS = 120_000
MAX_HEALTH_BYTES = 4096
MAX_REPORT_BYTES = 128 * 1024
MAX_FIRMWARE = 64


def note_status(database: Database, clock: Clock, topic: str, payload: bytes) -> None:
    """Take in one status message; what cannot be read becomes a dead letter."""
    now_ms = clock.now_ms()
    _, desk, source = parse_topic(topic)
    body = _read(payload)
    with database.write() as connection:
        if body is None or body.get("state") not in ("online", "offline"):
            letters.keep_letter(connection, now_ms, topic, "status", payload)
            return
        online = body["state"] == "online"
        agent = connection.execute(select(tables.agent.c.desk).where(tables.agent.c.id == source)).scalar()
        if agent is not None:
            changed = tables.agent.c.online != online
            connection.execute(
                update(tables.agent)
                .where(tables.agent.c.id == source, tables.agent.c.desk == desk, changed)
                .values(online=online, changed_ms=now_ms)
            )
            return
        _note_box(connection, now_ms, desk, source, body, online)
        if online:
            project_calls(connection, now_ms, _reopen(connection, source))


def note_health(database: Database, clock: Clock, topic: str, payload: bytes) -> None:
    """Keep the newest health numbers of a box that is at home at this desk, or the report of its agent."""
    now_ms = clock.now_ms()
    _, desk, source = parse_topic(topic)
    body = _read(payload) if len(payload) <= MAX_REPORT_BYTES else None
    if body is None:
        return
    with database.write() as connection:
        agent = tables.agent.c
        query = select(agent.desk).where(agent.id == source, agent.revoked_ms.is_(None))
        if connection.execute(query).scalar() == desk:
            _note_report(connection, now_ms, topic, payload, body)
            return
        if len(payload) > MAX_HEALTH_BYTES:
            return
        at_home = (
            update(tables.box)
            .where(tables.box.c.source == source, tables.box.c.desk == desk)
            .values(health=payload.decode())
        )
        if connection.execute(at_home).rowcount:
            counts.note_box_counts(connection, now_ms, source, body)


def _note_report(
    connection: Connection, now_ms: int, topic: str, payload: bytes, body: dict[str, Any]
) -> None:
    _, desk, agent = parse_topic(topic)
    try:
        counts.note_report(connection, now_ms, desk, agent, body)
    except counts.ReportMalformed:
        letters.keep_letter(connection, now_ms, topic, "report", payload)


def close_calls_of_absent_boxes(database: Database, now_ms: int) -> None:
    """Close the open calls of boxes that have been away for over two minutes."""
    box, agent, call = tables.box.c, tables.agent.c, tables.call.c
    absent_since = now_ms - GONE_AFTER_MS
    query = (
        select(call.id, call.desk, box.changed_ms, box.online, agent.changed_ms.label("agent_ms"))
        .select_from(
            tables.call.join(tables.box, call.box == box.source).outerjoin(
                tables.agent, box.agent == agent.id
            )
        )
        .where(call.state.in_(("ringing", "talking")), call.gone_ms.is_(None))
        .where(
            or_(
                and_(box.online.is_(False), box.changed_ms <= absent_since, _may_be_over(box, now_ms)),
                and_(agent.online.is_(False), agent.changed_ms <= absent_since, _may_be_over(agent, now_ms)),
            )
        )
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    if not rows:
        return
    with database.write() as connection:
        for row in rows:
            since_ms = row.agent_ms if row.online else row.changed_ms
            connection.execute(update(tables.call).where(call.id == row.id).values(gone_ms=since_ms))
        project_calls(connection, now_ms, {row.id: row.desk for row in rows})


def _may_be_over(device: Any, now_ms: int) -> ColumnElement[bool]:
    """A call that began after its device went away has been told since; in the future, by a clock ahead."""
    started_ms = tables.call.c.started_ms
    return or_(started_ms - LEEWAY_MS <= device.changed_ms, started_ms > now_ms)


def _note_box(
    connection: Connection, now_ms: int, desk: str, source: str, body: dict[str, Any], online: bool
) -> None:
    known = connection.execute(select(tables.box.c.desk).where(tables.box.c.source == source)).scalar()
    if known is None and not (online and homes.admit_box(connection, now_ms, desk, source)):
        return
    if known not in (None, desk):
        letters.raise_alarm(connection, now_ms, "box_elsewhere", source, desk)
        return
    agent = body.get("agent")
    if online and isinstance(agent, str) and is_source(agent):
        homes.lease_box(connection, now_ms, desk, source, agent)
    row = tables.box.c
    connection.execute(
        update(tables.box)
        .where(row.source == source, row.online != online)
        .values(online=online, changed_ms=now_ms)
    )
    firmware = body.get("firmware")
    if isinstance(firmware, str):
        connection.execute(
            update(tables.box).where(row.source == source).values(firmware=firmware[:MAX_FIRMWARE])
        )


def _reopen(connection: Connection, source: str) -> dict[str, str]:
    """Calls (id → desk) that were closed only because this box was away."""
    call = tables.call.c
    rows = connection.execute(
        select(call.id, call.desk).where(
            call.box == source, call.gone_ms.is_not(None), call.outcome == "interrupted"
        )
    ).all()
    connection.execute(update(tables.call).where(call.id.in_([row.id for row in rows])).values(gone_ms=None))
    return {row.id: row.desk for row in rows}


def _read(payload: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None

"""A desk with its place, its links and its day."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.places import DUTY_LIFE_MS
from cloud_broker.domain.times import china_day_start_ms
from cloud_broker.domain.views import DeskFigures, DeskView, LinkState


def build_desks(connection: Connection, rows: Sequence[Any], now_ms: int) -> list[DeskView]:
    """Views of rows of the table desk, in their order."""
    ids = [row.id for row in rows]
    projects = {row.id: row for row in connection.execute(select(tables.project))}
    boxes = _load_online(connection, tables.box, ids)
    agents = _load_online(connection, tables.agent, ids)
    on_duty = _load_on_duty(connection, ids, now_ms)
    views = []
    for row in rows:
        project = projects[row.project_id]
        links = LinkState(box=_any(boxes.get(row.id)), agent=_any(agents.get(row.id)), cloud=True)
        place = (project.branch, project.name, row.name)
        views.append(DeskView(row.id, row.name, project.name, place, on_duty.get(row.id), links))
    return views


def count_figures(connection: Connection, desk: str, now_ms: int) -> DeskFigures:
    """The Asia/Shanghai day of `now_ms`."""
    call, since_ms = tables.call.c, china_day_start_ms(now_ms)
    query = select(call.direction, call.outcome, func.count().label("calls")).where(
        call.desk == desk, call.started_ms >= since_ms, call.state.is_not(None), call.joined_to.is_(None)
    )
    inbound = answered = missed = outbound = 0
    for row in connection.execute(query.group_by(call.direction, call.outcome)):
        if row.direction == "out":
            outbound += row.calls
            continue
        inbound += row.calls
        answered += row.calls if row.outcome == "answered" else 0
        missed += row.calls if row.outcome in ("missed", "abandoned_ring", "voicemail") else 0
    ticket = tables.ticket.c
    tickets = connection.execute(
        select(func.count()).where(ticket.desk == desk, ticket.created_ms >= since_ms)
    ).scalar_one()
    return DeskFigures(inbound, answered, missed, outbound, tickets)


def _load_online(connection: Connection, table: Any, desks: Sequence[str]) -> dict[str, list[bool]]:
    found: dict[str, list[bool]] = defaultdict(list)
    query = select(table.c.desk, table.c.online).where(table.c.desk.in_(desks))
    for row in connection.execute(query):
        found[row.desk].append(bool(row.online))
    return found


def _any(states: list[bool] | None) -> bool | None:
    return None if states is None else any(states)


def _load_on_duty(connection: Connection, desks: Sequence[str], now_ms: int) -> dict[str, str]:
    duty = tables.duty.c
    query = (
        select(duty.desk, tables.user.c.name)
        .join_from(tables.duty, tables.user, duty.user_id == tables.user.c.id)
        .where(duty.desk.in_(desks), duty.from_ms <= now_ms, duty.to_ms.is_(None))
        .where(duty.from_ms > now_ms - DUTY_LIFE_MS)
        .order_by(duty.from_ms)
    )
    return {row.desk: row.name for row in connection.execute(query)}

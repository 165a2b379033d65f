"""Which desk a source belongs to, and which agent may speak for a box.

A box that nobody knows is taken in by the first desk that presents it, up to the desk's number of lines:
the desk itself was let in by a claim code. A box of another desk is a stranger, and so is an agent that is
not enrolled here.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Table, func, insert, select, update

from cloud_broker.adapters.sql import letters, tables
from cloud_broker.adapters.sql.bulk import select_in
from cloud_broker.handlers.decode import Received
from protocol.events import AGENT_EVENTS
from protocol.ids import parse_call_id


def sort_by_home(
    connection: Connection, now_ms: int, received: Sequence[Received]
) -> tuple[list[Received], list[Received]]:
    """Split into (at home at the desk they came from, strangers), taking in new boxes on the way."""
    boxes = _load_desks(connection, tables.box, "source", _named_boxes(received))
    agents = _load_desks(
        connection, tables.agent, "id", {r.event.source for r in received}, "AND revoked_ms IS NULL"
    )
    home: list[Received] = []
    strangers: list[Received] = []
    for item in received:
        is_agent = item.event.type in AGENT_EVENTS
        if is_agent and agents.get(item.event.source) != item.desk:
            strangers.append(item)
            continue
        box = _box_of(item)
        if box is not None and box not in boxes and admit_box(connection, now_ms, item.desk, box):
            boxes[box] = item.desk
        (home if box is None or boxes.get(box) == item.desk else strangers).append(item)
    _note_attached(connection, now_ms, home)
    return home, strangers


def admit_box(connection: Connection, now_ms: int, desk: str, box: str) -> bool:
    """Take a new box in, if the desk has a line left for it."""
    lines = connection.execute(select(tables.desk.c.lines).where(tables.desk.c.id == desk)).scalar()
    taken = connection.execute(select(func.count()).where(tables.box.c.desk == desk)).scalar_one()
    if lines is None or taken >= lines:
        return False
    connection.execute(
        insert(tables.box).values(source=box, desk=desk, agent=None, online=True, changed_ms=now_ms)
    )
    return True


def lease_box(connection: Connection, now_ms: int, desk: str, box: str, agent: str) -> bool:
    """Let `agent` speak for `box`. Refused, with an alarm, while another agent that is online holds it."""
    row = connection.execute(
        select(tables.box.c.agent, tables.agent.c.online)
        .select_from(tables.box.outerjoin(tables.agent, tables.agent.c.id == tables.box.c.agent))
        .where(tables.box.c.source == box, tables.box.c.desk == desk)
    ).first()
    if row is None:
        return False
    if row.agent not in (None, agent) and row.online:
        letters.raise_alarm(connection, now_ms, "box_claimed_twice", box, f"{row.agent}, {agent}")
        return False
    connection.execute(update(tables.box).where(tables.box.c.source == box).values(agent=agent))
    return True


def _note_attached(connection: Connection, now_ms: int, home: Iterable[Received]) -> None:
    for item in home:
        if item.event.type == "box_attached":
            lease_box(connection, now_ms, item.desk, item.event.fields["box"], item.event.source)


def _named_boxes(received: Iterable[Received]) -> set[str]:
    return {box for box in map(_box_of, received) if box is not None}


def _box_of(item: Received) -> str | None:
    """The box an event is about: its source, the box an agent names, or the box of the call it names."""
    if item.event.type not in AGENT_EVENTS:
        return item.event.source
    if "box" in item.event.fields:
        return str(item.event.fields["box"])
    return parse_call_id(item.call_id)[0] if item.call_id else None


def _load_desks(
    connection: Connection, table: Table, key: str, values: Iterable[str], suffix: str = ""
) -> dict[str, str]:
    return {row[0]: row[1] for row in select_in(connection, f"{key}, desk", table, key, values, suffix)}

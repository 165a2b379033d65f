"""Effects, written in the transaction of their cause and read by every web worker in order of their id.

Ids of concurrent PostgreSQL transactions could become visible out of order, and a reader that went past
the higher one would miss the lower: so whoever writes here holds one advisory lock until its commit.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, select

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.bulk import insert_rows, select_in
from cloud_broker.domain.pops import Pop
from cloud_broker.domain.views import Effect

CHANNEL = "cloudseat_outbox"
_LOCK_ID = 0x434C5345  # "CLSE"
_COLUMNS = ("desk", "kind", "subject", "at_ms", "once", "fields")


def add_calls(
    connection: Connection, now_ms: int, refreshed: Sequence[tuple[str, str]], pops: Sequence[Pop]
) -> list[Pop]:
    """Add a refresh row for each changed call (desk, id) and the pops that have not fired yet.

    Returns:
        The pops that fire now.
    """
    if not refreshed:
        return []
    _lock(connection)
    fired = {row[0] for row in select_in(connection, "once", tables.outbox, "once", [p.key for p in pops])}
    due = {pop.call_id: pop for pop in pops if pop.key not in fired}
    rows = []
    for desk, call_id in refreshed:
        pop = due.get(call_id)
        once, fields = (pop.key, {"pop": "1"}) if pop else (None, {})
        rows.append((desk, "call", call_id, now_ms, once, json.dumps(fields)))
    insert_rows(connection, tables.outbox, _COLUMNS, rows)
    _notify(connection)
    return list(due.values())


def add_ticket(connection: Connection, now_ms: int, desk: str, ticket_id: int) -> None:
    """Tell the desk's pages that a ticket was made or moved."""
    _lock(connection)
    insert_rows(connection, tables.outbox, _COLUMNS, [(desk, "ticket", str(ticket_id), now_ms, None, "{}")])
    _notify(connection)


def read_after(
    connection: Connection, after: int, *, desk: str | None = None, limit: int = 500
) -> list[Effect]:
    """Effects with an id above `after`, in order."""
    query = select(tables.outbox).where(tables.outbox.c.id > after).order_by(tables.outbox.c.id).limit(limit)
    if desk is not None:
        query = query.where(tables.outbox.c.desk == desk)
    return [
        Effect(
            id=row.id,
            desk=row.desk,
            kind="ticket" if row.kind == "ticket" else "call",
            subject=row.subject,
            at=datetime.fromtimestamp(row.at_ms / 1000, UTC),
            fields=json.loads(row.fields),
        )
        for row in connection.execute(query)
    ]


def last_id(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(tables.outbox.c.id), 0))).scalar_one())


def forget_before(connection: Connection, before_ms: int) -> None:
    """Drop rows that no page will ask for again. The newest stays: SQLite counts on from it."""
    old = tables.outbox.c.at_ms < before_ms
    connection.execute(delete(tables.outbox).where(old, tables.outbox.c.id < last_id(connection)))


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK_ID)))


def _notify(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(CHANNEL, "")))

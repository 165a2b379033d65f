"""Rows around a ticket, whoever makes it: a person at the console, or a draft from a desk."""

from sqlalchemy import Connection, insert, select

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.bulk import insert_rows


def find_by_key(connection: Connection, desk: str, key: str) -> int | None:
    if not key:
        return None
    column = tables.ticket.c
    return connection.execute(
        select(column.id).where(column.desk == desk, column.idempotency_key == key)
    ).scalar()


def note_change(
    connection: Connection,
    now_ms: int,
    ticket: int,
    who: str,
    from_state: str | None,
    to_state: str,
    note: str,
) -> None:
    connection.execute(
        insert(tables.ticket_change).values(
            ticket_id=ticket, at_ms=now_ms, who=who, from_state=from_state, to_state=to_state, note=note
        )
    )


def bind(connection: Connection, now_ms: int, ticket: int, call: str) -> None:
    columns = ("ticket_id", "call_id", "at_ms")
    insert_rows(
        connection, tables.ticket_call, columns, [(ticket, call, now_ms)], or_else="ON CONFLICT DO NOTHING"
    )

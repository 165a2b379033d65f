"""Who decided what: one row a decision, in the transaction that carries it out."""

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from cloud_broker.adapters.sql import tables
from cloud_broker.domain.operations import AuditView
from cloud_broker.domain.times import to_datetime
from cloud_broker.domain.views import User


def note(
    connection: Connection, now_ms: int, user: User, action: str, subject: str, detail: str = ""
) -> None:
    """`subject` is what it is about: `letter:7`, `alarm:3`, `box:a1b2c3d4e5f6`."""
    connection.execute(
        insert(tables.audit).values(
            at_ms=now_ms, user_id=user.id, who=user.name, action=action, subject=subject, detail=detail
        )
    )


def load(connection: Connection, subject: str) -> Sequence[AuditView]:
    """Everything that was decided about it, oldest first."""
    table = tables.audit
    rows = connection.execute(select(table).where(table.c.subject == subject).order_by(table.c.id))
    return [AuditView(to_datetime(row.at_ms), row.who, row.action, row.detail) for row in rows]

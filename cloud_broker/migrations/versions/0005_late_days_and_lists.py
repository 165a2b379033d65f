"""Late events are found by when they came, and the lists of headquarters by time without a desk."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

IS_JOINED = sa.text("joined_to IS NOT NULL")
IS_LATE = sa.text("received_ms - at_ms >= 172800000")


def upgrade() -> None:
    op.create_index("ix_event_late", "event", ["received_ms"], sqlite_where=IS_LATE, postgresql_where=IS_LATE)
    op.drop_index("ix_call_joined_to", "call")
    op.create_index(
        "ix_call_joined_to", "call", ["joined_to"], sqlite_where=IS_JOINED, postgresql_where=IS_JOINED
    )
    op.create_index("ix_call_started_ms_id", "call", ["started_ms", "id"])
    op.create_index("ix_ticket_created_ms_id", "ticket", ["created_ms", "id"])

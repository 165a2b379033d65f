"""The open call of a desk is found without a look at its history."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

IS_OPEN = sa.text("state IN ('ringing', 'talking')")


def upgrade() -> None:
    op.create_index("ix_call_open", "call", ["desk"], sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)

"""Calls that continue another one."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("call", sa.Column("joined_to", sa.Text(), nullable=True))
    op.create_index("ix_call_joined_to", "call", ["joined_to"])

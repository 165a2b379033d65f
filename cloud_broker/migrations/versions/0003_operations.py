"""Dead letters that are counted and decided on, who decided, and what each side says it has."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _widen_letters()
    op.create_table(
        "audit",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_subject", "audit", ["subject"])
    op.create_table(
        "box_count",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("recordings", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "boot", "day", name=op.f("pk_box_count")),
    )
    op.create_table(
        "agent_report",
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("agent", "source", name=op.f("pk_agent_report")),
    )
    op.create_table(
        "reconciled_day",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("desk", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.Column("gaps", sa.Text(), nullable=False),
        sa.Column("checked_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "day", name=op.f("pk_reconciled_day")),
    )
    op.create_index("ix_reconciled_day_day", "reconciled_day", ["day"])
    op.create_table(
        "job",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("done_ms", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job")),
    )


def _widen_letters() -> None:
    """Letters that were kept before this stay single: their id stands for their digest."""
    for column in (
        sa.Column("digest", sa.Text(), nullable=False, server_default=""),
        sa.Column("count", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("last_ms", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("desk", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("boot", sa.Text(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
    ):
        op.add_column("dead_letter", column)
    op.execute(
        "UPDATE dead_letter SET digest = CAST(id AS TEXT), last_ms = at_ms, "
        "resolution = CASE WHEN resolved_ms IS NULL THEN NULL ELSE 'replayed' END"
    )
    op.create_index("ix_dead_letter_digest", "dead_letter", ["digest"], unique=True)
    op.create_index("ix_dead_letter_source", "dead_letter", ["source"])

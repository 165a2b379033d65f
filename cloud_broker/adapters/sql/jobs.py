"""Jobs that one process does for all: a lease that runs out, and until when the work is done."""

from sqlalchemy import Connection, select, update

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.bulk import insert_rows

LEASE_MS = 30 * 60_000
"""A process that died in its work is followed by another one after this."""


def claim(connection: Connection, name: str, holder: str, now_ms: int, due_ms: int) -> bool:
    """True if `holder` may do the work that was due at `due_ms`: nobody did it, and nobody is at it."""
    claimed = insert_rows(
        connection,
        tables.job,
        ("name", "done_ms", "holder", "until_ms"),
        [(name, 0, holder, now_ms + LEASE_MS)],
        or_else=(
            "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms "
            f"WHERE job.done_ms < {due_ms:d} AND job.until_ms <= {now_ms:d}"
        ),
    )
    return claimed == 1


def load_done_ms(connection: Connection, name: str) -> int:
    """When the work was done last; 0: never."""
    job = tables.job.c
    return int(connection.execute(select(job.done_ms).where(job.name == name)).scalar() or 0)


def finish(connection: Connection, name: str, holder: str, done_ms: int) -> None:
    """The work that was due up to `done_ms` is done. A lease that another one took over is left alone."""
    job = tables.job.c
    connection.execute(
        update(tables.job).where(job.name == name, job.holder == holder).values(done_ms=done_ms, until_ms=0)
    )

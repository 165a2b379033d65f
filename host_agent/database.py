"""The agent's one SQLite file: opened for durability, migrated by `user_version`, refused when it cannot be
trusted.

WAL with synchronous FULL: when a transaction has returned, its rows survive a power cut. One connection, one
thread.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from host_agent.errors import AgentError
from host_agent.files import make_folder

_FIRST = """
-- One row an event, from arrival until its retention ends. It is `waiting` while committed_ms is NULL and
-- leaves that state only when the cloud lists its id on `committed`; nothing else may set committed_ms, and
-- only the cloud's `missing` takes it back.
CREATE TABLE event (
    n            INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of arrival = order of publication
    source       TEXT    NOT NULL,
    boot         TEXT    NOT NULL,
    seq          INTEGER NOT NULL,
    type         TEXT    NOT NULL,
    digest       TEXT    NOT NULL,                   -- of what the source said: `at` and `clock` left out
    payload      TEXT    NOT NULL,                   -- the MQTT payload
    stored_ms    INTEGER NOT NULL,                   -- UTC by the PC
    committed_ms INTEGER,
    UNIQUE (source, boot, seq)
);
CREATE INDEX event_waiting ON event (n) WHERE committed_ms IS NULL;

-- What a source said that cannot be sent on: an id with a second content, or fields outside the table.
-- Kept for a person to read, never published.
CREATE TABLE refused (
    source TEXT NOT NULL, boot TEXT NOT NULL, seq INTEGER NOT NULL,
    digest TEXT NOT NULL, reason TEXT NOT NULL, said TEXT NOT NULL, seen_ms INTEGER NOT NULL,
    PRIMARY KEY (source, boot, seq, digest)
);

-- One row a command that was passed to a box, until its one reply is sent: result is NULL meanwhile.
CREATE TABLE command (
    id         TEXT PRIMARY KEY,
    source     TEXT    NOT NULL,
    expires_ms INTEGER NOT NULL,                     -- UTC by the cloud
    result     TEXT
);

-- One row a recording. writing -> local -> verified -> expired; writing -> lost. The cloud's `missing` takes
-- verified back to local.
CREATE TABLE recording (
    call        TEXT PRIMARY KEY,                    -- call id = recording id
    source      TEXT NOT NULL,
    boot        TEXT NOT NULL,
    box_call    INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('writing', 'local', 'verified', 'expired', 'lost')),
    started_ms  INTEGER NOT NULL,                    -- UTC by the PC
    samples     INTEGER,                             -- true length in samples, known from `local` on
    gaps        TEXT NOT NULL DEFAULT '[]',          -- [[first, count, reason], ...]
    bytes       INTEGER,
    sha256      TEXT,
    verified_ms INTEGER
);
CREATE INDEX recording_state ON recording (state, started_ms);
"""

_DESK_PAGE = """
-- The desk's own page reads calls by these; both are computed from the payload, nothing has to keep them.
ALTER TABLE event ADD COLUMN at TEXT GENERATED ALWAYS AS (json_extract(payload, '$.at')) VIRTUAL;
ALTER TABLE event ADD COLUMN call TEXT GENERATED ALWAYS AS (
    CASE typeof(json_extract(payload, '$.fields.call'))
    WHEN 'integer' THEN source || '-' || boot || '-' || json_extract(payload, '$.fields.call')
    WHEN 'text' THEN json_extract(payload, '$.fields.call') END) VIRTUAL;
CREATE INDEX event_call ON event (call, at) WHERE call IS NOT NULL;

-- One row a ticket draft: typed (made_ms is NULL) -> made (its draft_made is in `event`) -> a ticket.
CREATE TABLE draft (
    id         TEXT PRIMARY KEY,                     -- the ticket's key: one draft never becomes two
    call       TEXT NOT NULL,                        -- '': a visitor, no call
    fields     TEXT NOT NULL,                        -- JSON, as typed
    changed_ms INTEGER NOT NULL,                     -- UTC by the PC
    made_ms    INTEGER,
    boot       TEXT, seq INTEGER,                    -- of its draft_made
    ticket     INTEGER, number TEXT                  -- what the cloud made of it
);
CREATE INDEX draft_call ON draft (call);
"""

_RETENTION = """
-- What may go is found without a look at what must stay.
CREATE INDEX event_committed ON event (committed_ms) WHERE committed_ms IS NOT NULL;
"""

_STEPS = (_FIRST, _DESK_PAGE, _RETENTION)
"""Step n brings a spool of format n to n + 1; all of them together make a new one."""
SCHEMA_VERSION = len(_STEPS)

RESERVE_SHARE = 0.5
"""Of the limit, above it: a row grows by 6 bytes when it is marked committed, and where leaves are full they
split. A spool that takes no more events must have room for that or it never drains. Measured: 0-9 % of the
file, 36 % where all rows just fill their leaves; the rest is for commands, drafts and recordings."""


def open_database(path: Path, limit_mb: int | None = None) -> sqlite3.Connection:
    """Open or create the file.

    Args:
        limit_mb: of events (`Spool` keeps it); what else is written may go RESERVE_SHARE beyond, then it is
            as full as a full disk.
    Raises:
        AgentError: `spool.newer` (made by a newer agent), `spool.damaged`, `spool.unreachable`, `spool.full`,
            `spool.unwritable`.
    """
    try:
        make_folder(path.parent)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.OperationalError) as error:
        raise AgentError(
            "spool.unreachable",
            f"The spool {path} cannot be opened: {error}.",
            "Check that the folder exists, is writable and its disk is not full.",
        ) from error
    try:
        _prepare(connection, path)
        if limit_mb is not None:
            pages = round(to_pages(connection, limit_mb) * (1 + RESERVE_SHARE))
            connection.execute(f"PRAGMA max_page_count = {pages}")
    except sqlite3.OperationalError as error:
        connection.close()
        raise _explain(error) from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise AgentError(
            "spool.damaged",
            f"The spool {path} is not a readable SQLite file: {error}.",
            "Move it to a safe place (it may hold unsent events) and start again: a new one is made.",
        ) from error
    except AgentError:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA busy_timeout = 2000")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise AgentError(
            "spool.newer",
            f"The spool {path} is of a newer agent (format {version}, this one reads {SCHEMA_VERSION}).",
            "Install the newer agent again; nothing was changed.",
        )
    if version < SCHEMA_VERSION:
        steps = "".join(_STEPS[version:])
        connection.executescript(f"BEGIN; {steps} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")


def to_pages(connection: sqlite3.Connection, size_mb: int) -> int:
    """How many pages of this file are that size (1 MB = 2^20 bytes)."""
    return size_mb * 1024 * 1024 // int(connection.execute("PRAGMA page_size").fetchone()[0])


def count_used_pages(connection: sqlite3.Connection) -> int:
    """Pages that hold something, those of the open transaction included."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    return int(pages - connection.execute("PRAGMA freelist_count").fetchone()[0])


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A second connection to a file that `open_database` has prepared, for one other thread; it cannot write.

    In WAL it reads what was committed last and holds up nobody.
    """
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    connection.execute("PRAGMA busy_timeout = 2000")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; nested use joins the outer transaction.

    Raises:
        AgentError: `spool.full` when the disk has no room, `spool.unwritable`; nothing was changed.
    """
    if connection.in_transaction:
        yield
        return
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.OperationalError):
            raise _explain(error) from error
        raise


def _explain(error: sqlite3.OperationalError) -> AgentError:
    if "full" in str(error):
        return spool_full()
    return AgentError(
        "spool.unwritable",
        f"The spool cannot be written ({error}): events stay on the box.",
        "Check the disk and the rights of the data folder; the agent goes on by itself.",
    )


def spool_full() -> AgentError:
    """No room for more events."""
    return AgentError(
        "spool.full",
        "The disk is full, or the spool at its limit: events cannot be stored and stay on the box.",
        "If events do not reach the cloud, look there first; then free some space on the disk, or raise"
        " CLOUDSEAT_AGENT_SPOOL_LIMIT_MB. The agent goes on by itself.",
    )

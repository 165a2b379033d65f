"""Opening the database: SQLite in WAL with one writer, or PostgreSQL by psycopg 3."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from cloud_broker.errors import DatabaseUnreachable

SQLITE_BUSY_TIMEOUT_MS = 10_000
POOL_SIZE = 10
READ_ONLY = "25006"
"""SQLSTATE of a write to a standby, as after a failover."""


def is_away(error: SQLAlchemyError) -> bool:
    """It cannot work now, whatever it is asked: gone, starting, read-only, or with no connection free."""
    if isinstance(error, (OperationalError, InterfaceError, PoolTimeout)):
        return True
    return getattr(getattr(error, "orig", None), "sqlstate", None) == READ_ONLY


class Database:
    """Transactions over one engine. On SQLite writers queue here before they queue in the file.

    Args:
        url: `sqlite:///...` or `postgresql://...` (psycopg 3 whatever driver it names).

    `on_commit` is called after every committed write: the hub looks for new outbox rows then.
    """

    def __init__(self, url: str) -> None:
        self.url = _with_driver(url)
        self.is_sqlite = self.url.startswith("sqlite")
        self.engine = _open_sqlite(self.url) if self.is_sqlite else _open_postgresql(self.url)
        self._writer = RLock()
        self.on_commit: Callable[[], None] = lambda: None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that commits on a normal exit and rolls back on any other."""
        if not self.is_sqlite:
            with self.engine.begin() as connection:
                yield connection
            self.on_commit()
            return
        with self._writer, self.engine.connect() as connection:
            # BEGIN IMMEDIATE: a deferred one that upgrades later fails at once instead of waiting.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")
        self.on_commit()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading; what it changes is not kept."""
        with self.engine.connect() as connection:
            yield connection

    def check(self) -> None:
        """Raises DatabaseUnreachable with the driver's own words."""
        try:
            with self.read() as connection:
                connection.exec_driver_sql("SELECT 1")
        except OperationalError as error:
            raise DatabaseUnreachable(self.engine.url.render_as_string(), str(error.orig).strip()) from error

    def close(self) -> None:
        self.engine.dispose()


def _with_driver(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme.startswith("postgres") else url


def _open_sqlite(url: str) -> Engine:
    # autocommit: the driver must not open transactions of its own (see `write`)
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        connect_args={"check_same_thread": False},
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        hide_parameters=True,  # an error's text goes to the log, and parameters are numbers of residents
    )

    @event.listens_for(engine, "connect")
    def _set_pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={SQLITE_BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",  # committed means on disk: the desk deletes its copy after that
            "foreign_keys=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _open_postgresql(url: str) -> Engine:
    return create_engine(
        url, pool_size=POOL_SIZE, max_overflow=POOL_SIZE, pool_pre_ping=True, hide_parameters=True
    )

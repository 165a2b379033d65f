"""A database as text: one gzipped file a table, one JSON array a row; the same from SQLite and PostgreSQL.

All tables are read in one transaction that sees one moment, while the cloud goes on working. They are written
back in one transaction: all of them, or none.
"""

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from alembic import command
from alembic.migration import MigrationContext
from sqlalchemy import Connection, LargeBinary, MetaData, Table, func, inspect, select, text

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.adapters.sql.migrate import build_config

BATCH = 1000
Tell = Callable[[int], None]
"""Called with how many rows more are done."""


@contextmanager
def open_snapshot(database: Database) -> Iterator[Connection]:
    """A connection that sees one moment, whatever is committed meanwhile."""
    with database.engine.connect() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql("SELECT count(*) FROM alembic_version").scalar()  # WAL: it begins here
        else:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield connection
        finally:
            connection.exec_driver_sql("ROLLBACK")


def read_revision(connection: Connection) -> str | None:
    """Of the schema; None for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def count_rows(connection: Connection) -> dict[str, int]:
    """Table → rows, of all that there are, in the order in which they may be written back."""
    present = set(inspect(connection).get_table_names())
    names = [table.name for table in tables.metadata.sorted_tables if table.name in present]
    return {
        name: connection.execute(select(func.count()).select_from(text(name))).scalar_one() for name in names
    }


def write_table(connection: Connection, name: str, path: Path, tell: Tell) -> None:
    """The table `name` into `path`: its columns, then its rows."""
    table = _reflect(connection, name)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write(json.dumps([column.name for column in table.columns]) + "\n")
        rows = connection.execute(select(table).execution_options(yield_per=BATCH))
        for batch in rows.partitions(BATCH):
            file.writelines(json.dumps([_encode(v) for v in row], ensure_ascii=False) + "\n" for row in batch)
            tell(len(batch))


def read_tables(database: Database, revision: str, files: dict[str, Path], tell: Tell) -> None:
    """Bring an empty database to `revision`, write all rows, then bring it up to date."""
    with database.engine.connect() as connection:
        command.upgrade(build_config(connection), revision)
    with database.write() as connection:
        for name, path in files.items():
            _read_table(connection, name, path, tell)
        if not database.is_sqlite:
            _set_sequences(connection)


def _read_table(connection: Connection, name: str, path: Path, tell: Tell) -> None:
    table = _reflect(connection, name)
    binary = {column.name for column in table.columns if isinstance(column.type, LargeBinary)}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        columns = json.loads(file.readline())
        while lines := list(islice(file, BATCH)):
            rows = [dict(zip(columns, json.loads(line), strict=True)) for line in lines]
            for row in rows:
                row.update({key: base64.b64decode(row[key]) for key in binary if row[key] is not None})
            connection.execute(table.insert(), rows)
            tell(len(rows))


def _reflect(connection: Connection, name: str) -> Table:
    return Table(name, MetaData(), autoload_with=connection, resolve_fks=False)


def _set_sequences(connection: Connection) -> None:
    """Rows came with their ids: the next one must be above them."""
    for table in tables.metadata.sorted_tables:
        if "id" in table.c and table.c.id.autoincrement is True:
            connection.exec_driver_sql(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "
                f"(SELECT max(id) FROM {table.name})) FROM {table.name} HAVING max(id) IS NOT NULL"
            )


def _encode(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes | memoryview) else value

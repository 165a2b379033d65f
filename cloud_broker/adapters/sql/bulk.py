"""Many rows in one statement, on both databases: the hot path of the consumer.

PostgreSQL gets one array a column and `unnest`, in the binary format (`%b`: psycopg writes text arrays six
times slower); SQLite, which runs in the process, gets `executemany`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Boolean, Connection, Integer, LargeBinary, Table
from sqlalchemy.dialects import postgresql, sqlite

Row = Sequence[Any]
_ARRAY_TYPES = (
    (Boolean, "boolean[]"),
    (BigInteger, "bigint[]"),
    (Integer, "integer[]"),
    (LargeBinary, "bytea[]"),
)


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row], *, or_else: str = ""
) -> int:
    """INSERT `rows`; returns how many were written. `or_else` is an ON CONFLICT clause."""
    if not rows:
        return 0
    names = ", ".join(columns)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table.name} ({names}) VALUES ({marks}) {or_else}"
        return int(connection.exec_driver_sql(sql, [tuple(row) for row in rows]).rowcount)
    # WHERE true: without it the parser cannot tell ON CONFLICT from a join's ON
    sql = f"INSERT INTO {table.name} ({names}) SELECT * FROM {_unnest(table, columns)} WHERE true {or_else}"
    return int(connection.exec_driver_sql(sql, _columns_of(columns, rows)).rowcount)


def insert_new(connection: Connection, table: Table, **values: Any) -> int | None:
    """INSERT one row; its id, or None if another transaction has just put one with the same unique key."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    made = insert(table).values(**values).on_conflict_do_nothing().returning(table.c.id)
    return connection.execute(made).scalar()


def update_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """UPDATE by the first of `columns`, which is the key."""
    if not rows:
        return
    key, *values = columns
    if connection.dialect.name == "sqlite":
        settings = ", ".join(f"{name} = ?" for name in values)
        sql = f"UPDATE {table.name} SET {settings} WHERE {key} = ?"
        connection.exec_driver_sql(sql, [(*row[1:], row[0]) for row in rows])
        return
    settings = ", ".join(f"{name} = given.{name}" for name in values)
    source = f"{_unnest(table, columns)} AS given({', '.join(columns)})"
    sql = f"UPDATE {table.name} SET {settings} FROM {source} WHERE {table.name}.{key} = given.{key}"
    connection.exec_driver_sql(sql, _columns_of(columns, rows))


def select_in(
    connection: Connection, columns: str, table: Table, key: str, values: Iterable[str], suffix: str = ""
) -> Sequence[Any]:
    """SELECT `columns` of the rows whose text column `key` is one of `values`."""
    wanted = list(values)
    if not wanted:
        return []
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(wanted))
        sql = f"SELECT {columns} FROM {table.name} WHERE {key} IN ({marks}) {suffix}"
        return connection.exec_driver_sql(sql, tuple(wanted)).fetchall()
    sql = f"SELECT {columns} FROM {table.name} WHERE {key} = ANY(%b::text[]) {suffix}"
    return connection.exec_driver_sql(sql, (wanted,)).fetchall()


def _unnest(table: Table, columns: Sequence[str]) -> str:
    return f"unnest({', '.join(f'%b::{_array_type(table, name)}' for name in columns)})"


def _array_type(table: Table, column: str) -> str:
    kind = table.c[column].type
    return next((name for sql_type, name in _ARRAY_TYPES if isinstance(kind, sql_type)), "text[]")


def _columns_of(columns: Sequence[str], rows: Sequence[Row]) -> tuple[list[Any], ...]:
    return tuple([row[index] for row in rows] for index in range(len(columns)))

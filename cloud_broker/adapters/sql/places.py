"""Where and who: the area code of a desk's line, and who was on duty there."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.bulk import select_in


class Duty(NamedTuple):
    desk: str
    user_id: int
    from_ms: int
    to_ms: int | None


def load_area_codes(connection: Connection, desks: Iterable[str]) -> dict[str, str]:
    """desk → area code of its project."""
    table = tables.desk.join(tables.project)
    rows = connection.execute(
        table.select()
        .with_only_columns(tables.desk.c.id, tables.project.c.area_code)
        .where(tables.desk.c.id.in_(list(desks)))
    )
    return {row.id: row.area_code for row in rows}


def load_duties(connection: Connection, desks: Iterable[str]) -> dict[str, list[Duty]]:
    """desk → its duties, all of them (a shift is one row)."""
    found: dict[str, list[Duty]] = defaultdict(list)
    for row in select_in(connection, "desk, user_id, from_ms, to_ms", tables.duty, "desk", desks):
        duty = Duty(*row)
        found[duty.desk].append(duty)
    return found

"""Where and who: the area code of a desk's line, and who was on duty there."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.bulk import select_in

DUTY_LIFE_MS = 12 * 3_600_000
"""A duty ends with the session that took it, at the latest; a browser that is closed says nothing."""


class Duty(NamedTuple):
    desk: str
    user_id: int
    from_ms: int
    to_ms: int | None


def find_on_duty(duties: Iterable[Duty], at_ms: int) -> int | None:
    """Who was on duty then, of one desk's duties: the latest to take the desk before it."""
    begun = [duty for duty in duties if duty.from_ms <= at_ms < duty.from_ms + DUTY_LIFE_MS]
    on_duty = [duty for duty in begun if duty.to_ms is None or at_ms < duty.to_ms]
    return max(on_duty, key=lambda d: d.from_ms).user_id if on_duty else None


def load_area_codes(connection: Connection, desks: Iterable[str]) -> dict[str, str]:
    """desk → area code of its project."""
    table = tables.desk.join(tables.project)
    rows = connection.execute(
        table.select()
        .with_only_columns(tables.desk.c.id, tables.project.c.area_code)
        .where(tables.desk.c.id.in_(list(desks)))
    )
    return {row.id: row.area_code for row in rows}


def load_duties(
    connection: Connection, desks: Iterable[str], times: Collection[int]
) -> dict[str, list[Duty]]:
    """desk → its duties from the first to the last of `times` (a shift is one row)."""
    found: dict[str, list[Duty]] = defaultdict(list)
    first_ms, last_ms = min(times, default=0), max(times, default=0)
    meanwhile = f"AND from_ms <= {last_ms:d} AND (to_ms IS NULL OR to_ms > {first_ms:d})"
    columns = "desk, user_id, from_ms, to_ms"
    for row in select_in(connection, columns, tables.duty, "desk", desks, meanwhile):
        duty = Duty(*row)
        found[duty.desk].append(duty)
    return found

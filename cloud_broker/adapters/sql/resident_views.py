"""Residents by number, by name and by room; a match is exact or it is none."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, or_, select

from cloud_broker.adapters.sql import scope, tables
from cloud_broker.domain.times import to_datetime
from cloud_broker.domain.views import ArrearsView, PhoneView, ResidentMatch, ResidentView, User
from telephony.numbers import may_be_resident

_NUMBER = re.compile(r"[+\- ]*[0-9][0-9+\- ]*")
Called = tuple[str, str | None]
"""(desk, E.164)."""


class _Home(NamedTuple):
    room: str
    role: str
    former: bool


def match_numbers(connection: Connection, calls: Iterable[Called]) -> dict[Called, list[ResidentMatch]]:
    """(desk, E.164) → the residents of that desk's project who have it; present ones first, then by name."""
    wanted = {called for called in calls if called[1] and may_be_resident(called[1])}
    phone, resident, desk = tables.phone.c, tables.resident.c, tables.desk.c
    query = (
        select(desk.id, phone.e164, phone.resident_id)
        .join_from(tables.phone, tables.resident)
        .join(tables.desk, desk.project_id == resident.project_id)
        .where(phone.e164.in_({number for _, number in wanted}), desk.id.in_({of for of, _ in wanted}))
    )
    owners: dict[Called, set[int]] = defaultdict(set)
    for row in connection.execute(query):
        owners[row.id, row.e164].add(row.resident_id)
    matches = match_residents(connection, {r for ids in owners.values() for r in ids})
    return {
        called: sorted((matches[i] for i in ids), key=lambda m: (m.former, m.name, m.id))
        for called, ids in owners.items()
    }


def find_only_resident(connection: Connection, call: Any | None) -> int | None:
    """The resident chosen in a call (a row of its table), else the only present one with its number."""
    if call is None:
        return None
    if call.resident_id:
        return int(call.resident_id)
    called = call.desk, call.e164
    matches = match_numbers(connection, [called]).get(called, [])
    present = [match.id for match in matches if not match.former]
    return present[0] if len(present) == 1 else None


def match_residents(connection: Connection, ids: Iterable[int]) -> dict[int, ResidentMatch]:
    """Resident id → match."""
    wanted = list(ids)
    if not wanted:
        return {}
    homes = _load_homes(connection, wanted)
    rows = connection.execute(select(tables.resident).where(tables.resident.c.id.in_(wanted)))
    return {row.id: _match(row, homes[row.id]) for row in rows}


def build_residents(connection: Connection, user: User, rows: Sequence[Any]) -> list[ResidentView]:
    """Views of rows of the table resident, without calls and tickets, as this user may see them."""
    ids = [row.id for row in rows]
    homes = _load_homes(connection, ids)
    phones = _load_phones(connection, user, ids)
    arrears = load_arrears(connection, ids)
    views = []
    for row in rows:
        match = _match(row, homes[row.id])
        views.append(
            ResidentView(
                id=row.id,
                name=row.name,
                salutation=row.salutation,
                rooms=match.rooms,
                role=match.role,
                tags=match.tags,
                former=match.former,
                phones=phones.get(row.id, []),
                arrears=arrears.get(row.id, []),
            )
        )
    return views


def find_by_text(project_ids: Sequence[int] | None, text: str) -> Any:
    """A query for residents whose name or room contains `text`, or whose number, if it may be one."""
    resident, unit, phone = tables.resident.c, tables.unit.c, tables.phone.c
    query = select(tables.resident)
    if project_ids is not None:
        query = query.where(resident.project_id.in_(project_ids))
    needle = text.strip()
    if not needle:
        return query
    like = contains(needle)
    by_room = (
        select(tables.occupancy.c.resident_id).join(tables.unit).where(unit.label.like(like, escape="\\"))
    )
    found = [resident.name.like(like, escape="\\"), resident.id.in_(by_room)]
    if _NUMBER.fullmatch(needle):
        digits = "".join(char for char in needle if char.isdigit())
        by_phone = or_(phone.raw.like(f"%{digits}%"), phone.e164.like(f"%{digits}%"))
        found.append(resident.id.in_(select(phone.resident_id).where(by_phone)))
    return query.where(or_(*found))


def _match(row: Any, homes: Sequence[_Home]) -> ResidentMatch:
    present = [home for home in homes if not home.former]
    shown = present or homes
    return ResidentMatch(
        id=row.id,
        name=row.name,
        salutation=row.salutation,
        rooms=tuple(home.room for home in shown),
        role=shown[0].role if shown else "",
        tags=tuple(json.loads(row.tags)),
        former=bool(homes) and not present,
        match="exact",
    )


def _load_homes(connection: Connection, ids: Sequence[int]) -> Mapping[int, list[_Home]]:
    occupancy, unit = tables.occupancy.c, tables.unit.c
    query = (
        select(occupancy.resident_id, unit.label, occupancy.role, occupancy.to_ms)
        .join_from(tables.occupancy, tables.unit)
        .where(occupancy.resident_id.in_(ids))
        .order_by(unit.label)
    )
    found: dict[int, list[_Home]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.resident_id].append(_Home(row.label, row.role, row.to_ms is not None))
    return found


def _load_phones(connection: Connection, user: User, ids: Sequence[int]) -> Mapping[int, list[PhoneView]]:
    phone, call = tables.phone.c, tables.call.c
    seen = select(func.max(call.started_ms)).where(call.e164 == phone.e164, scope.within(user, call.desk))
    query = (
        select(tables.phone, seen.scalar_subquery().label("last_ms"))
        .where(phone.resident_id.in_(ids))
        .order_by(phone.id)
    )
    found: dict[int, list[PhoneView]] = defaultdict(list)
    for row in connection.execute(query):
        last = to_datetime(row.last_ms) if row.last_ms is not None else None
        found[row.resident_id].append(PhoneView(row.raw, row.e164, row.kind, row.label, row.source, last))
    return found


def load_arrears(connection: Connection, ids: Sequence[int]) -> Mapping[int, list[ArrearsView]]:
    """Money owed on the units where they live now."""
    occupancy, unit, arrears = tables.occupancy.c, tables.unit.c, tables.arrears.c
    query = (
        select(occupancy.resident_id, unit.label, arrears.item, arrears.amount_cents, arrears.as_of)
        .select_from(
            tables.occupancy.join(tables.unit, occupancy.unit_id == unit.id).join(
                tables.arrears, arrears.unit_id == unit.id
            )
        )
        .where(occupancy.resident_id.in_(ids), occupancy.to_ms.is_(None))
        .order_by(unit.label, arrears.id)
    )
    found: dict[int, list[ArrearsView]] = defaultdict(list)
    for row in connection.execute(query):
        view = ArrearsView(row.label, row.item, row.amount_cents, date.fromisoformat(row.as_of))
        found[row.resident_id].append(view)
    return found


def contains(text: str) -> str:
    """A LIKE pattern, escaped by a backslash."""
    escaped = text.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"

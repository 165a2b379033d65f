"""The roster that a desk's agent keeps for the hours without the cloud: its own project, and only what a
screen pop and a ticket draft need.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.desk_views import build_desks
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.adapters.sql.resident_views import load_arrears, match_residents
from cloud_broker.domain.items import ITEMS, TYPES
from cloud_broker.domain.views import ArrearsView, ResidentMatch, TicketItem
from telephony.numbers import RULES_VERSION, may_be_resident

MAX_RESIDENTS = 20_000
"""With a number; a project has a few thousand. Of more, the newest are sent, and `complete` is false."""
_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Roster:
    """`body` is UTF-8 JSON, the same bytes as long as nothing changed; `tag` names them."""

    body: bytes
    tag: str


def build_roster(database: Database, desk: str, now_ms: int, limit: int = MAX_RESIDENTS) -> Roster:
    """The roster of the project of `desk`."""
    with database.read() as connection:
        row = connection.execute(select(tables.desk).where(tables.desk.c.id == desk)).one()
        (view,) = build_desks(connection, [row], now_ms)
        project = connection.execute(
            select(tables.project).where(tables.project.c.id == row.project_id)
        ).one()
        numbers = _load_numbers(connection, project.id)
        newest = sorted(numbers)[-limit:]
        facts = {
            "v": 1,
            "desk": {"id": desk, "place": list(view.place)},
            "area_code": project.area_code,
            "rules": RULES_VERSION,
            "complete": len(newest) == len(numbers),
            "residents": list(_shape_residents(connection, newest, numbers)),
            "items": _shape_types(),
        }
    body = json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode()
    return Roster(body, hashlib.sha256(body).hexdigest()[:32])


def _load_numbers(connection: Connection, project: int) -> dict[int, list[str]]:
    """Resident → numbers by which a caller may be known."""
    phone, resident = tables.phone.c, tables.resident.c
    query = (
        select(phone.resident_id, phone.e164)
        .join_from(tables.phone, tables.resident)
        .where(resident.project_id == project, phone.e164.is_not(None))
        .order_by(phone.id)
    )
    found: dict[int, list[str]] = defaultdict(list)
    for row in connection.execute(query):
        if may_be_resident(row.e164):
            found[row.resident_id].append(row.e164)
    return found


def _shape_residents(
    connection: Connection, ids: Sequence[int], numbers: Mapping[int, list[str]]
) -> Iterator[dict[str, Any]]:
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        matches = match_residents(connection, chunk)
        arrears = load_arrears(connection, chunk)
        for resident in chunk:
            yield _shape_resident(matches[resident], numbers[resident], arrears.get(resident, ()))


def _shape_resident(
    match: ResidentMatch, numbers: Sequence[str], arrears: Sequence[ArrearsView]
) -> dict[str, Any]:
    return {
        "name": match.name,
        "salutation": match.salutation,
        "rooms": list(match.rooms),
        "role": match.role,
        "tags": list(match.tags),
        "former": match.former,
        "numbers": list(numbers),
        "arrears": [[owed.unit, owed.item, owed.amount_cents, owed.as_of.isoformat()] for owed in arrears],
    }


def _shape_types() -> list[dict[str, Any]]:
    return [
        {
            "kind": kind,
            "name_zh": name_zh,
            "name_en": name_en,
            "groups": [_shape_item(item) for item in ITEMS if item.type == kind],
        }
        for kind, (name_zh, name_en) in TYPES.items()
    ]


def _shape_item(item: TicketItem) -> dict[str, Any]:
    return {
        "code": item.code,
        "name_zh": item.name_zh,
        "name_en": item.name_en,
        "urgency": item.urgency,
        "items": [_shape_item(child) for child in item.children],
    }

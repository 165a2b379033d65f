"""Writing the demo's estate, people and past into an empty database."""

import json
import random
from typing import Any

from sqlalchemy import Connection, insert, select

from cloud_broker.adapters.sql import tables
from cloud_broker.bootstrap import Cloud
from cloud_broker.demo.estate import SEED, Estate, build_estate
from cloud_broker.domain.items import find_item
from cloud_broker.domain.times import DAY_MS, china_day_start_ms, to_datetime
from cloud_broker.errors import DemoNotAllowed
from telephony.numbers import RULES_VERSION, normalise

PROJECT = "天屿花园"
BRANCH = "华中分公司"
AREA_CODE = "027"
PASSWORD = "demo"
LINES_PER_DESK = 8
DESKS = (("tianyu-1", "一期服务台"), ("tianyu-2", "二期服务台"))
# username, name, role, desk
LOGINS = (
    ("desk1", "小王", "agent", "tianyu-1"),
    ("desk2", "小李", "agent", "tianyu-2"),
    ("manager", "赵经理", "manager", None),
    ("hq", "总部客服", "hq", None),
)
PAST_TICKETS = 40
_NOTES = {
    "water.leak": "厨房水槽下方漏水,已关总阀",
    "power.light": "楼道声控灯不亮",
    "lift.noise": "电梯运行到六楼有异响",
    "lowvoltage.access": "单元门禁刷卡没有反应",
    "cleaning": "电梯厅地面有污渍",
    "parking": "道闸识别不到车牌",
    "noise": "楼上深夜拖动家具",
    "e_fees": "询问本季度物业费明细",
    "p_staff": "表扬维修师傅上门及时",
}


def seed_demo(cloud: Cloud) -> dict[str, Any]:
    """Seed once; every call makes fresh claim codes.

    Returns:
        `desks` with their claim codes and `logins` with their passwords.
    Raises:
        DemoNotAllowed: the settings do not say DEMO.
    """
    if not cloud.settings.demo:
        raise DemoNotAllowed
    now_ms = cloud.clock.now_ms()
    with cloud.database.write() as connection:
        known = connection.execute(
            select(tables.project.c.id).where(tables.project.c.name == PROJECT)
        ).scalar()
        if known is None:
            _seed(connection, cloud.people.hash_password(PASSWORD), now_ms)
    desks = [
        {"desk": desk, "name": f"{PROJECT} {name}", "claim_code": cloud.enrolment.make_code(desk)}
        for desk, name in DESKS
    ]
    logins = [{"username": login[0], "password": PASSWORD, "role": login[2]} for login in LOGINS]
    return {"desks": desks, "logins": logins}


def _seed(connection: Connection, password_hash: str, now_ms: int) -> None:
    project = connection.execute(
        insert(tables.project)
        .values(branch=BRANCH, name=PROJECT, area_code=AREA_CODE)
        .returning(tables.project.c.id)
    ).scalar_one()
    connection.execute(
        insert(tables.desk),
        [
            {"id": desk, "project_id": project, "name": name, "lines": LINES_PER_DESK, "secret_generation": 1,
             "enrolled": False}
            for desk, name in DESKS
        ],
    )  # fmt: skip
    connection.execute(
        insert(tables.user),
        [
            {"username": username, "name": name, "role": role, "desk": desk, "password_hash": password_hash,
             "active": True, "demo": True}
            for username, name, role, desk in LOGINS
        ],
    )  # fmt: skip
    estate = build_estate()
    units = _seed_units(connection, project, estate, now_ms)
    residents = _seed_people(connection, project, estate, units, now_ms)
    _seed_tickets(connection, estate, residents, now_ms)


def _seed_units(connection: Connection, project: int, estate: Estate, now_ms: int) -> dict[str, int]:
    rows = [
        {"project_id": project, "label": label, "building": building, "kind": kind}
        for label, building, kind in estate.units
    ]
    connection.execute(insert(tables.unit), rows)
    units = {row.label: row.id for row in connection.execute(select(tables.unit.c.label, tables.unit.c.id))}
    as_of = to_datetime(china_day_start_ms(now_ms) - DAY_MS // 2).date().isoformat()
    connection.execute(
        insert(tables.arrears),
        [
            {"unit_id": units[label], "item": item, "amount_cents": cents, "as_of": as_of}
            for label, item, cents in estate.arrears
        ],
    )
    return units


def _seed_people(
    connection: Connection, project: int, estate: Estate, units: dict[str, int], now_ms: int
) -> list[int]:
    """Resident ids in the order of the estate's people."""
    connection.execute(
        insert(tables.resident),
        [
            {"project_id": project, "name": person.name, "salutation": person.salutation,
             "tags": json.dumps(person.tags, ensure_ascii=False), "created_ms": now_ms}
            for person in estate.people
        ],
    )  # fmt: skip
    found = connection.execute(select(tables.resident.c.id).order_by(tables.resident.c.id)).scalars()
    ids = list(found)
    people = list(zip(ids, estate.people, strict=True))
    homes = [
        {
            "resident_id": resident,
            "unit_id": units[label],
            "role": role,
            "to_ms": now_ms - 90 * DAY_MS if left else None,
        }
        for resident, person in people
        for label, role, left in person.homes
    ]
    connection.execute(insert(tables.occupancy), homes)
    phones = []
    for resident, person in people:
        for raw, label in person.phones:
            number = normalise(raw, area_code=AREA_CODE)
            phones.append(
                {"resident_id": resident, "raw": raw, "e164": number.e164, "kind": number.kind.value,
                 "label": label, "source": "roster", "rules_version": RULES_VERSION}
            )  # fmt: skip
    connection.execute(insert(tables.phone), phones)
    return ids


def _seed_tickets(connection: Connection, estate: Estate, residents: list[int], now_ms: int) -> None:
    """Past tickets: two of the first resident, the rest scattered over the last 60 days."""
    rng = random.Random(SEED)
    user = tables.user.c
    query = select(user.id, user.desk, user.name).where(user.role == "agent").order_by(user.id)
    agents = list(connection.execute(query))
    for number in range(PAST_TICKETS):
        index = 0 if number < 2 else rng.randrange(len(residents))
        code = ("water.leak", "lift.noise")[number] if number < 2 else rng.choice(sorted(_NOTES))
        item = find_item(code)
        if item is None:
            continue
        agent = agents[0] if number < 2 else rng.choice(agents)
        created_ms = now_ms - rng.randrange(2 * DAY_MS, 60 * DAY_MS)
        place = estate.people[index].homes[0][0]
        ticket = connection.execute(
            insert(tables.ticket)
            .values(
                desk=agent.desk, type=item.type, state="closed", closing="confirmed",
                items=json.dumps([code]), place=place, note=_NOTES[code], urgency=item.urgency,
                created_ms=created_ms,
                promised_ms=created_ms + 30 * 60_000, resident_id=residents[index], agent_id=agent.id,
            )
            .returning(tables.ticket.c.id)
        ).scalar_one()  # fmt: skip
        _seed_history(connection, ticket, agent.name, created_ms)


def _seed_history(connection: Connection, ticket: int, who: str, created_ms: int) -> None:
    steps = (
        (None, "new", who), ("new", "dispatched", who), ("dispatched", "accepted", "维修张师傅"),
        ("accepted", "in_progress", "维修张师傅"), ("in_progress", "finished", "维修张师傅"),
        ("finished", "follow_up", who), ("follow_up", "closed", who),
    )  # fmt: skip
    connection.execute(
        insert(tables.ticket_change),
        [
            {"ticket_id": ticket, "at_ms": created_ms + step * 600_000, "who": by, "from_state": before,
             "to_state": after, "note": ""}
            for step, (before, after, by) in enumerate(steps)
        ],
    )  # fmt: skip

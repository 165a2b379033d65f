"""The little world of these tests: two desks of one project, a few people, a box that says things."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import insert

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.times import iso_ms
from cloud_broker.domain.views import CallFilter, TicketFilter, User
from cloud_broker.handlers.ingest import BatchResult, Message, ingest
from protocol.event_json import EventRecord, encode_event
from telephony.events import Event

NOW_MS = 1_773_737_760_000  # 2026-03-17 08:56 UTC
BOX, OTHER_BOX, AGENT = "a1b2c3d4e5f6", "b1b2c3d4e5f6", "0a0a0a0a0a0a"
BOOT, LATER_BOOT = "1f2e3d4c-7", "1f2e3d4c-8"
DESK, OTHER_DESK = "tianyu-1", "tianyu-2"
CALL = f"{BOX}-{BOOT}-2"
WANG = User(id=1, username="wang", name="小王", role="agent", desk=DESK)
LI = User(id=2, username="li", name="小李", role="agent", desk=OTHER_DESK)
HQ = User(id=3, username="hq", name="总部", role="hq", desk=None)
PASSWORD = "correct horse"
ANY_CALL, ANY_TICKET = CallFilter(), TicketFilter()


def build(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(tables.project).values(id=1, branch="华中", name="天屿", area_code="027"))
        for desk, name in ((DESK, "一期"), (OTHER_DESK, "二期")):
            connection.execute(
                insert(tables.desk).values(
                    id=desk, project_id=1, name=name, lines=1, secret_generation=1, enrolled=False
                )
            )
        room = {"label": "3栋-2单元-1102", "building": "3栋", "kind": "residence"}
        connection.execute(insert(tables.unit).values(id=1, project_id=1, **room))
        for resident, name, left in ((1, "陈建国", None), (2, "李海燕", None), (3, "马文博", NOW_MS - 1)):
            connection.execute(
                insert(tables.resident).values(
                    id=resident, project_id=1, name=name, salutation=name[0] + "先生", tags="[]", created_ms=0
                )
            )
            connection.execute(
                insert(tables.occupancy).values(resident_id=resident, unit_id=1, role="owner", to_ms=left)
            )
        for resident, e164 in (
            (1, "+8613800138000"), (1, "+862156430144"), (2, "+862156430144"), (3, "+8613911112222"),
        ):  # fmt: skip
            connection.execute(
                insert(tables.phone).values(
                    resident_id=resident, raw=e164[3:], e164=e164, kind="mobile", label="", source="roster",
                    rules_version=1,
                )
            )  # fmt: skip
        if not database.is_sqlite:  # ids were given by hand above
            for table in ("project", "unit", "resident"):
                connection.exec_driver_sql(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
                )


def add_users(cloud: Cloud) -> None:
    password_hash = cloud.people.hash_password(PASSWORD)
    with cloud.database.write() as connection:
        for user in (WANG, LI, HQ):
            connection.execute(
                insert(tables.user).values(
                    username=user.username, name=user.name, role=user.role, desk=user.desk,
                    password_hash=password_hash, active=True, demo=False,
                )
            )  # fmt: skip


def enrol(cloud: Cloud, desk: str = DESK, agent: str = AGENT) -> str:
    """Enrol an agent; its upload token."""
    return cloud.enrolment.enrol(cloud.enrolment.make_code(desk), agent, "pc", "1").upload_token


class Box:
    """States events with rising sequence numbers; `at_ms` of boot 0 is NOW_MS."""

    def __init__(self, source: str = BOX, boot: str = BOOT, at_ms: int = NOW_MS) -> None:
        self.source, self.boot, self._at_ms, self._seq = source, boot, at_ms, 0

    def say(self, type: str, uptime_ms: int, **fields: Any) -> Event:
        self._seq += 1
        at_ms = self._at_ms + uptime_ms
        return Event(self.source, self.boot, self._seq, uptime_ms, type, fields, at_ms, "synced")


def answered_call(number: str = "13800138000", box: Box | None = None) -> list[Event]:
    """Boot, ring, caller ID, answer after one ring, four seconds of talk."""
    box = box or Box()
    boot = box.say("boot", 10, reason="power_on", firmware="0.1", off_hook=False)
    ring = box.say("ring_started", 1000, call=2)
    return [
        boot,
        ring,
        box.say("ring_burst", 1000, call=2, burst=1),
        box.say("caller_id", 2500, call=2, format="fsk-mdmf", standard="bell202", number=number),
        box.say("off_hook", 5000, call=2, by="phone", rings=1),
        box.say("recording_started", 5000, call=2, codec="alaw"),
        box.say("recording_stopped", 9000, call=2, samples=32_000),
        box.say("on_hook", 9000, call=2, by="phone"),
    ]


def missed_call(number: str = "13800138000", box: Box | None = None) -> list[Event]:
    box = box or Box()
    return [
        box.say("boot", 10, reason="power_on", firmware="0.1", off_hook=False),
        box.say("ring_started", 1000, call=2),
        box.say("ring_burst", 1000, call=2, burst=1),
        box.say("caller_id", 2500, call=2, format="dtmf", number=number),
        box.say("ring_burst", 6000, call=2, burst=2),
        box.say("ring_stopped", 12_000, call=2, bursts=2),
    ]


def outbound_call(digits: str, box: Box | None = None) -> list[Event]:
    box = box or Box()
    return [
        box.say("boot", 10, reason="power_on", firmware="0.1", off_hook=False),
        box.say("off_hook", 1000, call=2, by="phone"),
        box.say("digits_dialled", 4000, call=2, digits=digits, method="dtmf"),
        box.say("tone_detected", 9000, call=2, tone="connected", method="ringback_end"),
        box.say("on_hook", 14_000, call=2, by="phone"),
    ]


def message(event: Event, desk: str = DESK) -> Message:
    record = EventRecord(
        *event[:3], event.uptime_ms, event.type, event.fields, iso_ms(event.at_ms), event.clock
    )
    return Message(f"cloudseat/v1/{desk}/{event.source}/event", encode_event(record))


def take_in(cloud: Cloud, events: list[Event], desk: str = DESK) -> BatchResult:
    return ingest(cloud.database, cloud.clock, [message(event, desk) for event in events])


def digest_of(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def split(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]

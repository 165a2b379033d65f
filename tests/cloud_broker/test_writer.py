"""Two people, or two clicks, at the same moment: one ticket, one room, one resident."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, insert, select, text

from cloud_broker.adapters.sql import tables
from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.views import NewResident, NewTicket
from tests.cloud_broker import world
from tests.cloud_broker.world import CALL, DESK, NOW_MS, WANG, take_in

T = TypeVar("T")
WAIT_S = 15.0
STRANGERS_NUMBER = "13922223333"
TICKET = NewTicket(DESK, CALL, "repair", ["water.leak"], "3栋", "", None, None, "key")
STRANGER = NewResident(DESK, CALL, "赵小兰", "赵女士", "3-2-1103")


@pytest.fixture
def several(cloud: Cloud) -> Cloud:
    """A cloud with more than one writer at a time, and a call of a stranger."""
    if cloud.database.is_sqlite:
        pytest.skip("SQLite has one writer")
    take_in(cloud, world.answered_call(STRANGERS_NUMBER))
    return cloud


def meanwhile(cloud: Cloud, begun: Callable[[Connection], Any], act: Callable[[], T]) -> T:
    """`act` in another thread while what is `begun` is not committed: it waits, and then goes on."""
    with ThreadPoolExecutor(1) as pool:
        with cloud.database.write() as connection:
            begun(connection)
            acting = pool.submit(act)
            wait_for_lock(cloud, acting)
        return acting.result(WAIT_S)


def wait_for_lock(cloud: Cloud, acting: Future[Any]) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    deadline = time.monotonic() + WAIT_S
    while not acting.done() and time.monotonic() < deadline:
        with cloud.database.read() as connection:
            if connection.execute(waiting).scalar_one():
                return
    pytest.fail("nobody waits")


def count(cloud: Cloud, table: Any, *where: Any) -> int:
    with cloud.database.read() as connection:
        return len(connection.execute(select(table.c.id).where(*where)).all())


def test_two_posts_with_one_key_are_one_ticket(several: Cloud) -> None:
    row = {"desk": DESK, "type": "repair", "state": "new", "items": "[]", "place": "3栋", "note": ""}
    first = insert(tables.ticket).values(urgency="normal", created_ms=NOW_MS, idempotency_key="key", **row)
    ticket = meanwhile(
        several,
        lambda connection: connection.execute(first),
        lambda: several.writer.create_ticket(WANG, TICKET),
    )
    assert (ticket.id, ticket.place) == (1, "3栋")
    assert count(several, tables.ticket) == 1


def test_two_new_residents_of_a_new_room_share_it(several: Cloud) -> None:
    room = {"label": "3栋-2单元-1103", "building": "3栋", "kind": "residence"}
    first = insert(tables.unit).values(project_id=1, **room)
    resident = meanwhile(
        several,
        lambda connection: connection.execute(first),
        lambda: several.writer.save_resident(WANG, STRANGER),
    )
    assert list(resident.rooms) == ["3栋-2单元-1103"]
    assert count(several, tables.unit, tables.unit.c.label == "3栋-2单元-1103") == 1


def test_two_clicks_in_two_threads_are_one_resident(several: Cloud) -> None:
    lock = select(tables.call).where(tables.call.c.id == CALL).with_for_update()

    def begun(connection: Connection) -> None:
        connection.execute(lock)
        who = {"id": 9, "name": STRANGER.name, "salutation": STRANGER.salutation, "tags": "[]"}
        connection.execute(insert(tables.resident).values(project_id=1, created_ms=NOW_MS, **who))
        phone = {"raw": STRANGERS_NUMBER, "e164": f"+86{STRANGERS_NUMBER}", "kind": "mobile", "label": ""}
        connection.execute(
            insert(tables.phone).values(resident_id=9, source="call", rules_version=1, **phone)
        )

    assert meanwhile(several, begun, lambda: several.writer.save_resident(WANG, STRANGER)).id == 9


def test_a_double_click_saves_one_resident(cloud: Cloud) -> None:
    take_in(cloud, world.answered_call(STRANGERS_NUMBER))
    first, second = (cloud.writer.save_resident(WANG, STRANGER) for _ in range(2))
    assert (second.id, list(second.rooms), len(second.phones)) == (first.id, ["3栋-2单元-1103"], 1)
    assert count(cloud, tables.occupancy, tables.occupancy.c.resident_id == first.id) == 1
    other = NewResident(DESK, CALL, "赵小梅", "赵女士", "")  # of the same number
    assert cloud.writer.save_resident(WANG, other).id != first.id


def test_a_name_alone_makes_nobody_the_same(cloud: Cloud) -> None:
    """A number that is none in the world (an extension): who calls from it may be anybody of that name."""
    take_in(cloud, world.answered_call("8012"))
    first, second = (cloud.writer.save_resident(WANG, STRANGER) for _ in range(2))
    with cloud.database.write() as connection:
        phone = {"raw": "8012", "e164": None, "kind": "", "label": ""}
        connection.execute(
            insert(tables.phone).values(resident_id=first.id, source="roster", rules_version=1, **phone)
        )
    third = cloud.writer.save_resident(WANG, STRANGER)
    assert len({first.id, second.id, third.id}) == 3

"""Drafts of a desk: one ticket each, whatever the order and the repetition, and nothing of them is lost."""

import random
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from cloud_broker.adapters.sql import tables
from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.drafts import OFFLINE_NOTE, read_draft
from cloud_broker.domain.tickets import MAX_PROMISE_MINUTES, Draft
from cloud_broker.domain.times import to_datetime
from cloud_broker.domain.views import TicketFilter
from telephony.events import Event
from tests.cloud_broker import world
from tests.cloud_broker.serving import asking
from tests.cloud_broker.world import AGENT, CALL, DESK, NOW_MS, OTHER_DESK, WANG, Box, take_in

DRAFT = "0123456789abcdef0123456789abcdef"
FILLED = {
    "draft": DRAFT,
    "call": CALL,
    "kind": "repair",
    "items": ["water.leak"],
    "place": "3栋-2单元-1102",
    "note": "厨房漏水",
    "promise_minutes": 30,
}


def draft_made(seq: int = 1, **fields: Any) -> Event:
    said = {name: value for name, value in {**FILLED, **fields}.items() if value is not None}
    return Event(AGENT, world.BOOT, seq, 60_000, "draft_made", said, NOW_MS + 60_000, "synced")


def count_tickets(cloud: Cloud) -> int:
    with cloud.database.read() as connection:
        return connection.execute(select(func.count()).select_from(tables.ticket)).scalar_one()


def test_a_draft_becomes_the_ticket_of_its_call(cloud: Cloud) -> None:
    token = world.enrol(cloud)
    with cloud.database.write() as connection:
        connection.execute(insert(tables.duty).values(desk=DESK, user_id=WANG.id, from_ms=NOW_MS, to_ms=None))
    take_in(cloud, [*world.answered_call(), draft_made()])
    (ticket_id,) = cloud.reader.call(WANG, CALL).tickets
    ticket = cloud.reader.ticket(WANG, ticket_id)
    assert (ticket.items, ticket.place, ticket.note) == (("water.leak",), "3栋-2单元-1102", "厨房漏水")
    assert (ticket.urgency, ticket.agent, ticket.call) == ("major", "小王", CALL)
    assert ticket.resident is not None and ticket.resident.name == "陈建国"
    assert ticket.created_at == to_datetime(NOW_MS + 60_000)
    assert ticket.promised_at == to_datetime(NOW_MS + 60_000 + 30 * 60_000)
    assert [(change.who, change.note) for change in ticket.history] == [("小王", OFFLINE_NOTE)]
    with asking(cloud) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        answer = client.get("/api/v1/agent/drafts", params={"id": [DRAFT, "another"]}).json()
    assert answer == {"items": [{"draft": DRAFT, "ticket": ticket_id, "number": ticket.number}]}


@pytest.mark.parametrize("seed", range(4))
def test_any_order_and_repetition_give_one_ticket(cloud: Cloud, seed: int) -> None:
    world.enrol(cloud)
    events = [*world.answered_call(), draft_made(), draft_made(2)] * 2  # said under two ids, too
    random.Random(seed).shuffle(events)
    for batch in world.split(events, 3):
        take_in(cloud, batch)
    assert count_tickets(cloud) == 1
    assert len(cloud.reader.call(WANG, CALL).tickets) == 1


def test_a_visitor_without_a_call(cloud: Cloud) -> None:
    world.enrol(cloud)
    take_in(cloud, [draft_made(call=None)])
    (ticket,) = cloud.reader.tickets(WANG, TicketFilter(desk=DESK), None, 10).items
    assert (ticket.call, ticket.note) == (None, "厨房漏水")


def test_nobody_drafts_for_another_desk(cloud: Cloud) -> None:
    world.enrol(cloud, desk=OTHER_DESK)
    take_in(cloud, world.answered_call())
    take_in(cloud, [draft_made()], desk=OTHER_DESK)  # an agent of that desk, a call of this one
    take_in(cloud, [draft_made(2)], desk=DESK)  # an agent that is not of this desk
    assert count_tickets(cloud) == 0


def test_what_the_cloud_does_not_know_goes_into_the_note() -> None:
    said = {"kind": "poem", "items": ["water.leak", "water.whirl"], "place": "x" * 200, "note": "漏水",
            "promise_minutes": MAX_PROMISE_MINUTES + 1}  # fmt: skip
    assert read_draft(said) == Draft("repair", ("water.leak",), "x" * 120, "漏水 [water.whirl]", None)
    assert read_draft({"draft": DRAFT}) == Draft("repair", (), "", "", None)
    assert read_draft({"kind": "complaint", "items": ["water.leak"]}).note == "[water.leak]"


def test_an_agent_that_is_not_enrolled_makes_no_ticket(cloud: Cloud) -> None:
    take_in(cloud, [*world.answered_call(box=Box()), draft_made()])
    assert count_tickets(cloud) == 0

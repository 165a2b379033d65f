"""Events into calls, on both databases: once, whatever the order; nothing forged or unreadable gets in."""

import json
import random
from collections.abc import Sequence

import pytest
from sqlalchemy import func, insert, select

from cloud_broker.adapters.sql import tables
from cloud_broker.bootstrap import Cloud, describe_pop
from cloud_broker.domain.views import CallFilter, NotFound
from cloud_broker.handlers.consumer import encode_committed
from cloud_broker.handlers.ingest import Message, build_ranges, ingest
from telephony.events import Event
from tests.cloud_broker import world
from tests.cloud_broker.world import BOX, CALL, DESK, HQ, LI, NOW_MS, OTHER_DESK, WANG, Box, message, take_in


def count(cloud: Cloud, table: tables.Table) -> int:
    with cloud.database.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def alarms(cloud: Cloud) -> Sequence[str]:
    with cloud.database.read() as connection:
        return connection.execute(select(tables.alarm.c.kind).order_by(tables.alarm.c.kind)).scalars().all()


def test_a_call_is_stored_projected_and_committed(cloud: Cloud) -> None:
    result = take_in(cloud, world.answered_call())
    assert result.committed == {(DESK, BOX): [(world.BOOT, 1, 8)]}
    view = cloud.reader.call(WANG, CALL)
    assert (view.outcome, view.e164, view.talk_seconds) == ("answered", "+8613800138000", 4.0)
    assert [(r.name, r.match, r.rooms) for r in view.residents] == [("陈建国", "exact", ("3栋-2单元-1102",))]
    assert [entry.type for entry in view.timeline][:2] == ["ring_started", "ring_burst"]


@pytest.mark.parametrize("seed", range(3))
def test_any_order_batching_and_repetition_give_the_same_call(cloud: Cloud, seed: int) -> None:
    rng = random.Random(seed)
    events = world.answered_call() * 2
    rng.shuffle(events)
    for batch in world.split(events, rng.randrange(1, 6)):
        take_in(cloud, batch)
    view = cloud.reader.call(HQ, CALL)
    assert (view.outcome, view.ring_count, view.talk_seconds) == ("answered", 1, 4.0)
    assert count(cloud, tables.event) == 8
    assert count(cloud, tables.dead_letter) == 0


def test_a_pop_fires_once_and_only_while_it_is_news(cloud: Cloud) -> None:
    events = world.answered_call()
    pops = [pop for event in events[:5] for pop in take_in(cloud, [event]).pops]
    assert [(pop.desk, pop.number) for pop in pops] == [(DESK, "13800138000")]
    assert take_in(cloud, events[:4]).pops == []
    payload = json.loads(describe_pop(cloud.database, pops[0]))
    assert (payload["name"], payload["rooms"], payload["call"]) == ("陈建国", ["3栋-2单元-1102"], CALL)


def test_no_pop_for_old_facts(cloud: Cloud) -> None:
    cloud.clock.ms = NOW_MS + 2500 + 30_000  # type: ignore[attr-defined]
    assert take_in(cloud, world.answered_call()[:4]).pops == []


def test_a_shared_number_pops_without_a_name(cloud: Cloud) -> None:
    pops = take_in(cloud, world.answered_call("02156430144")[:4]).pops
    payload = json.loads(describe_pop(cloud.database, pops[0]))
    assert (payload["number"], payload["name"], payload["rooms"]) == ("02156430144", None, [])
    assert [r.name for r in cloud.reader.call(WANG, CALL).residents] == ["李海燕", "陈建国"]


def test_one_who_moved_out_is_marked(cloud: Cloud) -> None:
    take_in(cloud, world.answered_call("13911112222")[:4])
    assert [r.former for r in cloud.reader.call(WANG, CALL).residents] == [True]


def test_a_later_boot_interrupts_open_calls_and_a_late_end_heals_them(cloud: Cloud) -> None:
    events = world.answered_call()
    take_in(cloud, events[:6])
    again = Box(boot=world.LATER_BOOT, at_ms=NOW_MS + 60_000)
    take_in(cloud, [again.say("boot", 10, reason="power_on", firmware="0.1", off_hook=False)])
    assert cloud.reader.call(HQ, CALL).outcome == "interrupted"
    take_in(cloud, events[6:])
    assert cloud.reader.call(HQ, CALL).outcome == "answered"


def test_a_call_shows_nobody_of_another_project(cloud: Cloud) -> None:
    """Their number is known there; here a stranger calls."""
    with cloud.database.write() as connection:
        connection.execute(insert(tables.project).values(id=9, branch="华中", name="他处", area_code="010"))
        desk = {"id": "elsewhere-1", "project_id": 9, "name": "他处", "lines": 1, "enrolled": False}
        connection.execute(insert(tables.desk).values(**desk, secret_generation=1))
    elsewhere = world.answered_call(box=Box(source=world.OTHER_BOX))
    take_in(cloud, elsewhere, desk="elsewhere-1")
    take_in(cloud, world.answered_call())
    calls = {call.desk: call for call in cloud.reader.calls(HQ, CallFilter(), None, 10).items}
    assert [match.name for match in calls[DESK].residents] == ["陈建国"]
    assert calls["elsewhere-1"].residents == []


def test_a_time_beyond_all_calendars_is_a_dead_letter(cloud: Cloud) -> None:
    event = world.answered_call()[1]
    good = message(event)
    late = json.dumps(json.loads(good.payload) | {"at": "9999-12-31T23:59:59.999Z"}).encode()
    ingest(cloud.database, cloud.clock, [Message(good.topic, late)])
    assert (count(cloud, tables.event), count(cloud, tables.dead_letter)) == (0, 1)


def test_the_first_time_that_is_told_counts(cloud: Cloud) -> None:
    """An event that comes again may have been given another time by its agent, a boot's begin too."""
    events = world.answered_call()
    take_in(cloud, events)
    again = [event._replace(at_ms=event.at_ms - 7 * 3_600_000) for event in events]
    take_in(cloud, again)
    with cloud.database.read() as connection:
        first = {row.boot: row.first_ms for row in connection.execute(select(tables.boot))}
    assert first[world.BOOT] == events[0].at_ms
    assert cloud.reader.call(HQ, CALL).started_at.timestamp() == events[1].at_ms / 1000
    assert alarms(cloud) == []


def test_a_conflict_is_kept_alarmed_and_changes_nothing(cloud: Cloud) -> None:
    events = world.answered_call()
    take_in(cloud, events)
    forged = events[3]._replace(fields={**events[3].fields, "number": "13912345678"})
    result = take_in(cloud, [forged])
    assert result.committed == {(DESK, BOX): [(world.BOOT, 4, 4)]}
    assert cloud.reader.call(HQ, CALL).e164 == "+8613800138000"
    assert count(cloud, tables.dead_letter) == 1
    assert alarms(cloud) == ["event_conflict"]


def test_a_conflict_inside_one_batch(cloud: Cloud) -> None:
    events = world.answered_call()
    take_in(cloud, [*events, events[1], events[3]._replace(uptime_ms=1)])
    assert count(cloud, tables.dead_letter) == 1
    assert count(cloud, tables.event) == 8


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        (f"cloudseat/v1/{DESK}/{BOX}/event", b"\xff", "json"),
        (f"cloudseat/v1/{DESK}/{BOX}/event", b"[" * 5000, "json"),
        (f"cloudseat/v1/{DESK}/{BOX}/event", b"[]", "shape"),
        (f"cloudseat/v1/{DESK}/{BOX}/event", b'{"v":2}', "version"),
        (f"cloudseat/v1/{DESK}/{BOX}/event", b"x" * 9000, "too_long"),
        (f"cloudseat/v1/{DESK}/zz/event", b"{}", "topic"),
        ("elsewhere", b"{}", "topic"),
    ],
)
def test_what_cannot_be_read_is_a_dead_letter(cloud: Cloud, topic: str, payload: bytes, reason: str) -> None:
    good = message(world.answered_call()[0])
    result = ingest(cloud.database, cloud.clock, [Message(topic, payload), good])
    assert (result.rejected, result.events) == (1, 1)
    with cloud.database.read() as connection:
        row = connection.execute(select(tables.dead_letter)).one()
    assert (row.reason, bytes(row.payload)) == (reason, payload)


def test_a_dead_letter_with_an_id_is_committed(cloud: Cloud) -> None:
    body = json.loads(message(world.answered_call()[0]).payload) | {"type": "from_the_future"}
    topic = f"cloudseat/v1/{DESK}/{BOX}/event"
    result = ingest(cloud.database, cloud.clock, [Message(topic, json.dumps(body).encode())])
    assert result.committed == {(DESK, BOX): [(world.BOOT, 1, 1)]}


def test_a_box_speaks_for_itself_only(cloud: Cloud) -> None:
    event = world.answered_call()[0]
    lied = message(event)._replace(topic=f"cloudseat/v1/{DESK}/{world.OTHER_BOX}/event")
    assert ingest(cloud.database, cloud.clock, [lied]).rejected == 1


def test_a_box_of_another_desk_is_quarantined(cloud: Cloud) -> None:
    take_in(cloud, world.answered_call())
    moved = Box(boot=world.LATER_BOOT)
    result = take_in(cloud, [moved.say("ring_started", 1, call=1)], desk=OTHER_DESK)
    assert result.committed == {(OTHER_DESK, BOX): [(world.LATER_BOOT, 1, 1)]}
    assert (count(cloud, tables.quarantine), count(cloud, tables.call)) == (1, 1)
    assert alarms(cloud) == ["source_unknown"]


def test_more_boxes_than_lines_are_quarantined(cloud: Cloud) -> None:
    take_in(cloud, world.answered_call())
    take_in(cloud, [Box(source=world.OTHER_BOX).say("ring_started", 1, call=1)])
    assert (count(cloud, tables.box), count(cloud, tables.quarantine)) == (1, 1)


def agent_event(seq: int, type: str, **fields: object) -> Event:
    return Event(world.AGENT, "aaaaaaaa-1", seq, 0, type, fields, NOW_MS, "synced")


def test_an_agent_speaks_only_when_enrolled_and_only_of_its_own_desk(cloud: Cloud) -> None:
    stored = agent_event(1, "recording_stored", call=CALL, samples=32_000)
    take_in(cloud, world.answered_call())
    take_in(cloud, [stored])
    assert cloud.reader.call(HQ, CALL).recording.state == "writing"
    world.enrol(cloud, desk=OTHER_DESK)
    take_in(cloud, [stored._replace(seq=2)], desk=OTHER_DESK)
    assert cloud.reader.call(HQ, CALL).recording.state == "writing"
    assert count(cloud, tables.quarantine) == 2
    world.enrol(cloud)
    take_in(cloud, [stored._replace(seq=3)])
    assert cloud.reader.call(HQ, CALL).recording.state == "local"


def test_a_call_belongs_to_who_was_on_duty(cloud: Cloud) -> None:
    cloud.people.log_in("wang", world.PASSWORD, address="")
    take_in(cloud, world.answered_call())
    assert cloud.reader.call(WANG, CALL).agent == "小王"


def test_a_call_is_seen_by_its_desk_and_by_hq(cloud: Cloud) -> None:
    take_in(cloud, world.answered_call())
    assert cloud.reader.call(HQ, CALL).id == CALL
    with pytest.raises(NotFound):
        cloud.reader.call(LI, CALL)
    assert cloud.reader.calls(LI, CallFilter(), None, 10).items == []
    assert cloud.reader.calls(LI, CallFilter(desk=DESK), None, 10).items == []


def test_ranges_are_exact() -> None:
    ids = [("b-1", 5), ("a-1", 1), ("a-1", 2), ("a-1", 4), ("a-1", 2)]
    assert build_ranges(set(ids)) == [("a-1", 1, 2), ("a-1", 4, 4), ("b-1", 5, 5)]
    assert json.loads(encode_committed(BOX, [("a-1", 1, 2)]))["ranges"] == [["a-1", 1, 2]]


def test_a_name_padded_with_nul_costs_no_number(cloud: Cloud) -> None:
    events = [
        e._replace(fields=e.fields | {"name": b"\xb3\xc2\0\0"}) if e.type == "caller_id" else e
        for e in world.answered_call()
    ]
    take_in(cloud, events)
    assert cloud.reader.call(HQ, CALL).number == "13800138000"


def test_a_number_that_many_call_from_names_no_resident(cloud: Cloud) -> None:
    """Behind 400 and 800 stands a company, even if somebody wrote it down as a resident's."""
    with cloud.database.write() as connection:
        phone = {"raw": "4008001234", "e164": "+864008001234", "kind": "toll_shared", "label": ""}
        connection.execute(
            insert(tables.phone).values(resident_id=1, source="call", rules_version=1, **phone)
        )
    take_in(cloud, world.answered_call("4008001234"))
    call = cloud.reader.call(HQ, CALL)
    assert (call.number, call.residents) == ("4008001234", [])

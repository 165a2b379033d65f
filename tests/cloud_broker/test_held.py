"""What was held back is seen by headquarters, put right, and let in."""

from typing import Any

import pytest

from cloud_broker.adapters.sql import letters
from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.views import NotAllowed, NotFound
from cloud_broker.handlers import held as held_module
from cloud_broker.handlers.decode import decode_event
from cloud_broker.handlers.held import Held
from cloud_broker.handlers.ingest import ingest
from cloud_broker.handlers.presence import close_calls_of_absent_boxes
from telephony.events import Event
from tests.cloud_broker import world
from tests.cloud_broker.world import BOX, DESK, HQ, NOW_MS, OTHER_DESK, WANG, Box, message, take_in

STORED = {"call": world.CALL, "samples": 32_000}


@pytest.fixture
def held(cloud: Cloud) -> Held:
    return Held(cloud.database, cloud.clock)


def test_a_quarantined_box_is_admitted_with_what_it_said(cloud: Cloud, held: Held) -> None:
    take_in(cloud, [Box(boot=world.LATER_BOOT).say("ring_started", 1, call=1)])
    take_in(cloud, world.answered_call(), desk=OTHER_DESK)
    assert held.quarantined(HQ) == [{"source": BOX, "desk": OTHER_DESK, "events": 8}]
    assert held.admit_box(HQ, BOX, OTHER_DESK) == 8
    assert held.quarantined(HQ) == []
    assert cloud.reader.call(HQ, world.CALL).desk == OTHER_DESK
    with pytest.raises(NotFound):
        held.admit_box(HQ, BOX, "nowhere")


def test_alarms_count_and_are_resolved(cloud: Cloud, held: Held) -> None:
    event = world.answered_call()[0]
    for uptime_ms in (10, 11, 12):
        take_in(cloud, [event._replace(uptime_ms=uptime_ms)])
    (alarm,) = held.alarms(HQ, 10)
    assert (alarm.kind, alarm.subject, alarm.count) == ("event_conflict", BOX, 2)
    held.resolve_alarm(HQ, alarm.id)
    assert held.alarms(HQ, 10) == []
    take_in(cloud, [event._replace(uptime_ms=13)])
    assert held.alarms(HQ, 10)[0].count == 3


def test_agents_do_not_decide(held: Held) -> None:
    for verb in (held.quarantined, lambda user: held.resolve_alarm(user, 1)):
        with pytest.raises(NotAllowed):
            verb(WANG)
    with pytest.raises(NotAllowed):
        held.admit_box(WANG, BOX, DESK)


def test_what_is_quarantined_while_a_box_is_admitted_is_kept(
    cloud: Cloud, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A consumer beside us looked before the box was at home, and committed after."""
    events = world.answered_call()
    take_in(cloud, [Box(boot=world.LATER_BOOT).say("ring_started", 1, call=1)])
    take_in(cloud, events[:2], desk=OTHER_DESK)

    def ingest_beside_another(*args: Any) -> object:
        late = decode_event(*message(events[2], OTHER_DESK)[:2])
        with cloud.database.write() as connection:
            letters.quarantine(connection, NOW_MS, [late])
        return ingest(*args)

    monkeypatch.setattr(held_module, "ingest", ingest_beside_another)
    assert held.admit_box(HQ, BOX, OTHER_DESK) == 2
    assert held.quarantined(HQ) == [{"source": BOX, "desk": OTHER_DESK, "events": 1}]
    monkeypatch.undo()
    assert held.admit_box(HQ, BOX, OTHER_DESK) == 1


def test_only_a_box_is_admitted(held: Held) -> None:
    with pytest.raises(NotFound):
        held.admit_box(HQ, "no box", DESK)


def test_a_box_that_was_just_admitted_is_there(cloud: Cloud, held: Held) -> None:
    """Its agent says that it is online only when it comes."""
    take_in(cloud, [Box(boot=world.LATER_BOOT).say("ring_started", 1, call=1)])
    take_in(cloud, world.answered_call()[:3], desk=OTHER_DESK)
    held.admit_box(HQ, BOX, OTHER_DESK)
    close_calls_of_absent_boxes(cloud.database, NOW_MS + 300_000)
    assert cloud.reader.call(HQ, world.CALL).outcome is None


def test_what_a_pc_said_of_a_box_comes_in_with_it_and_a_pc_is_no_box(cloud: Cloud, held: Held) -> None:
    world.enrol(cloud, desk=OTHER_DESK)
    take_in(cloud, [Box(boot=world.LATER_BOOT).say("ring_started", 1, call=1)])
    said = Event(world.AGENT, "aaaaaaaa-1", 1, 0, "recording_stored", STORED, NOW_MS, "synced")
    take_in(cloud, [*world.answered_call(), said], desk=OTHER_DESK)
    with pytest.raises(NotFound):
        held.admit_box(HQ, world.AGENT, OTHER_DESK)
    assert sum(row["events"] for row in held.quarantined(HQ)) == 9
    assert held.admit_box(HQ, BOX, OTHER_DESK) == 9
    assert held.quarantined(HQ) == []
    assert cloud.reader.call(HQ, world.CALL).recording.state == "local"

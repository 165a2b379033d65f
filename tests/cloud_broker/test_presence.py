"""Boxes and agents come and go; a call of one that stays away is closed, and opened again if it goes on."""

import json
from typing import Any

from sqlalchemy import select

from cloud_broker.adapters.sql import tables
from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.times import LEEWAY_MS, to_datetime
from cloud_broker.handlers.presence import close_calls_of_absent_boxes, note_health, note_status
from cloud_broker.web.pages.desk_facts import read_call_facts
from tests.cloud_broker import world
from tests.cloud_broker.world import AGENT, BOX, CALL, DESK, HQ, NOW_MS, OTHER_DESK, Box, take_in


def say_status(cloud: Cloud, source: str, state: str, desk: str = DESK, **more: Any) -> None:
    body = {"v": 1, "state": state, "at": "2026-03-17T08:56:00.000Z", **more}
    note_status(
        cloud.database, cloud.clock, f"cloudseat/v1/{desk}/{source}/status", json.dumps(body).encode()
    )


def sweep_after(cloud: Cloud, ms: int) -> None:
    cloud.clock.ms = NOW_MS + ms  # type: ignore[attr-defined]
    close_calls_of_absent_boxes(cloud.database, cloud.clock.now_ms())


def outcome(cloud: Cloud) -> str | None:
    return cloud.reader.call(HQ, CALL).outcome


def test_a_call_of_a_box_that_stays_away_is_interrupted(cloud: Cloud) -> None:
    events = world.answered_call()
    take_in(cloud, events[:6])
    say_status(cloud, BOX, "offline")
    sweep_after(cloud, 119_000)
    assert outcome(cloud) is None
    sweep_after(cloud, 120_000)
    assert outcome(cloud) == "interrupted"
    take_in(cloud, events[6:])
    assert outcome(cloud) == "answered"


def test_a_call_of_a_pc_whose_clock_runs_ahead_is_interrupted_too(cloud: Cloud) -> None:
    take_in(cloud, world.answered_call(box=Box(at_ms=NOW_MS + 3_600_000))[:6])
    say_status(cloud, BOX, "offline")
    sweep_after(cloud, 120_000)
    assert outcome(cloud) == "interrupted"


def test_a_call_that_ends_in_the_future_is_not_the_one_just_ended(cloud: Cloud) -> None:
    """Its ticket would be bound to it for as long as that clock runs ahead."""
    take_in(cloud, world.answered_call(box=Box(at_ms=NOW_MS + 3_600_000)))
    ended_ms = NOW_MS + 3_600_000 + 9_000
    for age_ms, is_shown in ((-3_600_000, False), (-LEEWAY_MS, True), (0, True), (600_000, False)):
        shown = read_call_facts(cloud.reader, HQ, DESK, to_datetime(ended_ms + age_ms)).call
        assert (shown is not None) == is_shown


def test_a_call_that_still_goes_on_is_opened_again(cloud: Cloud) -> None:
    take_in(cloud, world.answered_call()[:6])
    say_status(cloud, BOX, "offline")
    sweep_after(cloud, 300_000)
    say_status(cloud, BOX, "online", agent=AGENT)
    assert (outcome(cloud), cloud.reader.call(HQ, CALL).state) == (None, "talking")


def test_a_box_is_away_when_its_agent_is(cloud: Cloud) -> None:
    world.enrol(cloud)
    say_status(cloud, AGENT, "online")
    take_in(cloud, world.answered_call()[:6])
    say_status(cloud, BOX, "online", agent=AGENT)
    say_status(cloud, AGENT, "offline")
    sweep_after(cloud, 120_000)
    assert outcome(cloud) == "interrupted"
    links = cloud.reader.desk(HQ, DESK).links
    assert (links.box, links.agent) == (True, False)


def test_a_second_agent_is_refused_while_the_first_is_there(cloud: Cloud) -> None:
    second = "0b0b0b0b0b0b"
    world.enrol(cloud)
    world.enrol(cloud, agent=second)
    say_status(cloud, AGENT, "online")
    say_status(cloud, BOX, "online", agent=AGENT, firmware="0.1")
    say_status(cloud, BOX, "online", agent=second)
    with cloud.database.read() as connection:
        box = connection.execute(select(tables.box)).one()
        alarm = connection.execute(select(tables.alarm)).one()
    assert (box.agent, box.firmware, alarm.kind, alarm.subject) == (AGENT, "0.1", "box_claimed_twice", BOX)
    say_status(cloud, AGENT, "offline")
    say_status(cloud, BOX, "online", agent=second)
    with cloud.database.read() as connection:
        assert connection.execute(select(tables.box.c.agent)).scalar() == second


def test_a_box_at_another_desk_is_alarmed(cloud: Cloud) -> None:
    say_status(cloud, BOX, "online")
    say_status(cloud, BOX, "online", desk=OTHER_DESK)
    with cloud.database.read() as connection:
        assert connection.execute(select(tables.alarm.c.kind)).scalars().all() == ["box_elsewhere"]
        assert connection.execute(select(tables.box.c.desk)).scalars().all() == [DESK]


def test_status_and_health_that_cannot_be_read_harm_nothing(cloud: Cloud) -> None:
    say_status(cloud, BOX, "online")
    topic = f"cloudseat/v1/{DESK}/{BOX}/"
    note_status(cloud.database, cloud.clock, topic + "status", b"{")
    note_health(cloud.database, cloud.clock, topic + "health", b'{"v":1,"line_mv":48000}')
    note_health(cloud.database, cloud.clock, topic + "health", b"\xff")
    with cloud.database.read() as connection:
        box = connection.execute(select(tables.box)).one()
        assert connection.execute(select(tables.dead_letter.c.reason)).scalars().all() == ["status"]
    assert (box.online, json.loads(box.health)["line_mv"]) == (True, 48000)

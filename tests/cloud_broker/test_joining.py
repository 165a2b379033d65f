"""A call that its box lost by a power cut goes on in the next boot: one call, in any order of events."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.views import CallFilter, CallView
from telephony.events import Event
from tests.cloud_broker import world
from tests.cloud_broker.world import BOX, CALL, HQ, NOW_MS, Box, take_in

CONTINUED = f"{BOX}-{world.LATER_BOOT}-2"
LAST_BOOT = "1f2e3d4c-9"


@contextmanager
def counted_statements(cloud: Cloud) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        said.append(statement)

    event.listen(cloud.database.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(cloud.database.engine, "before_cursor_execute", note)


def test_boots_without_a_call_are_passed_over_in_one_look(cloud: Cloud) -> None:
    take_in(cloud, world.answered_call())
    for number in range(8, 88):  # eighty power cuts in a night
        box = Box(boot=f"1f2e3d4c-{number}", at_ms=NOW_MS + number * 60_000)
        take_in(cloud, [box.say("boot", 10, reason="power_on", firmware="0.1", off_hook=False)])
    box = Box(boot="1f2e3d4c-88", at_ms=NOW_MS + 88 * 60_000)
    with counted_statements(cloud) as said:
        take_in(cloud, world.answered_call(box=box)[:5])
    assert len(said) < 40


def shown(cloud: Cloud) -> list[CallView]:
    return list(cloud.reader.calls(HQ, CallFilter(), None, 50).items)


def resumed(box: Box, ends: bool = True) -> list[Event]:
    """A boot that finds the line off-hook; the set is put down two seconds later."""
    events = [
        box.say("boot", 100, reason="power_on", firmware="0.1", off_hook=True),
        box.say("off_hook", 100, call=2, by="phone", resumed=True),
        box.say("recording_started", 100, call=2, codec="alaw"),
    ]
    end = [
        box.say("recording_stopped", 2100, call=2, samples=16_000),
        box.say("on_hook", 2100, call=2, by="phone"),
    ]
    return events + (end if ends else [])


def later(at_ms: int = NOW_MS + 7_000, boot: str = world.LATER_BOOT) -> Box:
    return Box(boot=boot, at_ms=at_ms)


@pytest.mark.parametrize("seed", range(6))
def test_a_resumed_call_is_one_call_in_any_order(cloud: Cloud, seed: int) -> None:
    rng = random.Random(seed)
    events = world.answered_call()[:6] + resumed(later())
    if seed:
        rng.shuffle(events)
    for batch in world.split(events, rng.randrange(1, 5)):
        take_in(cloud, batch)
    (call,) = shown(cloud)
    assert (call.id, call.outcome, call.e164) == (CALL, "answered", "+8613800138000")
    assert (call.direction, call.ring_count, call.talk_seconds) == ("in", 1, 4.1)
    assert list(call.parts) == [CONTINUED]
    assert cloud.reader.call(HQ, CONTINUED).recording.seconds == 2.0


def test_a_call_that_goes_on_after_two_cuts_is_still_one(cloud: Cloud) -> None:
    take_in(cloud, world.answered_call()[:6] + resumed(later(), ends=False))
    (call,) = shown(cloud)
    assert (call.id, call.state) == (CALL, "talking")
    take_in(cloud, resumed(later(NOW_MS + 20_000, LAST_BOOT)))
    (call,) = shown(cloud)
    assert (call.outcome, len(call.parts)) == ("answered", 2)


def test_a_resumed_call_lasts_no_less_than_what_is_known_when_clocks_disagree(cloud: Cloud) -> None:
    take_in(cloud, world.answered_call()[:6] + resumed(later(NOW_MS - 9_000_000)))
    (call,) = shown(cloud)
    assert (call.outcome, call.talk_seconds) == ("answered", 2.0)


def test_a_late_end_parts_them_again(cloud: Cloud) -> None:
    events = world.answered_call()
    take_in(cloud, events[:6] + resumed(later()))
    assert len(shown(cloud)) == 1
    take_in(cloud, events[6:])
    assert {call.id for call in shown(cloud)} == {CALL, CONTINUED}


def test_ringing_that_a_cut_divides_is_one_call_with_its_rings_added_up(cloud: Cloud) -> None:
    box = later(NOW_MS + 4_000)
    after = [
        box.say("boot", 100, reason="power_on", firmware="0.1", off_hook=False),
        box.say("ring_started", 2000, call=2),
        box.say("ring_burst", 2000, call=2, burst=1),
        box.say("ring_stopped", 8000, call=2, bursts=1),
    ]
    take_in(cloud, world.missed_call()[:4] + after)
    (call,) = shown(cloud)
    assert (call.outcome, call.ring_count, call.e164) == ("missed", 2, "+8613800138000")


def test_a_call_that_rings_later_is_another(cloud: Cloud) -> None:
    take_in(cloud, world.missed_call()[:4] + world.missed_call(box=later(NOW_MS + 60_000)))
    assert [call.outcome for call in shown(cloud)] == ["missed", "interrupted"]


def test_another_caller_right_after_the_cut_is_another_call(cloud: Cloud) -> None:
    box = later(NOW_MS + 4_000)
    after = [
        box.say("boot", 100, reason="power_on", firmware="0.1", off_hook=False),
        box.say("ring_started", 2000, call=2),
        box.say("caller_id", 4000, call=2, format="fsk-mdmf", number="15756456266"),
        box.say("ring_stopped", 8000, call=2, bursts=2),
    ]
    take_in(cloud, world.missed_call()[:4] + after)
    assert [call.outcome for call in shown(cloud)] == ["missed", "interrupted"]


def test_a_boot_whose_clock_is_hours_back_continues_nothing(cloud: Cloud) -> None:
    take_in(cloud, world.missed_call()[:4] + world.missed_call(box=later(NOW_MS - 9_000_000)))
    assert sorted(call.outcome for call in shown(cloud)) == ["interrupted", "missed"]


def test_what_a_box_slept_through_is_not_called_unanswered(cloud: Cloud) -> None:
    take_in(cloud, world.outbound_call("13800138000")[:2] + resumed(later()))
    (call,) = shown(cloud)
    assert (call.direction, call.outcome) == ("out", "interrupted")

"""A call as a projection of its events: outcomes, numbers, times, and no memory of order or repetition."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.calls import Call, project_call
from telephony.events import Event, is_later_boot
from tests.cloud_broker.world import (
    AGENT,
    BOOT,
    BOX,
    CALL,
    NOW_MS,
    Box,
    answered_call,
    missed_call,
    outbound_call,
)


def project(events: list[Event], **options: Any) -> Call:
    call = project_call(CALL, events, area_code="027", **options)
    assert call is not None
    return call


def box_says(seq: int, uptime_ms: int, type: str, **fields: Any) -> Event:
    return Event(BOX, BOOT, seq, uptime_ms, type, {"call": 2, **fields}, NOW_MS + uptime_ms, "synced")


def agent_says(seq: int, type: str, **fields: Any) -> Event:
    return Event(AGENT, "aaaaaaaa-1", seq, 0, type, {"call": CALL, **fields}, NOW_MS + 10_000, "synced")


def test_answered_call() -> None:
    call = project(answered_call())
    assert (call.direction, call.state, call.outcome) == ("in", "ended", "answered")
    assert (call.number, call.e164, call.number_state) == ("13800138000", "+8613800138000", "present")
    assert (call.ring_count, call.talk_ms, call.caller_id_format) == (1, 4000, "fsk-mdmf")
    assert (call.started_ms, call.answered_ms, call.ended_ms) == (NOW_MS + 1000, NOW_MS + 5000, NOW_MS + 9000)
    assert (call.recording.state, call.recording.samples) == ("writing", 32_000)


def test_states_on_the_way() -> None:
    events = answered_call()
    assert project(events[:4]).state == "ringing"
    assert project(events[:5]).state == "talking"
    assert project(events[:5]).outcome is None


@pytest.mark.parametrize(
    ("tail", "outcome"),
    [
        ([("ring_stopped", {"bursts": 2})], "missed"),
        ([("ring_stopped", {"bursts": 0})], "abandoned_ring"),
        ([("off_hook", {"by": "box", "rings": 5}), ("on_hook", {"by": "box"})], "voicemail"),
        (
            [("line_changed", {"state": "low", "line_mv": 9000}), ("ring_stopped", {"bursts": 1})],
            "answered_elsewhere",
        ),
    ],
)
def test_inbound_outcomes(tail: list[tuple[str, dict[str, Any]]], outcome: str) -> None:
    box = Box()
    box.say("boot", 10, reason="power_on", firmware="0.1", off_hook=False)
    events = [box.say("ring_started", 1000, call=2)]
    events += [box.say(kind, 6000 + i, call=2, **fields) for i, (kind, fields) in enumerate(tail)]
    assert project(events).outcome == outcome


def test_outbound_connected_by_tone() -> None:
    call = project(outbound_call("013912345678"))
    assert (call.direction, call.outcome, call.connected_by) == ("out", "outbound_connected", "ringback_end")
    assert (call.dialled, call.e164, call.talk_ms) == ("013912345678", "+8613912345678", 5000)


def test_what_was_concluded_while_the_hang_up_lasted_is_no_connection() -> None:
    """Ring-back seems over 4.5 s behind its last burst; the set was put down just before that."""
    box = Box()
    box.say("boot", 10)
    events = [
        box.say("off_hook", 1000, call=2, by="phone"),
        box.say("digits_dialled", 7000, call=2, digits="17575598078", method="dtmf"),
        box.say("tone_detected", 15_400, call=2, tone="connected", method="ringback"),
        box.say("on_hook", 15_000, call=2, by="phone"),
    ]
    call = project(events)
    assert (call.outcome, call.talk_ms, call.ended_ms - call.started_ms) == ("outbound_unanswered", 0, 14_000)


def test_outbound_busy_and_bare_lift_are_unanswered() -> None:
    box = Box()
    box.say("boot", 10)
    lift = [box.say("off_hook", 1000, call=2, by="phone"), box.say("on_hook", 60_000, call=2, by="phone")]
    assert project(lift).outcome == "outbound_unanswered"
    busy = [e for e in outbound_call("02756430144") if e.type != "tone_detected"]
    assert project(busy[1:]).outcome == "outbound_unanswered"


def test_outbound_without_any_sign_counts_by_time() -> None:
    box = Box()
    box.say("boot", 10)
    events = [
        box.say("off_hook", 1000, call=2, by="phone"),
        box.say("digits_dialled", 4000, call=2, digits="8234", method="pulse"),
        box.say("digits_dialled", 6000, call=2, digits="5678", method="pulse"),
        box.say("on_hook", 40_000, call=2, by="phone"),
    ]
    call = project(events)
    assert (call.outcome, call.connected_by, call.e164) == ("outbound_connected", "duration", "+862782345678")


@pytest.mark.parametrize(
    ("fields", "state", "number", "e164"),
    [
        ({"format": "fsk-mdmf", "reason": "withheld"}, "withheld", None, None),
        ({"format": "fsk-mdmf", "reason": "unavailable"}, "unavailable", None, None),
        ({"format": "failed"}, "none", None, None),
        ({"format": "dtmf", "number": "13800138000", "uncertain": True}, "uncertain", "13800138000", None),
        ({"format": "fsk-sdmf", "number": "13800138000", "repaired": True}, "uncertain", "13800138000", None),
        ({"format": "fsk-sdmf", "number": "2156430144"}, "uncertain", "2156430144", None),
        ({"format": "dtmf", "number": "A13"}, "uncertain", "A13", None),
    ],
)
def test_number_states(fields: dict[str, Any], state: str, number: str | None, e164: str | None) -> None:
    box = Box()
    box.say("boot", 10)
    call = project([box.say("ring_started", 1000, call=2), box.say("caller_id", 2000, call=2, **fields)])
    assert (call.number_state, call.number, call.e164) == (state, number, e164)


def test_two_caller_ids_that_disagree_match_nobody() -> None:
    box = Box()
    box.say("boot", 10)
    numbers = ["13800138000", "13912345678"]
    said = [box.say("caller_id", i, call=2, format="fsk-mdmf", number=n) for i, n in enumerate(numbers)]
    assert (project(said).number_state, project(said).e164) == ("uncertain", None)


def test_a_better_caller_id_replaces_a_worse_one() -> None:
    box = Box()
    box.say("boot", 10)
    said = [
        box.say("caller_id", 1, call=2, format="failed"),
        box.say("caller_id", 2, call=2, format="fsk-mdmf", number="13800138000", name="陈".encode("gbk")),
    ]
    assert (project(said).e164, project(said).caller_name) == ("+8613800138000", "陈")


def test_gone_box_interrupts_and_a_late_end_replaces_it() -> None:
    events = answered_call()
    cut = project(events[:6], gone_ms=NOW_MS + 200_000)
    assert (cut.state, cut.outcome, cut.ended_ms, cut.talk_ms) == ("ended", "interrupted", NOW_MS + 5000, 0)
    whole = project(events, gone_ms=NOW_MS + 200_000)
    assert (whole.outcome, whole.talk_ms) == ("answered", 4000)


def test_duration_survives_a_wrap_of_the_timer_and_a_step_of_the_clock() -> None:
    box = Box()
    box.say("boot", 10)
    off = box.say("off_hook", 2**32 - 1000, call=2, by="phone", rings=1)
    on = box.say("on_hook", 2000, call=2, by="phone")
    assert project([off, on]).talk_ms == 3000


def test_recording_states() -> None:
    events = answered_call()
    gap = box_says(99, 7000, "audio_gap", first_sample=8, samples=4, reason="ring")
    stored = agent_says(1, "recording_stored", samples=32_000, gaps=[[100, 50]])
    assert project([*events, gap]).recording.gaps == ((8, 4),)
    call = project(
        [*events, gap, stored]
    )  # the file's own gaps: what the box declared may have come after all
    assert (call.recording.state, call.recording.gaps) == ("local", ((100, 50),))
    lost = project([*events, agent_says(1, "recording_lost", reason="disk_full")])
    assert (lost.recording.state, lost.recording.reason) == ("none", "disk_full")
    vanished = project([*events, stored, agent_says(2, "recording_lost", reason="file_changed")])
    assert (vanished.recording.state, vanished.recording.reason) == ("none", "file_changed")
    assert project(missed_call()).recording.reason == "not_answered"


def test_agent_events_alone_are_no_call_yet() -> None:
    stored = agent_says(1, "recording_stored", samples=1)
    assert project_call(CALL, [stored], area_code="027") is None


EVENTS = [
    *answered_call(),
    box_says(20, 6000, "tone_detected", tone="busy"),
    box_says(21, 7000, "audio_gap", first_sample=1, samples=2, reason="ring"),
    agent_says(1, "recording_stored", samples=32_000, gaps=[[100, 50]]),
    agent_says(2, "recording_uploaded", sha256="0" * 64, bytes=1),
]


@given(
    chosen=st.sets(st.sampled_from(range(len(EVENTS))), min_size=1),
    repeats=st.lists(st.sampled_from(range(len(EVENTS))), max_size=10),
    seed=st.integers(0, 2**32),
)
def test_order_and_repetition_change_nothing(chosen: set[int], repeats: list[int], seed: int) -> None:
    once = [EVENTS[i] for i in sorted(chosen)]
    shuffled = once + [EVENTS[i] for i in repeats if i in chosen]
    random.Random(seed).shuffle(shuffled)
    options: dict[str, Any] = {"area_code": "027", "gone_ms": NOW_MS if seed % 2 else None}
    assert project_call(CALL, shuffled, **options) == project_call(CALL, once, **options)


@pytest.mark.parametrize(
    ("boot", "first", "other", "other_first", "later"),
    [
        ("1f2e3d4c-7", 5, "1f2e3d4c-8", 1, True),  # counts say it, whatever the clock said
        ("1f2e3d4c-9", 1, "1f2e3d4c-10", 1, True),
        ("1f2e3d4c-8", 1, "1f2e3d4c-7", 5, False),
        ("1f2e3d4c-8", 1, "00000001-1", 5, True),  # a new life
        ("1f2e3d4c-8", 5, "00000001-1", 1, False),
        ("1f2e3d4c-8", 5, "1f2e3d4c-8", 5, False),
    ],
)
def test_later_boot(boot: str, first: int, other: str, other_first: int, later: bool) -> None:
    assert is_later_boot(boot, first, other, other_first) is later

"""What the ear failed on goes to the desk: sound and loop voltage, unless a call or the ring was faster."""

import struct

from protocol.link import LinkEnd
from protocol.messages import CAPTURE, CAPTURE_STEP, encode_host_hello
from sim.scenario import ScenarioRun, read_scenario
from tests.firmware.bench import AGENT, BLOCK, IDLE_MV, Bench
from tests.firmware.test_line_state import lift, settle

BROKEN = """
[[call]]
at = 2.0
number = "13800138000"
caller_id = {{ format = "mdmf", broken = true }}
desk = [{desk}]
far = ["until ring 3", "wait 1", "hang up"]
"""
MISSED = BROKEN.format(desk="")
LEAST, MOST = 61 * CAPTURE_STEP, 62 * CAPTURE_STEP


def play_until_failed(bench: Bench, scenario: str) -> None:
    """Up to the block whose caller ID failed; the capture has just begun."""
    play = ScenarioRun(read_scenario(scenario))
    while "caller_id" not in bench.desk.types():
        bench.step(play.line.step(BLOCK))
    assert bench.desk.only("caller_id").fields["format"] == "failed" and not bench.desk.captures


def test_a_failed_caller_id_is_captured(bench: Bench) -> None:
    bench.play(MISSED)
    failed = bench.desk.only("caller_id")
    ((call, uptime_ms, samples, loop),) = bench.desk.captures
    assert call == failed.fields["call"] and uptime_ms == failed.uptime_ms
    assert LEAST <= samples < MOST
    alaw = bench.desk.recording(CAPTURE)
    assert len(alaw) == samples
    assert alaw[:8000].count(0xD5) > 7900, "before the box was on there is silence"
    assert len(set(alaw[-8000:-2000])) > 20, "the message stands near its end"
    readings = [10 * reading for reading in struct.unpack(f">{len(loop) // 2}h", loop)]
    assert len(readings) == -(-samples // CAPTURE_STEP)
    assert abs(readings[-1] - IDLE_MV) < 1000 and max(readings) > 100_000, "on-hook, and it had rung"


def test_an_answered_call_wins(bench: Bench) -> None:
    bench.play(BROKEN.format(desk='"until ring 1", "wait 2.3", "lift", "talk 3", "hang up"'))
    desk = bench.desk
    assert desk.only("caller_id").fields["format"] == "failed"
    assert desk.only("off_hook").uptime_ms - desk.only("caller_id").uptime_ms < 500
    ((call, _, samples, loop),) = desk.captures
    assert call == desk.only("off_hook").fields["call"] and samples == 0 and loop == b""
    recorded = desk.only("recording_stopped").fields["samples"]
    assert len(desk.recording(call)) == recorded and "audio_gap" not in desk.types()


def test_without_a_desk_it_is_overwritten_and_told_so(bench: Bench) -> None:
    bench.is_plugged = False
    bench.play(MISSED)
    bench.is_plugged = True
    bench.hold(IDLE_MV, 2000)
    assert [capture[2:] for capture in bench.desk.captures] == [(0, b"")]
    assert CAPTURE not in bench.desk.audio


def test_a_new_session_goes_on_with_it(bench: Bench) -> None:
    play_until_failed(bench, MISSED)
    bench.hold(IDLE_MV, 64)
    bench.desk.link = LinkEnd(False, encode_host_hello(AGENT, 0, {}, []), lambda: 1)
    bench.hold(IDLE_MV, 3000)
    ((_, _, samples, _),) = bench.desk.captures
    assert samples and len(bench.desk.recording(CAPTURE)) == samples


def test_one_a_call(bench: Bench) -> None:
    play_until_failed(bench, MISSED)
    bench.hold(IDLE_MV, 12_000)
    bench.play(MISSED)
    calls = [event.seq for event in bench.desk.events if event.type == "ring_started"]
    assert [capture[0] for capture in bench.desk.captures] == calls and len(calls) == 2


UNCERTAIN = """
[[call]]
at = 2.0
number = "13800138000"
caller_id = { format = "dtmf", dropout_ms = 110.0 }
far = ["until ring 2", "wait 1", "hang up"]
"""
BEFORE_THE_RING = """
[[call]]
at = 2.0
number = "13800138000"
caller_id = { format = "mdmf", before_ring = true, broken = true }
far = ["until caller-id sent", "wait 0.2", "hang up"]
"""
AFTER_A_TALK = """
[[call]]
at = 1.0
direction = "out"
desk = ["lift", "talk 3", "hang up"]
[[call]]
at = 5.0
number = "13800138000"
caller_id = { format = "mdmf", broken = true }
far = ["until ring 2", "wait 1", "hang up"]
"""


def test_an_uncertain_one_is_captured(bench: Bench) -> None:
    bench.play(UNCERTAIN)
    uncertain = bench.desk.only("caller_id")
    assert uncertain.fields["uncertain"] is True and "number" not in uncertain.fields
    ((call, uptime_ms, samples, _),) = bench.desk.captures
    assert (call, uptime_ms) == (uncertain.fields["call"], uncertain.uptime_ms) and samples >= LEAST


def test_one_that_no_call_came_of_is_captured_once_in_ten_minutes(bench: Bench) -> None:
    for _ in range(2):
        bench.play(BEFORE_THE_RING, rest_ms=4000)
    assert bench.desk.types() == ["boot"]
    assert [capture[0] for capture in bench.desk.captures] == [0]
    bench.board.skip(600_000)
    bench.now_ms += 600_000
    bench.play(BEFORE_THE_RING, limit_s=900.0, rest_ms=4000)
    assert [capture[0] for capture in bench.desk.captures] == [0, 0]


def test_none_of_the_talk_before_it_is_in_it(bench: Bench) -> None:
    bench.play(AFTER_A_TALK)
    on_hook, failed = bench.desk.only("on_hook"), bench.desk.only("caller_id")
    ((call, uptime_ms, samples, loop),) = bench.desk.captures
    assert call == failed.fields["call"] and samples < LEAST
    first_ms = uptime_ms - samples / 8
    assert on_hook.uptime_ms <= first_ms < on_hook.uptime_ms + 128
    assert len(loop) // 2 == -(-samples // CAPTURE_STEP)
    assert len(bench.desk.recording(CAPTURE)) == samples


def test_the_heap_holds_a_self_test_a_capture_and_a_desk_that_was_away(bench: Bench) -> None:
    settle(bench)
    bench.desk.command("self_test")
    bench.play(MISSED)
    bench.hold(IDLE_MV, 8000)
    lift(bench, 2048)
    bench.is_plugged = False
    lift(bench, 7008)
    bench.is_plugged = True
    lift(bench, 4096)
    bench.hold(IDLE_MV, 3000)
    desk = bench.desk
    assert desk.captures[0][2] and not {"fault", "audio_gap"} & set(desk.types())
    recorded = desk.only("recording_stopped").fields["samples"]
    assert len(desk.recording(desk.only("off_hook").seq)) == recorded

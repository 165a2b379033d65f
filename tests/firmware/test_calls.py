"""Calls on the simulated line: which events the box tells, when, and what it records."""

from tests.firmware.bench import Bench

ANSWERED = """
[[call]]
at = 1.0
number = "13800138000"
desk = ["until ring 2", "wait 0.5", "lift", "talk 4", "hang up"]
far = ["until answer", "talk 4"]
"""


def test_an_answered_call(bench: Bench) -> None:
    truth = bench.play(ANSWERED).truths[0]
    desk = bench.desk
    assert desk.types() == [
        "boot",
        "ring_started",
        "ring_burst",
        "caller_id",
        "ring_burst",
        "off_hook",
        "recording_started",
        "on_hook",
        "recording_stopped",
    ]
    call = desk.only("ring_started").seq
    assert all(event.fields["call"] == call for event in desk.events[1:])
    caller_id = desk.only("caller_id").fields
    assert caller_id["number"] == "13800138000" and caller_id["format"] == "fsk-mdmf"
    off_hook, on_hook = desk.only("off_hook"), desk.only("on_hook")
    assert off_hook.fields["by"] == "phone" and off_hook.fields["rings"] == 2
    assert truth.off_hook_ms is not None and truth.on_hook_ms is not None
    assert abs(off_hook.uptime_ms - truth.off_hook_ms) <= 15
    assert abs(on_hook.uptime_ms - truth.on_hook_ms) <= 15
    samples = desk.only("recording_stopped").fields["samples"]
    assert samples == 8 * (on_hook.uptime_ms - off_hook.uptime_ms)
    assert len(desk.recording(call)) == samples

"""The line's state on loop voltages drawn by hand: one behaviour a test, times to the reading."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sim.signals.levels import join, silence, sine, to_pcm
from tests.firmware.bench import BLOCK_MS, IDLE_MV, LIFTED_MV, Bench, run_probe

READING_MS = 5
RINGBACK = to_pcm(join([sine(450.0, 8192, -12.0), silence(4096)] * 2))


def settle(bench: Bench, loop_mv: int = IDLE_MV) -> None:
    """Boot on a line that stands still."""
    bench.hold(loop_mv, 640)


def lift(bench: Bench, duration_ms: int = 1024, loop_mv: int = LIFTED_MV) -> None:
    """A handset off-hook for a while."""
    bench.hold(loop_mv, duration_ms)


def pulses(digits: str, break_ms: int = 60, make_ms: int = 40, pause_ms: int = 700) -> np.ndarray:
    """Loop voltage of a dial: breaks between closed loops."""
    parts: list[np.ndarray] = []
    for digit in digits:
        for _ in range(int(digit) or 10):
            parts += [np.full(break_ms, IDLE_MV), np.full(make_ms, LIFTED_MV)]
        parts.append(np.full(pause_ms, LIFTED_MV))
    return np.concatenate(parts).astype(np.int32)


def test_boot_says_what_it_found(bench: Bench) -> None:
    settle(bench)
    boot = bench.desk.only("boot").fields
    assert boot["reason"] == "power_on" and boot["off_hook"] is False
    assert abs(boot["line_mv"] - IDLE_MV) <= 250


def test_a_missed_call(bench: Bench) -> None:
    settle(bench)
    for _ in range(2):
        bench.ring()
        bench.hold(IDLE_MV, 4000)
    bench.hold(IDLE_MV, 4000)
    desk = bench.desk
    assert desk.types() == ["boot", "ring_started", "ring_burst", "ring_burst", "ring_stopped"]
    stopped = desk.only("ring_stopped")
    assert stopped.fields == {"call": desk.only("ring_started").seq, "bursts": 2}
    assert abs(stopped.uptime_ms - (640 + 5000 + 1000)) <= 2 * READING_MS


def test_a_lift_inside_the_first_burst(bench: Bench) -> None:
    settle(bench)
    bench.ring(600)
    lift(bench, 2048)
    bench.hold(IDLE_MV, 1280)
    desk = bench.desk
    assert desk.types()[1:] == [
        "ring_started",
        "ring_burst",
        "off_hook",
        "recording_started",
        "on_hook",
        "recording_stopped",
    ]
    assert desk.only("off_hook").fields["rings"] == 1
    assert abs(desk.only("off_hook").uptime_ms - 1240) <= 30


def test_a_short_tinkle_is_no_ring(bench: Bench) -> None:
    settle(bench)
    bench.ring(80)
    bench.hold(IDLE_MV, 7000)
    assert bench.desk.types() == ["boot"]


def test_a_line_cut_while_idle_and_mended(bench: Bench) -> None:
    settle(bench)
    bench.hold(0, 1024)
    bench.hold(IDLE_MV, 1024)
    changes = [(e.fields["state"], "call" in e.fields) for e in bench.desk.events if e.type == "line_changed"]
    assert changes == [("cut", False), ("normal", False)]


def test_a_line_cut_in_a_call_ends_it_where_it_was_cut(bench: Bench) -> None:
    settle(bench)
    lift(bench, 2048)
    bench.hold(0, 2560)
    bench.hold(IDLE_MV, 1024)
    desk = bench.desk
    assert desk.only("on_hook").fields["by"] == "line"
    assert abs(desk.only("on_hook").uptime_ms - (640 + 2048)) <= READING_MS
    samples = desk.only("recording_stopped").fields["samples"]
    assert len(desk.recording(desk.only("off_hook").seq)) == samples


def test_an_open_interval_of_the_exchange_is_no_end(bench: Bench) -> None:
    settle(bench)
    lift(bench)
    bench.hold(0, 800)
    lift(bench)
    assert "on_hook" not in bench.desk.types()


def test_a_second_handset_in_parallel(bench: Bench) -> None:
    settle(bench)
    lift(bench, 1600)
    lift(bench, 960, 6500)
    lift(bench, 960)
    changes = [e for e in bench.desk.events if e.type == "line_changed"]
    assert [e.fields["state"] for e in changes] == ["low", "normal"]
    assert all(e.fields["call"] == bench.desk.only("off_hook").seq for e in changes)
    assert abs(changes[0].uptime_ms - (640 + 1600)) <= 350


def test_a_reversal_says_that_the_called_party_answered(bench: Bench) -> None:
    settle(bench)
    lift(bench, 2048)
    bench.hold(-LIFTED_MV, 2048)
    tone = bench.desk.only("tone_detected").fields
    assert tone["tone"] == "connected" and tone["method"] == "reversal"


def wait_behind_ringback(bench: Bench, waits_ms: int) -> int:
    """A call out that rang at the far end; when it fell silent, ms."""
    settle(bench)
    lift(bench)
    bench.hear(RINGBACK, LIFTED_MV)
    silent_ms = bench.now_ms
    lift(bench, waits_ms)
    return silent_ms


def test_the_silence_of_a_hang_up_is_no_answer(make_bench: Callable[..., Bench]) -> None:
    patient, hasty = make_bench("patient.bin"), make_bench("hasty.bin")
    silent_ms = wait_behind_ringback(patient, 2048)
    connected = patient.desk.events[-1]
    assert connected.fields["tone"] == "connected"
    waits_ms = connected.uptime_ms - silent_ms
    assert 600 < waits_ms < 2048
    wait_behind_ringback(hasty, waits_ms - 300)
    hasty.hold(IDLE_MV, 1280)
    assert hasty.desk.types()[-3:] == ["tone_detected", "on_hook", "recording_stopped"]
    assert hasty.desk.only("tone_detected").fields["tone"] == "ringback"


def test_an_answer_that_comes_within_a_flash_is_told(make_bench: Callable[..., Bench]) -> None:
    undisturbed, flashed = make_bench("undisturbed.bin"), make_bench("flashed.bin")
    silent_ms = wait_behind_ringback(undisturbed, 2048)
    opens_ms = undisturbed.desk.events[-1].uptime_ms - 96
    wait_behind_ringback(flashed, opens_ms - silent_ms)
    flashed.hold(IDLE_MV, 192)
    lift(flashed, 2048)
    told = {e.fields.get("state") or e.fields.get("tone"): e for e in flashed.desk.events[3:]}
    assert list(told) == ["ringback", "connected", "flash"]
    assert 0 < told["connected"].uptime_ms - opens_ms < 192  # while the loop was open


def test_off_hook_at_boot_is_resumed(bench: Bench) -> None:
    lift(bench, 1024)
    bench.hold(IDLE_MV, 1280)
    desk = bench.desk
    assert desk.only("boot").fields["off_hook"] is True
    assert desk.only("off_hook").fields["resumed"] is True
    assert desk.only("on_hook").fields["call"] == desk.only("off_hook").seq


@pytest.mark.parametrize(("break_ms", "make_ms"), [(60, 40), (67, 33), (50, 50)])
def test_pulse_dialling(bench: Bench, break_ms: int, make_ms: int) -> None:
    settle(bench)
    lift(bench, 1024)
    dial = pulses("10297", break_ms, make_ms)
    bench.hold(dial, len(dial))
    lift(bench, 5120)
    dialled = bench.desk.only("digits_dialled").fields
    assert dialled["digits"] == "10297" and dialled["method"] == "pulse"
    assert "line_changed" not in bench.desk.types() and "on_hook" not in bench.desk.types()


def test_a_bouncing_contact_dials_nothing(bench: Bench) -> None:
    settle(bench)
    bench.hold(np.tile(np.repeat(np.array([LIFTED_MV, IDLE_MV]), (4, 3)), 8).astype(np.int32), 56)
    lift(bench, 5120)
    assert bench.desk.types()[1:] == ["off_hook", "recording_started"]


@pytest.mark.parametrize("flash_ms", [100, 300, 500])
def test_the_flash_hook(bench: Bench, flash_ms: int) -> None:
    settle(bench)
    lift(bench, 1600)
    bench.hold(IDLE_MV, flash_ms)
    lift(bench, 1600)
    assert bench.desk.only("line_changed").fields["state"] == "flash"
    assert "on_hook" not in bench.desk.types()


def test_a_reversal_that_ends_after_the_hang_up_is_no_flash(bench: Bench) -> None:
    settle(bench)
    lift(bench, 1600)
    reversing = np.array([IDLE_MV, 12_000, -12_000, -IDLE_MV], dtype=np.int32)
    bench.hold(np.repeat(reversing, (320, 5, 5, 950)), 1280)
    told = ["off_hook", "recording_started", "on_hook", "recording_stopped", "line_changed"]
    assert bench.desk.types()[1:] == told and bench.desk.only("line_changed").fields["state"] == "reversed"
    on_hook = bench.desk.only("on_hook")
    assert abs(on_hook.uptime_ms - (640 + 1600)) <= 2 * READING_MS


def test_the_recording_counts_exactly_the_samples_between_the_hooks(bench: Bench) -> None:
    settle(bench)
    pair = np.repeat(np.array([IDLE_MV, LIFTED_MV, IDLE_MV], dtype=np.int32), (11, 3333, 1296))
    bench.hold(pair, len(pair))
    desk = bench.desk
    off_hook, on_hook = desk.only("off_hook"), desk.only("on_hook")
    samples = desk.only("recording_stopped").fields["samples"]
    assert samples == 8 * (on_hook.uptime_ms - off_hook.uptime_ms)
    assert abs(samples - 8 * 3333) <= 8 * 2 * READING_MS
    assert len(desk.recording(off_hook.seq)) == samples


def test_samples_never_heard_are_a_gap_in_a_recording_of_true_length(bench: Bench) -> None:
    settle(bench)
    lift(bench, 1024)
    bench.board.skip(480)
    bench.now_ms += 480
    lift(bench, 1024)
    bench.hold(IDLE_MV, 1280)
    desk = bench.desk
    gap = desk.only("audio_gap").fields
    assert gap["samples"] == 480 * 8 and gap["reason"] == "overrun"
    assert abs(gap["first_sample"] - 1024 * 8) <= 8 * 2 * READING_MS
    heard = desk.recording(desk.only("off_hook").seq)
    silent = heard[gap["first_sample"] : gap["first_sample"] + gap["samples"]]
    assert silent == b"\xd5" * gap["samples"]
    assert abs(desk.only("recording_stopped").fields["samples"] - 8 * 2528) <= 8 * 2 * READING_MS
    assert bench.now_ms % BLOCK_MS == 0


def test_a_feed_turned_back_after_the_set_hung_up_ends_nothing_twice(bench: Bench) -> None:
    """From -48 V to 48 V the pair passes through the volts of a closed loop for one reading."""
    settle(bench)
    lift(bench, 1024)
    lift(bench, 2048, -LIFTED_MV)
    turning = np.concatenate([np.full(500, -IDLE_MV), np.full(5, -LIFTED_MV), np.full(1031, IDLE_MV)])
    bench.hold(turning.astype(np.int32), len(turning))
    desk = bench.desk
    off_hook, on_hook = desk.only("off_hook"), desk.only("on_hook")
    assert abs(on_hook.uptime_ms - off_hook.uptime_ms - 3072) <= 2 * READING_MS
    assert [e.fields["state"] for e in desk.events if e.type == "line_changed"][:1] == ["reversed"]
    assert "flash" not in [e.fields.get("state") for e in desk.events]


def test_a_box_that_found_the_line_cut_learns_its_polarity_when_it_is_mended(bench: Bench) -> None:
    settle(bench, 0)
    bench.hold(-IDLE_MV, 4096)
    lift(bench, 2048, -LIFTED_MV)
    lift(bench, 2048)
    lift(bench, 1024, -LIFTED_MV)
    bench.hold(-IDLE_MV, 1024)
    assert bench.desk.only("tone_detected").fields["method"] == "reversal"
    changes = [event.fields["state"] for event in bench.desk.events if event.type == "line_changed"]
    assert changes == ["cut", "normal", "reversed", "normal"]


def test_a_box_that_boots_in_an_answered_call_takes_no_hang_up_for_an_answer(bench: Bench) -> None:
    lift(bench, 2048, -LIFTED_MV)
    lift(bench, 2048)
    bench.hold(IDLE_MV, 4096)
    assert "tone_detected" not in bench.desk.types()
    lift(bench, 2048)
    lift(bench, 2048, -LIFTED_MV)
    assert bench.desk.only("tone_detected").fields["method"] == "reversal"


def test_without_memory_the_line_is_what_it_is(tmp_path: Path) -> None:
    told = run_probe(tmp_path, "short_probe.py").splitlines()
    assert told == ["on_hook None", "short dialling 1", "short on_hook None"]

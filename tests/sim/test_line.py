"""The pair: volts and sound, the same at any step length and in any run."""

import time

import numpy as np
import pytest

from sim.impairments import Path
from sim.line import Line, LineBlock, LineSettings
from sim.scenario import Scenario, ScenarioRun, read_scenario
from sim.signals.levels import level_dbm0

CALL = """
seed = 3
[[call]]
at = 0.5
number = "13800138000"
desk = ["until ring 2", "wait 0.3", "lift", "talk 3", "until tone busy", "wait 0.5", "hang up"]
far = ["until answer", "talk 2", "hang up"]
[[call]]
at = 14.0
direction = "out"
desk = ["lift", "until tone dial", "wait 0.2", "dial 10086", "until answer", "talk 1", "hang up"]
far = ["until ringback 1", "wait 0.5", "lift", "talk 1"]
"""


def played(scenario: Scenario, samples: int) -> LineBlock:
    """All of `scenario` in steps of `samples`, and a little more so that lengths agree."""
    run = ScenarioRun(scenario)
    blocks = [run.line.step(samples) for _ in range(8000 * 24 // samples)]
    assert run.is_over
    return LineBlock(
        np.concatenate([block.audio for block in blocks]), np.concatenate([block.loop_mv for block in blocks])
    )


def test_the_same_seed_gives_the_same_line_at_any_step_length() -> None:
    scenario = read_scenario(CALL)
    first = played(scenario, 256)
    for samples in (256, 1024, 8, 8000):
        again = played(scenario, samples)
        length = min(len(first.audio), len(again.audio)) // 8
        assert np.array_equal(first.audio[: length * 8], again.audio[: length * 8])
        assert np.array_equal(first.loop_mv[:length], again.loop_mv[:length])


def test_another_seed_gives_another_line() -> None:
    first, other = Line(LineSettings(seed=1)).step(800), Line(LineSettings(seed=2)).step(800)
    assert not np.array_equal(first.audio, other.audio)


def test_block_forms() -> None:
    block = Line().step(256)
    assert block.audio.dtype == np.int16 and block.audio.shape == (256,)
    assert block.loop_mv.dtype == np.int32 and block.loop_mv.shape == (32,)
    with pytest.raises(ValueError, match="whole milliseconds"):
        Line().step(100)


def volts(line: Line) -> float:
    """The settled loop voltage."""
    line.step(80)
    return float(np.mean(line.step(800).loop_mv)) / 1000.0


def test_loop_voltages() -> None:
    line = Line()
    assert volts(line) == pytest.approx(48.0, abs=0.05)
    line.set_hook("phone", True)
    assert 6.0 <= volts(line) <= 10.0
    one_set = volts(line)
    line.set_hook("second", True)
    assert 1.0 < one_set - volts(line) < 3.0
    line.cut(True)
    assert volts(line) == pytest.approx(0.0, abs=0.05)
    line.cut(False)
    line.reverse(True)
    line.set_hook("phone", False)
    line.set_hook("second", False)
    assert volts(line) == pytest.approx(-48.0, abs=0.05)


def test_ringing_is_added_to_the_battery() -> None:
    line = Line()
    line.step(80)
    line.ring(True)
    ringing = line.step(8000).loop_mv.astype(float)
    assert np.mean(ringing) == pytest.approx(48_000.0, abs=100.0)
    assert np.std(ringing) == pytest.approx(90_000.0, rel=0.01)
    assert np.argmax(np.abs(np.fft.rfft(ringing - ringing.mean()))) == 25


def test_the_box_seizes_and_is_heard_in_the_next_step() -> None:
    line = Line(LineSettings(path=Path(noise_dbm0=None)))
    line.put(np.full(256, 1000, dtype=np.int16), True)
    block = line.step(256)
    assert block.audio.tolist() == [1000] * 256
    assert block.loop_mv[-1] < 10_000
    line.put(None, False)
    assert not line.step(256).audio.any() and not line.is_off_hook


def test_the_floor_has_the_level_that_was_asked_for() -> None:
    line = Line(LineSettings(path=Path(noise_dbm0=-50.0, hum_dbm0=None)))
    assert level_dbm0(line.step(16_000).audio) == pytest.approx(-50.0, abs=0.3)


def test_quiet_time_can_be_skipped_without_a_trace() -> None:
    scenario = read_scenario(
        '[[call]]\nat = 5.0\nnumber = "10086"\nfar = ["until ring 1", "wait 3", "hang up"]'
    )
    stepped, skipped = ScenarioRun(scenario).line, ScenarioRun(scenario).line
    stepped.step(40_000)
    assert skipped.quiet_ms() == 5000
    skipped.skip(5000)
    assert skipped.quiet_ms() == 0
    ahead, same = stepped.step(8000), skipped.step(8000)
    assert np.array_equal(ahead.audio, same.audio) and np.array_equal(ahead.loop_mv, same.loop_mv)
    with pytest.raises(ValueError, match="not still"):
        skipped.skip(1000)


@pytest.mark.parametrize(("at_s", "times"), [(0.0, 2000.0), (9.0, 500.0)], ids=["quiet", "talk"])
def test_a_line_renders_faster_than_the_headless_demo_needs(at_s: float, times: float) -> None:
    line = ScenarioRun(read_scenario(CALL.replace("at = 0.5", "at = 2.0"))).line
    line.step(8 * round(at_s * 1000) or 8)
    best = 0.0
    for _ in range(5):
        begun = time.process_time()
        for _ in range(10):
            line.step(256)
        best = max(best, 10 * 0.032 / max(time.process_time() - begun, 1e-9))
    assert best >= times

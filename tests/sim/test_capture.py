"""From a field failure to a test: a damaged caller ID on the line, the box, the agent's disk, a test."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sim.audio_file import AudioError, write_wav
from sim.board import Board, BoardSettings
from sim.capture import Capture, read_capture
from sim.cli import app
from sim.scenario import ScenarioRun, read_scenario
from tests.host_agent.desk import Desk
from tests.scenarios.test_captures import find_capture_fault

SOURCE = "a1b2c3d4e5f6"
BLOCK = 256
CALL = """
[[call]]
at = 2.0
number = "13800138000"
caller_id = {{ {caller_id} }}
far = ["until ring 2", "wait 1", "hang up"]
"""
RING = ["ring_started", "ring_burst burst=1"]


class BoxOnALine:
    """The firmware between a scenario's line and the agent's wire."""

    source = SOURCE

    def __init__(self, flash: Path, scenario: str) -> None:
        self.play = ScenarioRun(read_scenario(scenario))
        self.board = Board(BoardSettings(SOURCE, flash, seed=7))
        self._received = b""
        self._began_ms: int | None = None

    def receive(self, data: bytes, now_ms: int) -> None:
        self._received += data

    def poll(self, now_ms: int) -> bytes:
        """Let the line's time catch up with the desk's."""
        if self._began_ms is None:
            self._began_ms = now_ms
        out = b""
        while self.board.now_ms < now_ms - self._began_ms:
            to_board, self._received = self._received, b""
            out += self.board.step(self.play.line.step(BLOCK), to_board).serial_out
        return out


@pytest.mark.parametrize(
    ("caller_id", "told", "heard", "again"),
    [
        (
            'format = "mdmf", broken = true',
            {"format": "failed", "standard": "bell202"},
            {"format": "failed", "standard": "bell202"},
            [*RING, "caller_id format=failed number=-", "ring_stopped bursts=1"],
        ),
        (
            'format = "dtmf", dropout_ms = 110.0',
            {"format": "dtmf", "uncertain": True},
            {"format": "dtmf", "uncertain": True},
            ["caller_id format=dtmf uncertain=true number=-", "? ring_stopped bursts=0"],
        ),
        (
            'format = "mdmf", before_ring = true, broken = true',
            None,
            {"format": "failed"},
            ["? ring_started"],
        ),
    ],
)
def test_a_failure_on_the_line_becomes_a_test_that_fails_the_same_way(
    tmp_path: Path, caller_id: str, told: dict[str, Any] | None, heard: dict[str, Any], again: list[str]
) -> None:
    wav, events = let_it_fail(tmp_path, CALL.format(caller_id=caller_id))
    facts = json.loads(wav.with_suffix(".json").read_text())
    if told is None:
        assert events == [] and facts["call"] is None
    else:
        assert told.items() <= events[0]["fields"].items() and "number" not in events[0]["fields"]
        assert facts["call"] == f"{SOURCE}-{events[0]['boot']}-{events[0]['fields']['call']}"
        assert (facts["uptime_ms"], facts["at"]) == (events[0]["uptime_ms"], events[0]["at"])
    result = CliRunner().invoke(app, ["decode", "--json", "--mode", "onhook", str(wav)])
    (decoded,) = json.loads(result.stdout)["caller_ids"]
    assert heard.items() <= decoded.items() and decoded["number"] is None
    assert find_capture_fault(wav, again, tmp_path) is None
    wish = ["? ring_started", "? ring_burst", "caller_id number=13800138000", "? ring_stopped"]
    (tmp_path / "flash.bin").unlink()
    assert find_capture_fault(wav, wish, tmp_path), (
        "a test that wants the number fails until the ear is mended"
    )


def let_it_fail(folder: Path, scenario: str) -> tuple[Path, list[dict[str, Any]]]:
    """Play `scenario` to a box with an agent; the capture it leaves, and the agent's caller IDs."""
    box = BoxOnALine(folder / "line.bin", scenario)
    desk = Desk(folder / "agent")
    desk.connect()
    desk.plug("P1", box)  # type: ignore[arg-type]
    try:
        while not box.play.is_over:
            desk.run(1000)
        desk.run(1000)
    finally:
        box.board.close()
    (wav,) = (folder / "agent" / "captures").glob("*.wav")
    return wav, desk.events("caller_id")


def test_a_capture_s_ringing_is_drawn_where_it_was() -> None:
    readings = np.full(62, 48_000, dtype=np.int32)
    readings[:3] = (90_000, 160_000, -20_000)
    readings[40:48] = (151_080, 67_800, -77_640, 28_000, 122_760, 151_080, 67_800, -77_640)
    capture = Capture(np.zeros(62 * 1024, dtype=np.int16), readings, 128)
    assert capture.bursts_ms() == [(0, 432), (5168, 6192)]
    loop_mv = capture.loop_mv()
    assert len(loop_mv) == 62 * 128 and set(loop_mv[500:5000]) == {48_000}
    assert loop_mv[5168:6192].max() == 48_000 + 125_640


@pytest.mark.parametrize("facts", ["", "[]", '{"v": 2}', '{"v": 1, "samples": 3}'])
def test_facts_that_do_not_fit_are_refused(tmp_path: Path, facts: str) -> None:
    write_wav(tmp_path / "x.wav", np.zeros(8000, dtype=np.int16))
    (tmp_path / "x.json").write_text(facts)
    with pytest.raises(AudioError, match="its capture's facts"):
        read_capture(tmp_path / "x.wav")
    result = CliRunner().invoke(app, ["decode", "--json", str(tmp_path / "x.wav")])
    assert result.exit_code == 1 and "facts" in json.loads(result.stdout)["error"]

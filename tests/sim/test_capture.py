"""From a field failure to a test: a broken caller ID on the line, the box, the agent's disk, `decode`."""

import json
from pathlib import Path

from typer.testing import CliRunner

from sim.board import Board, BoardSettings
from sim.cli import app
from sim.scenario import ScenarioRun, read_scenario
from tests.host_agent.desk import Desk

SOURCE = "a1b2c3d4e5f6"
BLOCK = 256
BROKEN = """
[[call]]
at = 2.0
number = "13800138000"
caller_id = { format = "mdmf", broken = true }
far = ["until ring 2", "wait 1", "hang up"]
"""


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


def test_a_failure_on_the_line_becomes_a_file_that_fails_the_same_way(tmp_path: Path) -> None:
    box = BoxOnALine(tmp_path / "flash.bin", BROKEN)
    desk = Desk(tmp_path / "agent")
    desk.connect()
    desk.plug("P1", box)  # type: ignore[arg-type]
    try:
        while not box.play.is_over:
            desk.run(1000)
    finally:
        box.board.close()
    told = desk.events("caller_id")[0]
    assert told["fields"]["format"] == "failed"
    (wav,) = (tmp_path / "agent" / "captures").glob("*.wav")
    facts = json.loads(wav.with_suffix(".json").read_text())
    assert facts["call"] == f"{SOURCE}-{told['boot']}-{told['fields']['call']}"
    assert (facts["uptime_ms"], facts["at"]) == (told["uptime_ms"], told["at"])
    result = CliRunner().invoke(app, ["decode", "--json", "--mode", "onhook", str(wav)])
    (heard,) = json.loads(result.stdout)["caller_ids"]
    assert (heard["format"], heard["standard"]) == ("failed", told["fields"]["standard"])

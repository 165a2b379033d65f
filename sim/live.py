"""One line in wall time: its phone, its box, and a serial port that an agent can open."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from sim.audio_file import write_wav
from sim.board import Board, BoardOutput, BoardSettings
from sim.line import LineBlock
from sim.pace import run_paced
from sim.port import PseudoPort
from sim.scenario import Scenario, ScenarioRun, load_scenario
from sim.seat import Seat
from sim.signals.levels import Pcm
from sim.terminal import HELP, Terminal


class TapedBoard:
    """A board whose line is written down as it hears it."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._tape: list[Pcm] = []

    @property
    def tape(self) -> Pcm:
        """All that stood on the line so far."""
        return np.concatenate([np.zeros(0, dtype=np.int16), *self._tape])

    def begin_step(self, block: LineBlock, serial_in: bytes) -> None:
        """See `Board.begin_step`."""
        self._tape.append(block.audio)
        self._board.begin_step(block, serial_in)

    def begin_skip(self, ms: int, serial_in: bytes) -> None:
        """See `Board.begin_skip`; skipped time is not on the tape."""
        self._board.begin_skip(ms, serial_in)

    def finish(self) -> BoardOutput:
        """See `Board.finish`."""
        return self._board.finish()


def run_live_line(
    settings: BoardSettings, scenario: Path | None, record: Path | None, tell: Callable[[str], None]
) -> None:
    """Run until the scenario is over, or until `quit` or Ctrl-C; then write the tape to `record`.

    Raises:
        SimulatorError: the scenario cannot be read, or the box does not run.
    """
    run = ScenarioRun(load_scenario(scenario) if scenario else Scenario("interactive"))
    terminal = Terminal(run, tell)
    board, port = Board(settings), PseudoPort()
    taped = TapedBoard(board) if record else None
    tell(f"line.ready port={port.path} source={settings.source}")
    if scenario is None:
        tell(HELP)
        terminal.read()
    try:
        run_paced(
            Seat(run.line, taped or board, port),
            lambda: terminal.has_quit or (scenario is not None and run.is_over),
            lambda _played, _at_ns: terminal.obey(),
        )
    except KeyboardInterrupt:
        pass
    finally:
        board.close()
        port.close()
        if taped is not None and record is not None:
            write_wav(record, taped.tape)

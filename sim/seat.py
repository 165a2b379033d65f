"""One seat as the simulator holds it: a line, the board across it, and the board's serial port."""

from collections.abc import Callable
from typing import Protocol

from sim.line import Line, LineBlock
from sim.port import PseudoPort
from sim.signals.levels import SAMPLES_PER_MS, Pcm

SerialFilter = Callable[[bytes], bytes]


class BoardOutput(Protocol):
    """What a board gave back for one block."""

    @property
    def serial_out(self) -> bytes: ...
    @property
    def audio_out(self) -> Pcm | None: ...
    @property
    def seized(self) -> bool: ...


class BoardLike(Protocol):
    """The board as a seat needs it; `sim.board.Board` is one."""

    def begin_step(self, block: LineBlock, serial_in: bytes) -> None: ...
    def begin_skip(self, ms: int, serial_in: bytes) -> None: ...
    def finish(self) -> BoardOutput: ...


class Seat:
    """Moves one line, its board and its port together; all else about time is the caller's.

    Args:
        cable: what the bytes from the board pass through on their way to the port; a sabotage breaks it.
    """

    def __init__(self, line: Line, board: BoardLike, port: PseudoPort, cable: SerialFilter = bytes) -> None:
        self.line = line
        self.board = board
        self.port = port
        self._cable = cable

    def begin_step(self, samples: int, serial_in: bytes) -> None:
        """Let `samples` samples pass, a multiple of 256; the board lives through them until `finish`."""
        self.board.begin_step(self.line.step(samples), serial_in)

    def begin_skip(self, ms: int, serial_in: bytes) -> None:
        """Let quiet time pass without samples, at most `line.quiet_ms()`."""
        self.line.skip(ms)
        self.board.begin_skip(ms, serial_in)

    def finish(self) -> bytes:
        """The bytes the board wants to send."""
        output = self.board.finish()
        self.line.put(output.audio_out, output.seized)
        return self._cable(output.serial_out)


def samples_in(ms: int) -> int:
    """Samples at 8 kHz."""
    return ms * SAMPLES_PER_MS

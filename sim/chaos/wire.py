"""The serial wire between a board and its port: bytes on it can be corrupted, dropped and doubled."""

import random
from dataclasses import dataclass

from sim.board import Board, BoardOutput
from sim.line import LineBlock


@dataclass(frozen=True)
class Damage:
    """Chance of each byte to be changed, lost, or sent twice."""

    corrupted: float
    dropped: float
    doubled: float

    def apply(self, data: bytes, rng: random.Random) -> bytes:
        """What comes out at the other end."""
        hit = self.corrupted + self.dropped + self.doubled
        out = bytearray()
        for byte in data:
            chance = rng.random()
            if chance >= hit:
                out.append(byte)
            elif chance < self.corrupted:
                out.append(byte ^ 1 << rng.randrange(8))
            elif chance < self.corrupted + self.doubled:
                out += bytes((byte, byte))
        return bytes(out)


class WiredBoard:
    """A board as a seat sees it, at the end of a wire that may be damaged in both directions.

    Attributes:
        damage: what the wire does now; None: it is whole.
    """

    def __init__(self, board: Board, rng: random.Random) -> None:
        self.board = board
        self.damage: Damage | None = None
        self._rng = rng

    def begin_step(self, block: LineBlock, serial_in: bytes) -> None:
        """See `Board.begin_step`."""
        self.board.begin_step(block, self._damaged(serial_in))

    def begin_skip(self, ms: int, serial_in: bytes) -> None:
        """See `Board.begin_skip`."""
        self.board.begin_skip(ms, self._damaged(serial_in))

    def finish(self) -> BoardOutput:
        """See `Board.finish`."""
        output = self.board.finish()
        if self.damage is None:
            return output
        return BoardOutput(self._damaged(output.serial_out), output.audio_out, output.seized)

    def _damaged(self, data: bytes) -> bytes:
        return self.damage.apply(data, self._rng) if self.damage is not None else data

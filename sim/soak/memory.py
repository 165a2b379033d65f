"""What a process and its children hold in memory (proc(5)); and the board's own heap, from its health."""

from collections.abc import Iterator
from pathlib import Path

from protocol.errors import MessageError
from protocol.framing import CONTROL, FrameDecoder
from protocol.messages import decode_message
from sim.board import Board, BoardOutput
from sim.line import LineBlock


def read_family_kb(pid: int) -> int:
    """Resident memory of a process and all its descendants; 0 for one that is gone."""
    return sum(read_rss_kb(one) for one in _family(pid))


def read_rss_kb(pid: int) -> int:
    """Resident memory of one process; 0 for one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield from _family(child)


class OverheardBoard:
    """A board as a seat sees it, whose serial line is listened to.

    Attributes:
        free_heap: bytes, of the newest health message; None before the first.
    """

    def __init__(self, board: Board) -> None:
        self.free_heap: int | None = None
        self._board = board
        self._decoder = FrameDecoder()

    def begin_step(self, block: LineBlock, serial_in: bytes) -> None:
        """See `Board.begin_step`."""
        self._board.begin_step(block, serial_in)

    def begin_skip(self, ms: int, serial_in: bytes) -> None:
        """See `Board.begin_skip`."""
        self._board.begin_skip(ms, serial_in)

    def finish(self) -> BoardOutput:
        """See `Board.finish`."""
        output = self._board.finish()
        for _, kind, _, _, payload in self._decoder.feed(output.serial_out):
            if kind == CONTROL:
                self._hear(payload)
        return output

    def _hear(self, payload: bytes) -> None:
        try:
            message = decode_message(payload)
        except MessageError:
            return
        if message[0] == "health":
            self.free_heap = message[1].get("free_heap")

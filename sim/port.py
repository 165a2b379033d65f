"""The board's end of a serial port: a pseudo-terminal whose other end the agent opens with pyserial."""

import os
import pty
import select
import time
import tty

from sim.errors import SimulatorError


class PseudoPort:
    """One pty in raw mode. The simulator keeps both ends open, so the agent may come and go.

    Attributes:
        path: what the agent opens, `/dev/pts/N`.
        written: bytes accepted by `write`.
        received: bytes returned by `read` and `read_until`.
        dropped: bytes that nobody took in time, as a USB device drops them when no host reads.
    """

    def __init__(self) -> None:
        self._board_end, self._agent_end = pty.openpty()
        tty.setraw(self._agent_end)
        os.set_blocking(self._board_end, False)
        self.path = os.ttyname(self._agent_end)
        self.written = 0
        self.received = 0
        self.dropped = 0

    def write(self, data: bytes, wait_s: float = 0.0) -> None:
        """Hand `data` to the other end; wait at most `wait_s` for room, then drop the rest."""
        deadline = time.monotonic() + wait_s
        view = memoryview(data)
        while view:
            try:
                count = os.write(self._board_end, view)
            except BlockingIOError:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([], [self._board_end], [], left)[1]:
                    self.dropped += len(view)
                    return
                continue
            self.written += count
            view = view[count:]

    def read(self) -> bytes:
        """What has arrived by now, possibly nothing."""
        try:
            data = os.read(self._board_end, 65536)
        except BlockingIOError:
            return b""
        self.received += len(data)
        return data

    def read_until(self, total: int, wait_s: float = 5.0) -> bytes:
        """Read until `received` is `total`.

        Raises:
            SimulatorError: they did not come within `wait_s`.
        """
        chunks = []
        while self.received < total:
            if not select.select([self._board_end], [], [], wait_s)[0]:
                raise SimulatorError(
                    f"{self.path}: {total - self.received} bytes of the agent did not arrive"
                )
            chunks.append(self.read())
        return b"".join(chunks)

    def close(self) -> None:
        os.close(self._board_end)
        os.close(self._agent_end)

"""A serial port whose plug can be pulled: the path stays, what lies behind it comes and goes."""

from pathlib import Path

from sim.port import PseudoPort


class PluggablePort(PseudoPort):
    """A pty behind a link in `folder`; each plugging-in makes a new pty, as a USB port gets a new device.

    Attributes:
        path: the link, which stays the same.
        is_plugged: False while there is no device behind it.
        is_abandoned: its agent is being killed: what that says it has written need not arrive.
    """

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._link = folder / name
        self.is_plugged = False
        self.is_abandoned = False
        self._totals = (0, 0, 0)
        self.plug()

    def unplug(self) -> None:
        """Pull it: whoever has it open gets an error, bytes on their way are gone."""
        if self.is_plugged:
            self.is_plugged = False
            self._totals = (self.written, self.received, self.dropped)
            self._link.unlink()
            super().close()

    def plug(self) -> None:
        """Put it back. `written`, `received` and `dropped` go on counting."""
        if not self.is_plugged:
            super().__init__()
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self.path)
            self.path = str(self._link)
            self.written, self.received, self.dropped = self._totals
            self.is_plugged = True

    def write(self, data: bytes, wait_s: float = 0.0) -> None:
        if self.is_plugged:
            super().write(data, wait_s)

    def read(self) -> bytes:
        return super().read() if self.is_plugged else b""

    def read_until(self, total: int, wait_s: float = 5.0) -> bytes:
        if self.is_abandoned:
            return self.read()
        return super().read_until(total, wait_s) if self.is_plugged else b""

    def close(self) -> None:
        self.unplug()

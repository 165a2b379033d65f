"""What an exchange does while a state lasts: timers and signals that end when the state is left."""

from collections.abc import Callable

from sim.agenda import Entry
from sim.line import Line, Source
from sim.signals.levels import SAMPLES_PER_MS, Signal

Tell = Callable[[str], None]


class Stay:
    """One stay in a state after the other; `end` closes the present one."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._timers: list[Entry] = []
        self._sending: list[Source] = []

    def after(self, delay_ms: float, action: Callable[[], None]) -> None:
        """Do `action` in `delay_ms` if this stay lasts so long."""
        self._timers.append(self._line.agenda.after(delay_ms, action))

    def send(self, signal: Signal, *, repeat: bool = False) -> float:
        """Send `signal`; returns how long it lasts, ms."""
        self._sending.append(self._line.send(signal, repeat=repeat))
        return len(signal) / SAMPLES_PER_MS

    def cancel_timers(self) -> None:
        """Forget what was to come; signals go on."""
        for timer in self._timers:
            timer.cancel()
        self._timers = []

    def end(self) -> None:
        """Cancel the timers and stop the signals."""
        self.cancel_timers()
        for source in self._sending:
            self._line.stop(source)
        self._sending = []

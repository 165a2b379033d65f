"""How an exchange rings a line and tells who calls.

FSK goes into the first long pause of the ringing, DTMF before the ringing. Sources: GR-30-CORE, YD/T 1277.1
(FSK at least 500 ms after the first burst, done 200 ms before the second); for DTMF the makers' descriptions.
"""

from collections.abc import Callable

from sim.call import CallTruth, IncomingCall
from sim.line import Line
from sim.signals.levels import Signal
from sim.stay import Stay, Tell

LONG_PAUSE_MS = 2500
LEAD_MS = 300
RING_AFTER_MS = 500
FSK_FORMATS = ("mdmf", "sdmf")


class Ringer:
    """Rings for one call, from its announcement until the stay ends.

    Args:
        seed: of what is random in the caller ID's signal.
        caller_id_after_ms: from the end of the burst to the FSK.
    """

    def __init__(
        self,
        line: Line,
        stay: Stay,
        call: IncomingCall,
        truth: CallTruth,
        seed: int,
        tell: Tell,
        caller_id_after_ms: int,
    ) -> None:
        self._line, self._stay, self._tell = line, stay, tell
        self._call, self._truth, self._seed = call, truth, seed
        self._caller_id_after_ms = caller_id_after_ms
        self._cadence = call.cadence_ms or line.settings.ringing.cadence_ms
        self._fsk: Signal | None = None

    def announce(self, done: Callable[[], None]) -> None:
        """Send what comes before the ringing, if anything does, then call `done`."""
        caller_id = self._call.caller_id
        is_dtmf = caller_id.format == "dtmf" and self._call.caller.number
        if not is_dtmf and not caller_id.before_ring:
            done()
            return
        self._line.reverse(caller_id.reversal)
        self._stay.after(LEAD_MS, lambda: self._announce_first(done))

    def ring(self) -> None:
        """Ring until the stay ends; FSK goes into the first long pause."""
        caller_id = self._call.caller_id
        if caller_id.format in FSK_FORMATS and not caller_id.before_ring:
            self._fsk = caller_id.signal(self._call.caller, self._seed)
        self._burst(0)

    def _announce_first(self, done: Callable[[], None]) -> None:
        lasts_ms = self._send_caller_id(self._call.caller_id.signal(self._call.caller, self._seed))
        self._stay.after(lasts_ms, lambda: self._line.reverse(False))
        self._stay.after(lasts_ms + RING_AFTER_MS, done)

    def _burst(self, index: int) -> None:
        on_ms, off_ms = self._cadence[index % len(self._cadence)]
        self._truth.ring_count += 1
        self._line.ring(True)
        self._tell(f"ring {self._truth.ring_count}")
        self._stay.after(on_ms, lambda: self._pause(off_ms))
        self._stay.after(on_ms + off_ms, lambda: self._burst(index + 1))

    def _pause(self, off_ms: int) -> None:
        self._line.ring(False)
        if self._fsk is not None and off_ms >= LONG_PAUSE_MS:
            self._stay.after(self._caller_id_after_ms, self._announce_by_fsk)

    def _announce_by_fsk(self) -> None:
        if self._fsk is not None:
            self._send_caller_id(self._fsk)
            self._fsk = None

    def _send_caller_id(self, signal: Signal) -> float:
        self._truth.caller_id = self._call.caller_id.format
        lasts_ms = self._stay.send(signal)
        self._stay.after(lasts_ms, lambda: self._tell("caller-id sent"))
        return lasts_ms

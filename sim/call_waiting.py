"""Call waiting with caller ID (TIA-777): tone, CAS, the set's acknowledgement, then FSK without seizure.

The other party is not heard from the CAS to the end of the FSK. A set that does not acknowledge within 200 ms
of the CAS gets no FSK.
"""

from collections.abc import Callable

from sim.call import CallTruth, IncomingCall
from sim.line import Line
from sim.register import ToneReceiver
from sim.signals.levels import SAMPLES_PER_MS
from sim.signals.tones import CALL_WAITING, CAS_MS, cas, tone_period
from sim.stay import Stay, Tell

CAS_AFTER_TONE_MS = 50
ACKNOWLEDGEMENT_MS = 200
FSK_AFTER_ACKNOWLEDGEMENT_MS = 120
ACKNOWLEDGEMENTS = "AD"


class WaitingCall:
    """Announces one waiting call during a conversation.

    Args:
        mute_far: takes the other party off the line, or puts it back.
    """

    def __init__(
        self,
        line: Line,
        stay: Stay,
        call: IncomingCall,
        truth: CallTruth,
        tell: Tell,
        mute_far: Callable[[bool], None],
    ) -> None:
        self._line, self._stay, self._tell, self._mute_far = line, stay, tell, mute_far
        self._call, self._truth = call, truth

    def announce(self) -> None:
        """Begin; the rest follows in the present stay."""
        tone_ms = CALL_WAITING.cadence_ms[0][0]
        self._stay.send(tone_period(CALL_WAITING)[: int(tone_ms * SAMPLES_PER_MS)])
        self._tell("tone call_waiting")
        self._stay.after(tone_ms + CAS_AFTER_TONE_MS, self._alert)

    def _alert(self) -> None:
        self._mute_far(True)
        self._stay.send(cas())
        self._tell("cas")
        self._line.near_tap = ToneReceiver(self._acknowledged).feed
        self._stay.after(CAS_MS + ACKNOWLEDGEMENT_MS, self._end)

    def _acknowledged(self, digit: str) -> None:
        if digit in ACKNOWLEDGEMENTS:
            self._line.near_tap = None
            self._stay.cancel_timers()
            self._stay.after(FSK_AFTER_ACKNOWLEDGEMENT_MS, self._send)

    def _send(self) -> None:
        caller = self._call.caller
        lasts_ms = self._stay.send(self._call.caller_id.signal(caller, 0, off_hook=True))
        self._truth.waiting.append(caller.number or caller.reason)
        self._stay.after(lasts_ms, self._end)

    def _end(self) -> None:
        self._line.near_tap = None
        self._mute_far(False)
        self._tell("waiting told")

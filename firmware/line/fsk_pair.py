"""FSK caller ID of either standard: both receivers run at once, one message is told."""

try:
    from micropython import const
except ImportError:  # CPython
    from firmware.dsp.portable import const

from array import array

from firmware.line.fsk import FskReceiver
from firmware.line.repair import Repairer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.line.caller_id import Fields

_QUIET_BLOCKS = const(16)  # half a second after a message in which nothing else is told


class FskPair:
    """Bell 202 and V.23 side by side. Either often decodes the other; the tones' distance names which."""

    def __init__(self) -> None:
        repairer = Repairer()
        self._receivers = (FskReceiver("bell202", repairer), FskReceiver("v23", repairer))
        self._quiet = 0
        self._failed = False

    def forget(self) -> None:
        """Drop what is being received: it is no part of a message that is still to be told."""
        for receiver in self._receivers:
            receiver.forget()
        self._failed = False

    def feed(self, samples: "array[int]", n: int) -> "Fields | None":
        """Take one block; returns the fields of a caller ID, or of a failed one once its carrier is gone.

        Two different numbers from one signal are `uncertain`, and none is told.
        """
        if self._quiet:
            self._quiet -= 1
        first, second = self._receivers
        fields = first.feed(samples, n)
        other = second.feed(samples, n)
        if fields and other and fields.get("number") != other.get("number"):
            fields = {"format": fields["format"], "uncertain": True}
        elif not fields or (other and "repaired" in fields):
            fields = other
        if first.take_failure() or second.take_failure():
            self._failed = True
        if self._failed and not fields and not first.is_receiving() and not second.is_receiving():
            fields = {"format": "failed"}
        if not fields:
            return None
        told = None if self._quiet else fields
        fields["standard"] = (first if first.misfit() <= second.misfit() else second).standard
        self._quiet = _QUIET_BLOCKS
        self.forget()
        return told

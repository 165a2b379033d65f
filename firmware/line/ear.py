"""The ear: one block of audio in, what was heard out."""

from array import array

from firmware.dsp.dtmf import NO_DIGIT
from firmware.dsp.filters import HIGH_PASS_SECTIONS, high_pass, measure_hops, new_high_pass_state
from firmware.dsp.tables import BLOCK
from firmware.dsp.tone_bank import HOPS_KEPT, ToneBank, strongest_tones
from firmware.line.call_waiting import CAS, CallWaiting
from firmware.line.dtmf import DIGITS, FREQS, LENIENT_REST, STRICT_REST, KeyDetector, TrainReceiver
from firmware.line.fsk_pair import FskPair
from firmware.line.tones import CONNECTED, PROGRESS_FREQS, ToneDetector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from firmware.line.caller_id import Fields

    Heard = Sequence[tuple[str, Fields]]

NOTHING: "Heard" = ()
BLOCK_HOPS = 4
TONES = FREQS + PROGRESS_FREQS + CAS
TONE_COUNT = len(TONES)
FIRST_PROGRESS = len(FREQS)
FIRST_CAS = FIRST_PROGRESS + len(PROGRESS_FREQS)
HOP_WRAP = (1 << 24) - 1


class Ear:
    """Everything that listens: caller ID on-hook; keys, call-progress tones and call waiting off-hook.

    Feed every block of 256 samples in order. Events are (type, fields) without the call's number, which the
    caller of `feed` knows.
    """

    def __init__(self) -> None:
        self._clean = array("h", [0] * BLOCK)
        self._high_pass = new_high_pass_state()
        self._energies = array("I", [0] * HOPS_KEPT)
        self._totals = array("I", [0] * HOPS_KEPT)
        self._bank = ToneBank(TONES)
        self._progress = bytearray(BLOCK_HOPS)  # the call-progress tone of each hop
        self._hop = 0
        self._fsk = FskPair()
        self._keys = KeyDetector()
        self._keys.rest = LENIENT_REST
        self._train = TrainReceiver()
        self._tones = ToneDetector()
        self._waiting = CallWaiting()
        self._off_hook = False

    def set_hook(self, off_hook: bool) -> None:
        """Tell whether a phone (or the box) is off-hook: what is listened for depends on it."""
        if off_hook == self._off_hook:
            return
        self._off_hook = off_hook
        self._keys.rest = STRICT_REST if off_hook else LENIENT_REST
        self._tones = ToneDetector()
        self._train = TrainReceiver()
        self._waiting = CallWaiting()
        self._fsk.forget()

    def ring_ended(self, uptime_ms: int) -> None:
        """A ring burst ended: what was received through it is no message."""
        self._fsk.forget()

    def pulse_dialled(self) -> None:
        """The loop opened for a moment, or a digit was made of that: it cuts the tone that stands."""
        self._tones.cut()

    def feed(self, samples: "array[int]", uptime_ms: int) -> "Heard":
        """Listen to one block of 256 samples at 8 kHz (full-scale sine = +3.14 dBm0).

        Returns the events heard as a list of (type, fields); nearly always the same empty tuple. Types:
        caller_id and call_waiting (fields as protocol.events, without call), digit {digit},
        tone_detected {tone, freq_hz}, or {tone: connected, method: ringback}.
        """
        clean, hop = self._clean, self._hop
        high_pass(0, 0, 0, samples, clean, BLOCK, self._high_pass, HIGH_PASS_SECTIONS)
        measure_hops(0, 0, 0, clean, self._energies, self._totals, hop & BLOCK_HOPS)
        self._hop = hop + BLOCK_HOPS & HOP_WRAP
        if self._off_hook:
            self._bank.feed(clean, self._totals, hop, TONE_COUNT)
            heard = self._listen_off_hook(hop)
            if self._waiting.is_open():
                fields = self._fsk.feed(clean, BLOCK)
                if fields and fields["format"] != "failed":
                    heard = _add(heard, "call_waiting", self._waiting.close(fields))
            return heard
        self._bank.feed(clean, self._totals, hop, FIRST_CAS)
        heard = self._listen_on_hook(hop)
        fields = self._fsk.feed(clean, BLOCK)
        return _add(heard, "caller_id", fields) if fields else heard

    def _listen_on_hook(self, hop: int) -> "Heard":
        sums, keys, train = self._bank.sums, self._keys, self._train
        heard = NOTHING
        if not keys.judge(sums, self._energies, TONE_COUNT, hop) and train.is_idle():
            return heard
        end = hop + BLOCK_HOPS
        while hop < end:
            fields = train.step(keys.step(sums, TONE_COUNT, hop), keys.onset)
            if fields:
                heard = _add(heard, "caller_id", fields)
            hop += 1
        return heard

    def _listen_off_hook(self, hop: int) -> "Heard":
        """Each hop by itself only where one of the judges found something, or may tell something."""
        sums, energies = self._bank.sums, self._energies
        tones = strongest_tones(sums, energies, self._progress, TONE_COUNT, FIRST_PROGRESS, FIRST_CAS, hop)
        is_key = self._keys.judge(sums, energies, TONE_COUNT, hop)
        is_cas = self._waiting.judge(sums, energies, TONE_COUNT, FIRST_CAS, hop)
        heard = NOTHING
        if not (tones or is_key or is_cas) and self._tones.rest(BLOCK_HOPS):
            return heard
        end = hop + BLOCK_HOPS
        while hop < end:
            heard = self._listen_to_hop(heard, hop)
            hop += 1
        return heard

    def _listen_to_hop(self, heard: "Heard", hop: int) -> "Heard":
        tone = self._progress[hop & 3]
        key = self._keys.step(self._bank.sums, TONE_COUNT, hop, tone == FIRST_PROGRESS)
        if key != NO_DIGIT and not self._waiting.takes_key(DIGITS[key]):
            heard = _add(heard, "digit", {"digit": DIGITS[key]})
            self._tones.cut()
        fields = self._waiting.step(hop)
        if fields is not None:
            heard = _add(heard, "call_waiting", fields)
        told = self._tones.step(TONES[tone] if tone else 0)
        if told:
            name, freq_hz = told
            fields = {"method": "ringback"} if name == CONNECTED else {"freq_hz": freq_hz}
            fields["tone"] = name
            heard = _add(heard, "tone_detected", fields)
        return heard


def _add(heard: "Heard", kind: str, fields: "Fields") -> "Heard":
    events = list(heard)
    events.append((kind, fields))
    return events

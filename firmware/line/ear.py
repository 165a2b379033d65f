"""The ear: one block of audio in, what was heard out."""

from array import array

from firmware.dsp.dtmf import NO_DIGIT
from firmware.dsp.filters import HIGH_PASS_SECTIONS, high_pass, hop_energy, new_high_pass_state
from firmware.dsp.tables import BLOCK, SINE, phase_step
from firmware.dsp.tone_bank import HOPS_KEPT, strongest_tone, tone_bank
from firmware.line.dtmf import DIGITS, FREQS, LENIENT_REST, STRICT_REST, KeyDetector, TrainReceiver
from firmware.line.fsk import FskReceiver
from firmware.line.repair import Repairer
from firmware.line.tones import ToneDetector

NOTHING = ()
BLOCK_HOPS = 4
PROGRESS = (450, 950, 1100, 1400)
TONES = FREQS + PROGRESS
FIRST_PROGRESS = len(FREQS)
HOP_WRAP = (1 << 24) - 1


class Ear:
    """Everything that listens: caller ID on-hook, keys and call-progress tones off-hook.

    Feed every block of 256 samples in order. Events are (type, fields) without the call's number, which the
    caller of `feed` knows.
    """

    def __init__(self) -> None:
        self._clean = array("h", [0] * BLOCK)
        self._states = (new_high_pass_state(), new_high_pass_state())
        self._energies = array("I", [0] * HOPS_KEPT)
        self._energy_halves = (memoryview(self._energies)[:4], memoryview(self._energies)[4:])
        self._sums = array("h", bytes(2 * HOPS_KEPT * len(TONES) * 2))
        self._steps = array("H", [phase_step(freq) for freq in TONES])
        self._phases = array("H", [0] * len(TONES))
        self._hop = 0
        repairer = Repairer()
        self._fsk = (FskReceiver("bell202", repairer), FskReceiver("v23", repairer))
        self._keys = KeyDetector()
        self._keys.rest = LENIENT_REST
        self._train = TrainReceiver()
        self._tones = ToneDetector()
        self._off_hook = False
        self._told = None
        self._told_blocks = 0

    def set_hook(self, off_hook: bool) -> None:
        """Tell whether a phone (or the box) is off-hook: what is listened for depends on it."""
        if off_hook != self._off_hook:
            self._off_hook = off_hook
            self._keys.rest = STRICT_REST if off_hook else LENIENT_REST
            self._tones = ToneDetector()
            self._train = TrainReceiver()

    def ring_ended(self, uptime_ms: int) -> None:
        """A ring burst ended: caller ID may follow."""

    def feed(self, samples: "array[int]", uptime_ms: int) -> "tuple | list":
        """Listen to one block of 256 samples at 8 kHz (full-scale sine = +3.14 dBm0).

        Returns the events heard as a list of (type, fields); nearly always the same empty tuple. Types:
        caller_id (fields as protocol.events, without call), digit {digit}, tone_detected {tone, freq_hz}.
        """
        clean = self._clean
        first, second = HIGH_PASS_SECTIONS
        high_pass(samples, clean, BLOCK, self._states[0], first[0], first[1], first[2])
        high_pass(clean, clean, BLOCK, self._states[1], second[0], second[1], second[2])
        half = self._hop >> 2 & 1
        hop_energy(clean, self._energy_halves[half], BLOCK_HOPS)
        tone_bank(
            clean, SINE, self._sums, self._steps, self._phases, len(TONES), half * BLOCK_HOPS, BLOCK_HOPS
        )
        heard = NOTHING
        i = 0
        while i < BLOCK_HOPS:
            heard = self._listen_to_hop(heard, self._hop + i)
            i += 1
        self._hop = self._hop + BLOCK_HOPS & HOP_WRAP
        if not self._off_hook:
            heard = self._listen_for_fsk(heard, clean)
        return heard

    def _listen_to_hop(self, heard: "tuple | list", hop: int) -> "tuple | list":
        key = self._keys.step(self._sums, self._energies, len(TONES), hop)
        if not self._off_hook:
            fields = self._train.step(key, self._keys.onset)
            return _add(heard, "caller_id", fields) if fields else heard
        if key != NO_DIGIT:
            heard = _add(heard, "digit", {"digit": DIGITS[key]})
        tone = strongest_tone(self._sums, self._energies, len(TONES), FIRST_PROGRESS, hop)
        told = self._tones.step(TONES[tone] if tone else 0)
        if told:
            heard = _add(heard, "tone_detected", {"tone": told[0], "freq_hz": told[1]})
        return heard

    def _listen_for_fsk(self, heard: "tuple | list", clean: "array[int]") -> "tuple | list":
        if self._told_blocks:
            self._told_blocks -= 1
        for receiver in self._fsk:
            fields = receiver.feed(clean, BLOCK)
            if fields and not self._told_blocks:
                self._told_blocks = 16
                heard = _add(heard, "caller_id", fields)
        return heard


def _add(heard: "tuple | list", kind: str, fields: dict) -> list:
    events = list(heard)
    events.append((kind, fields))
    return events

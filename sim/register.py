"""The exchange's digit receivers: DTMF by a textbook correlator, dial pulses by counting loop breaks.

Independent of the firmware's detectors, which listen to the same digits.
"""

from collections.abc import Callable

import numpy as np

from sim.agenda import Agenda, Entry
from sim.signals.dtmf import HIGH_HZ, KEYS, LOW_HZ
from sim.signals.levels import SAMPLE_RATE_HZ, Pcm, Signal, rms_of

FRAME = 80
WINDOW = 2 * FRAME
FRAMES_TO_ACCEPT = 2
MIN_LEVEL_DBM0 = -36.0
TONE_SHARE = 0.7
"""Share of the window's power that the two tones together must hold."""
PULSE_BREAK_MAX_MS = 120
DIGIT_PAUSE_MS = 250


class ToneReceiver:
    """DTMF digits in near-side audio: correlates windows of 20 ms, every 10 ms, with the eight tones."""

    def __init__(self, on_digit: Callable[[str], None]) -> None:
        self._on_digit = on_digit
        turns = np.outer(np.array(LOW_HZ + HIGH_HZ), np.arange(WINDOW) / SAMPLE_RATE_HZ)
        self._tones = np.exp(-2j * np.pi * turns)
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self._window = np.zeros(WINDOW)
        self._held, self._frames = "", 0

    def feed(self, frame: Pcm) -> None:
        """The next 80 samples."""
        self._window = np.concatenate([self._window[FRAME:], frame])
        self._hear(self._key(self._window))

    def _key(self, window: Signal) -> str:
        power = float(np.mean(window**2))
        if power < rms_of(MIN_LEVEL_DBM0) ** 2:
            return ""
        tones = 2.0 * np.abs(self._tones @ window / WINDOW) ** 2
        row, column = int(np.argmax(tones[:4])), int(np.argmax(tones[4:]))
        return KEYS[row][column] if tones[row] + tones[4 + column] > TONE_SHARE * power else ""

    def _hear(self, key: str) -> None:
        self._frames = self._frames + 1 if key == self._held else 1
        self._held = key
        if key and self._frames == FRAMES_TO_ACCEPT:
            self._on_digit(key)


class PulseReceiver:
    """Dial pulses: a loop break of up to 120 ms is one pulse, 250 ms of closed loop end the digit."""

    def __init__(self, agenda: Agenda, on_digit: Callable[[str], None]) -> None:
        self._agenda, self._on_digit = agenda, on_digit
        self._opened_ms = -PULSE_BREAK_MAX_MS - 1
        self._pulses = 0
        self._timer: Entry | None = None

    def reset(self) -> None:
        """Forget pulses counted so far."""
        if self._timer is not None:
            self._timer.cancel()
        self._pulses = 0

    def loop_changed(self, closed: bool) -> None:
        """The loop opened or closed just now."""
        if self._timer is not None:
            self._timer.cancel()
        if not closed:
            self._opened_ms = self._agenda.now_ms
        elif self._agenda.now_ms - self._opened_ms <= PULSE_BREAK_MAX_MS:
            self._pulses += 1
            self._timer = self._agenda.after(DIGIT_PAUSE_MS, self._digit)

    def _digit(self) -> None:
        pulses, self._pulses = self._pulses, 0
        if pulses <= 10:
            self._on_digit(str(pulses % 10))

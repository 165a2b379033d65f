"""The parts between the pair and the processor: line monitor, detectors, converter, codec.

Numbers are those of docs/howto/board.md: the monitor divides the loop voltage by 150 (symmetric about 1.25
V), the converter has 12 bits over 3.3 V, and comparators with fixed thresholds give four pins:

    ring (low: alternating voltage over 25 V)   line in use (high: 3 to 18 V)
    battery (high: over 3 V)                    polarity (high: tip positive)
"""

import numpy as np
from numpy.typing import NDArray

MONITOR_DIVISOR = 150
MONITOR_MIDDLE_MV = 1250
MILLIVOLTS_PER_CODE = 0.8
RING_MV = 25_000
CUT_MV = 3_000
IN_USE_MV = 18_000
_RING_PIN, _IN_USE_PIN, _BATTERY_PIN, _POLARITY_PIN = 1, 2, 4, 8
BLOCK_MS = 32
ROW_BYTES = 6
FRAMES_PER_MS = 16
_HALF_BAND_TAPS = 47


def _half_band() -> NDArray[np.float64]:
    """Linear-phase half-band low-pass with unity gain, for 16 kHz; flat to 3.6 kHz."""
    place = np.arange(_HALF_BAND_TAPS) - _HALF_BAND_TAPS // 2
    taps = 0.5 * np.sinc(place / 2) * np.kaiser(_HALF_BAND_TAPS, 6.0)
    return taps / float(taps.sum())


class FrontEnd:
    """Turns line samples into what the processor's pins and peripherals read, and back. Keeps filter
    states."""

    def __init__(self) -> None:
        taps = _half_band()
        self._even, self._odd = 2 * taps[0::2], 2 * taps[1::2]
        self._taps = taps
        self._in_tail = np.zeros(len(self._even) - 1)
        self._out_tail = np.zeros(_HALF_BAND_TAPS - 1)
        self._slow_mv = 0.0
        self.last_row = self.rows(np.zeros(1, dtype=np.int32))

    def codec_frames(self, audio: NDArray[np.int16]) -> bytes:
        """Samples at 8 kHz as the codec gives them at 16 kHz, int16."""
        padded = np.concatenate([self._in_tail, audio])
        self._in_tail = padded[len(audio) :]
        frames = np.empty(2 * len(audio))
        count = len(audio)
        frames[0::2] = np.convolve(padded, self._even, "valid")[:count]
        odd = np.convolve(padded, self._odd, "valid")
        frames[1::2] = odd[len(odd) - count :]
        return np.clip(np.rint(frames), -32768, 32767).astype("<i2").tobytes()

    def line_samples(self, played: bytes) -> NDArray[np.int16]:
        """What the 16 kHz converter of the send side puts on the line, at 8 kHz."""
        padded = np.concatenate([self._out_tail, np.frombuffer(played, dtype="<i2")])
        self._out_tail = padded[len(padded) - len(self._out_tail) :]
        samples = np.convolve(padded, self._taps, "valid")[::2]
        return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)

    def rows(self, loop_mv: NDArray[np.int32]) -> bytes:
        """(converter code +, code -, pins) for each millisecond, little-endian u16."""
        rows = np.empty((len(loop_mv), 3), dtype="<u2")
        monitored = loop_mv / (2 * MONITOR_DIVISOR * MILLIVOLTS_PER_CODE)
        middle = MONITOR_MIDDLE_MV / MILLIVOLTS_PER_CODE
        rows[:, 0] = np.clip(np.rint(middle + monitored), 0, 4095)
        rows[:, 1] = np.clip(np.rint(middle - monitored), 0, 4095)
        rows[:, 2] = self._pins(loop_mv)
        if len(loop_mv):
            self.last_row = rows[-1].tobytes()
        return rows.tobytes()

    def _pins(self, loop_mv: NDArray[np.int32]) -> NDArray[np.uint16]:
        size = np.abs(loop_mv)
        alternating = np.abs(loop_mv - self._direct_mv(loop_mv))
        pins = np.where(alternating > RING_MV, 0, _RING_PIN)
        pins |= np.where((size > CUT_MV) & (size < IN_USE_MV), _IN_USE_PIN, 0)
        pins |= np.where(size > CUT_MV, _BATTERY_PIN, 0)
        pins |= np.where(loop_mv > 0, _POLARITY_PIN, 0)
        return pins.astype(np.uint16)

    def _direct_mv(self, loop_mv: NDArray[np.int32]) -> NDArray[np.float64]:
        """What the ring detector's blocking capacitor holds back: the mean, over some 100 ms."""
        direct_mv = np.empty(len(loop_mv))
        for first in range(0, len(loop_mv), BLOCK_MS):
            block = loop_mv[first : first + BLOCK_MS]
            share = min(1.0, len(block) / 100)
            self._slow_mv += share * (float(block.mean()) - self._slow_mv)
            direct_mv[first : first + BLOCK_MS] = self._slow_mv
        return direct_mv

"""Captures of a box as lines that can be played again: the sound as it was, the loop voltage drawn anew.

A capture (docs/PROTOCOL.md 3.3, as host_agent stores it: WAV and JSON) has one reading of the voltage each
128 ms, so ringing shows as readings that scatter around the battery's. There ringing of 25 Hz is put back, as
high as the widest reading; its edges are good to 64 ms, and a pause of less than two readings may be lost.
Zeros at the beginning are of the time before power-on.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim.audio_file import AudioError, read_audio
from sim.line import LineBlock
from sim.signals.levels import SAMPLES_PER_MS, Pcm
from sim.signals.ring import MilliVolts

VERSION = 1
RINGING_MV = 12_000
"""A reading so far from the battery's voltage, of either polarity, stands in ringing."""
CUT_MV = 3_000
RING_HZ = 25
READ_AFTER_MS = 112
"""From the first of the samples a reading belongs to, to the reading: that of their last block."""
BATTERY_READINGS = 12
LEAD_MS = 960


@dataclass(frozen=True)
class Capture:
    """What a box heard.

    Attributes:
        audio: at 8 kHz. readings_mv: one each `every_ms`.
    """

    audio: Pcm
    readings_mv: NDArray[np.int32]
    every_ms: int

    @property
    def battery_mv(self) -> int:
        """The voltage of the idle line: no capture ends in ringing."""
        return int(np.median(self.readings_mv[-BATTERY_READINGS:]))

    def bursts_ms(self) -> list[tuple[int, int]]:
        """Begin and end of each burst of ringing, ms from the first sample."""
        edges = np.flatnonzero(np.diff(np.concatenate([[0], self._is_ringing().astype(int), [0]])))
        shift_ms = READ_AFTER_MS - self.every_ms // 2
        length_ms = len(self.audio) // SAMPLES_PER_MS
        times_ms = [min(int(edge) * self.every_ms + shift_ms, length_ms) if edge else 0 for edge in edges]
        return list(zip(times_ms[::2], times_ms[1::2], strict=True))

    def loop_mv(self) -> MilliVolts:
        """The voltage for each millisecond."""
        length_ms = len(self.audio) // SAMPLES_PER_MS
        is_dark = np.cumsum(np.abs(self.readings_mv)) == 0
        still_mv = np.where(self._is_ringing() | is_dark, self.battery_mv, self.readings_mv)
        loop_mv = np.full(length_ms, self.battery_mv, dtype=np.int32)
        read_mv = np.repeat(still_mv, self.every_ms)[:length_ms]
        loop_mv[: len(read_mv)] = read_mv
        peak_mv = int(np.max(np.abs(self.readings_mv - self.battery_mv)))
        for begin_ms, end_ms in self.bursts_ms():
            turns = RING_HZ * np.arange(end_ms - begin_ms) / 1000.0
            loop_mv[begin_ms:end_ms] += np.rint(peak_mv * np.sin(2.0 * np.pi * turns)).astype(np.int32)
        return loop_mv

    def _is_ringing(self) -> NDArray[np.bool_]:
        sizes_mv = np.abs(self.readings_mv)
        is_far = (np.abs(sizes_mv - abs(self.battery_mv)) > RINGING_MV) & (sizes_mv > CUT_MV)
        is_between = np.zeros(len(is_far), dtype=np.bool_)
        is_between[1:-1] = is_far[:-2] & is_far[2:]
        return np.asarray(is_far | is_between)


def read_capture(path: Path) -> Capture:
    """The capture whose WAV is `path`; its JSON lies beside it.

    Raises:
        AudioError: one of the two cannot be read, or they do not belong together.
    """
    audio = read_audio(path)
    try:
        facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        version, samples, every_ms = facts["v"], facts["samples"], int(facts["loop_every_ms"])
        readings_mv = np.array(facts["loop_mv"], dtype=np.int32)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AudioError(f"its capture's facts cannot be read: {error!r}") from None
    if version != VERSION or samples != len(audio) or every_ms <= 0 or not len(readings_mv):
        raise AudioError("its capture's facts are of another recording, or of another version")
    return Capture(audio, readings_mv, every_ms)


class CaptureLine:
    """A pair on which a capture happens again, LEAD_MS after power-on; around it the line is idle."""

    def __init__(self, capture: Capture) -> None:
        self.now_ms = 0
        length_ms = len(capture.audio) // SAMPLES_PER_MS
        self._end_ms = LEAD_MS + length_ms
        self._audio = np.zeros(self._end_ms * SAMPLES_PER_MS, dtype=np.int16)
        self._loop_mv = np.full(self._end_ms, capture.battery_mv, dtype=np.int32)
        first = LEAD_MS * SAMPLES_PER_MS
        self._audio[first : first + length_ms * SAMPLES_PER_MS] = capture.audio[: length_ms * SAMPLES_PER_MS]
        self._loop_mv[LEAD_MS : LEAD_MS + length_ms] = capture.loop_mv()

    @property
    def is_over(self) -> bool:
        """True when all of it was played."""
        return self.now_ms >= self._end_ms

    def step(self, samples: int) -> LineBlock:
        """The next `samples` samples; the idle line behind its end."""
        first_ms, count_ms = self.now_ms, samples // SAMPLES_PER_MS
        self.now_ms += count_ms
        places = np.minimum(np.arange(first_ms, first_ms + count_ms), self._end_ms - 1)
        audio = np.zeros(samples, dtype=np.int16)
        heard = self._audio[first_ms * SAMPLES_PER_MS : first_ms * SAMPLES_PER_MS + samples]
        audio[: len(heard)] = heard
        return LineBlock(audio, self._loop_mv[places])

    def put(self, _audio_out: Pcm | None, _seized: bool) -> None:
        """What the box does changes nothing: it has happened."""

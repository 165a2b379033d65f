"""Kernels: how much of each of a list of tones is in each hop, as complex sums against free oscillators."""

try:
    import micropython
except ImportError:  # CPython
    from firmware.dsp.portable import micropython, ptr8, ptr16, ptr32

import math
from array import array

from firmware.dsp.filters import HOP
from firmware.dsp.tables import SAMPLE_RATE, SINE, phase_step

HOPS_KEPT = 8  # two blocks


class ToneBank:
    """Correlates every block with a list of tones; keeps the sums of the last eight hops.

    sums[(hop & 7) * tones + tone] is a pair of signed words, the cosine and sine sums: a tone of amplitude A
    at its exact frequency has magnitude A / 2 (up to 16128).
    """

    def __init__(self, freqs_hz: "tuple[int, ...]") -> None:
        self.tones = len(freqs_hz)
        self.sums = array("h", [0] * (HOPS_KEPT * self.tones * 2))
        self._banks = tuple([_build_bank(freq_hz) for freq_hz in freqs_hz])

    def feed(self, samples: "array[int]", totals: "array[int]", hop: int, tones: int) -> None:
        """Take the four hops of a block, numbered from `hop`; only the first `tones` tones are updated.

        samples: offset binary; totals: the sum of each hop's samples, in the ring of eight.
        """
        i = 0
        while i < tones:
            cosines, sines, state = self._banks[i]
            correlate_tone(
                0, 0, 0, samples, cosines, sines, totals, state, self.sums, SINE, hop & 4, self.tones, i
            )
            i += 1


def _build_bank(freq_hz: int) -> "tuple[bytes, bytes, array[int]]":
    """One hop of a tone, cosine and sine, as bytes 128 + (-126 .. 126), and the state of its kernel.

    Phases are rounded to 1/1000 turn: then no value lies within 0.003 of a rounding edge, and 32-bit floats
    give the same table. State: phase and step a hop (1/65536 turns), sums of both tables.
    """
    angles = [2 * math.pi * ((freq_hz * i % SAMPLE_RATE + 4) // 8) / 1000 for i in range(HOP)]
    cosines = bytes([128 + round(126 * math.cos(angle)) for angle in angles])
    sines = bytes([128 + round(126 * math.sin(angle)) for angle in angles])
    step = phase_step(freq_hz) * HOP & 0xFFFF
    return cosines, sines, array("I", [0, step, sum(cosines), sum(sines)])


# All terms are non-negative: 64 samples * 65535 * 254 < 2^30; 128 * (sum of samples) < 2^29.
@micropython.viper
def correlate_tone(
    k: int,
    x: int,
    i: int,
    samples: ptr16,
    cosines: ptr8,
    sines: ptr8,
    totals: ptr32,
    state: ptr32,
    sums: ptr16,
    turns: ptr16,
    first: int,
    tones: int,
    tone: int,
):
    """Correlate the four hops of a block (offset binary) with tone number `tone`.

    Each hop is turned by the tone's phase at its start, so that sums of neighbouring hops add coherently
    and their phase difference measures the frequency. k, x, i: 0 (they claim the registers).
    """
    hop = 4
    i = 256
    phase = (int(state[0]) + (int(state[1]) << 2)) & 0xFFFF
    state[0] = phase
    while hop:
        hop -= 1
        re = 0
        im = 0
        k = 64
        while k:
            k -= 1
            i -= 1
            x = int(samples[i])
            re += x * int(cosines[k])
            im += x * int(sines[k])
        # sum (x - 2^15)(w - 128) = sum x w - 128 sum x - 2^15 sum w + 64 * 2^22
        x = 0x10000000 - (int(totals[first + hop]) << 7)
        re = (re + x - (int(state[2]) << 15)) >> 13
        im = (im + x - (int(state[3]) << 15)) >> 13
        phase = (phase - int(state[1])) & 0xFFFF
        x = (int(turns[((phase >> 8) + 64) & 0xFF]) ^ 0x8000) - 0x8000
        k = (int(turns[phase >> 8]) ^ 0x8000) - 0x8000
        out = ((first + hop) * tones + tone) << 1
        sums[out] = ((re * x - im * k) >> 9) & 0xFFFF
        sums[out + 1] = ((re * k + im * x) >> 9) & 0xFFFF


# As in judge_dtmf: powers stay below 2^30.
@micropython.viper
def strongest_tone(sums: ptr16, energies: ptr32, tones: int, first: int, end: int, hop: int) -> int:
    """Which single tone of first..end - 1 holds five eighths of the energy of the last two hops (16 ms).

    energies: of each hop of the ring of 8. Returns the tone's index, or 0 when there is none.
    """
    energy = int(energies[hop & 7]) + int(energies[(hop - 1) & 7])
    best = 0
    found = 0
    tone = first
    while tone < end:
        i = (((hop & 7) * tones) + tone) << 1
        re = (int(sums[i]) ^ 0x8000) - 0x8000
        im = (int(sums[i + 1]) ^ 0x8000) - 0x8000
        power = re * re + im * im
        i = ((((hop - 1) & 7) * tones) + tone) << 1
        re = (int(sums[i]) ^ 0x8000) - 0x8000
        im = (int(sums[i + 1]) ^ 0x8000) - 0x8000
        power += re * re + im * im
        if power > best:
            best = power
            found = tone
        tone += 1
    # power = 2 * energy for a pure tone; below -45 dBm0 nothing counts.
    if best < energy + (energy >> 2) or best < 8000:
        return 0
    return found


# As in judge_dtmf: powers stay below 2^30.
@micropython.viper
def holds_pair(sums: ptr16, energies: ptr32, tones: int, first: int, hop: int) -> int:
    """1 if tones first and first + 1, within 9 dB of each other, hold 5/8 of the last hop's energy."""
    i = ((hop & 7) * tones + first) << 1
    re = (int(sums[i]) ^ 0x8000) - 0x8000
    im = (int(sums[i + 1]) ^ 0x8000) - 0x8000
    power = re * re + im * im
    re = (int(sums[i + 2]) ^ 0x8000) - 0x8000
    im = (int(sums[i + 3]) ^ 0x8000) - 0x8000
    other = re * re + im * im
    if power < other >> 3 or other < power >> 3:
        return 0
    power += other
    if power < 4000 or power < int(energies[hop & 7]) + (int(energies[hop & 7]) >> 2):
        return 0
    return 1

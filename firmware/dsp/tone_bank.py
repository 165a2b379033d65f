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
        self._cosines = b"".join([_build_wave(freq_hz, 0) for freq_hz in freqs_hz])
        self._sines = b"".join([_build_wave(freq_hz, 750) for freq_hz in freqs_hz])
        self._states = array("I", [0] * (4 * self.tones))
        for i, freq_hz in enumerate(freqs_hz):
            self._states[4 * i + 1] = phase_step(freq_hz) * HOP & 0xFFFF
            self._states[4 * i + 2] = sum(self._cosines[HOP * i : HOP * (i + 1)])
            self._states[4 * i + 3] = sum(self._sines[HOP * i : HOP * (i + 1)])

    def feed(self, samples: "array[int]", totals: "array[int]", hop: int, tones: int) -> None:
        """Take the four hops of a block, numbered from `hop`; only the first `tones` tones are updated.

        samples: offset binary; totals: the sum of each hop's samples, in the ring of eight.
        """
        correlate_tones(
            0,
            0,
            0,
            samples,
            self._cosines,
            self._sines,
            totals,
            self._states,
            self.sums,
            SINE,
            hop & 4,
            self.tones,
            tones,
        )


def _build_wave(freq_hz: int, ahead: int) -> bytes:
    """One hop of a cosine, `ahead` thousandths of a turn on (750: the sine), as bytes 128 + (-126 .. 126).

    Phases are rounded to 1/1000 turn: then no value lies within 0.003 of a rounding edge, and 32-bit floats
    give the same table.
    """
    turns = [(freq_hz * i % SAMPLE_RATE + 4) // 8 + ahead for i in range(HOP)]
    return bytes([128 + round(126 * math.cos(2 * math.pi * turn / 1000)) for turn in turns])


# All terms are non-negative: 64 samples * 65535 * 254 < 2^30; 128 * (sum of samples) < 2^29.
@micropython.viper
def correlate_tones(
    k: int,
    x: int,
    i: int,
    samples: ptr16,
    cosines: ptr8,
    sines: ptr8,
    totals: ptr32,
    states: ptr32,
    sums: ptr16,
    turns: ptr16,
    first: int,
    tones: int,
    tone: int,
):
    """Correlate the four hops of a block (offset binary) with the first `tone` tones.

    Each hop is turned by the tone's phase at its start, so that sums of neighbouring hops add coherently
    and their phase difference measures the frequency. k, x, i: 0 (they claim the registers).
    cosines, sines: a hop of each tone. states: phase and step a hop (1/65536 turns), sums of both waves.
    """
    while tone:
        tone -= 1
        hop = 4
        i = 256
        state = tone << 2
        phase = (int(states[state]) + (int(states[state + 1]) << 2)) & 0xFFFF
        states[state] = phase
        while hop:
            hop -= 1
            re = 0
            im = 0
            k = (tone + 1) << 6
            pairs = 32
            while pairs:
                pairs -= 1
                k -= 2
                i -= 2
                x = int(samples[i])
                re += x * int(cosines[k])
                im += x * int(sines[k])
                x = int(samples[i + 1])
                re += x * int(cosines[k + 1])
                im += x * int(sines[k + 1])
            # sum (x - 2^15)(w - 128) = sum x w - 128 sum x - 2^15 sum w + 64 * 2^22
            x = 0x10000000 - (int(totals[first + hop]) << 7)
            re = (re + x - (int(states[state + 2]) << 15)) >> 13
            im = (im + x - (int(states[state + 3]) << 15)) >> 13
            phase = (phase - int(states[state + 1])) & 0xFFFF
            x = (int(turns[((phase >> 8) + 64) & 0xFF]) ^ 0x8000) - 0x8000
            k = (int(turns[phase >> 8]) ^ 0x8000) - 0x8000
            out = ((first + hop) * tones + tone) << 1
            sums[out] = ((re * x - im * k) >> 9) & 0xFFFF
            sums[out + 1] = ((re * k + im * x) >> 9) & 0xFFFF


# As in judge_dtmf: powers stay below 2^30.
@micropython.viper
def strongest_tones(
    sums: ptr16, energies: ptr32, found: ptr8, tones: int, first: int, end: int, hop: int
) -> int:
    """Which single tone of first..end - 1 holds five eighths of the energy of two hops (16 ms).

    Judged are the hops from `hop` to hop + 3, each with the one before it; energies: of each hop of the ring
    of 8. found: of each the tone's index, or 0 when there is none. Returns how many have one.
    """
    count = 0
    end_hop = hop + 4
    while hop < end_hop:
        before = (hop - 1) & 7
        now = hop & 7
        best = 0
        at = 0
        tone = first
        while tone < end:
            i = (now * tones + tone) << 1
            re = (int(sums[i]) ^ 0x8000) - 0x8000
            im = (int(sums[i + 1]) ^ 0x8000) - 0x8000
            power = re * re + im * im
            i = (before * tones + tone) << 1
            re = (int(sums[i]) ^ 0x8000) - 0x8000
            im = (int(sums[i + 1]) ^ 0x8000) - 0x8000
            power += re * re + im * im
            if power > best:
                best = power
                at = tone
            tone += 1
        # power = 2 * energy for a pure tone; below -45 dBm0 nothing counts.
        energy = int(energies[now]) + int(energies[before])
        if best < energy + (energy >> 2) or best < 8000:
            at = 0
        else:
            count += 1
        found[hop & 3] = at
        hop += 1
    return count


# As in judge_dtmf: powers stay below 2^30.
@micropython.viper
def find_pairs(sums: ptr16, energies: ptr32, tones: int, first: int, hop: int) -> int:
    """In which of the hops from `hop` to hop + 3 tones first and first + 1, within 9 dB of each other, hold
    5/8 of the energy: one bit each, the lowest for the first."""
    found = 0
    bit = 1
    while bit < 16:
        i = ((hop & 7) * tones + first) << 1
        re = (int(sums[i]) ^ 0x8000) - 0x8000
        im = (int(sums[i + 1]) ^ 0x8000) - 0x8000
        power = re * re + im * im
        re = (int(sums[i + 2]) ^ 0x8000) - 0x8000
        im = (int(sums[i + 3]) ^ 0x8000) - 0x8000
        other = re * re + im * im
        if power >= other >> 3 and other >= power >> 3:
            power += other
            if power >= 4000 and power >= int(energies[hop & 7]) + (int(energies[hop & 7]) >> 2):
                found |= bit
        bit = bit << 1
        hop += 1
    return found

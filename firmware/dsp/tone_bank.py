"""Kernel: how much of each of a list of tones is in each hop, as complex sums against free oscillators."""

try:
    import micropython
except ImportError:  # CPython
    from firmware.dsp.portable import micropython, ptr16, ptr32

HOPS_KEPT = 8  # two blocks


# 64 samples * 2^15 * 511 < 2^30.
@micropython.viper
def tone_bank(
    samples: ptr16, sine: ptr16, sums: ptr16, steps: ptr16, phases: ptr16, tones: int, first: int, hops: int
):
    """Correlate hops of 64 samples with each tone.

    sums[((first + hop) * tones + tone) * 2] and + 1 become the signed cosine and sine sums, scaled so that
    a tone of amplitude A at the exact frequency has magnitude A / 2 (up to 16384). The oscillators run on
    from block to block (phases, 1/65536 turns), so that sums of neighbouring hops add coherently and their
    phase difference measures the frequency.
    """
    tone = 0
    while tone < tones:
        phase = int(phases[tone])
        step = int(steps[tone])
        i = 0
        out = (first * tones + tone) << 1
        hop = 0
        while hop < hops:
            re = 0
            im = 0
            n = 64
            while n:
                x = (int(samples[i]) ^ 0x8000) - 0x8000
                at = phase >> 8
                im += x * ((int(sine[at]) ^ 0x8000) - 0x8000)
                re += x * ((int(sine[(at + 64) & 0xFF]) ^ 0x8000) - 0x8000)
                phase = (phase + step) & 0xFFFF
                i += 1
                n -= 1
            sums[out] = (re >> 15) & 0xFFFF
            sums[out + 1] = (im >> 15) & 0xFFFF
            out += tones + tones
            hop += 1
        phases[tone] = phase
        tone += 1


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

"""Kernels of the FSK receiver: prefix sums of both tones, bits by a tracking clock, soft decisions.

The bank keeps, for mark and space, the running sums of the signal against a free oscillator. The sum over
any stretch of line is then the difference of two entries, so one bank serves every bit clock: the tracker
reads it at fractional times. Oscillator frequencies are whole cycles in 512 samples (15.625 Hz steps):
ring index and phase agree for ever and no counter grows.

A row is one bit: mark re, mark im, space re, space im (equalised to about 512 for either tone), the same
four over the bit's length that ends in its middle, and the oscillators' phase difference at its start in
1/256 turns.
"""

try:
    import micropython
except ImportError:  # CPython
    from firmware.dsp.portable import micropython, ptr8, ptr16, ptr32

from array import array

RING = 512  # samples of prefix sums
ENTRY = 5  # 16-bit words of a ring entry
ROW = 10  # 16-bit words of a row
MAX_ROWS = 64  # a call of track_bits
BIT_PERIOD = 436907  # 8000 / 1200 samples, 16.16

# Words of the tracker's state (32 bits each, never negative): 0 time of the next bit's start, 1 its period
# (both 16.16 samples), 2 the last bit, 3 and 4 levels of mark and space (<< 8), 5-8 and 9-12 the ring's entry
# at the last bit's end and middle, 13 loudness so far, 14 loud bits in a row, 15 the last bit's energy,
# 16 usual loudness (<< 5), 17 the last bit was hit, 18 mean of the last timing errors (+ 0x40000).
PERIOD, LEVEL_MARK, LEVEL_SPACE, ENERGY, LATENESS = 1, 3, 4, 15, 18


def new_ring() -> "array[int]":
    """An empty ring: 512 entries of mark re, mark im, space re, space im, loudness (wrapping at 16 bits)."""
    return array("h", bytes(2 * RING * ENTRY))


def new_tracker() -> "array[int]":
    """State of a tracker before the first bit."""
    state = array("I", [0] * 19)
    state[PERIOD] = BIT_PERIOD
    state[LEVEL_MARK] = state[LEVEL_SPACE] = 256 << 8
    state[ENERGY] = 512
    state[LATENESS] = 0x40000
    return state


def cycles_per_ring(freq_hz: int) -> int:
    """Nearest whole number of cycles in 512 samples, at most 8 Hz off."""
    return (freq_hz * RING + 4000) // 8000


# Accumulators stay inside 2^28: they wrap by mask; one sample adds at most 2^15 * 511 >> 9 < 2^15.
@micropython.viper
def fsk_bank(
    samples: ptr16, sine: ptr16, ring: ptr16, at: int, n: int, mark: int, space: int, sums: ptr32
) -> int:
    """Append the prefix sums of n offset binary samples behind entry `at` of the ring.

    mark, space: cycles in 512 samples. sums: the five running sums (28 bits, wrapping).
    Entry i + 1 = entry i + sample i times the oscillators, >> 3: one bit of a tone of amplitude A has
    magnitude 0.42 A, at most 13700. The fifth word sums |x| >> 2: 1.06 A a bit.
    """
    mark_re = int(sums[0])
    mark_im = int(sums[1])
    space_re = int(sums[2])
    space_im = int(sums[3])
    loud = int(sums[4])
    i = 0
    while i < n:
        x = int(samples[i]) - 0x8000
        turn = (mark * at) >> 1
        mark_im += (x * ((int(sine[turn & 0xFF]) ^ 0x8000) - 0x8000)) >> 9
        mark_re += (x * ((int(sine[(turn + 64) & 0xFF]) ^ 0x8000) - 0x8000)) >> 9
        turn = (space * at) >> 1
        space_im += (x * ((int(sine[turn & 0xFF]) ^ 0x8000) - 0x8000)) >> 9
        space_re += (x * ((int(sine[(turn + 64) & 0xFF]) ^ 0x8000) - 0x8000)) >> 9
        if x < 0:
            x = 0 - x
        loud += x
        at = (at + 1) & 0x1FF
        out = at * 5
        ring[out] = (mark_re >> 3) & 0xFFFF
        ring[out + 1] = (mark_im >> 3) & 0xFFFF
        ring[out + 2] = (space_re >> 3) & 0xFFFF
        ring[out + 3] = (space_im >> 3) & 0xFFFF
        ring[out + 4] = (loud >> 2) & 0xFFFF
        i += 1
    sums[0] = mark_re & 0xFFFFFFF
    sums[1] = mark_im & 0xFFFFFFF
    sums[2] = space_re & 0xFFFFFFF
    sums[3] = space_im & 0xFFFFFFF
    sums[4] = loud & 0xFFFFFFF
    return at


# |equalised| <= 4095, so a squared magnitude is below 2^26 and a difference of two below 2^27.
@micropython.viper
def track_bits(ring: ptr16, rows: ptr16, state: ptr32, at: int, shift: int) -> int:
    """Follow the bit clock up to ring entry `at`, write one row a bit, return the number of rows.

    Timing error at a change of bit: mark against space energy over a bit's length around the boundary,
    nil when the boundary is in its middle. Energies are compared as they came, over the product of both
    levels, for equalised ones would not do under twist: the tones are not orthogonal over a bit (of V.23's,
    17 % of the energy leaks into the other filter), and raising the weak one raises the leak of the strong
    one above it. A bit's border stands at 3/16 of what the levels differ, nearer the weak tone, for noise
    moves an energy by its amplitude. The clock takes 1/16 of the error as phase and 1/2048 as rate, 1/8 and
    1/512 while the errors agree with each other, the rate within 4 %. Levels follow each tone by itself
    (twist), within 6 dB of each other: a weak tone raised further would be drowned by what leaks of the
    strong one.
    shift: cycles between mark and space in 512 samples.
    """
    time = int(state[0])
    period = int(state[1])
    last = int(state[2])
    loud = int(state[14])
    hit = int(state[17])
    row = 0
    while row < 640 and ((at << 16) - time) & 0x1FFFFFF > period + 0x20000:
        j = 0
        while j < 8:
            edge = time + period
            if j > 3:
                edge = time + (period >> 1)
            i = (edge >> 16) & 0x1FF
            a = int(ring[i * 5 + (j & 3)])
            i = (i + 1) & 0x1FF
            d = (((int(ring[i * 5 + (j & 3)]) - a) & 0xFFFF) ^ 0x8000) - 0x8000
            a += (d * ((edge >> 8) & 0xFF)) >> 8
            d = (((a - int(state[5 + j])) & 0xFFFF) ^ 0x8000) - 0x8000
            state[5 + j] = a & 0xFFFF
            d = (d * (0x20000000 // int(state[3 + ((j >> 1) & 1)]))) >> 12
            if d > 4095:
                d = 4095
            elif d < -4095:
                d = -4095
            rows[row + j] = d & 0xFFFF
            j += 1
        # Sample n fills n .. n + 1 of the ring's time, the oscillator stands at its middle: 128 / 256.
        rows[row + 8] = ((shift * (((time >> 8) - 128) & 0x1FFFF)) >> 9) & 0xFF
        time = (time + period) & 0x1FFFFFF
        a = (int(rows[row]) ^ 0x8000) - 0x8000
        d = (int(rows[row + 1]) ^ 0x8000) - 0x8000
        mark = a * a + d * d
        a = (int(rows[row + 2]) ^ 0x8000) - 0x8000
        d = (int(rows[row + 3]) ^ 0x8000) - 0x8000
        space = a * a + d * d
        ratio = (int(state[3]) << 7) // (int(state[4]) >> 1)
        inverse = 65536 // ratio
        bit = 0
        if (mark >> 6) * ratio - (space >> 6) * inverse > (ratio - inverse) * 768:
            bit = 1
            space = mark
        # A bit louder than its tone explains (1.9 times; 1.06 A stands against 0.42 A) and than the line was
        # of late (1.6 times) was hit by a click. Nine in a row, or every other for long, are
        # a new signal.
        a = int(ring[((time >> 16) & 0x1FF) * 5 + 4])
        d = (a - int(state[13])) & 0xFFFF
        state[13] = a
        level = int(state[4 - bit])
        usual = int(state[16])
        a = 0
        if d * 52 > level and d * 20 > usual:
            d = usual >> 4
            if loud < 16:
                a = 1
                loud += 2
        elif loud:
            loud -= 1
        state[16] = usual + d - (usual >> 5)
        rows[row + 9] = a
        if a:
            rows[row] = 0
            rows[row + 1] = 0
            rows[row + 2] = 0
            rows[row + 3] = 0
        other = int(state[3 + bit])
        d = (space >> 9) - 512
        if d > 512:
            d = 512
        if a:
            d = d >> 3
        # Both levels follow the bit's energy by 1/16, so that a run of one tone keeps their ratio; the
        # ratio follows where the tone changes, by 1/32 of what the two bits differ.
        level += ((level >> 4) * d) >> 9
        other += ((other >> 4) * d) >> 9
        if bit != last and a == 0:
            swing = d + 512 - int(state[15])
            level += ((level >> 5) * swing) >> 9
            other -= ((other >> 5) * swing) >> 9
        state[15] = d + 512
        if level < 8192:
            level = 8192
        elif level > 0x7FFFFF:
            level = 0x7FFFFF
        if other * 2 < level:
            other = level // 2
        elif other > level * 2:
            other = level * 2
        state[4 - bit] = level
        state[3 + bit] = other
        if a == 0:
            if bit != last and hit == 0:
                a = (int(rows[row + 4]) ^ 0x8000) - 0x8000
                d = (int(rows[row + 5]) ^ 0x8000) - 0x8000
                error = ((a * a + d * d) >> 6) * ratio
                a = (int(rows[row + 6]) ^ 0x8000) - 0x8000
                d = (int(rows[row + 7]) ^ 0x8000) - 0x8000
                error -= ((a * a + d * d) >> 6) * inverse
                error = error >> 2
                if error > 0x40000:
                    error = 0x40000
                elif error < -0x40000:
                    error = -0x40000
                if bit == 0:
                    error = 0 - error
                # Errors that agree are the clock's, and it hurries; the others are the noise's.
                a = int(state[18])
                a += (error + 0x40000 - a) >> 3
                state[18] = a
                d = 4
                if a > 0x50000 or a < 0x30000:
                    d = 3
                time = (time - (error >> d)) & 0x1FFFFFF
                period -= error >> (d + d + 3)
                if period > 454383:
                    period = 454383
                elif period < 419431:
                    period = 419431
                a = 0
            last = bit
        hit = a
        row += 10
    state[0] = time
    state[1] = period
    state[2] = last
    state[14] = loud
    state[17] = hit
    return row


@micropython.viper
def soften_bits(
    rows: ptr16, sine: ptr16, soft: ptr8, work: ptr16, row: int, end: int, at: int, mask: int
) -> int:
    """Judge each bit over itself and its neighbours: three-bit windows of continuous phase.

    rows from `row` (two older rows must lie before it) to `end`: the bit judged is the row before. For
    either value of it, the best of the four windows counts; the difference of the two energies, over the
    expected energy, is the soft value: 128 + (-127 space .. 127 mark), written to soft[at & mask] upwards.
    A bit hit by a click is empty: its neighbours decide. They and it count a half, for the click has edges.
    Returns the new `at`; the last two rows have gone to the front. work: 8 words.
    """
    while row < end:
        best = 0
        value = 0
        centre = 0
        while centre < 4:
            # Neighbours as heard (same tone), or turned into this tone's phase (other tone).
            j = 0
            while j < 2:
                side = row - 20 + j * 20
                turn = int(rows[row - 2 + j * 10])
                if centre == 0:
                    turn = 0 - turn
                cos = (int(sine[(turn + 64) & 0xFF]) ^ 0x8000) - 0x8000
                sin = (int(sine[turn & 0xFF]) ^ 0x8000) - 0x8000
                work[j << 2] = rows[side + centre]
                work[(j << 2) + 1] = rows[side + centre + 1]
                re = (int(rows[side + 2 - centre]) ^ 0x8000) - 0x8000
                im = (int(rows[side + 3 - centre]) ^ 0x8000) - 0x8000
                work[(j << 2) + 2] = ((re * cos - im * sin) >> 9) & 0xFFFF
                work[(j << 2) + 3] = ((re * sin + im * cos) >> 9) & 0xFFFF
                j += 1
            most = 0
            j = 0
            while j < 4:
                re = (int(work[j & 2]) ^ 0x8000) - 0x8000
                re += (int(work[4 + ((j + j) & 2)]) ^ 0x8000) - 0x8000
                re += (int(rows[row - 10 + centre]) ^ 0x8000) - 0x8000
                im = (int(work[1 + (j & 2)]) ^ 0x8000) - 0x8000
                im += (int(work[5 + ((j + j) & 2)]) ^ 0x8000) - 0x8000
                im += (int(rows[row - 9 + centre]) ^ 0x8000) - 0x8000
                d = re * re + im * im
                if d > most:
                    most = d
                j += 1
            if most > best:
                best = most
            value = most - value
            centre += 2
        # value = space - mark; three bits of 512: 1536^2 = 2.4e6 stands for 127.
        value = (0 - value) >> 14
        if int(rows[row - 1]) + int(rows[row - 11]) + int(rows[row + 9]):
            value = value >> 1
        if value > 127:
            value = 127
        elif value < -127:
            value = -127
        soft[at & mask] = value + 128
        at += 1
        row += 10
    j = 0
    while j < 20:
        rows[j] = rows[end - 20 + j]
        j += 1
    return at


# A product of two equalised values is at most 2^24, the difference of two of them 2^25.
@micropython.viper
def measure_drift(rows: ptr16, soft: ptr8, drift: ptr16, row: int, end: int, at: int, mask: int):
    """Follow how far each tone's phase turns a bit, which says how far its frequency is off.

    rows and `at` of the second of the bits that `soften_bits` took, whose soft bits say which tone a bit has:
    two bits of one tone side by side move its mean by 1/32. drift: mark, space; 4096 sin(2 pi offset / bit
    rate), signed.
    """
    last = int(soft[(at - 1) & mask])
    while row < end:
        bit = int(soft[at & mask])
        if (bit ^ last) & 0x80 == 0:
            tone = 0
            if bit < 128:
                tone = 1
            i = row - 10 + tone + tone
            re = (int(rows[i]) ^ 0x8000) - 0x8000
            im = (int(rows[i + 1]) ^ 0x8000) - 0x8000
            turn = ((int(rows[i - 10]) ^ 0x8000) - 0x8000) * im
            turn -= ((int(rows[i - 9]) ^ 0x8000) - 0x8000) * re
            turn = turn >> 6
            if turn > 8191:
                turn = 8191
            elif turn < -8191:
                turn = -8191
            mean = (int(drift[tone]) ^ 0x8000) - 0x8000
            drift[tone] = (mean + ((turn - mean) >> 5)) & 0xFFFF
        last = bit
        at += 1
        row += 10

"""Kernels on soft bits: find the start of a message, cut it into characters.

A soft bit is a byte: 128 + (-127 surely space .. 127 surely mark). Buffers are rings (mask = size - 1).
"""

try:
    import micropython
except ImportError:  # CPython
    from firmware.dsp.portable import micropython, ptr8, ptr16

SYNC_BITS = 16  # 6 marks, start bit, 8 bits of the message type, stop bit


@micropython.viper
def find_sync(soft: ptr8, at: int, end: int, mask: int, pattern: int, floor: int) -> int:
    """Find the first position p in at..end - 1 whose last 16 bits agree with `pattern` (first bit highest).

    They agree when the sum of the soft values with the pattern's signs is at least 13/16 of the sum without
    signs and the latter at least `floor`. Returns p, the bit that ends the pattern, or -1.
    """
    while at < end:
        agreed = 0
        total = 0
        i = 0
        bits = pattern
        # A stop bit that is clearly space, or a start bit that is clearly mark: not here.
        if int(soft[at & mask]) < 108 or int(soft[(at - 9) & mask]) > 148:
            i = 16
        while i < 16:
            value = int(soft[(at - i) & mask]) - 128
            if bits & 1:
                agreed += value
            else:
                agreed -= value
            if value < 0:
                value = 0 - value
            total += value
            bits = bits >> 1
            i += 1
        if total >= floor and agreed << 4 >= total * 13:
            return at
        at += 1
    return 0 - 1


@micropython.viper
def follow_preamble(soft: ptr8, at: int, end: int, mask: int, runs: ptr16, seizure: int, marks: int) -> int:
    """Count what stands before a message in the bits at..end - 1: a channel seizure, marks behind it.

    runs: bits that alternated until now, marks that follow them. Marks count behind `seizure` such bits and
    if they are strong; a weak one, as in silence, says nothing. Returns 1 while there are `marks` or more.
    """
    last = int(soft[(at - 1) & mask])
    alternated = int(runs[0])
    marked = int(runs[1])
    found = 0
    while at < end:
        bit = int(soft[at & mask])
        if (bit ^ last) & 0x80:
            if marked:
                alternated = 0
                marked = 0
            if alternated < seizure:
                alternated += 1
        elif bit < 128 or alternated < seizure:
            alternated = 0
            marked = 0
        elif bit > 148:
            if marked < marks:
                marked += 1
            else:
                found = 1
        last = bit
        at += 1
    runs[0] = alternated
    runs[1] = marked
    return found


@micropython.viper
def next_character(soft: ptr8, at: int, end: int, mask: int, stuffing: int) -> int:
    """Find the character whose start bit is 0..stuffing bits after `at`; bits before `end` exist.

    The cost of a place is what its start bit, its stop bit and the marks passed over say against it. The
    first place that costs next to nothing (and looks like a start bit, or has no marks before it) is taken at
    once, else the cheapest once all have been seen.
    Returns the start bit's position, -1 while more bits are needed, -2 if every place is implausible.
    """
    skipped = 0
    best = 0x10000
    found = 0 - 1
    place = 0
    while place <= stuffing:
        if at + place + 9 >= end:
            return 0 - 1
        start = int(soft[(at + place) & mask]) - 128
        stop = 128 - int(soft[(at + place + 9) & mask])
        cost = skipped
        if start > 0:
            cost += start
        if stop > 0:
            cost += stop
        if cost < best:
            best = cost
            found = at + place
            if cost < 24 and (start < 0 or place == 0):
                return found
        if start < 0:
            skipped -= start
        if skipped > best:
            place = stuffing
        place += 1
    if best > 100:
        return 0 - 2
    return found


@micropython.viper
def hard_byte(soft: ptr8, at: int, mask: int) -> int:
    """The eight bits from `at` on, least significant first, decided one by one."""
    value = 0
    bit = 1
    while bit < 256:
        if int(soft[at & mask]) > 127:
            value |= bit
        bit = bit << 1
        at += 1
    return value


@micropython.viper
def mean_strength(soft: ptr8, at: int, end: int, mask: int) -> int:
    """Mean of the absolute soft values of at..end - 1 (0..127)."""
    total = 0
    n = end - at
    while at < end:
        value = int(soft[at & mask]) - 128
        if value < 0:
            value = 0 - value
        total += value
        at += 1
    return total // n


@micropython.viper
def take_strengths(soft: ptr8, starts: ptr16, strengths: ptr8, characters: int, mask: int):
    """Absolute soft values of the eight bits of each character (start bits at `starts`), lowest bit first."""
    out = 0
    i = 0
    while i < characters:
        at = int(starts[i])
        bit = 0
        while bit < 8:
            at += 1
            value = int(soft[at & mask]) - 128
            if value < 0:
                value = 0 - value
            if value > 127:
                value = 127
            strengths[out] = value
            out += 1
            bit += 1
        i += 1

"""Kernel: which readings of the loop voltage say nothing?"""

try:
    import micropython
except ImportError:  # CPython
    from firmware.dsp.portable import micropython, ptr8, ptr16


@micropython.viper
def pass_calm(levels: ptr16, flags: ptr8, at: int, head: int, low_mv: int, high_mv: int) -> int:
    """The first of the readings from `at` to before `head` that rings or is not between low_mv and high_mv;
    `head` if none.

    levels: a ring of 64 signed words of 32 bits, read by halves (rule 2). flags: bit 0 = it rings.
    """
    while at != head:
        upper = (int(levels[at + at + 1]) ^ 0x8000) - 0x8000
        level_mv = (upper << 16) + int(levels[at + at])
        if level_mv <= low_mv or level_mv >= high_mv or int(flags[at]) & 1:
            return at
        at = (at + 1) & 63
    return head

"""Kernel: ITU-T G.711 A-law, what the recorder keeps."""

try:
    import micropython
except ImportError:  # CPython
    from firmware.dsp.portable import micropython, ptr8, ptr16


@micropython.viper
def encode_alaw(x: int, i: int, segment: int, samples: ptr16, codes: ptr8, at: int, mask: int, n: int):
    """Encode n signed 16-bit samples to A-law codes (G.711 table 1a, even bits inverted), from `at` on in a
    ring (mask = size - 1). x, i, segment: 0 (they claim the registers)."""
    i = 0
    while i < n:
        x = (int(samples[i]) ^ 0x8000) - 0x8000
        sign = 0xD5
        if x < 0:
            sign = 0x55
            x = -1 - x
        x = x >> 4
        segment = 0
        while x > 31:
            x = x >> 1
            segment += 16
        if x > 15:
            segment += 16
        codes[(at + i) & mask] = (segment | (x & 15)) ^ sign
        i += 1


@micropython.viper
def decode_alaw(codes: ptr8, samples: ptr16, n: int):
    """Decode n A-law codes to signed 16-bit samples, each in the middle of its interval (peak 32256)."""
    i = 0
    while i < n:
        code = int(codes[i]) ^ 0x55
        x = ((code & 15) << 4) | 8
        segment = (code >> 4) & 7
        if segment:
            x = (x | 0x100) << (segment - 1)
        if code & 0x80:
            samples[i] = x
        else:
            samples[i] = (0 - x) & 0xFFFF
        i += 1

"""DTMF: dialled digits, keys, caller-ID trains and the call-waiting acknowledgement.

Sources: ITU-T Q.23 (frequencies); Q.24 for receivers (>= 40 ms tones); for caller ID before the first ring
the makers' descriptions of China's networks: start code, digits, end code, each of A B C D * #, 50 ms tones
and 50 ms pauses, no checksum. Acknowledgement of a CAS: DTMF D, about 60 ms (TIA-777).
"""

from dataclasses import dataclass

from sim.signals.levels import SAMPLES_PER_MS, Signal, join, silence, sine

LOW_HZ = (697.0, 770.0, 852.0, 941.0)
HIGH_HZ = (1209.0, 1336.0, 1477.0, 1633.0)
KEYS = ("123A", "456B", "789C", "*0#D")
TONES_HZ = {
    key: (LOW_HZ[row], HIGH_HZ[column]) for row, keys in enumerate(KEYS) for column, key in enumerate(keys)
}
"""Key → (low group, high group)."""


@dataclass(frozen=True)
class Dtmf:
    """How digits are sent.

    Attributes:
        on_ms, off_ms: tone and pause.
        level_dbm0: mean of the two tones' levels, each by itself.
        twist_db: level of the high group minus level of the low group.
        skew: relative error of both frequencies; timing is left alone.
    """

    on_ms: float = 80.0
    off_ms: float = 80.0
    level_dbm0: float = -8.0
    twist_db: float = 2.0
    skew: float = 0.0


DIALLED = Dtmf()
"""A telephone set: the high group is sent 2 dB higher, for the loop takes it away again (GB/T 15279)."""
CALLER_ID = Dtmf(on_ms=50.0, off_ms=50.0, level_dbm0=-13.0, twist_db=0.0)
ACKNOWLEDGEMENT = Dtmf(on_ms=60.0, off_ms=0.0, level_dbm0=-10.0)


def dtmf_tone(key: str, on_ms: float, how: Dtmf) -> Signal:
    """One tone of `on_ms`.

    Raises:
        KeyError: `key` is none of 0-9 A-D * #.
    """
    low_hz, high_hz = TONES_HZ[key]
    samples = round(on_ms * SAMPLES_PER_MS)
    low = sine(low_hz * (1.0 + how.skew), samples, how.level_dbm0 - how.twist_db / 2.0)
    high = sine(high_hz * (1.0 + how.skew), samples, how.level_dbm0 + how.twist_db / 2.0)
    return low + high


def dtmf_train(keys: str, how: Dtmf = DIALLED) -> Signal:
    """`keys` one after the other, each followed by its pause."""
    parts = []
    for key in keys:
        parts += [dtmf_tone(key, how.on_ms, how), silence(how.off_ms)]
    return join(parts)


def caller_id_train(number: str, start: str = "D", end: str = "C", how: Dtmf = CALLER_ID) -> Signal:
    """Caller ID before the first ring: `start`, the digits of `number`, `end`."""
    return dtmf_train(start + number + end, how)


def acknowledgement(key: str = "D") -> Signal:
    """What a set that knows call-waiting caller ID answers to a CAS."""
    return dtmf_train(key, ACKNOWLEDGEMENT)

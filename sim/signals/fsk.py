"""Caller-ID FSK transmitter: continuous-phase 1,200 bit/s, Bell 202 or V.23.

    channel seizure   300 bits alternating 0 and 1, on-hook only (first 0, last 1)
    mark              180 bits of 1 (80 after a CAS)
    each byte         start bit 0, eight bits from the least significant, stop bit 1, then stuffing marks

Sources: GR-30-CORE and ETSI EN 300 659-1 for frequencies, rate, seizure and mark; send level -13.5 dBm
+-1.5 dB from both; YD/T 1277.1-2003 for China (1200 +-12 / 2200 +-22 Hz).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.signals.levels import SAMPLE_RATE_HZ, Signal, at_level, gain_of

BIT_RATE = 1200.0
SEND_LEVEL_DBM0 = -13.5


@dataclass(frozen=True)
class Modem:
    """Frequencies of one standard, Hz. Mark is the 1."""

    name: str
    mark_hz: float
    space_hz: float


BELL_202 = Modem("bell202", 1200.0, 2200.0)
V23 = Modem("v23", 1300.0, 2100.0)
MODEMS = {modem.name: modem for modem in (BELL_202, V23)}


@dataclass(frozen=True)
class Fsk:
    """How one burst is sent.

    Attributes:
        level_dbm0: power of the whole burst.
        twist_db: level of mark minus level of space.
        skew: relative error of the sender's clock: all frequencies and the bit rate together.
        seizure_bits, mark_bits: lengths before the message.
        stuffing_bits: extra marks after each byte, 0..20.
        tail_bits: marks after the last byte.
    """

    modem: Modem = BELL_202
    level_dbm0: float = SEND_LEVEL_DBM0
    twist_db: float = 0.0
    skew: float = 0.0
    seizure_bits: int = 300
    mark_bits: int = 180
    stuffing_bits: int = 0
    tail_bits: int = 4


ON_HOOK = Fsk()
OFF_HOOK = Fsk(seizure_bits=0, mark_bits=80)


def bits_of(message: bytes, how: Fsk) -> NDArray[np.int64]:
    """The bit stream of one burst, from seizure to tail."""
    stop = [1] * (1 + how.stuffing_bits)
    bits = [index % 2 for index in range(how.seizure_bits)] + [1] * how.mark_bits
    for byte in message:
        bits += [0, *((byte >> place) & 1 for place in range(8)), *stop]
    return np.array(bits + [1] * how.tail_bits, dtype=np.int64)


def fsk_burst(message: bytes, how: Fsk = ON_HOOK) -> Signal:
    """The burst that carries `message`: bit borders and phase are exact between samples."""
    bits = bits_of(message, how)
    bit_seconds = 1.0 / (BIT_RATE * (1.0 + how.skew))
    freq_hz = np.where(bits == 1, how.modem.mark_hz, how.modem.space_hz) * (1.0 + how.skew)
    gain = np.where(bits == 1, gain_of(how.twist_db / 2.0), gain_of(-how.twist_db / 2.0))
    turns_at_border = np.concatenate([[0.0], np.cumsum(freq_hz * bit_seconds)])
    seconds = np.arange(int(len(bits) * bit_seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    index = np.minimum((seconds / bit_seconds).astype(np.int64), len(bits) - 1)
    turns = turns_at_border[index] + freq_hz[index] * (seconds - index * bit_seconds)
    return at_level(gain[index] * np.sin(2.0 * np.pi * turns), how.level_dbm0)

"""What a pair may carry that is no call: bad input for whoever listens to it.

Levels are those of the box's input, behind the loop: full scale is +3.14 dBm0.
"""

from collections.abc import Callable

import numpy as np

from sim.impairments import white_noise
from sim.signals.fsk import BIT_RATE, Fsk, fsk_burst
from sim.signals.levels import FULL_SCALE, SAMPLE_RATE_HZ, Signal, join, silence, sine
from sim.signals.messages import Caller, mdmf

SEED = 20_260_317
LONG_S = 8
MESSAGES = 100


def _square() -> Signal:
    """Clipped at full scale: 1.33 kHz, as hard as the converter can say it."""
    return np.where(np.arange(LONG_S * SAMPLE_RATE_HZ) // 3 % 2, float(FULL_SCALE), -float(FULL_SCALE) - 1.0)


def _offset() -> Signal:
    return np.full(LONG_S * SAMPLE_RATE_HZ, FULL_SCALE / 2.0)


def _tone() -> Signal:
    return sine(1000.0, LONG_S * SAMPLE_RATE_HZ, 0.0)


def _noise() -> Signal:
    return white_noise(LONG_S * SAMPLE_RATE_HZ, 0.0, np.random.default_rng(SEED))


def _endless_seizure() -> Signal:
    return fsk_burst(b"", Fsk(seizure_bits=4 * LONG_S * int(BIT_RATE), mark_bits=0, tail_bits=0))


def _long_claim() -> Signal:
    """A message that says it is 255 bytes long, and is not."""
    return fsk_burst(b"\x80\xff" + mdmf(Caller("13912345678"))[2:])


def _messages() -> Signal:
    callers = [Caller(f"139{index:08d}") for index in range(MESSAGES)]
    return join([join([fsk_burst(mdmf(caller)), silence(200)]) for caller in callers])


DISTURBANCES: dict[str, Callable[[], Signal]] = {
    "square": _square,
    "offset": _offset,
    "1 kHz": _tone,
    "noise": _noise,
    "seizure": _endless_seizure,
    "long claim": _long_claim,
    "messages": _messages,
}

"""What everyone listens to: truths and recordings, made by our transmitters or libspandsp's.

Levels, SNR, twist and skew as defined with the peers' limits: SNR is burst power (DTMF: total power of both
tones while on) over white noise in 0-4 kHz; FSK twist = mark - space, DTMF twist = high - low group; skew
moves all frequencies and the bit rate together. Every trial has its own caller, phase, place and noise.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.line.peers import ADSI_CLASS, ADSI_CLIP, spandsp_burst
from sim import impairments
from sim.signals.dtmf import TONES_HZ, Dtmf
from sim.signals.fsk import BELL_202, ON_HOOK, V23, Fsk, fsk_burst
from sim.signals.levels import Pcm, Signal, at_level, join, silence, sine, to_pcm
from sim.signals.messages import Caller, mdmf, sdmf

Rng = np.random.Generator
NAMES = ("ZHANG WEI", "LI NA", "WANG FANG", "3-1502 CHEN", "")
TWO_TONES_DB = 10.0 * math.log10(2.0)


@dataclass(frozen=True)
class Trial:
    """The number (or digits) sent, and what the line made of it."""

    truth: str
    pcm: Pcm


@dataclass(frozen=True)
class Kind:
    """A kind of signal: FSK or not, which of a peer's two receivers hears it, how it is made clean."""

    name: str
    is_fsk: bool
    receiver: int
    make: "Callable[[Rng, Draw], tuple[str, Signal, float]]"


@dataclass(frozen=True)
class Draw:
    """What varies: level (dBm0; DTMF per tone), twist (dB), skew, stuffing marks; the sender."""

    level_dbm0: float = -13.5
    twist_db: float = 0.0
    skew: float = 0.0
    stuffing_bits: int = 0
    by_spandsp: bool = False


def random_digits(rng: Rng, least: int, most: int) -> str:
    return "".join(str(digit) for digit in rng.integers(0, 10, int(rng.integers(least, most + 1))))


def random_caller(rng: Rng, with_name: bool) -> Caller:
    month, day, hour, minute = (
        int(rng.integers(low, high)) for low, high in ((1, 13), (1, 29), (0, 24), (0, 60))
    )
    name = NAMES[int(rng.integers(len(NAMES)))] if with_name else ""
    return Caller(random_digits(rng, 7, 12), name=name, date=f"{month:02d}{day:02d}{hour:02d}{minute:02d}")


def fsk_maker(modem_is_v23: bool, single: bool) -> "Callable[[Rng, Draw], tuple[str, Signal, float]]":
    """Makes (number, burst, its level)."""

    def make(rng: Rng, draw: Draw) -> tuple[str, Signal, float]:
        caller = random_caller(rng, with_name=not single)
        message = sdmf(caller) if single else mdmf(caller)
        if draw.by_spandsp:
            clean = spandsp_burst(message, ADSI_CLIP if modem_is_v23 else ADSI_CLASS).astype(np.float64)
            burst = at_level(np.trim_zeros(clean), draw.level_dbm0)
        else:
            how: Fsk = replace(
                ON_HOOK,
                modem=V23 if modem_is_v23 else BELL_202,
                level_dbm0=draw.level_dbm0,
                twist_db=draw.twist_db,
                skew=draw.skew,
                stuffing_bits=draw.stuffing_bits,
            )
            burst = fsk_burst(message, how)
        return caller.number, burst, draw.level_dbm0

    return make


def dtmf_maker(
    on_ms: float, off_ms: float, framed: bool
) -> "Callable[[Rng, Draw], tuple[str, Signal, float]]":
    """Makes (digits, train, total level while on); `framed` puts D before and C behind."""

    def make(rng: Rng, draw: Draw) -> tuple[str, Signal, float]:
        keys = random_digits(rng, 7, 12) if framed else random_digits(rng, 10, 10)
        how = Dtmf(on_ms, off_ms, draw.level_dbm0, draw.twist_db, draw.skew)
        parts: list[Signal] = []
        for key in f"D{keys}C" if framed else keys:
            parts += [_tone(key, how, rng), silence(off_ms)]
        unequal = 10.0 * math.log10(math.cosh(draw.twist_db / 20.0 * math.log(10.0)))
        return keys, join(parts), draw.level_dbm0 + TWO_TONES_DB + unequal

    return make


def _tone(key: str, how: Dtmf, rng: Rng) -> Signal:
    samples = round(how.on_ms * 8)
    tones = zip(TONES_HZ[key], (-how.twist_db / 2.0, how.twist_db / 2.0), strict=True)
    return np.sum(
        [
            sine(freq_hz * (1.0 + how.skew), samples, how.level_dbm0 + db, rng.uniform(0.0, 2.0 * np.pi))
            for freq_hz, db in tones
        ],
        axis=0,
    )


KINDS = (
    Kind("FSK MDMF", True, 0, fsk_maker(False, single=False)),
    Kind("FSK SDMF", True, 0, fsk_maker(False, single=True)),
    Kind("FSK V.23", True, 1, fsk_maker(True, single=False)),
    Kind("DTMF caller ID 50/50", False, 0, dtmf_maker(50.0, 50.0, framed=True)),
    Kind("DTMF dialled 80/80", False, 1, dtmf_maker(80.0, 80.0, framed=False)),
)

Treatment = Callable[[Signal, float, Rng], Signal]


def placed(burst: Signal, rng: Rng) -> Signal:
    """Idle line before, 0.7 s of it behind."""
    return join([silence(float(rng.uniform(250.0, 500.0))), burst, silence(700.0)])


def trials(kind: Kind, count: int, seed: int, draw: Callable[[Rng], Draw], treat: Treatment) -> list[Trial]:
    """`count` trials; `treat` gets the placed signal and its level."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        truth, burst, level = kind.make(rng, draw(rng))
        made.append(Trial(truth, to_pcm(treat(placed(burst, rng), level, rng))))
    return made


def noisy(snr_db: float) -> Treatment:
    """White noise only."""
    return lambda signal, level, rng: impairments.with_noise(signal, snr_db, level, rng)


def clicked(duration_ms: float, snr_db: float = 25.0) -> Treatment:
    """One click 9 dB over the burst, somewhere in the message."""

    def treat(signal: Signal, level: float, rng: Rng) -> Signal:
        hit = impairments.with_click(signal, _in_message(signal, rng), duration_ms, level + 9.0, rng)
        return impairments.with_noise(hit, snr_db, level, rng)

    return treat


def dropped(duration_ms: float, snr_db: float = 25.0) -> Treatment:
    """One drop-out, somewhere in the message."""

    def treat(signal: Signal, level: float, rng: Rng) -> Signal:
        hit = impairments.with_dropout(signal, _in_message(signal, rng), duration_ms)
        return impairments.with_noise(hit, snr_db, level, rng)

    return treat


def _in_message(signal: Signal, rng: Rng) -> float:
    """A time in ms behind seizure and mark (400 ms) and before the end of the burst."""
    sounding = np.nonzero(signal)[0]
    return float(rng.uniform(sounding[0] / 8.0 + 410.0, sounding[-1] / 8.0 - 6.0))


def field_draw(rng: Rng) -> Draw:
    """The field mixture's sender."""
    return Draw(
        level_dbm0=float(rng.uniform(-32.0, -6.0)),
        twist_db=float(rng.uniform(-5.0, 8.0)),
        skew=float(rng.uniform(-0.01, 0.01)),
        stuffing_bits=int(rng.choice([0, 0, 0, 1, 2, 5, 10])),
    )


def field(signal: Signal, level: float, rng: Rng) -> Signal:
    """The field mixture's line: echo, hum, A-law, SNR 20-40 dB."""
    if rng.random() < 0.5:
        signal = impairments.with_echo(signal, float(rng.uniform(0.3, 8.0)), float(rng.uniform(-25.0, -12.0)))
    if rng.random() < 0.5:
        signal = impairments.with_hum(signal, level - float(rng.uniform(0.0, 20.0)))
    signal = impairments.with_noise(signal, float(rng.uniform(20.0, 40.0)), level, rng)
    return impairments.through_alaw(signal) if rng.random() < 0.5 else signal

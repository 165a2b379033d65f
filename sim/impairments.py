"""What a real pair and a real exchange do to a signal.

Definitions (the same as the peers were measured with, so that decibels can be compared):
SNR is the level of the signal while it is on over white noise in the whole 0-4 kHz band; hum, echo and speech
are given as their level or as signal over interference. All functions return a new array.
"""

from dataclasses import dataclass

import numpy as np

from sim.signals.alaw import alaw_decode, alaw_encode
from sim.signals.levels import (
    FULL_SCALE,
    SAMPLE_RATE_HZ,
    SAMPLES_PER_MS,
    Signal,
    gain_of,
    rms_of,
    sine,
    to_pcm,
)


def white_noise(samples: int, level_dbm0: float, rng: np.random.Generator) -> Signal:
    """Gaussian noise of `level_dbm0`, flat over 0-4 kHz."""
    return rng.standard_normal(samples) * rms_of(level_dbm0)


def with_noise(signal: Signal, snr_db: float, signal_dbm0: float, rng: np.random.Generator) -> Signal:
    """White noise `snr_db` below `signal_dbm0`, which is the level of the signal while it is on."""
    return signal + white_noise(len(signal), signal_dbm0 - snr_db, rng)


def with_hum(signal: Signal, level_dbm0: float, freq_hz: float = 50.0, harmonics: int = 3) -> Signal:
    """Mains hum: the fundamental has `level_dbm0`, each odd harmonic 10 dB less than the one before."""
    hum = signal.copy()
    for order in range(harmonics):
        hum += sine(freq_hz * (2 * order + 1), len(signal), level_dbm0 - 10.0 * order, phase=0.7 * order)
    return hum


def with_dc(signal: Signal, share: float) -> Signal:
    """Offset by `share` of full scale, -1..1."""
    return signal + share * FULL_SCALE


def clipped(signal: Signal, overdrive_db: float) -> Signal:
    """Cut off `overdrive_db` below the highest peak."""
    ceiling = float(np.max(np.abs(signal))) * gain_of(-overdrive_db)
    return np.clip(signal, -ceiling, ceiling)


def with_echo(signal: Signal, delay_ms: float, level_db: float) -> Signal:
    """One echo, `level_db` relative to the signal (negative)."""
    delay = round(delay_ms * SAMPLES_PER_MS)
    echoed = signal.copy()
    echoed[delay:] += signal[: len(signal) - delay] * gain_of(level_db)
    return echoed


def tilted(signal: Signal, slope_db: float, low_hz: float = 1200.0, high_hz: float = 2200.0) -> Signal:
    """A loop that attenuates `high_hz` by `slope_db` more than `low_hz`: twist that grows with frequency."""
    spectrum = np.fft.rfft(signal)
    freq_hz = np.fft.rfftfreq(len(signal), 1.0 / SAMPLE_RATE_HZ)
    loss_db = slope_db * (freq_hz - low_hz) / (high_hz - low_hz)
    return np.fft.irfft(spectrum * 10.0 ** (-loss_db / 20.0), len(signal))


def skewed(signal: Signal, skew: float) -> Signal:
    """Another clock: everything `1 + skew` times as fast (linear interpolation, 4-fold oversampled)."""
    fine = _oversampled(signal, 4)
    places = np.arange(int(len(signal) / (1.0 + skew))) * (1.0 + skew) * 4.0
    return np.asarray(np.interp(places, np.arange(len(fine)), fine))


def shifted(signal: Signal, offset_hz: float) -> Signal:
    """All frequencies moved by `offset_hz`, as a carrier system with unequal oscillators does (SSB shift)."""
    spectrum = np.fft.fft(signal)
    spectrum[len(signal) // 2 + 1 :] = 0.0
    spectrum[1 : (len(signal) + 1) // 2] *= 2.0
    turns = offset_hz * np.arange(len(signal)) / SAMPLE_RATE_HZ
    return np.real(np.fft.ifft(spectrum) * np.exp(2j * np.pi * turns))


def with_click(
    signal: Signal, at_ms: float, duration_ms: float, level_dbm0: float, rng: np.random.Generator
) -> Signal:
    """A burst of noise over the signal."""
    first = round(at_ms * SAMPLES_PER_MS)
    clicked = signal.copy()
    hit = clicked[first : first + max(1, round(duration_ms * SAMPLES_PER_MS))]
    hit += white_noise(len(hit), level_dbm0, rng)
    return clicked


def with_dropout(signal: Signal, at_ms: float, duration_ms: float) -> Signal:
    """Nothing for `duration_ms`."""
    first = round(at_ms * SAMPLES_PER_MS)
    dropped = signal.copy()
    dropped[first : first + max(1, round(duration_ms * SAMPLES_PER_MS))] = 0.0
    return dropped


def through_alaw(signal: Signal) -> Signal:
    """Through a digital exchange: A-law and back."""
    return alaw_decode(alaw_encode(to_pcm(signal))).astype(np.float64)


@dataclass(frozen=True)
class Path:
    """How a line treats what the exchange sends; the floor (noise, hum, offset) is there all the time.

    Attributes:
        noise_dbm0, hum_dbm0: floor; None is none. A quiet line has noise of about -60 dBm0.
        dc_share: offset of the converter as a share of full scale.
        loss_db: attenuation of the loop.
        slope_db: see `tilted`.
        echo_ms, echo_db: see `with_echo`; 0 ms is no echo.
        alaw: True for a line behind a digital exchange.
    """

    noise_dbm0: float | None = -60.0
    hum_dbm0: float | None = None
    dc_share: float = 0.0
    loss_db: float = 0.0
    slope_db: float = 0.0
    echo_ms: float = 0.0
    echo_db: float = -12.0
    alaw: bool = False

    def carry(self, signal: Signal) -> Signal:
        """What of `signal` arrives at the desk."""
        if self.alaw:
            signal = through_alaw(signal)
        if self.slope_db:
            signal = tilted(signal, self.slope_db)
        if self.echo_ms:
            signal = with_echo(signal, self.echo_ms, self.echo_db)
        return signal * gain_of(-self.loss_db) if self.loss_db else signal

    def floor(self, samples: int, rng: np.random.Generator) -> Signal:
        """What stands on the line when nobody sends; whole seconds join up with themselves for hum."""
        floor = np.zeros(samples)
        if self.noise_dbm0 is not None:
            floor = white_noise(samples, self.noise_dbm0, rng)
        if self.hum_dbm0 is not None:
            floor = with_hum(floor, self.hum_dbm0)
        return with_dc(floor, self.dc_share) if self.dc_share else floor


def _oversampled(signal: Signal, factor: int) -> Signal:
    spectrum = np.fft.rfft(signal)
    padded = np.zeros(len(signal) * factor // 2 + 1, dtype=complex)
    padded[: len(spectrum)] = spectrum
    return np.fft.irfft(padded, len(signal) * factor) * factor

"""Music-like chords and the exchange's own tones to be deaf to: neither is a digit, neither is a message."""

from collections.abc import Iterator

import numpy as np

from sim.signals.levels import SAMPLE_RATE_HZ, Pcm, Signal, at_level, join, silence, sine, to_pcm

PIECE_SECONDS = 20.0
LOWEST_HZ, SEMITONES = 82.4, 44  # from E2 up to C6
CHORDS = ((0, 4, 7), (0, 3, 7), (0, 4, 7, 10), (0, 5, 7), (0, 3, 6, 9), (0, 7, 12))
TELEPHONE_HZ = 3600.0
# (frequencies in Hz, on ms, off ms). Sources: GB 3380; ITU-T E.180 (SIT), T.30 (CNG), TIA-777 (CAS).
TONES: tuple[tuple[tuple[float, ...], float, float], ...] = (
    ((450.0,), 2000.0, 0.0),
    ((450.0,), 1000.0, 4000.0),
    ((450.0,), 350.0, 350.0),
    ((450.0,), 700.0, 700.0),
    ((450.0,), 100.0, 100.0),
    ((450.0,), 400.0, 4000.0),
    ((950.0,), 1000.0, 0.0),
    ((950.0,), 330.0, 0.0),
    ((1400.0,), 330.0, 0.0),
    ((1800.0,), 330.0, 1000.0),
    ((1400.0,), 400.0, 2000.0),
    ((1100.0,), 500.0, 3000.0),
    ((2100.0,), 3000.0, 500.0),
    ((2130.0, 2750.0), 80.0, 3000.0),
    ((350.0, 440.0), 2000.0, 100.0),
    ((440.0, 480.0), 2000.0, 1000.0),
    ((480.0, 620.0), 500.0, 500.0),
)


def chords(minutes: float, rng: np.random.Generator) -> Iterator[Pcm]:
    """Chords of decaying notes with harmonics, 0.15-1 s each, -26..-12 dBm0, behind 0.2 s of silence.

    A receiver that starts in the middle of a chord takes it for the line's noise.
    """
    for _ in range(round(minutes * 60.0 / PIECE_SECONDS)):
        parts: list[Signal] = [silence(200.0)]
        while sum(map(len, parts)) < PIECE_SECONDS * SAMPLE_RATE_HZ:
            root_hz = LOWEST_HZ * 2.0 ** (int(rng.integers(SEMITONES)) / 12.0)
            notes_hz = [root_hz * 2.0 ** (step / 12.0) for step in CHORDS[int(rng.integers(len(CHORDS)))]]
            parts.append(_struck(notes_hz, float(rng.uniform(0.15, 1.0)), rng))
        yield to_pcm(at_level(join(parts), float(rng.uniform(-26.0, -12.0))))


def _struck(notes_hz: list[float], seconds: float, rng: np.random.Generator) -> Signal:
    samples = round(seconds * SAMPLE_RATE_HZ)
    slope_db = float(rng.uniform(3.0, 12.0))
    sound = np.zeros(samples)
    for note_hz in notes_hz:
        for order in range(1, 9):
            if note_hz * order < TELEPHONE_HZ:
                phase = float(rng.uniform(0.0, 2.0 * np.pi))
                sound += sine(note_hz * order, samples, -slope_db * (order - 1), phase)
    return np.asarray(sound * np.exp(-np.arange(samples) / SAMPLE_RATE_HZ * float(rng.uniform(1.0, 6.0))))


def progress_tones(minutes: float, rng: np.random.Generator) -> Iterator[Pcm]:
    """Call-progress and signalling tones in their cadences, -30..-6 dBm0, frequencies within 1 %."""
    for _ in range(round(minutes * 60.0 / PIECE_SECONDS)):
        parts: list[Signal] = []
        while sum(map(len, parts)) < PIECE_SECONDS * SAMPLE_RATE_HZ:
            freqs_hz, on_ms, off_ms = TONES[int(rng.integers(len(TONES)))]
            level = float(rng.uniform(-30.0, -6.0))
            off = 1.0 + float(rng.uniform(-0.01, 0.01))
            sounding = np.sum([sine(f * off, round(on_ms * 8.0), level) for f in freqs_hz], axis=0)
            parts += [sounding, silence(off_ms)] * int(rng.integers(1, 4))
        yield to_pcm(join(parts))

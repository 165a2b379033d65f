"""Call-progress tones of China, and the other tones a line carries.

Sources: GB 3380 and the tone tables of China's exchanges, as digested in Asterisk's `indications` [cn]:
450 +-25 Hz, -10 +-3 dBm0; howler 950 +-25 Hz that rises in five steps; CNG 1100 Hz, 0.5 s on, 3 s off (T.30);
CAS 2130 + 2750 Hz +-0.5 %, 75..85 ms (TIA-777, Bellcore GR-30).
"""

from dataclasses import dataclass

import numpy as np

from sim.signals.levels import SAMPLES_PER_MS, Signal, gain_of, join, silence, sine

TONE_LEVEL_DBM0 = -10.0
CAS_HZ = (2130.0, 2750.0)
CAS_MS = 80.0
CAS_LEVEL_DBM0 = -16.0
HOWLER_STEPS_DB = (-12.0, -9.0, -6.0, -3.0, 0.0)
HOWLER_STEP_MS = 2000.0
EDGE_MS = 1.0


@dataclass(frozen=True)
class Tone:
    """A tone with its cadence.

    Attributes:
        cadence_ms: (on, off) pairs that repeat; off = 0 in a single pair is continuous.
    """

    name: str
    freq_hz: float
    cadence_ms: tuple[tuple[float, float], ...]
    level_dbm0: float = TONE_LEVEL_DBM0


DIAL = Tone("dial", 450.0, ((1000.0, 0.0),))
RINGBACK = Tone("ringback", 450.0, ((1000.0, 4000.0),))
BUSY = Tone("busy", 450.0, ((350.0, 350.0),))
CONGESTION = Tone("congestion", 450.0, ((700.0, 700.0),))
VACANT = Tone("vacant", 450.0, ((100.0, 100.0),) * 3 + ((400.0, 400.0),))
CALL_WAITING = Tone("call_waiting", 450.0, ((400.0, 4000.0),), -20.0)
TOLL_NOTICE = Tone("toll_notice", 450.0, ((200.0, 200.0), (200.0, 600.0)))
RECORDING_NOTICE = Tone("recording_notice", 1400.0, ((400.0, 10000.0),), -20.0)
FAX_CALLING = Tone("cng", 1100.0, ((500.0, 3000.0),), -12.0)
FAX_ANSWER = Tone("ced", 2100.0, ((3000.0, 0.0),), -12.0)
TONES = {
    tone.name: tone
    for tone in (
        DIAL,
        RINGBACK,
        BUSY,
        CONGESTION,
        VACANT,
        CALL_WAITING,
        TOLL_NOTICE,
        RECORDING_NOTICE,
        FAX_CALLING,
        FAX_ANSWER,
    )
}


def tone_period(tone: Tone) -> Signal:
    """One period of the cadence, with edges of 1 ms so that switching makes no click.

    A continuous tone comes without edges; it joins up with itself when its period holds whole cycles, as
    one second of every tone above does.
    """
    if tone.cadence_ms[0][1] == 0.0:
        return sine(tone.freq_hz, round(tone.cadence_ms[0][0] * SAMPLES_PER_MS), tone.level_dbm0)
    parts = []
    for on_ms, off_ms in tone.cadence_ms:
        on = sine(tone.freq_hz, round(on_ms * SAMPLES_PER_MS), tone.level_dbm0)
        parts += [with_edges(on), silence(off_ms)]
    return join(parts)


def howler() -> Signal:
    """One period of the howler: five steps of 3 dB up to 0 dBm0, 2 s each."""
    tone = sine(950.0, round(HOWLER_STEP_MS * SAMPLES_PER_MS), 0.0)
    return join([tone * gain_of(step_db) for step_db in HOWLER_STEPS_DB])


def cas(duration_ms: float = CAS_MS, level_dbm0: float = CAS_LEVEL_DBM0, skew: float = 0.0) -> Signal:
    """Alerting signal for call-waiting caller ID; `level_dbm0` is that of each tone."""
    samples = round(duration_ms * SAMPLES_PER_MS)
    low, high = (sine(freq_hz * (1.0 + skew), samples, level_dbm0) for freq_hz in CAS_HZ)
    return low + high


def with_edges(samples: Signal, edge_ms: float = EDGE_MS) -> Signal:
    """`samples` faded in and out linearly over `edge_ms`."""
    edge = np.linspace(0.0, 1.0, round(edge_ms * SAMPLES_PER_MS), endpoint=False)
    shaped = samples.copy()
    shaped[: len(edge)] *= edge
    shaped[len(shaped) - len(edge) :] *= edge[::-1]
    return shaped

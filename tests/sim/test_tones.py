"""DTMF, call-progress tones and ringing, measured by spectrum, level and edge."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.signals.dtmf import KEYS, TONES_HZ, Dtmf, caller_id_train, dtmf_tone, dtmf_train
from sim.signals.levels import level_dbm0
from sim.signals.ring import CHINA, ring_second_mv
from sim.signals.tones import BUSY, DIAL, RINGBACK, TONES, VACANT, Tone, cas, howler, tone_period


def spans_ms(samples: NDArray[np.float64]) -> list[tuple[bool, float]]:
    """(on, how long) by a 4 ms envelope."""
    heard = np.abs(samples)
    envelope = np.array([heard[max(0, place - 16) : place + 16].max() > 100.0 for place in range(len(heard))])
    borders = [0, *(np.flatnonzero(np.diff(envelope.astype(int))) + 1), len(samples)]
    return [(bool(envelope[first]), (last - first) / 8.0) for first, last in pairwise(borders)]


def tone_dbm0(samples: NDArray[np.float64], freq_hz: float) -> float:
    """Level of one frequency, by correlation over all samples."""
    turns = np.exp(-2j * np.pi * freq_hz / 8000.0 * np.arange(len(samples)))
    peak = 2.0 * abs(np.dot(samples, turns)) / len(samples)
    return float(20.0 * np.log10(peak / 32767.0) + 3.14)


@pytest.mark.parametrize("key", "".join(KEYS))
def test_every_key_has_its_two_tones(key: str) -> None:
    tone = dtmf_tone(key, 1000.0, Dtmf(level_dbm0=-10.0, twist_db=4.0))
    low_hz, high_hz = TONES_HZ[key]
    assert tone_dbm0(tone, low_hz) == pytest.approx(-12.0, abs=0.05)
    assert tone_dbm0(tone, high_hz) == pytest.approx(-8.0, abs=0.05)


def test_the_pad_is_laid_out_as_q23_says() -> None:
    assert TONES_HZ["1"] == (697.0, 1209.0)
    assert TONES_HZ["0"] == (941.0, 1336.0)
    assert TONES_HZ["D"] == (941.0, 1633.0)
    assert len(set(TONES_HZ.values())) == 16


def test_skew_moves_both_tones() -> None:
    tone = dtmf_tone("5", 1000.0, Dtmf(skew=0.015))
    assert tone_dbm0(tone, 770.0 * 1.015) == pytest.approx(-9.0, abs=0.05)
    assert tone_dbm0(tone, 1336.0 * 1.015) == pytest.approx(-7.0, abs=0.05)


def test_a_caller_id_train_is_50_50_with_its_codes() -> None:
    train = caller_id_train("123")
    spans = spans_ms(train)
    assert len(train) == 5 * 800
    assert [on for on, _ in spans] == [True, False] * 5
    assert all(45.0 <= length <= 55.0 for _, length in spans)


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(KeyError):
        dtmf_train("12X")


@pytest.mark.parametrize(
    "tone", [tone for tone in TONES.values() if tone.cadence_ms[0][1]], ids=lambda tone: tone.name
)
def test_cadences(tone: Tone) -> None:
    wanted = [length for pair in tone.cadence_ms for length in pair]
    measured = [length for _, length in spans_ms(tone_period(tone))]
    assert measured == pytest.approx(wanted, abs=6.0)


def test_chinas_tones() -> None:
    assert BUSY.cadence_ms == ((350.0, 350.0),) and RINGBACK.cadence_ms == ((1000.0, 4000.0),)
    assert VACANT.cadence_ms == ((100.0, 100.0),) * 3 + ((400.0, 400.0),)
    dial = np.tile(tone_period(DIAL), 3)
    assert tone_dbm0(dial, 450.0) == pytest.approx(-10.0, abs=0.01)
    assert level_dbm0(dial) == pytest.approx(-10.0, abs=0.01)


def test_the_howler_rises_in_five_steps() -> None:
    steps = howler().reshape(5, -1)
    levels = [tone_dbm0(step, 950.0) for step in steps]
    assert levels == pytest.approx([-12.0, -9.0, -6.0, -3.0, 0.0], abs=0.05)


def test_cas_has_two_tones_of_80_ms() -> None:
    alert = cas()
    assert len(alert) == 640
    assert tone_dbm0(alert, 2130.0) == pytest.approx(-16.0, abs=0.3)
    assert tone_dbm0(alert, 2750.0) == pytest.approx(-16.0, abs=0.3)


def test_ringing_is_25_hz_of_90_volts() -> None:
    second = ring_second_mv(CHINA).astype(float)
    assert np.argmax(np.abs(np.fft.rfft(second))) == 25
    assert np.sqrt(np.mean(second**2)) == pytest.approx(90_000.0, rel=1e-3)

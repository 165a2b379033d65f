"""The FSK transmitter, measured by a spectrum and read back by a textbook demodulator that shares no code."""

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.impairments import with_noise
from sim.signals.fsk import BELL_202, MODEMS, V23, Fsk, Modem, bits_of, fsk_burst
from sim.signals.levels import level_dbm0
from sim.signals.messages import Caller, checksum, mdmf, sdmf

GOLDEN_MDMF = bytes.fromhex("80 16 01 08 30 33 31 37 31 36 35 36 02 0A 32 31 35 36 34 33 30 31 34 34 BA")
GOLDEN_CALLER = Caller("2156430144", date="03171656")


def demodulate(samples: NDArray[np.float64], mark_hz: float, space_hz: float) -> bytes:
    """Textbook: energy at both frequencies in a sliding bit, sampled in mid-bit after each start bit."""
    bit = 8000.0 / 1200.0
    window = np.ones(round(bit))
    time = np.arange(len(samples)) / 8000.0
    energy = [
        np.abs(np.convolve(samples * np.exp(-2j * np.pi * freq_hz * time), window, "same")) ** 2
        for freq_hz in (mark_hz, space_hz)
    ]
    ones = energy[0] > energy[1]
    out, place = bytearray(), 0.0
    while place + 10 * bit < len(ones):
        if not ones[int(place)] and ones[int(place) - 1]:
            bits = [ones[int(place + (index + 0.5) * bit)] for index in range(10)]
            if not bits[0] and bits[9]:
                out.append(sum(int(value) << index for index, value in enumerate(bits[1:9])))
                place += 9.5 * bit
                continue
        place += 1.0
    return bytes(out)


def test_golden_messages() -> None:
    assert mdmf(GOLDEN_CALLER) == GOLDEN_MDMF
    assert sdmf(GOLDEN_CALLER)[-1] == 0x4F
    for message in (GOLDEN_MDMF, sdmf(Caller(reason="P")), mdmf(Caller(reason="O", name="张三"))):
        assert sum(message) % 256 == 0 and checksum(message[:-1]) == message[-1]


def test_reasons_stand_in_place_of_the_number() -> None:
    withheld = mdmf(Caller(reason="P", date="01010000"))
    assert withheld[:-1] == bytes([0x80, 13, 1, 8]) + b"01010000" + b"\x04\x01P"
    assert sdmf(Caller(reason="O", date="01010000"))[2:-1] == b"01010000O"


@pytest.mark.parametrize("modem", MODEMS.values(), ids=MODEMS)
@pytest.mark.parametrize(
    "how", [Fsk(), Fsk(stuffing_bits=5), Fsk(twist_db=8.0), Fsk(skew=0.01), Fsk(skew=-0.01)]
)
def test_a_textbook_demodulator_reads_it(modem: Modem, how: Fsk) -> None:
    burst = fsk_burst(GOLDEN_MDMF, Fsk(**(vars(how) | {"modem": modem})))
    noisy = with_noise(burst, 25.0, how.level_dbm0, np.random.default_rng(5))
    assert GOLDEN_MDMF in demodulate(noisy, modem.mark_hz, modem.space_hz)


@pytest.mark.parametrize("level", [-40.0, -13.5, -3.0])
def test_the_level_is_that_of_the_whole_burst(level: float) -> None:
    assert level_dbm0(fsk_burst(GOLDEN_MDMF, Fsk(level_dbm0=level))) == pytest.approx(level, abs=1e-6)


def test_lengths_by_the_standard() -> None:
    bits = 300 + 180 + 10 * len(GOLDEN_MDMF) + 4
    assert len(bits_of(GOLDEN_MDMF, Fsk())) == bits
    assert len(fsk_burst(GOLDEN_MDMF)) == pytest.approx(bits * 8000 / 1200, abs=1.0)
    assert bits_of(GOLDEN_MDMF, Fsk())[:4].tolist() == [0, 1, 0, 1]
    assert bits_of(b"\x01", Fsk(seizure_bits=0, mark_bits=0, tail_bits=0)).tolist() == [0, 1] + [0] * 7 + [1]


@pytest.mark.parametrize(("modem", "skew"), [(BELL_202, 0.0), (V23, 0.0), (BELL_202, 0.02)])
def test_mark_and_space_stand_where_they_should(modem: Modem, skew: float) -> None:
    mark = fsk_burst(b"", Fsk(modem=modem, skew=skew, seizure_bits=0, mark_bits=1200))
    assert peak_hz(mark) == pytest.approx(modem.mark_hz * (1.0 + skew), abs=1.0)
    space = fsk_burst(b"\x00" * 40, Fsk(modem=modem, skew=skew, seizure_bits=0, mark_bits=0, tail_bits=0))
    assert peak_hz(space) == pytest.approx(modem.space_hz * (1.0 + skew), abs=130.0)


def test_the_phase_is_continuous() -> None:
    burst = fsk_burst(GOLDEN_MDMF, Fsk(level_dbm0=3.14))
    steepest = 2.0 * np.pi * BELL_202.space_hz / 8000.0 * 32767.0
    assert np.max(np.abs(np.diff(burst))) <= steepest


def test_twist_is_mark_over_space() -> None:
    mark = fsk_burst(b"", Fsk(twist_db=6.0, seizure_bits=0, mark_bits=600))
    both = fsk_burst(b"\x00" * 20, Fsk(twist_db=6.0, seizure_bits=0, mark_bits=600))
    spectrum = np.abs(np.fft.rfft(both[:4000]))
    assert level_dbm0(mark) == pytest.approx(-13.5, abs=1e-6)
    in_marks, in_spaces = both[400:3600], both[4100:5200]
    peaks_db = 20.0 * np.log10(
        np.max(np.abs(in_marks)) / np.sort(np.abs(in_spaces))[len(in_spaces) * 8 // 10]
    )
    assert spectrum.argmax() == 600 and 3.0 < peaks_db < 9.0


def peak_hz(samples: NDArray[np.float64]) -> float:
    """The strongest frequency, to the nearest tenth of a hertz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 80_000))
    return float(np.argmax(spectrum)) / 10.0

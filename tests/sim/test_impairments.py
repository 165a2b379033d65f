"""Each impairment measured by its own definition."""

import numpy as np
import pytest

from sim import impairments
from sim.impairments import Path
from sim.signals.levels import level_dbm0, sine

TONE = sine(1000.0, 16_000, -10.0)


def peak_hz(samples: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """The strongest frequency, to the nearest tenth of a hertz."""
    return float(np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 80_000)))) / 10.0


def test_snr_is_signal_over_noise_in_the_whole_band() -> None:
    noise = impairments.with_noise(TONE, 12.0, -10.0, np.random.default_rng(1)) - TONE
    assert level_dbm0(noise) == pytest.approx(-22.0, abs=0.2)
    halves = np.abs(np.fft.rfft(noise)) ** 2
    assert halves[:4000].sum() == pytest.approx(halves[4000:].sum(), rel=0.1)


def test_hum_has_its_level_and_odd_harmonics() -> None:
    hum = impairments.with_hum(np.zeros(16_000), -30.0)
    spectrum = np.abs(np.fft.rfft(hum))
    assert set(np.argsort(spectrum)[-3:].tolist()) == {100, 300, 500}
    assert level_dbm0(impairments.with_hum(np.zeros(16_000), -30.0, harmonics=1)) == pytest.approx(
        -30.0, abs=0.01
    )


def test_clipping_takes_the_peaks() -> None:
    assert np.max(impairments.clipped(TONE, 6.0)) == pytest.approx(np.max(TONE) / 1.9953, rel=1e-3)


def test_dc_echo_and_dropout() -> None:
    assert np.mean(impairments.with_dc(TONE, 0.1)) == pytest.approx(3276.7, abs=1.0)
    click = np.zeros(800)
    click[0] = 1000.0
    echoed = impairments.with_echo(click, 10.0, -6.0)
    assert echoed[80] == pytest.approx(501.2, abs=0.1) and np.count_nonzero(echoed) == 2
    assert not impairments.with_dropout(TONE, 100.0, 2.0)[800:816].any()


def test_a_click_is_where_it_was_asked_for() -> None:
    hit = impairments.with_click(np.zeros(1600), 50.0, 4.0, -3.0, np.random.default_rng(2))
    assert np.flatnonzero(hit)[0] >= 400 and np.flatnonzero(hit)[-1] < 432
    assert level_dbm0(hit[400:432]) == pytest.approx(-3.0, abs=3.0)


@pytest.mark.parametrize("skew", [-0.02, 0.01])
def test_skew_moves_frequency_and_length(skew: float) -> None:
    moved = impairments.skewed(TONE, skew)
    assert len(moved) == pytest.approx(16_000 / (1.0 + skew), abs=1.0)
    assert peak_hz(moved) == pytest.approx(1000.0 * (1.0 + skew), abs=0.2)


def test_a_frequency_offset_keeps_the_length() -> None:
    moved = impairments.shifted(TONE, 37.0)
    assert len(moved) == len(TONE) and peak_hz(moved) == pytest.approx(1037.0, abs=0.2)
    assert level_dbm0(moved) == pytest.approx(-10.0, abs=0.05)


def test_a_slope_is_twist() -> None:
    sloped = [impairments.tilted(sine(freq_hz, 16_000, -10.0), 8.0) for freq_hz in (1200.0, 2200.0)]
    assert level_dbm0(sloped[0]) - level_dbm0(sloped[1]) == pytest.approx(8.0, abs=0.05)


def test_alaw_leaves_38_db() -> None:
    error = impairments.through_alaw(TONE) - TONE
    assert 33.0 < level_dbm0(TONE) - level_dbm0(error) < 42.0


def test_a_path_does_what_it_says() -> None:
    assert level_dbm0(Path(loss_db=6.0).carry(TONE)) == pytest.approx(-16.0, abs=0.01)
    assert np.array_equal(Path().carry(TONE), TONE)
    floor = Path(noise_dbm0=-60.0, hum_dbm0=-40.0, dc_share=0.01).floor(8000, np.random.default_rng(1))
    assert np.mean(floor) == pytest.approx(327.67, abs=5.0)
    assert level_dbm0(floor - np.mean(floor)) == pytest.approx(-39.5, abs=0.5)
    every = Path(slope_db=3.0, echo_ms=2.0, alaw=True).carry(TONE)
    assert len(every) == len(TONE) and not np.array_equal(every, TONE)

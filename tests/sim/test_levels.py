"""The definition of dBm0: a full-scale sine is +3.14."""

import numpy as np
import pytest

from sim.signals.alaw import alaw_decode, alaw_encode
from sim.signals.levels import FULL_SCALE, at_level, level_dbm0, sine, sine_peak, to_pcm


def test_a_full_scale_sine_is_3_14_dbm0() -> None:
    full_scale = FULL_SCALE * np.sin(2.0 * np.pi * 1000.0 / 8000.0 * np.arange(8000) + 0.3)
    assert level_dbm0(full_scale) == pytest.approx(3.14, abs=1e-6)
    assert sine_peak(0.0) == pytest.approx(22826, abs=1.0)


@pytest.mark.parametrize("level", [-40.0, -13.5, 0.0, 3.14])
def test_levels_come_back_as_they_were_asked_for(level: float) -> None:
    assert level_dbm0(sine(1020.0, 8000, level)) == pytest.approx(level, abs=0.01)
    noise = np.random.default_rng(1).standard_normal(8000)
    assert level_dbm0(at_level(noise, level)) == pytest.approx(level, abs=1e-6)


def test_pcm_saturates() -> None:
    assert to_pcm(np.array([40000.0, -40000.0, 0.6])).tolist() == [32767, -32768, 1]


def test_alaw_agrees_with_another_implementation() -> None:
    import av

    samples = np.arange(-32768, 32768, 7, dtype=np.int16)
    codec = av.CodecContext.create("pcm_alaw", "r")
    codec.sample_rate, codec.layout = 8000, "mono"
    frames = codec.decode(av.Packet(alaw_encode(samples).tobytes()))
    decoded = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    assert np.array_equal(decoded, alaw_decode(alaw_encode(samples)))
    assert np.max(np.abs(decoded.astype(int) - samples)) <= 512
    assert alaw_encode(np.array([0, -1], dtype=np.int16)).tolist() == [0xD5, 0x55]

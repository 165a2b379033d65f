"""Talk: speech-like in level, band and rhythm, the same every time, with or without espeak-ng."""

import shutil

import numpy as np
import pytest

from sim import speech
from sim.signals.levels import level_dbm0
from sim.speech import DESK_VOICES, conversation, sentence


@pytest.fixture(params=["synthetic", pytest.param("espeak-ng", marks=pytest.mark.needs("espeak-ng"))])
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the words come from; caches are emptied around it."""
    if request.param == "synthetic":
        monkeypatch.setattr(shutil, "which", lambda _: None)
    conversation.cache_clear()
    sentence.cache_clear()
    request.addfinalizer(conversation.cache_clear)
    request.addfinalizer(sentence.cache_clear)
    return str(request.param)


def test_a_sentence_is_speech_like(source: str) -> None:
    said = sentence("您好,服务中心,很高兴为您服务。", DESK_VOICES[0])
    assert 1.5 < len(said) / 8000 < 8.0
    spectrum = np.abs(np.fft.rfft(said)) ** 2
    freq_hz = np.fft.rfftfreq(len(said), 1 / 8000)
    assert spectrum[(freq_hz > 300) & (freq_hz < 3400)].sum() > 0.95 * spectrum.sum()
    loud = np.sqrt(np.mean(said[: len(said) // 160 * 160].reshape(-1, 160) ** 2, axis=1))
    assert np.mean(loud < 0.1 * loud.max()) > 0.05, "speech has pauses"
    assert np.std(loud) > 0.3 * np.mean(loud), "speech has a rhythm"


def test_a_conversation_takes_turns_at_telephone_levels(source: str) -> None:
    talk = conversation(4)
    assert len(talk.desk) == len(talk.far) > 10 * 8000
    assert not ((talk.desk != 0) & (talk.far != 0)).any()
    assert talk.desk[:4000].any() and not talk.far[:4000].any()
    for track, level in ((talk.desk, speech.NEAR_LEVEL_DBM0), (talk.far, speech.FAR_LEVEL_DBM0)):
        assert level_dbm0(track[track != 0]) == pytest.approx(level, abs=2.0)
        assert np.max(np.abs(track.astype(int))) < 32_767


def test_the_same_seed_says_the_same(source: str) -> None:
    first = conversation(7)
    conversation.cache_clear()
    sentence.cache_clear()
    again = conversation(7)
    assert np.array_equal(first.desk, again.desk) and np.array_equal(first.far, again.far)
    assert any(len(conversation(seed).desk) != len(first.desk) for seed in range(8, 12))

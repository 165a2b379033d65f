"""What is no message and no key gives no event, and nothing stays stuck behind it."""

import numpy as np
import pytest

from benchmarks.line.tunes import chords, progress_tones
from sim.signals.fsk import ON_HOOK, bits_of, fsk_burst
from sim.signals.levels import Pcm, Signal, join, silence, sine, to_pcm
from sim.signals.messages import Caller, closed, mdmf
from tests.ear.hearing import of, on_micropython

SECONDS = 4
SAMPLES = 8000 * SECONDS
CALLER = Caller("13912345678")


def seizure(seconds: float) -> Signal:
    return np.resize(fsk_burst(b"", ON_HOOK)[:2000], int(8000 * seconds))


def inputs() -> dict[str, Pcm]:
    rng = np.random.default_rng(5)
    ring = 30000 * np.sign(np.sin(2 * np.pi * 25 * np.arange(SAMPLES) / 8000))
    claims_255 = b"\x80\xff" + mdmf(CALLER)[2:]
    return {
        "silence": np.zeros(SAMPLES, dtype=np.int16),
        "full scale": np.full(SAMPLES, 32767, dtype=np.int16),
        "lowest": np.full(SAMPLES, -32768, dtype=np.int16),
        "DC at half scale": np.full(SAMPLES, 16384, dtype=np.int16),
        "clipped square": np.where(np.arange(SAMPLES) // 3 % 2, 32767, -32768).astype(np.int16),
        "1 kHz at 0 dBm0": to_pcm(sine(1000.0, SAMPLES, 0.0)),
        "noise at 0 dBm0": to_pcm(rng.normal(0, 16000, SAMPLES)),
        "ring leaking in": to_pcm(ring),
        "endless seizure": to_pcm(seizure(SECONDS)),
        "endless mark": to_pcm(sine(1200.0, SAMPLES, -13.5)),
        "a message that claims 255 bytes": to_pcm(join([silence(200), fsk_burst(claims_255), silence(2500)])),
    }


INPUTS = inputs()


@pytest.mark.parametrize("off_hook", [False, True])
def test_nothing_is_heard_in_it(off_hook: bool) -> None:
    for name, heard in zip(INPUTS, on_micropython(list(INPUTS.values()), off_hook), strict=True):
        untrue = [
            (kind, fields)
            for _, kind, fields in heard
            if not (name.startswith("a message") and fields.get("format") == "failed")
        ]
        assert (name, untrue) == (name, [])


def test_music_and_tones_are_no_keys_and_no_callers() -> None:
    rng = np.random.default_rng(9)
    pieces = [*chords(2.0, rng), *progress_tones(1.0, rng)]
    told = [of(heard, "digit") for heard in on_micropython(pieces, off_hook=True)]
    told += [of(heard, "caller_id") for heard in on_micropython(pieces)]
    assert told == [[]] * 2 * len(pieces)


def test_the_next_message_is_heard_behind_it() -> None:
    good = to_pcm(join([silence(100), fsk_burst(mdmf(CALLER)), silence(200)]))
    heard = on_micropython([np.concatenate([bad, good]) for bad in INPUTS.values()])
    numbers = [
        [fields["number"] for fields in of(events, "caller_id") if "number" in fields] for events in heard
    ]
    assert numbers == [[CALLER.number]] * len(INPUTS)


def test_a_hundred_messages_in_a_row() -> None:
    callers = [Caller(f"139{index:08d}") for index in range(100)]
    row = join([join([fsk_burst(mdmf(caller)), silence(600)]) for caller in callers])
    (heard,) = on_micropython([to_pcm(row)])
    assert [fields["number"] for fields in of(heard, "caller_id")] == [caller.number for caller in callers]


def test_a_sum_that_holds_over_an_empty_body_is_no_caller() -> None:
    (heard,) = on_micropython([to_pcm(join([silence(200), fsk_burst(closed(0x80, b"")), silence(400)]))])
    assert not any("number" in fields for _, _, fields in heard)
    assert len(bits_of(b"", ON_HOOK)) == 484

"""What is passed over in one go is what would have said nothing step by step."""

from array import array

import numpy as np
import pytest

from firmware.dsp.calm import pass_calm
from firmware.line.tones import ToneDetector

HOPS = 4


@pytest.mark.parametrize("seed", range(20))
def test_silence_taken_at_once_tells_what_its_hops_tell(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hops: list[int] = []
    while len(hops) < 6000:
        hops += [int(rng.choice([450, 450, 450, 950]))] * int(rng.choice([1, 3, 13, 44, 88, 125, 125, 250]))
        hops += [0] * int(rng.choice([1, 3, 13, 44, 88, 200, 375, 900, 900]))
    slow, quick = ToneDetector(), ToneDetector()
    told = skipped = 0
    for start in range(0, len(hops) - HOPS, HOPS):
        block = hops[start : start + HOPS]
        if rng.random() < 0.02:
            slow.cut()
            quick.cut()
        expected = [slow.step(freq_hz) for freq_hz in block]
        if not any(block) and quick.rest(HOPS):
            skipped += 1
            assert expected == [None] * HOPS
        else:
            assert [quick.step(freq_hz) for freq_hz in block] == expected
        told += sum(answer is not None for answer in expected)
    assert told and skipped


@pytest.mark.parametrize("seed", range(20))
def test_calm_readings_are_passed_up_to_the_first_that_says_something(seed: int) -> None:
    rng = np.random.default_rng(seed)
    levels = array(
        "i", rng.choice([-60_000, -7_600, -7_000, 7_000, 7_400, 7_401, 48_000], 64, p=WEIGHTS).tolist()
    )
    flags = bytes((rng.random(64) < 0.02).astype(np.uint8).tolist())
    low_mv, high_mv = [(7_000, 7_800), (-8_000, -7_000), (0, 0)][seed % 3]
    at, head = (int(place) for place in rng.integers(0, 64, 2))
    place = at
    while place != head and low_mv < levels[place] < high_mv and not flags[place]:
        place = (place + 1) % 64
    assert pass_calm(levels, flags, at, head, low_mv, high_mv) == place


WEIGHTS = [0.02, 0.38, 0.02, 0.02, 0.27, 0.27, 0.02]

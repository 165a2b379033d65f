"""The recorder beside a loop that is read between two blocks of sound."""

from pathlib import Path

import pytest

from tests.firmware.bench import BLOCK, run_probe

HALF_A_SECOND = 4096
RING = 65536


def test_a_loop_read_after_the_newest_sample_holds_there_and_loses_nothing(tmp_path: Path) -> None:
    lines = run_probe(tmp_path, "hold_probe.py").splitlines()
    held = lines.index("released")
    payloads = [tuple(map(int, line.split())) for line in lines if line != "released"]
    at = 0
    for first, size in payloads:
        assert first == at
        at += size
    assert sum(payloads[held - 1]) <= 60 * BLOCK  # what came behind the opening waited
    assert 122 * BLOCK - at < 256


@pytest.mark.parametrize("tenths", [7, 3])
def test_a_wire_that_is_too_slow_costs_gaps_of_half_a_second_and_not_one_a_payload(
    tmp_path: Path, tenths: int
) -> None:
    lines = [line.split() for line in run_probe(tmp_path, "gap_probe.py", TENTHS=str(tenths)).splitlines()]
    at = 0
    for _, first, samples in lines:
        assert int(first) == at
        at += int(samples)
    gaps = [int(samples) for kind, _, samples in lines if kind == "gap"]
    assert min(gaps) > HALF_A_SECOND
    assert 1875 * BLOCK - RING < at < 1875 * BLOCK


@pytest.mark.parametrize("is_capture", [False, True])
def test_a_session_that_ends_on_a_lost_payload_sends_the_next_recording_from_its_start(
    tmp_path: Path, is_capture: bool
) -> None:
    notes = run_probe(tmp_path, "two_calls_probe.py", IS_CAPTURE=str(is_capture))
    payloads = [tuple(map(int, line.split())) for line in notes.splitlines()]
    assert next(first for call, first in payloads if call == 2) == 0
    assert is_capture or payloads[0][0] == 1


@pytest.mark.parametrize("hours", [7, 10, 19])
def test_a_handset_beside_its_phone_is_a_recording_of_six_hours(tmp_path: Path, hours: int) -> None:
    assert int(run_probe(tmp_path, "days_probe.py", HOURS=str(hours))) == 6 * 3600 * 8000

"""The recorder beside a loop that is read between two blocks of sound."""

from pathlib import Path

from tests.firmware.bench import BLOCK, run_probe


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

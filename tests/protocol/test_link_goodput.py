"""The link at its limit, in short; `python -m benchmarks.link` measures for longer."""

import pytest

from benchmarks.link import CASES, CONTROL_P99_MS, run


@pytest.mark.parametrize(("bit_error_rate", "delay_ms", "poll_ms", "least"), CASES)
def test_goodput_and_control_latency(
    bit_error_rate: float, delay_ms: int, poll_ms: int, least: float
) -> None:
    got = run(bit_error_rate, delay_ms, poll_ms, seconds=10, seed=1)
    assert got.goodput >= least
    assert got.control_p99_ms <= CONTROL_P99_MS
    assert got.control_lost == 0

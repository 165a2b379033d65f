"""The link at its limit, in short; `python -m benchmarks.link` measures for longer."""

import random

import pytest

from benchmarks.link import CASES, CONTROL_P99_MS, run
from protocol.framing import AUDIO
from protocol.messages import decode_audio, encode_audio
from sim.chaos.wire import Damage
from tests.protocol.pair import open_pair

BLOCK_MS = 32
CALL_BYTES_PER_S = 8000
FRAME_BYTES = 248
BOARD_FRAMES = 10
"""What a board has under way at most, for its heap's sake."""


@pytest.mark.parametrize(("bit_error_rate", "delay_ms", "poll_ms", "least"), CASES)
def test_goodput_and_control_latency(
    bit_error_rate: float, delay_ms: int, poll_ms: int, least: float
) -> None:
    got = run(bit_error_rate, delay_ms, poll_ms, seconds=10, seed=1)
    assert got.goodput >= least
    assert got.control_p99_ms <= CONTROL_P99_MS
    assert got.control_lost == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_wire_that_loses_four_frames_in_ten_carries_a_call_twice(seed: int) -> None:
    """2e-3 of the bytes are hit each way; a round trip is three blocks, and ten frames may be under way."""
    draw = random.Random(seed)
    wire = Damage(2e-3 / 3, 2e-3 / 3, 2e-3 / 3)
    pair = open_pair(seed)
    board, host = pair.board.link, pair.host.link
    from_host = [b"", b""]
    sample = got = 0
    audio = bytes(FRAME_BYTES)
    seconds = 60
    for _ in range(seconds * 1000 // BLOCK_MS):
        pair.now_ms += BLOCK_MS
        board.receive(wire.apply(from_host.pop(0), draw), pair.now_ms)
        while board.room(AUDIO) and board.under_way(AUDIO) < BOARD_FRAMES:
            board.send(AUDIO, encode_audio(1, sample, audio))
            sample += FRAME_BYTES
        host.receive(wire.apply(board.poll(pair.now_ms, 1536), draw), pair.now_ms)
        got += sum(len(decode_audio(payload)[2]) for kind, payload in host.take() if kind == AUDIO)
        from_host.append(host.poll(pair.now_ms))
    assert got / seconds > 2 * CALL_BYTES_PER_S

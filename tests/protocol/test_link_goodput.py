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


def test_a_round_trip_that_grows_for_good_costs_a_few_frames_and_not_each_one_twice() -> None:
    """The timer is early once: whether its copy or the first one was acknowledged, nobody knows."""
    pair = open_pair()
    board, host = pair.board.link, pair.host.link
    from_host: list[tuple[int, bytes]] = []
    began_ms, heard = pair.now_ms, 0
    for _ in range(20_000 // BLOCK_MS):
        pair.now_ms += BLOCK_MS
        while from_host and from_host[0][0] <= pair.now_ms:
            board.receive(from_host.pop(0)[1], pair.now_ms)
        heard += BLOCK_MS * CALL_BYTES_PER_S // 1000
        while heard >= FRAME_BYTES and board.room(AUDIO) and board.under_way(AUDIO) < BOARD_FRAMES:
            board.send(AUDIO, encode_audio(1, 0, bytes(FRAME_BYTES)))
            heard -= FRAME_BYTES
        host.receive(board.poll(pair.now_ms, 1536), pair.now_ms)
        host.take()
        delay_ms = 20 if pair.now_ms < began_ms + 5000 else 120
        from_host.append((pair.now_ms + delay_ms, host.poll(pair.now_ms)))
    assert board.is_open
    assert board.retransmitted < 10

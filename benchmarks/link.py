"""Goodput and control latency of the serial link over a modelled channel, in stepped time.

The channel carries 92,160 bytes a second each way (921,600 baud, 8N1) and flips bits independently at a
given rate. Before it lies a transmit buffer of 1,024 bytes, as `LinkEnd.poll`'s budget sees it; after it a
fixed delay (USB poll and driver). The host is polled each millisecond; the board too, or each 32 ms, as its
one loop does. Goodput counts A-law bytes handed to the host.

    python -m benchmarks.link [--seconds 60] [--seed 1]

Limits: goodput >= 88 % of the line without errors and >= 60 % at a bit error rate of 1e-4; control latency
under full audio p99 <= 50 ms, also at 16 ms each way (an FTDI latency timer) or one poll in 32 ms. Exit
status 1 if one is missed.
"""

import argparse
import math
import random
import sys
import time
from collections import deque
from dataclasses import dataclass

from protocol.const import MAX_AUDIO_BYTES
from protocol.framing import AUDIO, CONTROL
from protocol.link import LinkEnd
from protocol.messages import decode_message, encode_audio, encode_message

BYTES_PER_MS = 92.160
BUFFER_BYTES = 1024
BLOCK_BYTES = 2944
"""What the line carries in a block of 32 ms: the buffer of a board that is polled once a block."""
CONTROL_EACH_MS = 20
STARTUP_MS = 1000


class Channel:
    """One direction: a transmit buffer, a line that takes its time and flips bits, a delay."""

    def __init__(self, bit_error_rate: float, delay_ms: int, size: int, draw: random.Random) -> None:
        self._size = size
        self._rate = bit_error_rate
        self._delay_ms = delay_ms
        self._draw = draw
        self._waiting = bytearray()
        self._credit = 0.0
        self._flying: deque[tuple[int, bytes]] = deque()
        self._good_bits = self._draw_good_bits()

    def room(self) -> int:
        """Bytes the transmit buffer takes."""
        return max(0, self._size - len(self._waiting))

    def write(self, data: bytes) -> None:
        self._waiting += data

    def step(self, now_ms: int) -> bytes:
        """One millisecond passes; the bytes that come out of the far end."""
        self._credit = min(self._credit + BYTES_PER_MS, 2 * BYTES_PER_MS)
        count = min(int(self._credit), len(self._waiting))
        self._credit -= count
        self._flying.append((now_ms + self._delay_ms, self._damage(self._waiting[:count])))
        del self._waiting[:count]
        out = bytearray()
        while self._flying and self._flying[0][0] <= now_ms:
            out += self._flying.popleft()[1]
        return bytes(out)

    def _damage(self, data: bytearray) -> bytes:
        bits = 8 * len(data)
        at = self._good_bits
        while at < bits:
            data[at >> 3] ^= 1 << (at & 7)
            at += 1 + self._draw_good_bits()
        self._good_bits = at - bits
        return bytes(data)

    def _draw_good_bits(self) -> int:
        if not self._rate:
            return sys.maxsize
        return int(math.log(1.0 - self._draw.random()) / math.log1p(-self._rate))


@dataclass(frozen=True)
class Outcome:
    """What one run measured."""

    goodput: float
    control_p50_ms: int
    control_p99_ms: int
    control_lost: int
    retransmitted: int
    frames: int
    wall_seconds: float


def run(bit_error_rate: float, delay_ms: int, poll_ms: int, seconds: int, seed: int) -> Outcome:
    """Full audio from board to host, an event-sized control message each 20 ms."""
    draw = random.Random(seed)
    board = LinkEnd(True, b"board", lambda: draw.randrange(1, 1 << 16))
    host = LinkEnd(False, b"host", lambda: 0)
    size = BUFFER_BYTES if poll_ms == 1 else BLOCK_BYTES
    up = Channel(bit_error_rate, delay_ms, size, draw)
    down = Channel(bit_error_rate, delay_ms, BUFFER_BYTES, draw)
    arrived = bytearray()
    sent_ms: dict[int, int] = {}
    waiting: deque[int] = deque()
    latencies: list[int] = []
    audio_bytes = frames = sample = 0
    audio = bytes(draw.randrange(256) for _ in range(MAX_AUDIO_BYTES))
    began = time.perf_counter()
    for now_ms in range(STARTUP_MS + seconds * 1000):
        while board.room(AUDIO):
            board.send(AUDIO, encode_audio(1, sample, audio))
            sample += MAX_AUDIO_BYTES
        if board.is_open and now_ms % CONTROL_EACH_MS == 0:
            sent_ms[now_ms] = now_ms
            waiting.append(now_ms)
        while waiting and board.room(CONTROL):
            number = waiting.popleft()
            fields = {"call": 1, "burst": number}
            board.send(CONTROL, encode_message("event", number, now_ms, "ring_burst", fields))
        arrived += down.step(now_ms)
        if now_ms % poll_ms == 0:
            board.receive(bytes(arrived), now_ms)
            arrived.clear()
            board.take()
            up.write(board.poll(now_ms, up.room()))
        host.receive(up.step(now_ms), now_ms)
        down.write(host.poll(now_ms, down.room()))
        for kind, payload in host.take():
            if kind == AUDIO and now_ms >= STARTUP_MS:
                audio_bytes += len(payload) - 8
                frames += 1
            elif kind == CONTROL:
                latencies.append(now_ms - sent_ms.pop(decode_message(payload)[1]))
    latencies.sort()
    return Outcome(
        goodput=audio_bytes / (BYTES_PER_MS * 1000 * seconds),
        control_p50_ms=latencies[len(latencies) // 2],
        control_p99_ms=latencies[len(latencies) * 99 // 100],
        control_lost=sum(now_ms - when > 1000 for when in sent_ms.values()),
        retransmitted=board.retransmitted,
        frames=frames,
        wall_seconds=time.perf_counter() - began,
    )


CONTROL_P99_MS = 50

CASES = [
    # bit error rate, delay each way in ms, board polled each ms, least goodput
    (0.0, 1, 1, 0.88),
    (0.0, 16, 1, 0.88),
    (0.0, 1, 32, 0.88),
    (1e-4, 1, 1, 0.60),
    (1e-4, 16, 1, 0.60),
    (1e-4, 1, 32, 0.60),
]


def main() -> int:
    """Print the table; 1 if a limit is missed."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--seconds", type=int, default=60, help="line seconds a case (default 60)")
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    print(f"seed {options.seed}, {options.seconds} line-seconds a case")
    print("BER    delay  poll   goodput (limit)  control p50     p99 (limit) retransmitted  frames/wall-s")
    missed = False
    for rate, delay_ms, poll_ms, least in CASES:
        got = run(rate, delay_ms, poll_ms, options.seconds, options.seed)
        missed = missed or got.goodput < least or got.control_p99_ms > CONTROL_P99_MS or got.control_lost > 0
        speed = got.frames / got.wall_seconds
        print(
            f"{rate:<6g} {delay_ms:>2} ms  {poll_ms:>2} ms  {got.goodput:7.1%} ({least:.0%})"
            f"   {got.control_p50_ms:>6} ms"
            f"  {got.control_p99_ms:>6} ms ({CONTROL_P99_MS})  {got.retransmitted:>8}      {speed:>8.0f}"
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())

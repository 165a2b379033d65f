"""Wall time: plays a seat's line block by block at 8 kHz of CLOCK_MONOTONIC."""

import time
from collections.abc import Callable

from protocol.const import BLOCK_SAMPLES, SAMPLE_RATE_HZ
from sim.seat import Seat

MAX_LAG_NS = 1_000_000_000
"""Behind by more than this (a suspended machine), the line goes on from now instead of racing."""

BlockHook = Callable[[int, int], None]


def run_paced(seat: Seat, must_stop: Callable[[], bool], on_block: BlockHook | None = None) -> None:
    """Play the line in real time until `must_stop()`.

    A block is handed to the board when its last sample would have been heard, as a board's I2S does.

    Args:
        must_stop: asked once a block.
        on_block: called before a block is handed over, with the number of samples played up to its end and
            the CLOCK_MONOTONIC nanoseconds at which the last of them stands on the line.
    """
    start_ns, played = time.monotonic_ns(), 0
    while not must_stop():
        played += BLOCK_SAMPLES
        end_ns = start_ns + played * 1_000_000_000 // SAMPLE_RATE_HZ
        late_ns = time.monotonic_ns() - end_ns
        if late_ns < 0:
            time.sleep(-late_ns / 1e9)
        elif late_ns > MAX_LAG_NS:
            start_ns += late_ns
            end_ns += late_ns
        if on_block is not None:
            on_block(played, end_ns)
        seat.begin_step(BLOCK_SAMPLES, seat.port.read())
        seat.port.write(seat.finish())

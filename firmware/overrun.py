"""Finds samples that were never heard, by comparing the sample index with the board's timer.

MicroPython's I2S drops DMA blocks silently when nobody reads. Both counts come from one crystal, so their
difference stands still; it grows by what was lost. While the loop is late the samples still lie in the DMA
ring, so the comparison counts only when the loop had to wait for its block.
"""

from micropython import const

from firmware.board.clock import since_ms

BLOCK_MS = 32
_SAMPLES_PER_MS = 8
_TOLERANCE_MS = const(24)
"""Less than a block, more than the jitter of a soft interrupt and a collection."""
_WAITED_MS = const(2)
_PERIOD_BLOCKS = const(1 << 16)


class OverrunWatch:
    """Counts blocks, not samples, and starts its count anew each 2^16 blocks, so nothing grows."""

    def __init__(self) -> None:
        self._anchor = -1
        self._blocks = 0

    def restart(self) -> None:
        """Forget: the next block is the first."""
        self._anchor = -1

    def passed(self, now: int, waited_ms: int) -> int:
        """One block ended at tick `now` after the loop waited `waited_ms` for it; samples lost before it."""
        if self._anchor < 0 or self._blocks >= _PERIOD_BLOCKS:
            self._anchor = now
            self._blocks = 0
            return 0
        self._blocks += 1
        lost_ms = since_ms(now, self._anchor) - self._blocks * BLOCK_MS
        if lost_ms < _TOLERANCE_MS or waited_ms < _WAITED_MS:
            return 0
        self._anchor = now
        self._blocks = 0
        return lost_ms * _SAMPLES_PER_MS

"""The disk of the data folder: how much is free, and what follows from it. Pure but for the reading it is
given.

Below the reserve verified recordings go, oldest first; if that is not enough, no new samples are written
until there is room again (with a tenth of hysteresis). Unverified recordings and events are never deleted.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

CHECK_EVERY_MS = 10_000
MB = 1024 * 1024


def read_free_bytes(folder: Path) -> int:
    """Free bytes on the disk that holds `folder` (or its nearest existing parent)."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


class DiskWatch:
    """Decides whether there is room. `is_low` starts False."""

    def __init__(self, read_free: Callable[[], int], reserve_mb: int) -> None:
        self._read_free = read_free
        self.reserve_bytes = reserve_mb * MB
        self.free_bytes = read_free()
        self.is_low = False

    def check(self) -> int:
        """Read the disk anew; returns how many bytes are missing up to the reserve (0: none)."""
        self.free_bytes = self._read_free()
        limit = self.reserve_bytes * 11 // 10 if self.is_low else self.reserve_bytes
        return max(0, limit - self.free_bytes)

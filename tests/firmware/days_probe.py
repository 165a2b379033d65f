"""Runs on the board in place of main.py: a handset lies beside its phone for HOURS hours. How many samples
its recording counts at the end goes into the file NOTES of the host.
"""

from array import array

from firmware.board.device import Device
from firmware.recorder import RING_SIZE, Recorder

BLOCK_MS = 32
HOUR_MS = 3_600_000


class Silent:
    """A journal that is told nothing."""

    def append(self, tick, kind, fields):
        pass


block = array("h", [0] * 256)
recorder = Recorder(Silent(), bytearray(RING_SIZE))
tick = BLOCK_MS
recorder.feed(block, tick, 7900)
recorder.start(1, tick)
for _ in range(HOURS):  # noqa: F821
    tick += HOUR_MS
    recorder.lose(8 * HOUR_MS, tick)  # as good as heard, and 112,500 blocks faster
    tick += BLOCK_MS
    recorder.feed(block, tick, 7900)
with open("NOTES", "w") as notes:  # noqa: PTH123
    notes.write(str(recorder.stop(tick)))
Device().reset()

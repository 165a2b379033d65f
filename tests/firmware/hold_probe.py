"""Runs on the board in place of main.py: a recording whose loop opens, its state read after the last block of
sound, and goes on. What is handed out goes into the file NOTES of the host, a line a payload.

A board reads the loop each 5 ms, whether a block of sound is complete or not; the simulated codec, in step
with the blocks, shows no such reading.
"""

from array import array

from firmware.board.device import Device
from firmware.recorder import RING_SIZE, Recorder

BLOCK_MS = 32
AHEAD_MS = 9


class Silent:
    """A journal that is told nothing."""

    def append(self, tick, kind, fields):
        raise AssertionError(kind)


block = array("h", [0] * 256)
recorder = Recorder(Silent(), bytearray(RING_SIZE))
tick = 0
with open("NOTES", "w") as notes:  # noqa: PTH123

    def hear(blocks):
        """So many blocks; what is ready is handed out."""
        global tick
        for _ in range(blocks):
            tick += BLOCK_MS
            recorder.feed(block, tick, 7900)
            payload = recorder.next_audio()
            while payload is not None:
                notes.write(f"{payload[1]} {len(payload[2])}\n")
                payload = recorder.next_audio()

    hear(4)
    recorder.start(1, tick)
    hear(60)
    recorder.hold(tick + AHEAD_MS)
    hear(2)
    notes.write("released\n")
    recorder.release()
    hear(60)
Device().reset()

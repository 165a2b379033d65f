"""Runs on the board in place of main.py: a recording of a minute on a wire that takes TENTHS tenths of a
payload a block, so the ring is full after a while. What is told and what is handed out goes into the file
NOTES of the host, a line each: gap or sound, first sample, samples.
"""

from array import array

from firmware.board.device import Device
from firmware.recorder import RING_SIZE, Recorder

BLOCK_MS = 32
BLOCKS = 1875

block = array("h", [0] * 256)
with open("NOTES", "w") as notes:  # noqa: PTH123

    class Told:
        def append(self, tick, kind, fields):
            notes.write("gap {} {}\n".format(fields["first_sample"], fields["samples"]))

    recorder = Recorder(Told(), bytearray(RING_SIZE))
    tick = BLOCK_MS
    recorder.feed(block, tick, 7900)
    recorder.start(1, tick)
    tenths = 0
    for _ in range(BLOCKS):
        tick += BLOCK_MS
        recorder.feed(block, tick, 7900)
        tenths += TENTHS  # noqa: F821
        while tenths >= 10:
            payload = recorder.next_audio()
            if payload is None:
                break
            notes.write(f"sound {payload[1]} {len(payload[2])}\n")
            tenths -= 10
Device().reset()

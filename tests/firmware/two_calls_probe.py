"""Runs on the board in place of main.py: a call has ended and the next one runs when a payload of the first
is lost; BEHIND payloads after it arrive, then the session ends. What the next session hands out goes into
the file NOTES of the host, a line a payload: call, first sample. With IS_CAPTURE there is a capture in
place of the first call, which the second one abandons.
"""

from array import array

from firmware.board.device import Device
from firmware.recorder import RING_SIZE, Recorder
from protocol.const import MAX_AUDIO_BYTES

BLOCK_MS = 32
BEHIND = 31
AUDIO_FRAMES = 10


class Silent:
    """A journal that is told nothing."""

    def append(self, tick, kind, fields):
        raise AssertionError(kind)


block = array("h", [0] * 256)
recorder = Recorder(Silent(), bytearray(RING_SIZE))
tick = 0


def hear(blocks):
    global tick
    for _ in range(blocks):
        tick += BLOCK_MS
        recorder.feed(block, tick, 7900)


hear(4)
if IS_CAPTURE:  # noqa: F821
    recorder.start_capture(0, tick)
    lost = recorder.next_audio()
else:
    recorder.start(1, tick)
    hear(20)
    recorder.stop(tick)
    lost = recorder.next_audio()
    while len(lost[2]) == MAX_AUDIO_BYTES:
        lost = recorder.next_audio()
recorder.start(2, tick)
hear(40)
for _ in range(BEHIND):
    assert recorder.next_audio()[0] == 2
recorder.rewind(AUDIO_FRAMES)
recorder.rewind_to(lost[0], lost[1])
with open("NOTES", "w") as notes:  # noqa: PTH123
    payload = recorder.next_audio()
    while payload is not None:
        notes.write(f"{payload[0]} {payload[1]}\n")
        payload = recorder.next_audio()
Device().reset()

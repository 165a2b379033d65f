"""Runs on the board in place of main.py: 200 quiet blocks with the heap locked, then a reset to say that it
passed.

Audio, readings, ear, line state, dialer, watchdog and the poll itself must not allocate; blocks in which
the link has something to say are stepped unlocked.
"""

import gc

import micropython

gc.threshold(8192)
audio_ring = bytearray(65536)

from firmware.line.ear import Ear  # noqa: E402

ear = Ear()
gc.collect()

from firmware.app import App  # noqa: E402
from firmware.board.device import Device  # noqa: E402

app = App(Device(), audio_ring, ear)
locked = 0
while locked < 200:
    next_tick = app.device.clock.read() + 32
    if app.journal.next_seq < 2 or app.uplink.is_due(next_tick):
        app.step()
        app.step()  # the simulator's own machine hands over what was sent with the next block
        continue
    micropython.heap_lock()
    app.step()
    micropython.heap_unlock()
    locked += 1
assert app.faults == 0
app.device.reset()

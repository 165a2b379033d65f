"""Runs on the board in place of main.py: after each pass every integer the hot objects keep must be a small
int.

Small ints end at 2^30 on the board but not on the unix port, so the clock starts near 2^30 and all
attributes are looked at, lists and objects inside one another included. A reset says that a thousand passes
went by.
"""

import gc

LIMIT = 1 << 30

gc.threshold(8192)
audio_ring = bytearray(65536)

from firmware.line.ear import Ear  # noqa: E402

ear = Ear()
gc.collect()

from firmware.app import App  # noqa: E402
from firmware.board.device import Device  # noqa: E402

app = App(Device(), audio_ring, ear)
HOT = (app.device.clock, app.device.codec, app.device.readings, app.sensor, app.sensor.pulses, app.state)
HOT += (app.recorder, app.ear, app.uplink, app._overrun)


def check(name, value, depth):
    """Fail on an integer beyond 31 bits, in `value` or inside it."""
    if isinstance(value, int):
        assert -LIMIT <= value < LIMIT, name
    elif isinstance(value, (list, tuple)) and depth:
        for item in value:
            check(name, item, depth - 1)
    elif hasattr(value, "__dict__") and depth and type(value).__module__.startswith("firmware.line"):
        for inner, item in value.__dict__.items():
            check(name + "." + inner, item, depth - 1)


for _ in range(1000):
    app.step()
    for hot in HOT:
        for name, value in hot.__dict__.items():
            check(type(hot).__name__ + "." + name, value, 3)
assert app.faults == 0
app.device.reset()

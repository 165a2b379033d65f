"""Runs after boot.py on the board: the box's one loop.

What needs large pieces of the heap is made first; after all imports no such pieces are left. Collecting often
until the app stands keeps what imports leave behind from lying between what stays.
"""

import gc

gc.threshold(8192)
audio_ring = bytearray(65536)

from firmware.line.ear import Ear  # noqa: E402

ear = Ear()
gc.collect()

from firmware.app import main  # noqa: E402

main(audio_ring, ear)

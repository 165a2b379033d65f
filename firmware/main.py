"""Runs after boot.py on the board: the box's one loop."""

audio_ring = bytearray(65536)  # before all imports: no such piece is left of the heap after them

from firmware.app import main  # noqa: E402

main(audio_ring)

"""Runs on the board in place of main.py: after how many bytes the heap is collected, while the app is being
built and while it runs, goes into the file NOTES of the host.
"""

import gc

gc.threshold(8192)

from firmware import app  # noqa: E402


class Watched:
    def __init__(self, device, audio_ring, ear):
        self.device = device
        self.built_with = gc.threshold()

    def run(self):
        with open("NOTES", "w") as notes:  # noqa: PTH123
            notes.write(f"{self.built_with} {gc.threshold()}")
        self.device.reset()


app.App = Watched
app.main(bytearray(65536), None)

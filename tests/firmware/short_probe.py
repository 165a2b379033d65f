"""Runs on the board in place of main.py: a call is lifted and hung up while there is no memory for what the
ear needs. Each state of the line goes into the file NOTES of the host, a line each.
"""

from firmware.board.device import Device
from firmware.line import facts
from firmware.line.state import LineState


class Memory:
    """Journal, recorder and ear in one; the ear finds no memory."""

    next_seq = 1

    def append(self, tick, kind, fields):
        pass

    def start(self, call, tick):
        pass

    def stop(self, tick):
        return 8

    def set_hook(self, off_hook):
        raise MemoryError


memory = Memory()
line = LineState(memory, memory, memory)
with open("NOTES", "w") as notes:  # noqa: PTH123
    for fact in (facts.FOUND_ON_HOOK, facts.LIFTED, facts.HUNG_UP):
        try:
            line.handle_fact(fact, 5, 48000, "")
        except MemoryError:
            notes.write("short ")
        notes.write(f"{line.state} {line.call}\n")
Device().reset()

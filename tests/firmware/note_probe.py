"""Runs on the board in place of main.py: states COUNT events while the desk is away; then it takes and
acknowledges what RAM has, another call begins and is flushed, and at last the desk takes all the rest. Each
event that is handed out goes into the file NOTES of the host, a seq a line.
"""

from firmware.board import storage
from firmware.board.clock import Clock
from firmware.board.device import Device
from firmware.identity import next_boot
from firmware.journal import Journal
from protocol.messages import decode_message

device = Device()
storage.prepare()
journal = Journal(next_boot(), Clock().uptime_ms)


def state(count):
    for number in range(count):
        journal.append(number, "key_pressed", {"call": 1, "key": "5"})
        journal.flush(number)


def take(notes):
    """One event, acknowledged, if this pass has one."""
    message = journal.next_event() or journal.next_past_event()
    if message is None:
        return
    parts = decode_message(message)
    seq = parts[1] if parts[0] == "event" else parts[2]
    notes.write(f"{seq}\n")
    journal.acknowledge(journal.boot, [[seq, seq]])


state(COUNT)  # noqa: F821
with open("NOTES", "w") as notes:  # noqa: PTH123
    while journal.unacknowledged:
        take(notes)
    state(1)
    journal.rewind()  # the cable: a new session begins the segment anew
    while journal.unsent:
        take(notes)
device.reset()

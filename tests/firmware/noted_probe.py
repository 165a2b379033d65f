"""Runs on the board in place of main.py: of 150 events of an earlier boot the desk had all but the last 20
when the power went. Each pass of the next boot writes a line into the file NOTES of the host: records
decoded, and the seq handed out, or 0.
"""

from firmware import backlog
from firmware.board import storage
from firmware.board.clock import Clock
from firmware.board.device import Device
from firmware.identity import next_boot
from firmware.journal import Journal
from protocol.messages import decode_message

COUNT = 150
UNACKNOWLEDGED = 20

device = Device()
storage.prepare()
journal = Journal(next_boot(), Clock().uptime_ms)
for number in range(1, COUNT + 1):
    journal.append(number, "key_pressed", {"call": 1, "key": "5"})
    journal.flush(number)
    if number <= COUNT - UNACKNOWLEDGED:
        journal.acknowledge(journal.boot, [[1, number]])

decode, decoded = backlog.decode_parts, 0


def count(payload):
    global decoded
    decoded += 1
    return decode(payload)


backlog.decode_parts = count
journal = Journal(next_boot(), Clock().uptime_ms)
with open("NOTES", "w") as notes:  # noqa: PTH123
    while journal.unsent:
        decoded = 0
        message = journal.next_past_event()
        notes.write(f"{decoded} {decode_message(message)[2] if message else 0}\n")
device.reset()

"""Runs on the board in place of main.py: a call of 44 events ends, and flash may be written again. Each
pass writes a line into the file NOTES of the host: appends to flash.
"""

from firmware.board import storage
from firmware.board.clock import Clock
from firmware.board.device import Device
from firmware.identity import next_boot
from firmware.journal import Journal

device = Device()
storage.prepare()
append, appends = storage.append, 0


def count(name, data):
    global appends
    appends += 1
    append(name, data)


storage.append = count
journal = Journal(next_boot(), Clock().uptime_ms)
for number in range(44):
    fields = {"call": 1, "format": "fsk-mdmf", "number": "13800138000", "datetime": "03170856"}
    journal.append(number, "caller_id", fields)
with open("NOTES", "w") as notes:  # noqa: PTH123
    while journal.wants_flush(44):
        appends = 0
        journal.flush(44)
        notes.write(f"{appends}\n")
device.reset()

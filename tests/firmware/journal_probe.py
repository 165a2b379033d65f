"""Runs on the board in place of main.py: states COUNT events, flushing after each PER_FLUSH, then asks for
a reset.

What has been flushed is noted in the host's file NOTES, one seq a line, before the next flush begins.
"""

from firmware.board import storage
from firmware.board.clock import Clock
from firmware.board.device import Device
from firmware.identity import next_boot
from firmware.journal import Journal

device = Device()
storage.prepare()
journal = Journal(next_boot(), Clock().uptime_ms)
with open("NOTES", "a") as notes:  # noqa: PTH123
    for number in range(1, COUNT + 1):  # noqa: F821
        fields = {"call": number, "format": "fsk-mdmf", "number": "13800138000", "datetime": "03170856"}
        journal.append(number, "caller_id", fields)
        if number % PER_FLUSH == 0:  # noqa: F821
            while journal.wants_flush(number):
                journal.flush(number)
            notes.write(f"{journal.boot} {number}\n")
            notes.flush()
device.reset()

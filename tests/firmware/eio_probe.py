"""Runs on the board in place of main.py: 900 events of an earlier boot wait in flash, then each append
fails with ERRNO. The file NOTES of the host gets a line each second of MINUTES minutes: appends tried,
segments left, events lost.
"""

from firmware.board import storage
from firmware.board.clock import Clock
from firmware.board.device import Device
from firmware.identity import next_boot
from firmware.journal import Journal

device = Device()
storage.prepare()


def state(journal, tick):
    fields = {"call": 1, "format": "fsk-mdmf", "number": "13800138000", "datetime": "03170856"}
    journal.append(tick, "caller_id", fields)


def flush_if_due(journal, tick):
    if journal.wants_flush(tick):
        journal.flush(tick)


earlier = Journal(next_boot(), Clock().uptime_ms)
for number in range(900):
    state(earlier, number)
    if number % 6 == 5:
        flush_if_due(earlier, number)
tried = 0


def fail(name, data):
    global tried
    tried += 1
    raise OSError(ERRNO)  # noqa: F821


storage.append = fail
journal = Journal(next_boot(), Clock().uptime_ms)
state(journal, 0)
with open("NOTES", "w") as notes:  # noqa: PTH123
    for tick in range(0, 60_000 * MINUTES, 100):  # noqa: F821
        flush_if_due(journal, tick)
        if tick % 1000 == 0:
            notes.write("{} {} {}\n".format(tried, len(storage.names("journal.")), journal.lost))
device.reset()

"""Runs on the board in place of main.py: states COUNT events, flushes and acknowledges them PER_FLUSH at a
time, and writes into the host's file NOTES how often each block of the flash was erased.
"""

import flash
import vfs

from firmware.board import storage
from firmware.board.clock import Clock
from firmware.board.device import Device
from firmware.identity import next_boot
from firmware.journal import Journal

_ERASE = 6


class CountingFlash(flash.FlashFile):
    def __init__(self, path):
        super().__init__(path, lambda size: size, None)
        self.erased = [0] * self.ioctl(4, 0)

    def ioctl(self, operation, argument):
        if operation == _ERASE:
            self.erased[argument] += 1
        return super().ioctl(operation, argument)


device = Device()
chip = CountingFlash("CHIP")  # the same file that power_on has mounted and formatted
vfs.umount(storage.DATA)
vfs.mount(vfs.VfsLfs2(chip, progsize=256, readsize=256, lookahead=32), storage.DATA)
storage.prepare()
journal = Journal(next_boot(), Clock().uptime_ms)
for number in range(1, COUNT + 1):  # noqa: F821
    fields = {"call": number, "format": "fsk-mdmf", "number": "13800138000", "datetime": "03170856"}
    journal.append(number, "caller_id", fields)
    if number % PER_FLUSH == 0:  # noqa: F821
        while journal.wants_flush(number):
            journal.flush(number)
        while journal.next_event() or journal.next_past_event():
            pass
        journal.acknowledge(journal.boot, [[1, number]])
with open("NOTES", "w") as notes:  # noqa: PTH123
    notes.write(" ".join([str(count) for count in chip.erased]))
device.reset()

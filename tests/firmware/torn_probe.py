"""Runs on the board in place of main.py: twelve events wait in flash, then one bit falls over: in the
eighth, where it makes another number of the number, and in the count of the boots. The file NOTES of the
host gets the boot before, the boot after, and each past event that is handed out: boot, seq and number.
"""

from firmware.board import storage
from firmware.board.clock import Clock
from firmware.board.device import Device
from firmware.identity import next_boot
from firmware.journal import Journal
from protocol.messages import decode_message

NUMBER = "13800138000"
COUNT_AT = 7


def flip(name, at):
    data = bytearray(storage.read(name))
    data[at] ^= 1
    storage.write(name, data)


device = Device()
storage.prepare()
before = next_boot()
journal = Journal(before, Clock().uptime_ms)
for number in range(1, 13):
    fields = {"call": number, "format": "fsk-mdmf", "number": NUMBER, "datetime": "03170856"}
    journal.append(number, "caller_id", fields)
    journal.flush(number)
segment = storage.names("journal.")[0]
written, at = storage.read(segment), -1
for _ in range(8):
    at = written.find(NUMBER.encode(), at + 1)
flip(segment, at)
flip("boot_id", COUNT_AT)
after = next_boot()
journal = Journal(after, Clock().uptime_ms)
with open("NOTES", "w") as notes:  # noqa: PTH123
    notes.write(f"{before} {after}\n")
    while journal.unsent:
        message = journal.next_past_event()
        if message:
            _, boot, seq, _, _, fields = decode_message(message)
            notes.write("{} {} {}\n".format(boot, seq, fields["number"]))
device.reset()

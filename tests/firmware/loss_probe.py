"""Runs on the board in place of main.py: states COUNT events that are never flushed, some of them (every
EVERY-th) without memory, then hands all out, eight to an acknowledgement, and writes each into the file
NOTES of the host, a line an event.
"""

from firmware import journal as module
from firmware.board import storage
from firmware.board.clock import Clock
from firmware.board.device import Device
from firmware.identity import next_boot
from firmware.journal import Journal
from protocol.messages import decode_message

device = Device()
storage.prepare()
encode = module.encode_message


def fail_now_and_then(kind, seq, *parts):
    if EVERY and seq % EVERY == 0:  # noqa: F821
        raise MemoryError
    return encode(kind, seq, *parts)


module.encode_message = fail_now_and_then
journal = Journal(next_boot(), Clock().uptime_ms)
for number in range(COUNT):  # noqa: F821
    journal.append(number, "key_pressed", {"call": 1, "key": "5"})
module.encode_message = encode
with open("NOTES", "w") as notes:  # noqa: PTH123
    message = journal.next_event() or journal.next_past_event()
    while message is not None:
        ranges = []
        while message is not None and len(ranges) < 8:
            _, seq, _, kind, fields = decode_message(message)
            ranges.append([seq, seq])
            notes.write(f"{seq} {kind} {fields.get('first', 0)} {fields.get('last', 0)}\n")
            message = journal.next_event() or journal.next_past_event()
        journal.acknowledge(journal.boot, ranges)
        message = message or journal.next_event() or journal.next_past_event()
device.reset()

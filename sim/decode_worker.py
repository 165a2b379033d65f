"""Runs the firmware's ear on MicroPython for `cloudseat-sim decode`: jobs on stdin, JSON lines on stdout.

First line out: this runtime. Job: mode ("n" on-hook, "f" off-hook), u32 count, then int16 samples, all
little-endian, the count a multiple of 256. Answer: one line, a list of [type, fields], bytes as hex text.
"""

import json
import struct
import sys
from array import array

from firmware.line.ear import Ear

BLOCK = 256
BLOCK_MS = 32
HEADER = "<sI"
RING_EVERY_BLOCKS = 125


def read_exactly(stream, buffer):
    """Fill `buffer`; False at the end of the stream."""
    view, done = memoryview(buffer), 0
    while done < len(view):
        count = stream.readinto(view[done:])
        if not count:
            return False
        done += count
    return True


def plain(fields):
    """`fields` as JSON can carry them."""
    return {
        name: value.hex() if isinstance(value, (bytes, bytearray)) else value
        for name, value in fields.items()
    }


def listen(stream, off_hook, blocks):
    """All events of one recording, heard by a fresh ear."""
    ear, raw, heard = Ear(), bytearray(2 * BLOCK), []
    ear.set_hook(off_hook)
    for block in range(blocks):
        if not read_exactly(stream, raw):
            break
        # A recording says nothing of ringing, so caller ID may come at any time.
        if not off_hook and block % RING_EVERY_BLOCKS == 0:
            ear.ring_ended(block * BLOCK_MS)
        for kind, fields in ear.feed(array("h", raw), block * BLOCK_MS):
            heard.append((kind, plain(fields)))
    return heard


def main():
    """Serve jobs until stdin ends."""
    implementation = sys.implementation
    print(
        json.dumps(
            {
                "name": implementation.name,
                "version": ".".join([str(part) for part in implementation.version if part != ""]),
                "machine": getattr(implementation, "_machine", ""),
                "mpy": getattr(implementation, "_mpy", 0),
            }
        )
    )
    stream, header = sys.stdin.buffer, bytearray(struct.calcsize(HEADER))
    while read_exactly(stream, header):
        mode, samples = struct.unpack(HEADER, header)
        print(json.dumps(listen(stream, mode == b"f", samples // BLOCK)))


main()

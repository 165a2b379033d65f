"""Runs the firmware's ear on MicroPython for `cloudseat-sim decode`: jobs on stdin, JSON lines on stdout.

First line out: this runtime. Job: mode ("n" on-hook, "f" off-hook), u32 count of samples, u16 count of ring
ends, the ms of each (u32), then int16 samples, all little-endian, the count of samples a multiple of 256.
Answer: one line, a list of [type, fields], bytes as hex text.
"""

import json
import struct
import sys
from array import array

from firmware.line.ear import Ear

BLOCK = 256
BLOCK_MS = 32
HEADER = "<sIH"


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


def listen(stream, off_hook, blocks, ring_ends_ms):
    """All events of one recording, heard by a fresh ear."""
    ear, raw, heard = Ear(), bytearray(2 * BLOCK), []
    ear.set_hook(off_hook)
    for block in range(blocks):
        if not read_exactly(stream, raw):
            break
        while ring_ends_ms and ring_ends_ms[0] <= block * BLOCK_MS:
            ear.ring_ended(ring_ends_ms.pop(0))
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
        mode, samples, count = struct.unpack(HEADER, header)
        ends = bytearray(4 * count)
        read_exactly(stream, ends)
        ring_ends_ms = list(struct.unpack(f"<{count}I", ends))
        print(json.dumps(listen(stream, mode == b"f", samples // BLOCK, ring_ends_ms)))


main()

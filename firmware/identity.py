"""Who this boot is: `life-count`, kept in one small flash file (DESIGN: events).

File: life u32, count u32, CRC-32 of both, big-endian. `life` is drawn anew when the file is absent or its
CRC is wrong, so a re-flashed box never repeats an event id; the new `count` is on flash before the boot's
first event.
"""

import random
import struct
from binascii import crc32

from firmware.board import storage
from protocol.ids import build_boot

_FILE = "boot_id"
_LAYOUT = ">III"


def next_boot() -> str:
    """The id of this boot; advances the stored counter.

    Raises:
        OSError: the flash cannot be written.
    """
    life, count = _stored()
    count += 1
    body = struct.pack(">II", life, count)
    storage.write(_FILE, body + struct.pack(">I", crc32(body) & 0xFFFFFFFF))
    return build_boot(life, count)


def _stored() -> "tuple[int, int]":
    data = storage.read(_FILE)
    if data is not None and len(data) == 12:
        life, count, crc = struct.unpack(_LAYOUT, data)
        if crc == crc32(data[:8]) & 0xFFFFFFFF and count < 0xFFFFFFFF:
            return life, count
    return random.getrandbits(32), 0

"""The journal's part in flash: segments of at most 16 kB, oldest deleted first.

Rules:
    1. A segment is one file, named by a number that only grows, and belongs to one boot, which its first
       record says.
    2. Record: length u16, CRC-32 u32 of the payload, payload. A length of 0, a wrong CRC or an end inside a
       record is a torn write: what follows in that segment is not read.
    3. A file is only appended to, whole records at once, and closed; then it is deleted. So littlefs
       spreads the wear, and a power cut leaves the records before the last append.
    4. Payloads are event messages as the link sends them, and notes: ["acked", seq] says that the spool has
       all events of this segment up to seq.
"""

import struct
from binascii import crc32

from micropython import const

from firmware.board import storage
from protocol import cbor
from protocol.errors import CborError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SEGMENT_BYTES = const(16384)
MAX_SEGMENTS = 48
"""768 kB: over 6,000 events of 110 bytes each."""
_PREFIX = "journal."
_HEAD = ">HI"
_HEAD_SIZE = const(6)
_CHUNK = const(1024)
_NOTE = b"\x82\x65acked"


class FlashLog:
    """The segments. All numbers of segments ascend with time.

    Attributes:
        segments: numbers of the segments that exist, oldest first.
    """

    def __init__(self, boot: str) -> None:
        self._boot = boot
        self.segments = [int(name[len(_PREFIX) :], 16) for name in storage.names(_PREFIX)]
        self._next = self.segments[-1] + 1 if self.segments else 0
        self._size = _SEGMENT_BYTES  # of the one being written; full: the next append begins a new one
        self._chunk_of = (-1, 0)
        self._chunk = b""

    @property
    def newest(self) -> int:
        """The segment being written, or the last of an earlier boot; -1 without any."""
        return self.segments[-1] if self.segments else -1

    def append(self, payloads: "list[bytes]") -> None:
        """Write records; one append, one flash commit.

        Raises:
            OSError: the flash is full or broken; the records are not written.
        """
        data = b"".join([_build_record(payload) for payload in payloads])
        if self._size + len(data) > _SEGMENT_BYTES:
            head = _build_record(cbor.encode(["segment", self._boot]))
            storage.append(_name(self._next), head + data)
            self.segments.append(self._next)
            self._next += 1
            self._size = len(head) + len(data)
        else:
            storage.append(_name(self.newest), data)
            self._size += len(data)
        self._chunk_of = (-1, 0)

    def read(self, segment: int, offset: int) -> "tuple[bytes, int] | None":
        """(payload, offset of the next record), or None at the end or at a torn record."""
        head = self._read_bytes(segment, offset, _HEAD_SIZE)
        if len(head) < _HEAD_SIZE:
            return None
        length, crc = struct.unpack(_HEAD, head)
        payload = self._read_bytes(segment, offset + _HEAD_SIZE, length)
        if not length or len(payload) < length or crc32(payload) & 0xFFFFFFFF != crc:
            return None
        return payload, offset + _HEAD_SIZE + length

    def read_boot(self, segment: int) -> "tuple[str, int]":
        """(boot, offset of the first event) of a segment; an empty boot when its head is torn."""
        record = self.read(segment, 0)
        parts = decode_parts(record[0]) if record else []
        if record is None or len(parts) != 2 or parts[0] != "segment":
            return "", 0
        return parts[1], record[1]

    def read_note(self, segment: int, offset: int) -> int:
        """The seq up to which the segment's events were acknowledged when it was last written; 0 without a
        note."""
        noted = 0
        record = self.read(segment, offset)
        while record is not None:
            if is_note(record[0]):
                noted = decode_parts(record[0])[1]
            record = self.read(segment, record[1])
        return noted

    def read_range(self, segment: int) -> "tuple[str, int, int]":
        """(boot, first, last) of the events that were not acknowledged when it was written; last 0 for
        none."""
        boot, offset = self.read_boot(segment)
        noted = self.read_note(segment, offset) if boot else 0
        first = last = 0
        record = self.read(segment, offset) if boot else None
        while record is not None:
            if not is_note(record[0]):
                seq = decode_parts(record[0])[1]
                if seq > noted:
                    first, last = first or seq, seq
            record = self.read(segment, record[1])
        return boot, first, last

    def begin_new(self) -> None:
        """What is appended next goes into a new segment."""
        self._size = _SEGMENT_BYTES

    def drop(self, segment: int) -> None:
        """Delete a segment."""
        if segment == self.newest:
            self.begin_new()
        self.segments.remove(segment)
        storage.remove(_name(segment))

    def _read_bytes(self, segment: int, offset: int, size: int) -> bytes:
        """From a chunk of 1 kB that is read at once."""
        held, start = self._chunk_of
        if held != segment or offset < start or offset + size > start + len(self._chunk):
            self._chunk = storage.read_part(_name(segment), offset, max(size, _CHUNK)) or b""
            self._chunk_of = (segment, offset)
            start = offset
        return self._chunk[offset - start : offset - start + size]


def build_note(seq: int) -> bytes:
    """The record that says: of this segment, the spool has all events up to `seq`."""
    return cbor.encode(["acked", seq])


def is_note(payload: bytes) -> bool:
    """True for a record of `build_note`."""
    return payload[:7] == _NOTE


def decode_parts(payload: bytes) -> "list[Any]":
    """The parts of a record; empty when it is no CBOR array."""
    try:
        parts = cbor.decode(payload)
    except CborError:
        return []
    return parts if isinstance(parts, list) else []


def _build_record(payload: bytes) -> bytes:
    return struct.pack(_HEAD, len(payload), crc32(payload) & 0xFFFFFFFF) + payload


def _name(segment: int) -> str:
    return "%s%08x" % (_PREFIX, segment)

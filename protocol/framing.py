"""Frames on the serial line: COBS, ended by 0x00, with a CRC-32 over all of it.

Before COBS, big-endian:

    session u16 | type u8 | sequence number u16 | acknowledgement u16 | payload 0..256 | CRC-32 u32

Full frames carry 256 payload bytes in 270 on the line (94.8 %). The CRC is binascii.crc32 (IEEE 802.3) of all
bytes before it. COBS: Cheshire and Baker, IEEE/ACM Transactions on Networking 7(2), 1999.
"""

import struct
from binascii import crc32

from protocol.const import MAX_PAYLOAD
from protocol.errors import FrameError

HELLO = 1
"""Opens a session; with session 0 and no payload it asks the peer to."""
CONTROL = 2
AUDIO = 3
ACK_CONTROL = 4
"""Acknowledges the control channel; payload: the bitmap of frames received beyond the acknowledgement."""
ACK_AUDIO = 5

FRAME_TYPES = (HELLO, CONTROL, AUDIO, ACK_CONTROL, ACK_AUDIO)

HEADER = ">HBHH"
HEADER_SIZE = 7
CRC_SIZE = 4
MAX_ENCODED = HEADER_SIZE + MAX_PAYLOAD + CRC_SIZE + 2
"""Bytes of the longest frame on the line without its ending zero: COBS adds one byte per 254."""


def encode_frame(session: int, frame_type: int, seq: int, ack: int, payload: bytes) -> bytes:
    """One frame with its ending zero.

    Args:
        session, seq, ack: 0..65535.
    Raises:
        FrameError: `type`, or `long` for a payload over 256 bytes.
    """
    if frame_type not in FRAME_TYPES:
        raise FrameError("type")
    if len(payload) > MAX_PAYLOAD:
        raise FrameError("long")
    body = struct.pack(HEADER, session & 0xFFFF, frame_type, seq & 0xFFFF, ack & 0xFFFF) + payload
    return cobs_encode(body + struct.pack(">I", crc32(body))) + b"\0"


def decode_frame(encoded: bytes) -> "tuple[int, int, int, int, bytes]":
    """(session, type, sequence number, acknowledgement, payload) of one frame without its ending zero.

    Raises:
        FrameError: `cobs`, `short`, `long`, `crc`, `type`.
    """
    if len(encoded) > MAX_ENCODED:
        raise FrameError("long")
    body = cobs_decode(encoded)
    end = len(body) - CRC_SIZE
    if end < HEADER_SIZE:
        raise FrameError("short")
    if body[end:] != struct.pack(">I", crc32(body[:end])):
        raise FrameError("crc")
    session, frame_type, seq, ack = struct.unpack_from(HEADER, body)
    if frame_type not in FRAME_TYPES:
        raise FrameError("type")
    if end - HEADER_SIZE > MAX_PAYLOAD:
        raise FrameError("long")
    return session, frame_type, seq, ack, body[HEADER_SIZE:end]


def cobs_encode(data: bytes) -> bytes:
    """Consistent-overhead byte stuffing: the result holds no zero byte."""
    out = bytearray(b"\0" + data)  # the length of a group takes the place of the zero before it
    at = 0
    for size in map(len, data.split(b"\0")):
        if size > 253:  # a full group has no zero behind it, and what follows is as if it stood alone
            out[at] = 0xFF
            rest = data[at + 254 :]
            return bytes(out[: at + 255]) + (cobs_encode(rest) if rest else b"")
        out[at] = size + 1
        at += size + 1
    return bytes(out)


def cobs_decode(encoded: bytes) -> bytes:
    """Undo `cobs_encode`.

    Raises:
        FrameError: `cobs`, for a zero byte inside or a group that runs past the end.
    """
    if 0 in encoded:
        raise FrameError("cobs")
    out = bytearray(encoded)
    size = len(out)
    at = 0
    while at < size:
        code = encoded[at]
        out[at] = 0
        at += code
        if code == 0xFF and at < size:
            return bytes(out[1:at]) + cobs_decode(encoded[at:])
    if at > size:
        raise FrameError("cobs")
    return bytes(out[1:])


class FrameDecoder:
    """Cuts a byte stream into frames; any split of the stream gives the same frames.

    Damaged bytes never raise: they are counted in `rejected` by reason and the next zero byte ends them.
    The buffer holds at most one frame.
    """

    def __init__(self) -> None:
        self._pending = b""
        self._skipping = False
        self.rejected: "dict[str, int]" = {}

    def feed(self, data: bytes) -> "list[tuple[int, int, int, int, bytes]]":
        """Frames completed by `data`, as `decode_frame` returns them."""
        pieces = (self._pending + data).split(b"\0")
        tail = pieces.pop()
        frames = []
        for piece in pieces:
            if self._skipping:
                self._skipping = False
            elif piece:
                try:
                    frames.append(decode_frame(piece))
                except FrameError as error:
                    self._count(error.reason)
        if len(tail) > MAX_ENCODED:
            if not self._skipping:
                self._count("long")
            self._skipping = True
        self._pending = b"" if self._skipping else tail
        return frames

    def _count(self, reason: str) -> None:
        self.rejected[reason] = self.rejected.get(reason, 0) + 1

"""What the control and audio channels carry: one CBOR array a control payload, raw A-law an audio payload.

Control arrays start with their kind:

    board -> host   ["event", seq, uptime_ms, type, fields]
                    ["health", numbers]                        telemetry, no sequence number
                    ["log", level, text]                       telemetry
                    ["reply", command id, result, reason]
    host -> board   ["journal_ack", boot, [[first, last], ...]]
                    ["command", command id, name, arguments]
                    ["time", unix_ms]
    both, as the payload of a hello frame
                    ["hello", version, source, boot, firmware, uptime_ms]      board
                    ["hello", version, agent, unix_ms, settings, held]         host

`held`: what the host's spool already has of this board's journal, [[boot, first, last], ...]; at most 8.
Audio payload: call u32, first_sample u32 (samples since the recording's first), big-endian, then 1..248 A-law
bytes.
"""

import struct

from protocol import cbor
from protocol.const import MAX_AUDIO_BYTES, MAX_PAYLOAD, PROTOCOL_VERSION, UINT32_MAX
from protocol.errors import CborError, MessageError
from protocol.ids import is_boot, is_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_RANGES = 8

_SHAPES = {
    # kind: (types after the kind)
    "event": (int, int, str, dict),
    "health": (dict,),
    "log": (str, str),
    "reply": (str, str, str),
    "journal_ack": (str, list),
    "command": (str, str, dict),
    "time": (int,),
}


def encode_message(*parts: "Any") -> bytes:
    """One control payload.

    Raises:
        MessageError: `long`: over 256 bytes.
        CborError: a value CBOR does not carry here.
    """
    payload = cbor.encode(parts)
    if len(payload) > MAX_PAYLOAD:
        raise MessageError("long")
    return payload


def decode_message(payload: bytes) -> "list[Any]":
    """The parts of a control payload, kind first; lengths and types as in the module's table.

    Raises:
        MessageError: `cbor`, `kind`, `shape`.
    """
    parts = _decode_array(payload)
    shape = _SHAPES.get(parts[0])
    if shape is None:
        raise MessageError("kind")
    if len(parts) != len(shape) + 1:
        raise MessageError("shape")
    for part, expected in zip(parts[1:], shape):
        if not isinstance(part, expected) or isinstance(part, bool):
            raise MessageError("shape")
    return parts


def encode_board_hello(source: str, boot: str, firmware: str, uptime_ms: int) -> bytes:
    """The board's hello payload."""
    return encode_message("hello", PROTOCOL_VERSION, source, boot, firmware, uptime_ms)


def decode_board_hello(payload: bytes) -> "tuple[str, str, str, int]":
    """(source, boot, firmware, uptime_ms) of a board's hello.

    Raises:
        MessageError: `cbor`, `shape`, `version`, `source`, `boot`.
    """
    parts = _decode_hello(payload)
    _, _, source, boot, firmware, uptime_ms = parts
    if not isinstance(source, str) or not is_source(source):
        raise MessageError("source")
    if not isinstance(boot, str) or not is_boot(boot):
        raise MessageError("boot")
    if not isinstance(firmware, str) or not _is_uint(uptime_ms):
        raise MessageError("shape")
    return source, boot, firmware, uptime_ms


def encode_host_hello(agent: str, unix_ms: int, settings: "dict[str, str]", held: "list[list[Any]]") -> bytes:
    """The host's hello payload. `held` is cut to its first 8 ranges, `settings` must be small."""
    return encode_message("hello", PROTOCOL_VERSION, agent, unix_ms, settings, held[:MAX_RANGES])


def decode_host_hello(payload: bytes) -> "tuple[str, int, dict[str, str], list[list[Any]]]":
    """(agent, unix_ms, settings, held) of a host's hello.

    Raises:
        MessageError: `cbor`, `shape`, `version`, `source`.
    """
    parts = _decode_hello(payload)
    _, _, agent, unix_ms, settings, held = parts
    if not isinstance(agent, str) or not is_source(agent):
        raise MessageError("source")
    if not isinstance(unix_ms, int) or not isinstance(settings, dict) or not isinstance(held, list):
        raise MessageError("shape")
    return agent, unix_ms, settings, held


def encode_audio(call: int, first_sample: int, alaw: "bytes | bytearray | memoryview") -> bytes:
    """One audio payload.

    Raises:
        MessageError: `audio`: no samples or over 248, or a number beyond 32 bits.
    """
    if not 0 < len(alaw) <= MAX_AUDIO_BYTES or not _is_uint(call) or not _is_uint(first_sample):
        raise MessageError("audio")
    return struct.pack(">II", call, first_sample) + bytes(alaw)


def decode_audio(payload: bytes) -> "tuple[int, int, bytes]":
    """(call, first_sample, A-law bytes) of an audio payload.

    Raises:
        MessageError: `audio`.
    """
    if not 8 < len(payload) <= MAX_PAYLOAD:
        raise MessageError("audio")
    call, first_sample = struct.unpack(">II", payload[:8])
    return call, first_sample, payload[8:]


def _decode_array(payload: bytes) -> "list[Any]":
    try:
        parts = cbor.decode(payload)
    except CborError:
        raise MessageError("cbor") from None
    if not isinstance(parts, list) or not parts or not isinstance(parts[0], str):
        raise MessageError("shape")
    return parts


def _decode_hello(payload: bytes) -> "list[Any]":
    parts = _decode_array(payload)
    if parts[0] != "hello" or len(parts) < 2:
        raise MessageError("shape")
    if parts[1] != PROTOCOL_VERSION:
        raise MessageError("version")
    if len(parts) != 6:
        raise MessageError("shape")
    return parts


def _is_uint(value: "Any") -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= UINT32_MAX

"""What the control and audio channels carry: one CBOR array a control payload, raw A-law an audio payload.

Control arrays start with their kind:

    board -> host   ["event", seq, uptime_ms, type, fields]
                    ["past_event", boot, seq, uptime_ms, type, fields]   from flash
                    ["capture", call, uptime_ms, samples, loop]  what the ear failed on; after its audio
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
bytes. In place of a call, CAPTURE says that they belong to the capture under way. `loop`: one reading of the
loop voltage (int16, units of 10 mV, big-endian) each CAPTURE_STEP samples; `samples` 0: it was abandoned;
`call` 0: it is of none.
"""

import struct

from protocol import cbor
from protocol.const import MAX_AUDIO_BYTES, MAX_PAYLOAD, PROTOCOL_VERSION, UINT32_MAX, UPTIME_MAX_MS
from protocol.errors import CborError, MessageError
from protocol.ids import is_boot, is_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MAX_RANGES = 8
CAPTURE = UINT32_MAX
CAPTURE_STEP = 1024
"""Samples of a capture for one reading of the loop voltage: 128 ms."""

_SHAPES = {
    # kind: what its parts after the kind are, as in _PARTS
    "event": ("uint32", "ms", "text", "map"),
    "past_event": ("boot", "uint32", "ms", "text", "map"),
    "capture": ("uint32", "ms", "uint32", "bytes"),
    "health": ("map",),
    "log": ("text", "text"),
    "reply": ("text", "text", "text"),
    "journal_ack": ("boot", "ranges"),
    "command": ("text", "text", "map"),
    "time": ("ms",),
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
    _check_parts(parts[1:], shape)
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
    _check_parts((firmware, uptime_ms), ("text", "ms"))
    return source, boot, firmware, uptime_ms


def encode_host_hello(agent: str, unix_ms: int, settings: "dict[str, str]", held: "list[list[Any]]") -> bytes:
    """The host's hello payload. Of `held` the first ranges that fit are said, at most 8.

    Raises:
        MessageError: `long`: the settings alone are too much.
    """
    for count in range(min(len(held), MAX_RANGES), 0, -1):
        try:
            return encode_message("hello", PROTOCOL_VERSION, agent, unix_ms, settings, held[:count])
        except MessageError:
            continue
    return encode_message("hello", PROTOCOL_VERSION, agent, unix_ms, settings, [])


def decode_host_hello(payload: bytes) -> "tuple[str, int, dict[str, str], list[list[Any]]]":
    """(agent, unix_ms, settings, held) of a host's hello.

    Raises:
        MessageError: `cbor`, `shape`, `version`, `source`.
    """
    parts = _decode_hello(payload)
    _, _, agent, unix_ms, settings, held = parts
    if not isinstance(agent, str) or not is_source(agent):
        raise MessageError("source")
    _check_parts((unix_ms, settings, held), ("ms", "settings", "held"))
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
    if not _is_uint(parts[1]) or parts[1] != PROTOCOL_VERSION:
        raise MessageError("version")
    if len(parts) != 6:
        raise MessageError("shape")
    return parts


def _check_parts(parts: "Any", shape: "tuple[str, ...]") -> None:
    for part, kind in zip(parts, shape):
        if not _PARTS[kind](part):
            raise MessageError("shape")


def _is_uint(value: "Any", greatest: int = UINT32_MAX) -> bool:
    return type(value) is int and 0 <= value <= greatest  # a bool is none


def _is_ranges(value: "Any") -> bool:
    return isinstance(value, list) and all(
        isinstance(r, list) and len(r) == 2 and _is_range(*r) for r in value
    )


def _is_held(value: "Any") -> bool:
    return isinstance(value, list) and all(
        isinstance(r, list) and len(r) == 3 and _PARTS["boot"](r[0]) and _is_range(r[1], r[2]) for r in value
    )


def _is_range(first: "Any", last: "Any") -> bool:
    return _is_uint(first) and _is_uint(last) and first <= last


_PARTS: "dict[str, Callable[[Any], bool]]" = {
    "uint32": _is_uint,
    "ms": lambda value: _is_uint(value, UPTIME_MAX_MS),
    "text": lambda value: isinstance(value, str),
    "bytes": lambda value: isinstance(value, bytes),
    "map": lambda value: isinstance(value, dict),
    "boot": lambda value: isinstance(value, str) and is_boot(value),
    "ranges": _is_ranges,
    "held": _is_held,
    "settings": lambda value: isinstance(value, dict) and all(isinstance(v, str) for v in value.values()),
}

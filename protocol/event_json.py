"""One event as the JSON object that MQTT carries. Host only.

    {"v": 1, "source", "boot", "seq", "uptime_ms", "type", "fields": {...}, "at", "clock"}

`at`: UTC with milliseconds, `2026-03-17T08:56:00.123Z`; the cloud's first counts. `clock`: synced,
unsynced or stepped. Byte strings are base64 text. The payload hash of an event covers what its source said,
without `at` and `clock`, so that the same event sent twice has one hash.
"""

import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from protocol import cbor
from protocol.const import PROTOCOL_VERSION, UINT32_MAX, UPTIME_MAX_MS
from protocol.errors import CborError, MessageError
from protocol.events import EVENTS, check_event
from protocol.ids import is_boot, is_source

CLOCKS = ("synced", "unsynced", "stepped")


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One event as the host knows it. `at` is text as on the wire; `fields` has bytes as bytes."""

    source: str
    boot: str
    seq: int
    uptime_ms: int
    type: str
    fields: dict[str, Any]
    at: str
    clock: str

    @property
    def key(self) -> tuple[str, str, int]:
        """The event id."""
        return self.source, self.boot, self.seq

    def payload_hash(self) -> str:
        """SHA-256 over the deterministic CBOR of what the source said, hex."""
        said = [self.source, self.boot, self.seq, self.uptime_ms, self.type, self.fields]
        return hashlib.sha256(cbor.encode(said)).hexdigest()


def encode_event(event: EventRecord) -> bytes:
    """The MQTT payload of one event.

    Raises:
        MessageError: `fields`: a value that neither JSON nor CBOR carries.
    """
    body = {
        "v": PROTOCOL_VERSION,
        "source": event.source,
        "boot": event.boot,
        "seq": event.seq,
        "uptime_ms": event.uptime_ms,
        "type": event.type,
        "fields": event.fields,
        "at": event.at,
        "clock": event.clock,
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=_encode_bytes).encode()


def decode_event(payload: bytes) -> EventRecord:
    """Decode and check one event.

    Raises:
        MessageError: `json`, `version`, `shape`, `source`, `boot`, `at`, `clock`, or as `check_event`.
    """
    try:
        body = json.loads(payload.decode("utf-8"))
    except (ValueError, RecursionError):
        raise MessageError("json") from None
    if not isinstance(body, dict):
        raise MessageError("shape")
    if type(body.get("v")) is not int or body["v"] != PROTOCOL_VERSION:
        raise MessageError("version")
    try:
        event = EventRecord(
            source=body["source"],
            boot=body["boot"],
            seq=body["seq"],
            uptime_ms=body["uptime_ms"],
            type=body["type"],
            fields=body["fields"],
            at=body["at"],
            clock=body["clock"],
        )
    except KeyError as error:
        raise MessageError(f"missing:{error.args[0]}") from None
    _check_envelope(event)
    _decode_bytes_fields(event)
    check_event(event.type, event.fields)
    try:
        cbor.encode(event.fields)
    except (CborError, UnicodeError):
        raise MessageError("fields") from None
    return event


def _check_envelope(event: EventRecord) -> None:
    if not isinstance(event.source, str) or not is_source(event.source):
        raise MessageError("source")
    if not isinstance(event.boot, str) or not is_boot(event.boot):
        raise MessageError("boot")
    for number, greatest in ((event.seq, UINT32_MAX), (event.uptime_ms, UPTIME_MAX_MS)):
        if type(number) is not int or not 0 <= number <= greatest:
            raise MessageError("shape")
    if not isinstance(event.type, str) or not isinstance(event.fields, dict):
        raise MessageError("shape")
    if not isinstance(event.at, str) or not _is_time(event.at):
        raise MessageError("at")
    if event.clock not in CLOCKS:
        raise MessageError("clock")


def _is_time(text: str) -> bool:
    """`YYYY-MM-DDThh:mm:ss.mmmZ`; whether it exists in the calendar is the reader's to find out."""
    pattern = "0000-00-00T00:00:00.000Z"
    return len(text) == len(pattern) and all(
        char.isascii() and char.isdigit() if want == "0" else char == want
        for char, want in zip(text, pattern, strict=True)
    )


def _decode_bytes_fields(event: EventRecord) -> None:
    for name, (kind, _) in EVENTS.get(event.type, {}).items():
        value = event.fields.get(name)
        if kind == "bytes" and value is not None:
            try:
                event.fields[name] = binascii.a2b_base64(value, strict_mode=True)
            except (ValueError, TypeError):
                raise MessageError(f"field:{name}") from None


def _encode_bytes(value: object) -> str:
    """Byte strings wherever they stand: in fields of kind bytes, and in those a newer board may add."""
    if isinstance(value, bytes | bytearray):
        return binascii.b2a_base64(value, newline=False).decode()
    raise MessageError("fields")

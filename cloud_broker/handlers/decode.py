"""From the bytes of an MQTT message to an event and back to what the store keeps of it."""

import binascii
import hashlib
import json
from datetime import datetime
from typing import Any, NamedTuple

from protocol.const import UINT32_MAX
from protocol.errors import MessageError, TopicError
from protocol.event_json import decode_event as decode_payload
from protocol.ids import is_boot
from protocol.topics import parse_topic
from telephony.events import Event, find_call_id

MAX_PAYLOAD_BYTES = 8192
HASH_BYTES = 16
MAX_AT_MS = 221_845_392_000_000
"""The year 9000: pages show times in other zones, and an end some days after its begin."""


class Undecodable(Exception):
    """`reason` is a constant word: `topic`, `too_long`, `at`, or as `protocol.event_json.decode_event`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Received(NamedTuple):
    """An event as it came. `hash` is of what its source stated, without `at` and `clock`."""

    desk: str
    event: Event
    call_id: str | None
    fields_json: str
    hash: str


def decode_event(topic: str, payload: bytes) -> Received:
    """Decode one message of the `event` topic. Raises Undecodable."""
    try:
        name, desk, source = parse_topic(topic)
    except TopicError as error:
        raise Undecodable("topic") from error
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise Undecodable("too_long")
    try:
        record = decode_payload(payload)
    except MessageError as error:
        raise Undecodable(error.reason) from error
    if name != "event" or record.source != source:
        raise Undecodable("topic")
    at_ms = _read_at(record.at)
    event = Event(*record.key, record.uptime_ms, record.type, record.fields, at_ms, record.clock)
    fields_json = dump_fields(event.fields)
    stated = f"{event.type}\n{event.uptime_ms}\n{fields_json}"
    digest = hashlib.blake2b(stated.encode(), digest_size=HASH_BYTES).hexdigest()
    return Received(desk, event, find_call_id(event), fields_json, digest)


def dump_fields(fields: dict[str, Any]) -> str:
    """JSON with sorted keys; bytes (a caller's name) as base64, as on the wire."""
    return json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_base64)


def load_fields(event_type: str, text: str) -> dict[str, Any]:
    """The inverse of `dump_fields`."""
    fields: dict[str, Any] = json.loads(text)
    if event_type == "caller_id" and fields.get("name") is not None:
        fields["name"] = binascii.a2b_base64(fields["name"])
    return fields


def claimed_id(payload: bytes) -> tuple[str, int] | None:
    """(boot, seq) of a payload that is wrong otherwise, so that its sender can be told it was kept."""
    try:
        body = json.loads(payload[:MAX_PAYLOAD_BYTES])
        boot, seq = body["boot"], body["seq"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(boot, str) or not is_boot(boot) or type(seq) is not int:
        return None
    return (boot, seq) if 0 <= seq <= UINT32_MAX else None


def _base64(value: object) -> str:
    if isinstance(value, (bytes, bytearray)):
        return binascii.b2a_base64(bytes(value), newline=False).decode()
    raise TypeError(type(value).__name__)


def _read_at(text: str) -> int:
    try:
        at_ms = round(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise Undecodable("at") from error
    if not 0 <= at_ms <= MAX_AT_MS:
        raise Undecodable("at")
    return at_ms

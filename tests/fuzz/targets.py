"""All targets with their corpora: what is in tests/vectors, and the files of tests/fuzz/corpus/<target>/."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2

from firmware.line.caller_id import MessageRejected, decode_caller_id_message
from protocol.errors import MessageError, TopicError
from protocol.event_json import decode_event, encode_event
from protocol.events import check_event
from protocol.topics import build_topic, parse_topic
from tests.fuzz import wire_targets

CORPUS = Path(__file__).with_name("corpus")
VECTORS = Path(__file__).parents[1] / "vectors" / "protocol.json"


def check_cbor(data: bytes) -> str:
    """As on the wire, and cbor2 reads the same value."""
    outcome = wire_targets.check_cbor(data)
    if outcome == "accepted":
        assert cbor2.dumps(cbor2.loads(data), canonical=True) == data
    return outcome


def check_mqtt(data: bytes) -> str:
    """A topic and a payload, parted by a line feed: refused by name, or the same when said again."""
    topic, _, payload = data.partition(b"\n")
    try:
        name, desk, source = parse_topic(topic.decode("utf-8", "replace"))
        assert build_topic(name, desk, source).encode() == topic
        outcome = name
    except TopicError:
        outcome = "topic"
    try:
        event = decode_event(payload)
    except MessageError as error:
        return f"{outcome}/{error.reason.split(':')[0]}"
    again = decode_event(encode_event(event))
    assert again == event and again.payload_hash() == event.payload_hash()
    return f"{outcome}/accepted"


def check_caller_id(data: bytes) -> str:
    """A message of the line: refused by name, or fields that are a caller_id event."""
    if data:
        data = data[:-1] + bytes([-sum(data[:-1]) & 0xFF]) if data[-1] & 1 else data
    try:
        fields = decode_caller_id_message(data)
    except MessageRejected as error:
        return error.reason
    check_event("caller_id", {"call": 1, **fields})
    return "accepted"


TARGETS: dict[str, Callable[[bytes], str]] = {
    **wire_targets.TARGETS,
    "cbor": check_cbor,
    "mqtt": check_mqtt,
    "caller_id": check_caller_id,
}


def load_corpus(target: str) -> list[bytes]:
    """The inputs that mutations start from, sorted; never empty."""
    vectors: dict[str, Any] = json.loads(VECTORS.read_text(encoding="utf-8"))
    messages = [bytes.fromhex(text) for text in vectors["messages"]]
    frames = [bytes.fromhex(vector["encoded"]) for vector in vectors["frames"]]
    known = {
        "frames": frames,
        "messages": messages,
        "link": [*frames, *messages],
        "cbor": messages + [bytes.fromhex(v["encoded"]) for v in vectors["cbor"] + vectors["cbor_refused"]],
    }
    kept = [path.read_bytes() for path in sorted((CORPUS / target).glob("*.bin"))]
    return sorted(set(known.get(target, []) + kept))

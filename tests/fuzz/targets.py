"""All targets with their corpora: what is in tests/vectors, and the files of tests/fuzz/corpus/<target>/."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
from pydantic import TypeAdapter, ValidationError

from cloud_broker.errors import UploadRefused
from cloud_broker.handlers.recordings import parse_digest
from cloud_broker.web.api.recordings import MAX_SAMPLES, Samples, parse_range
from firmware.line.caller_id import MAX_NAME, MAX_NUMBER, MessageRejected, decode_caller_id_message
from host_agent.bridge import decode_committed
from host_agent.commands import Reply, judge_command
from protocol.const import MAX_PAYLOAD, UINT32_MAX
from protocol.errors import MessageError, ProtocolError, TopicError
from protocol.event_json import decode_event, encode_event
from protocol.events import check_event
from protocol.ids import build_call_id, is_boot, parse_call_id
from protocol.messages import encode_message
from protocol.topics import build_topic, parse_topic
from tests.fuzz import wire_targets

CORPUS = Path(__file__).with_name("corpus")
STORED_BYTES = 1000
"""Of the file of which an upload target's range is asked."""
NOW_MS = 1_773_738_000_000
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
    assert all(type(number) is int and number >= 0 for number in (event.seq, event.uptime_ms))
    assert event.seq <= UINT32_MAX
    again = decode_event(encode_event(event))
    assert again == event and again.payload_hash() == event.payload_hash()
    return f"{outcome}/accepted"


def check_downlink(data: bytes) -> str:
    """A topic and a payload as the agent gets them: committed ranges, or a command for a box."""
    topic, _, payload = data.partition(b"\n")
    try:
        if topic.endswith(b"/command"):
            judged = judge_command(payload, NOW_MS, is_attached=True)
            if isinstance(judged, Reply):
                return f"{judged.result}/{judged.reason.split(':')[0]}"
            assert len(encode_message("command", judged.id, judged.name, judged.arguments)) <= MAX_PAYLOAD
            assert judged.expires_ms > NOW_MS
            return f"command/{judged.name}"
        ranges = decode_committed(payload, "a1b2c3d4e5f6")
    except ProtocolError as error:
        return str(getattr(error, "reason", error))
    assert all(is_boot(boot) and 0 <= first <= last <= UINT32_MAX for boot, first, last in ranges)
    return "committed"


def check_caller_id(data: bytes) -> str:
    """A message of the line: refused by name, or fields that are a caller_id event.

    Half of the inputs get the length and the checksum they need.
    """
    if len(data) > 3 and data[-1] & 1:
        body = data[2:-1][:255]
        data = bytes([data[0], len(body)]) + body
        data += bytes([-sum(data) & 0xFF])
    try:
        fields = decode_caller_id_message(data)
    except MessageRejected as error:
        return error.reason
    assert len(data) == data[1] + 3 and sum(data) % 256 == 0
    assert len(fields.get("number", "")) <= MAX_NUMBER and len(fields.get("name", b"")) <= MAX_NAME
    assert fields.get("number", "0").isdecimal() and ("number" in fields) != ("reason" in fields)
    check_event("caller_id", {"call": 1, **fields})
    return "accepted"


def check_upload(data: bytes) -> str:
    """What uploads and players say, a line each: call id, Content-Digest, CloudSeat-Samples, Range."""
    call, digest, samples, wanted = (*data.decode("latin-1").split("\n", 3), "", "", "")[:4]
    outcomes = []
    try:
        assert build_call_id(*parse_call_id(call)) == call
    except MessageError as error:
        outcomes.append(error.reason)
    try:
        sha256 = bytes.fromhex(parse_digest(digest))
        assert len(sha256) == 32 and base64.b64encode(sha256)[:42].decode() in digest
    except UploadRefused as error:
        outcomes.append(error.reason)
    try:
        assert 0 <= _SAMPLES.validate_python(samples) <= MAX_SAMPLES
    except ValidationError:
        outcomes.append("samples")
    bounds = parse_range(wanted, STORED_BYTES)
    if bounds is None:
        outcomes.append("range")
    else:
        assert 0 <= bounds[0] <= bounds[1] < STORED_BYTES
    return "+".join(outcomes) or "accepted"


_SAMPLES: TypeAdapter[int] = TypeAdapter(Samples)

TARGETS: dict[str, Callable[[bytes], str]] = {
    **wire_targets.TARGETS,
    "cbor": check_cbor,
    "mqtt": check_mqtt,
    "downlink": check_downlink,
    "caller_id": check_caller_id,
    "upload": check_upload,
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

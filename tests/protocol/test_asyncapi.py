"""docs/asyncapi.yaml: current, coherent, and true of the payloads that agent and cloud really make."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from cloud_broker.handlers.consumer import encode_committed
from host_agent.bridge import Bridge, decode_committed, decode_missing
from host_agent.commands import Command, Reply, judge_command
from host_agent.ports import Instant
from protocol.errors import MessageError
from protocol.event_json import EventRecord, decode_event, encode_event
from protocol.events import EVENTS
from protocol.topics import POP, PREFIX, TOPICS, UP, build_topic
from tests.protocol.test_document import load_script
from tests.protocol.test_tables import BOOT, CALL_ID, KINDS, SOURCE, build_fields

SCRIPT = load_script("make_asyncapi")
DOCUMENT: dict[str, Any] = yaml.safe_load(SCRIPT.DOCUMENT.read_text(encoding="utf-8"))
NOW = Instant(unix_ms=1_773_737_760_123, elapsed_ms=5)
AT = "2026-03-17T08:56:00.123Z"


class KeepingBroker:
    """Takes the agent's messages."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes, int, bool]] = []

    def subscribe(self, filters: list[tuple[str, int]]) -> None:
        pass

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> bool:
        self.published.append((topic, payload, qos, retain))
        return True


VALIDATORS = {
    name: Draft202012Validator(schema) for name, schema in DOCUMENT["components"]["schemas"].items()
}


def find_errors(name: str, body: Any) -> list[str]:
    return [error.message for error in VALIDATORS[name].iter_errors(body)]


@pytest.mark.parametrize("name", VALIDATORS)
def test_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(VALIDATORS[name].schema)


def build_event(event_type: str, fields: dict[str, Any]) -> EventRecord:
    return EventRecord(SOURCE, BOOT, 7, 1234, event_type, fields, AT, "synced")


def find_refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from find_refs(value)


def test_the_file_is_what_its_script_makes() -> None:
    assert SCRIPT.DOCUMENT.read_text(encoding="utf-8") == SCRIPT.render(), "run python docs/make_asyncapi.py"


def test_every_reference_leads_somewhere() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    references = list(find_refs(DOCUMENT))
    assert len(references) == 3 * len(DOCUMENT["channels"])
    for reference in references:
        node = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_channels_are_the_topics() -> None:
    channels, operations = DOCUMENT["channels"], DOCUMENT["operations"]
    assert set(channels) == {*TOPICS, POP}
    for name, (_, way, qos, retain, _) in TOPICS.items():
        address = channels[name]["address"].format(desk="d", source=SOURCE)
        assert address == build_topic(name, "d", SOURCE)
        action = "receive" if way == UP else "send"
        operation = operations[f"{action}_{name}"]
        assert operation["action"] == action
        assert operation["bindings"]["mqtt"] == {"qos": qos, "retain": retain, "bindingVersion": "0.2.0"}
    assert channels[POP]["address"] == f"{PREFIX}/{{desk}}/pop"


@pytest.mark.parametrize("event_type", EVENTS)
def test_event_payloads(event_type: str) -> None:
    table = EVENTS[event_type]
    for only_required in (False, True):
        event = build_event(event_type, build_fields(table, only_required))
        assert find_errors("event", json.loads(encode_event(event))) == []
    for name, (kind, required) in table.items():
        if required:
            body = json.loads(encode_event(build_event(event_type, build_fields(table))))
            del body["fields"][name]
            assert find_errors("event", body)
        if kind not in ("bytes", "text"):
            body = json.loads(encode_event(build_event(event_type, build_fields(table))))
            body["fields"][name] = KINDS[kind][1][0]
            assert find_errors("event", body), (name, body["fields"][name])


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"source": "box"},
        {"boot": "7"},
        {"seq": -1},
        {"at": "now"},
        {"clock": "right"},
        {"type": "explode"},
    ],
)
def test_what_the_decoder_refuses_the_schema_refuses(changes: dict[str, Any]) -> None:
    body = {**json.loads(encode_event(build_event("ring_started", {"call": 7}))), **changes}
    assert find_errors("event", body)
    with pytest.raises(MessageError):
        decode_event(json.dumps(body).encode())


def test_what_the_agent_publishes() -> None:
    broker, bridge = KeepingBroker(), Bridge("0123456789ab")
    bridge.join(broker, "tianyu-1")
    bridge.handle_up({SOURCE: "0.1.0"}, NOW)
    bridge.tell_health(SOURCE, "1f2e3d4c-7", {"heap_free": 123_456, "loop_mv": -48_000}, NOW)
    bridge.tell_report({"published": 3, "sources": {}}, NOW)
    bridge.reply(SOURCE, "0b6f2a52-5a6b-4d4f-9d0e-0123456789ab", "refused", "clock_unknown", NOW)
    bridge.say_goodbye({SOURCE: "0.1.0"}, NOW)
    assert len(broker.published) == 7
    for topic, payload, qos, retain in broker.published:
        name = topic.rsplit("/", 1)[1]
        assert find_errors(name, json.loads(payload)) == [], topic
        assert (qos, retain) == TOPICS[name][2:4]


def test_what_the_cloud_publishes() -> None:
    payload = encode_committed(SOURCE, [(BOOT, 1, 12), (BOOT, 14, 14)])
    assert find_errors("committed", json.loads(payload)) == []
    call = f"{SOURCE}-1f2e3d4c-7-12"
    missing = {"v": 1, "source": SOURCE, "ranges": [["1f2e3d4c-7", 1, 5]], "recordings": [call]}
    assert find_errors("missing", missing) == []
    assert decode_missing(json.dumps(missing).encode(), SOURCE) == ([("1f2e3d4c-7", 1, 5)], [call])
    assert [tuple(part) for part in decode_committed(payload, SOURCE)] == [(BOOT, 1, 12), (BOOT, 14, 14)]
    pop = {"v": 1, "call": CALL_ID, "at": AT, "number": None, "name": None, "rooms": []}
    assert find_errors("pop", pop) == []


def test_commands_that_the_schema_takes_the_agent_takes() -> None:
    body = {
        "v": 1,
        "id": "0b6f2a52-5a6b-4d4f-9d0e-0123456789ab",
        "command": "dial",
        "args": {"digits": "13800138000"},
        "issued_at": AT,
        "expires_at": "2026-03-17T08:56:30.123Z",
    }
    assert find_errors("command", body) == []
    assert isinstance(judge_command(json.dumps(body).encode(), NOW.unix_ms, True), Command)
    wrong = {**body, "args": {"digits": "call me"}}
    assert find_errors("command", wrong)
    assert isinstance(judge_command(json.dumps(wrong).encode(), NOW.unix_ms, True), Reply)

"""Make docs/asyncapi.yaml (AsyncAPI 3.0) from the tables of `protocol`.

    python docs/make_asyncapi.py

A test holds the file to what this writes, and real payloads to its schemas.
"""

from pathlib import Path
from typing import Any

import yaml

from protocol.commands import COMMANDS, RESULTS
from protocol.const import PROTOCOL_VERSION, UINT32_MAX, UPTIME_MAX_MS
from protocol.event_json import CLOCKS
from protocol.events import EVENTS, MAX_CODE, MAX_CODES, MAX_DIGITS, MAX_NOTE, MAX_RANGES, MAX_TEXT
from protocol.topics import POP, PREFIX, TOPICS, UP

DOCUMENT = Path(__file__).with_name("asyncapi.yaml")

HEAD = "# Made by docs/make_asyncapi.py from protocol/; docs/PROTOCOL.md says what it means.\n"

Schema = dict[str, Any]

UINT: Schema = {"type": "integer", "minimum": 0, "maximum": UINT32_MAX}
SOURCE: Schema = {"type": "string", "pattern": "^[0-9a-f]{12}$"}
BOOT: Schema = {"type": "string", "pattern": "^[0-9a-f]{8}-[1-9][0-9]{0,9}$"}
CALL_ID: Schema = {"type": "string", "pattern": "^[0-9a-f]{12}-[0-9a-f]{8}-[1-9][0-9]{0,9}-[0-9]{1,10}$"}
TIME: Schema = {
    "type": "string",
    "description": "UTC with milliseconds",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
}
NULLABLE_TEXT: Schema = {"type": ["string", "null"]}

KINDS: dict[str, Schema] = {
    "uint": UINT,
    "call": UINT,
    "int": {"type": "integer", "minimum": -0x80000000, "maximum": 0x7FFFFFFF},
    "text": {"type": "string", "maxLength": MAX_TEXT},
    "bytes": {"type": "string", "contentEncoding": "base64", "maxLength": 4 * ((MAX_TEXT + 2) // 3)},
    "bool": {"type": "boolean"},
    "digits": {"type": "string", "pattern": f"^[0-9A-D*#]{{1,{MAX_DIGITS}}}$"},
    "source": SOURCE,
    "call_id": CALL_ID,
    "ranges": {
        "type": "array",
        "maxItems": MAX_RANGES,
        "items": {"type": "array", "minItems": 2, "maxItems": 2, "items": UINT},
    },
    "note": {"type": "string", "maxLength": MAX_NOTE},
    "codes": {
        "type": "array",
        "maxItems": MAX_CODES,
        "items": {"type": "string", "minLength": 1, "maxLength": MAX_CODE},
    },
}


def build_object(properties: dict[str, Schema], optional: tuple[str, ...] = ()) -> Schema:
    """An object whose properties are required but for `optional`; others may come."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties}


def build_fields(table: dict[str, tuple[str, bool]]) -> Schema:
    """The fields of one event, or the arguments of one command. An optional one may be null."""
    properties = {}
    for name, (kind, required) in table.items():
        properties[name] = KINDS[kind] if required else {"anyOf": [KINDS[kind], {"type": "null"}]}
    return build_object(properties, tuple(name for name, (_, required) in table.items() if not required))


def build_choice(key: str, part: str, tables: dict[str, dict[str, tuple[str, bool]]]) -> list[Schema]:
    """`part` is checked by the table that `key` names."""
    return [
        {
            "if": {"properties": {key: {"const": name}}},
            "then": {"properties": {part: build_fields(table)}},
        }
        for name, table in tables.items()
    ]


def build_schemas() -> dict[str, Schema]:
    """Payload schemas by the names of the topics."""
    version: Schema = {"const": PROTOCOL_VERSION}
    event = build_object(
        {
            "v": version,
            "source": SOURCE,
            "boot": BOOT,
            "seq": UINT,
            "uptime_ms": {"type": "integer", "minimum": 0, "maximum": UPTIME_MAX_MS},
            "type": {"enum": list(EVENTS)},
            "fields": {"type": "object"},
            "at": TIME,
            "clock": {"enum": list(CLOCKS)},
        }
    )
    command = build_object(
        {
            "v": version,
            "id": {"type": "string", "format": "uuid"},
            "command": {"enum": list(COMMANDS)},
            "args": {"type": "object"},
            "issued_at": TIME,
            "expires_at": TIME,
        }
    )
    status: dict[str, Schema] = {"v": version, "state": {"enum": ["online", "offline"]}, "at": TIME}
    boxes: dict[str, Schema] = {"agent": SOURCE, "firmware": {"type": "string"}}
    reply: dict[str, Schema] = {"v": version, "id": {"type": "string"}, "result": {"enum": list(RESULTS)}}
    three: Schema = {"type": "array", "prefixItems": [BOOT, UINT, UINT], "minItems": 3, "maxItems": 3}
    pop: dict[str, Schema] = {
        "v": version,
        "call": CALL_ID,
        "at": TIME,
        "number": NULLABLE_TEXT,
        "name": NULLABLE_TEXT,
    }
    return {
        "event": {**event, "allOf": build_choice("type", "fields", EVENTS)},
        "health": build_object(
            {"v": version, "at": TIME, "boot": BOOT, "published": UINT, "sources": {"type": "object"}},
            optional=("boot", "published", "sources"),
        ),
        "status": build_object({**status, **boxes}, optional=tuple(boxes)),
        "reply": build_object({**reply, "reason": {"type": "string"}, "at": TIME}),
        "command": {**command, "allOf": build_choice("command", "args", COMMANDS)},
        "committed": build_object(
            {"v": version, "source": SOURCE, "ranges": {"type": "array", "items": three}}
        ),
        "missing": build_object(
            {
                "v": version,
                "source": SOURCE,
                "ranges": {"type": "array", "items": three},
                "recordings": {"type": "array", "items": CALL_ID},
            }
        ),
        "pop": build_object({**pop, "rooms": {"type": "array", "items": {"type": "string"}}}),
    }


def build_document() -> dict[str, Any]:
    """The whole document. Operations are the cloud's: it receives what goes up."""
    rows = {name: (level, way, qos, retain, what) for name, (level, way, qos, retain, what) in TOPICS.items()}
    rows[POP] = ("", "down", 1, False, "a screen pop for the desk's tray")
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    desk = {"description": "1..32 of a-z, 0-9 and '-'; the agent's user name"}
    source = {"description": "12 hex digits: a box or an agent"}
    for name, (level, way, qos, retain, what) in rows.items():
        is_pop = name == POP
        channels[name] = {
            "address": f"{PREFIX}/{{desk}}/{POP}" if is_pop else f"{PREFIX}/{{desk}}/{{source}}/{level}",
            "description": what,
            "parameters": {"desk": desk} if is_pop else {"desk": desk, "source": source},
            "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        }
        operations[f"{'receive' if way == UP else 'send'}_{name}"] = {
            "action": "receive" if way == UP else "send",
            "channel": {"$ref": f"#/channels/{name}"},
            "bindings": {"mqtt": {"qos": qos, "retain": retain, "bindingVersion": "0.2.0"}},
        }
        messages[name] = {
            "name": name,
            "contentType": "application/json",
            "payload": {"$ref": f"#/components/schemas/{name}"},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "CloudSeat over MQTT",
            "version": f"{PROTOCOL_VERSION}.0.0",
            "license": {"name": "Apache-2.0"},
            "description": "Seen from the cloud: it receives what goes up and sends what goes down.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": build_schemas()},
    }


class _Dumper(yaml.SafeDumper):
    """Writes repeated parts in full: no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def render() -> str:
    """The file's text."""
    return HEAD + yaml.dump(build_document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")

"""What both runtimes must do alike: run by test_runtimes.py on CPython and on MicroPython, output compared.

MICROPYPATH=. micropython tests/protocol/runtime_script.py tests/vectors/protocol.json 2000
"""

import json
import sys
from binascii import crc32, hexlify, unhexlify

from protocol import cbor
from protocol.commands import COMMANDS, check_command
from protocol.errors import ProtocolError
from protocol.events import EVENTS, check_event, is_kind
from protocol.framing import AUDIO, CONTROL, cobs_encode, decode_frame, encode_frame
from protocol.ids import build_call_id, is_boot, parse_call_id
from protocol.link import LinkEnd
from protocol.messages import decode_message, encode_message
from protocol.topics import TOPICS, build_topic, parse_topic
from tests.fuzz.mutation import Draw, mutate
from tests.fuzz.wire_targets import TARGETS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VALUES = [
    0,
    -1,
    1 << 31,
    0xFFFFFFFF,
    1 << 32,
    True,
    None,
    "",
    "110",
    "张三",
    "x" * 129,
    b"\xd5",
    [[1, 2]],
    {},
]


def say(*parts: "Any") -> None:
    print(*[show(part) for part in parts])


def show(value: "Any") -> str:
    """As text, without the runtimes' own ways (order of dicts, repr of bytes)."""
    if isinstance(value, (bytes, bytearray)):
        return "h'" + hexlify(value).decode() + "'"
    if isinstance(value, dict):
        return "{" + ",".join([show(key) + ":" + show(value[key]) for key in sorted(value)]) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([show(item) for item in value]) + "]"
    if isinstance(value, str):
        return "'" + hexlify(value.encode()).decode() + "'"
    return str(value)


def attempt(function: "Any", *arguments: "Any") -> str:
    try:
        return show(function(*arguments))
    except ProtocolError as error:
        return error.__class__.__name__ + " " + str(error)


def say_vectors(vectors: "Any") -> None:
    for vector in vectors["cobs"]:
        say(cobs_encode(unhexlify(vector["decoded"])))
    for vector in vectors["cbor"] + vectors["cbor_refused"]:
        say(attempt(cbor.decode, unhexlify(vector["encoded"])))
    for encoded in vectors["messages"]:
        parts = attempt(decode_message, unhexlify(encoded))
        say(parts)
    for vector in vectors["frames"]:
        frame = decode_frame(unhexlify(vector["encoded"])[:-1])
        say(frame, encode_frame(*frame))


def say_tables() -> None:
    for table, check in ((EVENTS, check_event), (COMMANDS, check_command)):
        for name in sorted(table):
            fields = table[name]
            for field in sorted(fields):
                say(name, field, [is_kind(fields[field][0], value) for value in VALUES])
            say(name, attempt(check, name, {}) == "None", attempt(check, name + "s", {}))
    for name in sorted(TOPICS):
        say(attempt(build_topic, name, "desk-1", "a1b2c3d4e5f6"))
    for text in ("", "a-b", "a1b2c3d4e5f6-1f2e3d4c-7-12", "a1b2c3d4e5f6-1f2e3d4c-07-12", "x/y/z"):
        say(attempt(parse_call_id, text), is_boot(text), attempt(parse_topic, text))
    say(build_call_id("a1b2c3d4e5f6", "1f2e3d4c-7", 12))
    say(
        encode_message(
            "event", 1, 2, "boot", {"z": 1, "aa": 2, "b": 3, "firmware": "0.1.0", "off_hook": False}
        )
    )


def say_link(count: int) -> None:
    """Two ends over a line that forgets and damages: every byte they write counts."""
    draw = Draw(99)
    board = LinkEnd(True, b"board", lambda: 1 + draw.below(65535))
    host = LinkEnd(False, b"host", lambda: 0)
    digest = number = 0
    for now_ms in range(0, 5 * count, 5):
        if board.room(CONTROL) and draw.below(4) == 0:
            board.send(CONTROL, b"%d" % number)
            number += 1
        while board.room(AUDIO) and draw.below(3):
            board.send(AUDIO, draw.take_bytes(20))
        for source, target in ((board, host), (host, board)):
            data = bytearray(source.poll(now_ms, 512))
            digest = crc32(data, digest)
            if data and draw.below(5) == 0:
                data[draw.below(len(data))] ^= 1 << draw.below(8)
            if draw.below(200) == 0:
                data = data[: draw.below(len(data) + 1)]
            target.receive(bytes(data), now_ms)
            for _, payload in target.take():
                digest = crc32(payload, digest)
        if now_ms % 500 == 0:
            say(now_ms, digest & 0xFFFFFFFF, host.decoder.rejected, board.retransmitted, host.foreign_frames)


def say_fuzz(vectors: "Any", count: int) -> None:
    corpus = [
        unhexlify(vector["encoded"])
        for vector in vectors["frames"] + vectors["cbor"] + vectors["cbor_refused"]
    ]
    corpus += [unhexlify(encoded) for encoded in vectors["messages"]]
    for target in sorted(TARGETS):
        draw = Draw(4)
        outcomes = {}
        digest = 0
        for _ in range(count if target != "link" else count // 20):
            outcome = TARGETS[target](mutate(draw, corpus))
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            digest = crc32(outcome.encode(), digest)
        say(target, digest & 0xFFFFFFFF, outcomes)


def main() -> None:
    with open(sys.argv[1], "rb") as file:  # noqa: PTH123 (MicroPython has no pathlib)
        vectors = json.loads(file.read().decode())
    count = int(sys.argv[2])
    say_vectors(vectors)
    say_tables()
    say_link(count)
    say_fuzz(vectors, count)


main()

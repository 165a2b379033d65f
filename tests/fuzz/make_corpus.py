"""Make the corpus files that no vector stands for: MQTT payloads, caller ID messages, uploads, and what is
wrong behind a right checksum or shape, where mutations alone do not come.

    python -m tests.fuzz.make_corpus

The files are named by content; failing inputs found by hand are added beside them.
"""

import hashlib
import json
import struct
from binascii import crc32
from pathlib import Path
from typing import Any

import cbor2

from protocol.event_json import EventRecord, encode_event
from protocol.framing import cobs_encode
from tests.fuzz.targets import CORPUS

SOURCE, BOOT = "a1b2c3d4e5f6", "1f2e3d4c-7"
AGES = "9999-12-31T23:59:59-23:59"
TOPIC = f"cloudseat/v1/tianyu-1/{SOURCE}/event\n".encode()


_SWAPS = [
    (b'"seq":12', b'"seq":"12"'),
    (b'"seq":12', b'"seq":true'),
    (b'"type":"ring_started"', b'"type":7'),
    (b'{"call":12}', b'{"call":12,"more":1.5}'),
    (b'{"call":12}', b'{"call":12,"more":"\\ud800"}'),
]


def build_mqtt_inputs() -> list[bytes]:
    """A topic, a line feed, a payload."""
    fields: list[tuple[str, dict[str, Any]]] = [
        ("ring_started", {"call": 12}),
        (
            "caller_id",
            {"call": 12, "format": "fsk-mdmf", "number": "13800138000", "name": b"\xd5\xc5\xc8\xfd"},
        ),
        ("boot", {"reason": "power_on", "firmware": "0.1.0", "off_hook": False, "line_mv": -48000}),
        ("recording_stored", {"call": f"{SOURCE}-{BOOT}-12", "samples": 80000, "gaps": [[8000, 256]]}),
        ("off_hook", {"call": 12, "by": "phone", "extra": {"deep": [[[None]]]}}),
    ]
    events = [
        EventRecord(SOURCE, BOOT, 12, 345678, kind, said, "2026-03-17T08:56:00.123Z", "synced")
        for kind, said in fields
    ]
    odd = [
        b"{}",
        b"[]",
        b'{"v":1}',
        b"\xff\xfe",
        b"[" * 300,
        b'{"v":1,"seq":1e999}',
        b'{"v":NaN}',
        b"1" * 600,
        *(encode_event(events[0]).replace(old, new) for old, new in _SWAPS),
        encode_event(events[1]).replace(b"1cXI/Q", b"1cXI*Q"),
    ]
    return [TOPIC + encode_event(event) for event in events] + [TOPIC + payload for payload in odd]


def build_caller_id_inputs() -> list[bytes]:
    """MDMF with number, date and name; withheld; SDMF. Checksum: two's complement of the sum."""
    bodies = [
        (0x80, b"\x01\x0803170856" + b"\x02\x0b13800138000"),
        (0x80, b"\x01\x0803170856" + b"\x02\x0801012345" + b"\x07\x04\xd5\xc5\xc8\xfd"),
        (0x80, b"\x01\x0803170856" + b"\x04\x01P"),
        (0x04, b"0317085613800138000"),
        (0x04, b"03170856O"),
        (0x04, b"0000000013800138000"),
    ]
    messages = [bytes([kind, len(body)]) + body for kind, body in bodies]
    return [message + bytes([-sum(message) & 0xFF]) for message in messages]


def build_downlink_inputs() -> list[bytes]:
    """What the cloud says to a box's agent: ranges that are committed, and commands (17 March 2026)."""
    times = {"issued_at": "2026-03-17T09:00:00.000Z", "expires_at": "2026-03-17T09:00:30.000Z"}
    committed = {"v": 1, "source": SOURCE, "ranges": [[BOOT, 0, 5], [BOOT, 7, 4294967295]]}
    commands: list[dict[str, Any]] = [
        {"id": "c-1", "command": "dial", "args": {"digits": "13912345678"}, **times},
        {"id": "c-2", "command": "play", "args": {"clip": "recorded"}, **times},
        {"id": "c-3", "command": "hang_up", **times},
        {"id": "c-4\ud800", "command": "configure", "args": {"key": "tone", "value": "\ud800"}, **times},
        {"id": "c-5", "command": "hang_up", "issued_at": "0001-01-01T00:00:00+23:59", "expires_at": AGES},
    ]
    said = [("committed", committed), *(("command", command) for command in commands)]
    return [f"cloudseat/v1/d/{SOURCE}/{name}\n{json.dumps(body)}".encode() for name, body in said]


def build_upload_inputs() -> list[bytes]:
    """Call id, Content-Digest, CloudSeat-Samples and Range, a line each. Digest: RFC 9530 appendix B.2."""
    call, digest = f"{SOURCE}-{BOOT}-12", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
    heads = [
        (call, digest, "80000", "bytes=0-499"),
        (call, f"sha-512=:AAAA:, {digest}", "0", "bytes=500-"),
        (call, digest.replace("=:", "==:"), "4294967295", "bytes=-500"),
        (f"{call}4294967295", "", "-1", "bytes=0-1, 3-4"),
        ("../calls", digest.upper(), "1e9", "items=0-5"),
    ]
    return ["\n".join(head).encode() for head in heads]


def build_frame_inputs() -> list[bytes]:
    """Frames with a right checksum: of no type; and too long by a byte, in few bytes on the line."""
    return [_frame(9, b"x"), _frame(3, b"\0" * 257)]


def _frame(kind: int, payload: bytes) -> bytes:
    body = struct.pack(">HBHH", 7, kind, 1, 0) + payload
    return cobs_encode(body + struct.pack(">I", crc32(body))) + b"\0"


def build_message_inputs() -> list[bytes]:
    """Messages and hellos with a part too few, one out of range, settings that fill a hello."""
    hello = ["hello", 1, SOURCE, 1_780_000_000_000, {"tone": "x" * 200}, []]
    parts = [
        ["event", 1],
        [7],
        ["hello", 1, SOURCE],
        ["time", 1 << 60],
        ["journal_ack", BOOT, [[3, 2]]],
        hello,
        [*hello[:5], [[BOOT, 0, 5]] * 8],
    ]
    return [cbor2.dumps(said, canonical=True) for said in parts]


BUILDERS = {
    "frames": build_frame_inputs,
    "messages": build_message_inputs,
    "mqtt": build_mqtt_inputs,
    "downlink": build_downlink_inputs,
    "caller_id": build_caller_id_inputs,
    "upload": build_upload_inputs,
}


def main() -> None:
    """Write the files."""
    for target, build in BUILDERS.items():
        folder: Path = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for data in build():
            (folder / f"{hashlib.sha256(data).hexdigest()[:12]}.bin").write_bytes(data)


if __name__ == "__main__":
    main()

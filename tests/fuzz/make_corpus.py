"""Make the corpus files of targets that no vector stands for: MQTT payloads and caller ID messages.

    python -m tests.fuzz.make_corpus

The files are named by content; failing inputs found by hand are added beside them.
"""

import hashlib
from pathlib import Path
from typing import Any

from protocol.event_json import EventRecord, encode_event
from tests.fuzz.targets import CORPUS

SOURCE, BOOT = "a1b2c3d4e5f6", "1f2e3d4c-7"
TOPIC = f"cloudseat/v1/tianyu-1/{SOURCE}/event\n".encode()


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
    ]
    messages = [bytes([kind, len(body)]) + body for kind, body in bodies]
    return [message + bytes([-sum(message) & 0xFF]) for message in messages]


def main() -> None:
    """Write the files."""
    for target, inputs in (("mqtt", build_mqtt_inputs()), ("caller_id", build_caller_id_inputs())):
        folder: Path = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for data in inputs:
            (folder / f"{hashlib.sha256(data).hexdigest()[:12]}.bin").write_bytes(data)


if __name__ == "__main__":
    main()

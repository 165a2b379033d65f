"""Make tests/vectors/protocol.json from the standards, sharing no code with protocol/.

Sources: COBS of Cheshire and Baker (1999), figure 3, and the common test set; the CRC-32 check value of the
Rocksoft catalogue ("123456789" gives cbf43926); CBOR of RFC 8949 appendix A; frames and messages put together
here with a bitwise CRC, a byte-at-a-time COBS encoder and cbor2's canonical encoding.

    python tests/vectors/make_protocol.py
"""

import json
from pathlib import Path
from typing import Any

import cbor2

PATH = Path(__file__).with_name("protocol.json")

COBS = [
    # decoded, encoded
    ("", "01"),
    ("00", "0101"),
    ("0000", "010101"),
    ("001100", "01021101"),
    ("11220033", "0311220233"),
    ("11223344", "0511223344"),
    ("11000000", "0211010101"),
    ("4500002c4c79000040064f37", "024501042c4c79010540064f37"),
    (bytes(range(1, 255)).hex(), "ff" + bytes(range(1, 255)).hex()),
    ("00" + bytes(range(1, 255)).hex(), "01ff" + bytes(range(1, 255)).hex()),
    (bytes(range(1, 256)).hex(), "ff" + bytes(range(1, 255)).hex() + "02ff"),
    (bytes(range(2, 256)).hex() + "00", "ff" + bytes(range(2, 256)).hex() + "0101"),
    (bytes(range(3, 256)).hex() + "0001", "fe" + bytes(range(3, 256)).hex() + "0201"),
]

CBOR_CARRIED = [
    # RFC 8949 appendix A: what deterministic CBOR of this protocol carries
    (0, "00"),
    (1, "01"),
    (10, "0a"),
    (23, "17"),
    (24, "1818"),
    (25, "1819"),
    (100, "1864"),
    (1000, "1903e8"),
    (1000000, "1a000f4240"),
    (1000000000000, "1b000000e8d4a51000"),
    (18446744073709551615, "1bffffffffffffffff"),
    (-18446744073709551616, "3bffffffffffffffff"),
    (-1, "20"),
    (-10, "29"),
    (-100, "3863"),
    (-1000, "3903e7"),
    (False, "f4"),
    (True, "f5"),
    (None, "f6"),
    ("", "60"),
    ("a", "6161"),
    ("IETF", "6449455446"),
    ('"\\', "62225c"),
    ("ü", "62c3bc"),
    ("水", "63e6b0b4"),
    ("𐅑", "64f0908591"),
    ([], "80"),
    ([1, 2, 3], "83010203"),
    ([1, [2, 3], [4, 5]], "8301820203820405"),
    (list(range(1, 26)), "98190102030405060708090a0b0c0d0e0f101112131415161718181819"),
    ({}, "a0"),
    ({"a": 1, "b": [2, 3]}, "a26161016162820203"),
    (["a", {"b": "c"}], "826161a161626163"),
    (
        {"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"},
        "a56161614161626142616361436164614461656145",
    ),
]

CBOR_REFUSED = [
    # bytes, reason. RFC 8949 appendix A
    ("c249010000000000000000", "type"),  # bignum
    ("f90000", "type"),  # 0.0
    ("fb3ff199999999999a", "type"),  # 1.1
    ("f97e00", "type"),  # NaN
    ("f7", "type"),  # undefined
    ("f0", "type"),  # simple(16)
    ("f8ff", "type"),  # simple(255)
    ("c11a514b67b0", "type"),  # epoch time
    ("d74401020304", "type"),  # tag 23
    ("a201020304", "key"),  # {1: 2, 3: 4}
    ("5f42010243030405ff", "type"),  # indefinite bytes
    ("7f657374726561646d696e67ff", "type"),
    ("9fff", "type"),
    ("bf61610161629f0203ffff", "type"),
    # RFC 8949 4.2.1: not deterministic
    ("1817", "not_shortest"),
    ("1900ff", "not_shortest"),
    ("1a0000ffff", "not_shortest"),
    ("1b00000000ffffffff", "not_shortest"),
    ("3817", "not_shortest"),
    ("580100", "not_shortest"),
    ("780161", "not_shortest"),
    ("980100", "not_shortest"),
    ("a2616201616102", "order"),
    ("a262616101616202", "order"),
    ("a2616101616102", "duplicate"),
    # not well-formed, or beyond this subset
    ("", "truncated"),
    ("18", "truncated"),
    ("19ff", "truncated"),
    ("4401", "truncated"),
    ("8201", "truncated"),
    ("a16161", "truncated"),
    ("0000", "trailing"),
    ("61ff", "text"),
    ("62c080", "text"),  # long form of U+0000
    ("63eda080", "text"),  # surrogate
    ("64f4908080", "text"),  # beyond U+10FFFF
    ("64f0808080", "text"),  # long form
    ("1c", "type"),
    ("990101" + "00" * 257, "items"),
    ("81" * 10 + "00", "depth"),
]

MESSAGES: list[list[Any]] = [
    ["hello", 1, "a1b2c3d4e5f6", "1f2e3d4c-7", "0.1.0", 1234],
    ["hello", 1, "0123456789ab", 1773737760123, {"country": "CN"}, [["1f2e3d4c-7", 1, 41]]],
    ["event", 12, 345678, "ring_started", {"call": 12}],
    [
        "event",
        13,
        347000,
        "caller_id",
        {
            "call": 12,
            "format": "fsk-mdmf",
            "standard": "v23",
            "number": "13800138000",
            "name": "张三".encode("gb2312"),
            "datetime": "03170856",
        },
    ],
    ["journal_ack", "1f2e3d4c-7", [[1, 12], [14, 14]]],
    ["command", "0b6f2a52-5a6b-4d4f-9d0e-0123456789ab", "dial", {"digits": "13800138000"}],
    ["reply", "0b6f2a52-5a6b-4d4f-9d0e-0123456789ab", "done", ""],
    ["health", {"heap_free": 123456, "loop_mv": 48000}],
    ["log", "warning", "uplink.frame_rejected"],
    ["time", 1773737760123],
]

FRAMES = [
    # session, type, sequence number, acknowledgement, payload
    (0, 1, 0, 0, ""),
    (0x1234, 1, 0, 0, cbor2.dumps(MESSAGES[0], canonical=True).hex()),
    (0x1234, 1, 0xBEEF, 0, cbor2.dumps(MESSAGES[1], canonical=True).hex()),
    (0xACFB, 2, 0, 0, cbor2.dumps(MESSAGES[2], canonical=True).hex()),
    (0xACFB, 3, 65535, 7, "0000000c000001f0" + "d5" * 248),
    (0xACFB, 3, 0, 0, "00" * 256),
    (0xACFB, 4, 0, 1, ""),
    (0xACFB, 5, 0, 65535, "0500"),
]


def encode_cobs(data: bytes) -> bytes:
    """The paper's encoder, a byte at a time."""
    out, block = bytearray(), bytearray()
    for at, byte in enumerate(data):
        if byte:
            block.append(byte)
        if not byte or (len(block) == 254 and at + 1 < len(data)):
            out += bytes([len(block) + 1]) + block
            block = bytearray()
            if not byte and at + 1 == len(data):
                return bytes(out + b"\x01")
    return bytes(out + bytes([len(block) + 1]) + block)


def compute_crc32(data: bytes) -> int:
    """CRC-32 of IEEE 802.3, a bit at a time: polynomial edb88320, reflected; inverted at start and end."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def build_frame(session: int, frame_type: int, seq: int, ack: int, payload: bytes) -> bytes:
    """One frame with its ending zero, from the layout in docs/PROTOCOL.md."""
    body = session.to_bytes(2, "big") + bytes([frame_type]) + seq.to_bytes(2, "big") + ack.to_bytes(2, "big")
    body += payload
    return encode_cobs(body + compute_crc32(body).to_bytes(4, "big")) + b"\0"


def build_vectors() -> dict[str, Any]:
    """All vectors, as they stand in the file."""
    return {
        "crc32": [{"data": b"123456789".hex(), "crc": "cbf43926"}, {"data": "", "crc": "00000000"}],
        "cobs": [{"decoded": decoded, "encoded": encoded} for decoded, encoded in COBS],
        "cbor": [{"value": value, "encoded": encoded} for value, encoded in CBOR_CARRIED],
        "cbor_refused": [{"encoded": encoded, "reason": reason} for encoded, reason in CBOR_REFUSED],
        "messages": [cbor2.dumps(parts, canonical=True).hex() for parts in MESSAGES],
        "frames": [
            {
                "session": session,
                "type": frame_type,
                "seq": seq,
                "ack": ack,
                "payload": payload,
                "encoded": build_frame(session, frame_type, seq, ack, bytes.fromhex(payload)).hex(),
            }
            for session, frame_type, seq, ack, payload in FRAMES
        ],
    }


def render() -> str:
    """The file's text."""
    return json.dumps(build_vectors(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    PATH.write_text(render(), encoding="utf-8")

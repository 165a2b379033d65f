"""The message parser: golden vectors, and every way in which a body can be malformed."""

import pytest

from firmware.line.caller_id import MessageRejected, decode_caller_id_message

# Golden: DOMAIN's vector, computed by hand from GR-30-CORE 2.4; not by our encoder.
GOLDEN = bytes([0x80, 0x16, 0x01, 0x08]) + b"03171656" + bytes([0x02, 0x0A]) + b"2156430144" + bytes([0xBA])
GBK = b"\xd5\xc5\xc8\xfd"
NUMBER = b"\x02\x0a2156430144"


def closed(kind: int, body: bytes) -> bytes:
    message = bytes([kind, len(body)]) + body
    return message + bytes([-sum(message) & 0xFF])


def test_the_golden_message() -> None:
    assert decode_caller_id_message(GOLDEN) == {
        "format": "fsk-mdmf",
        "number": "2156430144",
        "datetime": "03171656",
    }


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (closed(0x04, b"0317165613912345678"), {"number": "13912345678", "datetime": "03171656"}),
        (closed(0x04, b"03171656P"), {"reason": "withheld", "datetime": "03171656"}),
        (closed(0x80, b"\x01\x0803171656\x04\x01P"), {"reason": "withheld", "datetime": "03171656"}),
        (closed(0x80, b"\x04\x01O"), {"reason": "unavailable"}),
        (closed(0x80, b"\x02\x01P"), {"reason": "withheld"}),
        (closed(0x80, NUMBER + b"\x07\x04" + GBK), {"number": "2156430144", "name": GBK}),
        (closed(0x80, b"\x11\x01\x01" + NUMBER + b"\x08\x01P"), {"number": "2156430144"}),
        (closed(0x80, b"\x01\x0800000000" + NUMBER), {"number": "2156430144"}),
    ],
    ids=["sdmf", "sdmf-P", "withheld", "unavailable", "P-as-number", "gbk-name", "unknown", "no-clock"],
)  # fmt: skip
def test_what_is_well_formed(message: bytes, fields: dict[str, object]) -> None:
    decoded = decode_caller_id_message(message)
    decoded.pop("format")
    assert decoded == fields


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "truncated"),
        (GOLDEN[:-1], "truncated"),
        (GOLDEN + b"\x00", "truncated"),
        (b"\x80\xff" + bytes(100), "truncated"),
        (GOLDEN[:-1] + b"\xbb", "checksum"),
        (GOLDEN.replace(b"2156", b"2157"), "checksum"),
        (b"\x80\x00\x80", "empty"),
        (b"\x40\x00\xc0", "type"),
        (closed(0x82, NUMBER), "type"),
        (closed(0x80, b"\x01\x0803171656"), "empty"),
        (closed(0x80, b"\x0b\x02ab"), "empty"),
        (closed(0x80, NUMBER + b"\x07"), "parameters"),
        (closed(0x80, NUMBER + b"\x07\x09ABC"), "parameters"),
        (closed(0x80, NUMBER + NUMBER), "duplicate"),
        (closed(0x80, NUMBER + b"\x04\x01P"), "duplicate"),
        (closed(0x80, b"\x02\x0a21564301:4"), "number"),
        (closed(0x80, b"\x02\x00"), "number"),
        (closed(0x80, b"\x02\x15" + b"1" * 21), "number"),
        (closed(0x80, b"\x04\x01X"), "number"),
        (closed(0x80, b"\x01\x0703171656"[:9] + NUMBER), "date"),
        (closed(0x80, b"\x01\x0813171656" + NUMBER), "date"),
        (closed(0x80, b"\x01\x0803172456" + NUMBER), "date"),
        (closed(0x80, NUMBER + b"\x07\x02A\x07"), "name"),
        (closed(0x80, NUMBER + b"\x07\x00"), "name"),
        (closed(0x04, b"0317165"), "date"),
        (closed(0x04, b"03171656"), "number"),
        (closed(0x04, b"031716562156x30144"), "number"),
    ],
)
def test_what_is_malformed(message: bytes, reason: str) -> None:
    with pytest.raises(MessageRejected) as rejected:
        decode_caller_id_message(message)
    assert rejected.value.reason == reason


def test_a_date_that_swallows_the_number_is_no_message() -> None:
    with pytest.raises(MessageRejected):
        decode_caller_id_message(closed(0x80, b"\x01\x1403171656" + NUMBER))

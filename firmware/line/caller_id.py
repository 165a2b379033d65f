"""Caller ID messages: from checked bytes to fields. Parsing only; receivers live beside this module."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Fields = dict[str, Any]

SDMF = 0x04
MDMF = 0x80

DATE_TIME, NUMBER, NUMBER_REASON, NAME = 0x01, 0x02, 0x04, 0x07
REASONS = {0x50: "withheld", 0x4F: "unavailable"}  # "P", "O"
MAX_NUMBER = 20
MAX_NAME = 50
NO_DATE = b"00000000"


class MessageRejected(Exception):
    """The bytes are no well-formed caller ID message; `reason` is a constant text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decode_caller_id_message(message: bytes) -> "Fields":
    """Decode one data message (SDMF 0x04 or MDMF 0x80) into fields of a `caller_id` event.

    Layout: type, length, body, checksum (two's complement of the sum, modulo 256).
    MDMF body: parameters of (type, length, data): 0x01 date and time MMDDhhmm, 0x02 number, 0x04 reason
    for absence of number ("P" withheld, "O" unavailable), 0x07 name; others are skipped.
    SDMF body: MMDDhhmm, then number or "P" or "O".
    A sum of eight bits passes one bad message in 256, so the body has to be well-formed as well: parameters
    fill it exactly, none of the four twice, digits are digits, and a number or its absence is stated.
    Source: GR-30-CORE 2.3-2.4; YD/T 1277.1.

    Args:
        message: from the type byte to the checksum.
    Returns:
        format, and number or reason, name (bytes as sent), datetime where stated. A clock that stands at
        00000000 is not stated.
    Raises:
        MessageRejected: truncated, checksum, type, parameters, duplicate, date, number, name, empty.
    """
    if len(message) < 3 or len(message) != message[1] + 3:
        raise MessageRejected("truncated")
    if sum(message) & 0xFF:
        raise MessageRejected("checksum")
    return decode_body(message[0], message[2:-1])


def decode_body(message_type: int, body: bytes) -> "Fields":
    """Decode a body whose length and checksum hold; see `decode_caller_id_message`."""
    if message_type == SDMF:
        fields = _decode_sdmf(body)
    elif message_type == MDMF:
        fields = _decode_mdmf(body)
    else:
        raise MessageRejected("type")
    if "number" not in fields and "reason" not in fields:
        raise MessageRejected("empty")
    return fields


def _decode_sdmf(body: bytes) -> "Fields":
    fields: "Fields" = {"format": "fsk-sdmf"}
    _take_date(fields, body[:8])
    _take_number(fields, body[8:])
    return fields


def _decode_mdmf(body: bytes) -> "Fields":
    fields: "Fields" = {"format": "fsk-mdmf"}
    seen = 0
    at = 0
    while at < len(body):
        if at + 2 > len(body) or at + 2 + body[at + 1] > len(body):
            raise MessageRejected("parameters")
        kind = body[at]
        data = body[at + 2 : at + 2 + body[at + 1]]
        at += 2 + len(data)
        take = _TAKE.get(kind)
        if take is None:
            continue
        if seen & 1 << kind:
            raise MessageRejected("duplicate")
        seen |= 1 << kind
        take(fields, data)
    if seen & 1 << NUMBER and seen & 1 << NUMBER_REASON:
        raise MessageRejected("duplicate")
    return fields


def _take_date(fields: "Fields", data: bytes) -> None:
    if len(data) != 8 or not is_digits(data):
        raise MessageRejected("date")
    if data == NO_DATE:
        return
    month, day = int(data[:2]), int(data[2:4])
    if not (1 <= month <= 12 and 1 <= day <= 31 and int(data[4:6]) <= 23 and int(data[6:]) <= 59):
        raise MessageRejected("date")
    fields["datetime"] = str(data, "ascii")


def _take_number(fields: "Fields", data: bytes) -> None:
    if len(data) == 1 and data[0] in REASONS:
        fields["reason"] = REASONS[data[0]]
        return
    if not 1 <= len(data) <= MAX_NUMBER or not is_digits(data):
        raise MessageRejected("number")
    fields["number"] = str(data, "ascii")


def _take_reason(fields: "Fields", data: bytes) -> None:
    if len(data) != 1 or data[0] not in REASONS:
        raise MessageRejected("number")
    fields["reason"] = REASONS[data[0]]


def _take_name(fields: "Fields", data: bytes) -> None:
    if not 1 <= len(data) <= MAX_NAME or min(data) < 0x20:
        raise MessageRejected("name")
    fields["name"] = bytes(data)


def is_digits(data: "bytes | bytearray") -> bool:
    """True if every byte is an ASCII digit (and there is one)."""
    return len(data) > 0 and min(data) >= 0x30 and max(data) <= 0x39


_TAKE = {DATE_TIME: _take_date, NUMBER: _take_number, NUMBER_REASON: _take_reason, NAME: _take_name}

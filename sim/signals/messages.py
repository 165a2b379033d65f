"""Caller-ID data messages: the bytes that an exchange sends.

    SDMF  04 | length | MMDDhhmm number              | checksum
    MDMF  80 | length | parameter, parameter, ...    | checksum
    parameter = type | length | data

Parameters: 01 date and time "MMDDhhmm", 02 number, 04 reason for absence of number, 07 name, 08 reason
for absence of name. Reasons: "P" withheld by the caller, "O" unavailable. The checksum is the two's
complement of the sum of all bytes before it, modulo 256.
Source: Bellcore GR-30-CORE and GR-31-CORE; YD/T 1277.1-2003 (same types and sum); the golden vector of
tests/sim is `80 16 01 08 "03171656" 02 0A "2156430144" BA`.
"""

from dataclasses import dataclass

SDMF = 0x04
MDMF = 0x80
PARAMETER_DATE = 0x01
PARAMETER_NUMBER = 0x02
PARAMETER_NO_NUMBER = 0x04
PARAMETER_NAME = 0x07
PARAMETER_NO_NAME = 0x08
WITHHELD = "P"
UNAVAILABLE = "O"


@dataclass(frozen=True)
class Caller:
    """Who calls, as the exchange knows it.

    Attributes:
        number: digits as the exchange sends them; empty when `reason` stands.
        reason: "" or why there is no number, `WITHHELD` or `UNAVAILABLE`.
        name: sent as GB 18030 bytes (ASCII stays ASCII); "" sends no name.
        date: "MMDDhhmm", local time of the exchange.
    """

    number: str = ""
    reason: str = ""
    name: str = ""
    date: str = "03170856"


def checksum(message: bytes) -> int:
    """The byte that makes the sum of `message` and itself zero, modulo 256."""
    return -sum(message) & 0xFF


def sdmf(caller: Caller) -> bytes:
    """Single data message: date and number; the reason stands in place of the number."""
    body = (caller.date + (caller.reason or caller.number)).encode("ascii")
    return closed(SDMF, body)


def mdmf(caller: Caller, extra: bytes = b"") -> bytes:
    """Multiple data message; `extra` are further parameters, put before the number."""
    body = parameter(PARAMETER_DATE, caller.date.encode("ascii")) + extra
    if caller.reason:
        body += parameter(PARAMETER_NO_NUMBER, caller.reason.encode("ascii"))
    else:
        body += parameter(PARAMETER_NUMBER, caller.number.encode("ascii"))
    if caller.name:
        body += parameter(PARAMETER_NAME, caller.name.encode("gb18030"))
    return closed(MDMF, body)


def parameter(kind: int, data: bytes) -> bytes:
    """One MDMF parameter."""
    return bytes([kind, len(data)]) + data


def closed(kind: int, body: bytes) -> bytes:
    """`body` (at most 255 bytes) with message type, length and checksum."""
    message = bytes([kind, len(body)]) + body
    return message + bytes([checksum(message)])

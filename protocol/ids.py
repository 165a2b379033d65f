"""How a source, a boot, an event and a call are named.

source: 12 lower-case hex digits (a box, or an agent).
boot: `{life:08x}-{count}`: `life` = 32 random bits drawn when the stored counter is absent or fails its CRC,
      so that a re-flashed box never repeats an event id; `count` from 1.
call: on the box the sequence number of the event that opened it; everywhere right of the box the text
      `{source}-{boot}-{seq}`. A recording has the id of its call.
"""

from protocol.const import UINT32_MAX
from protocol.errors import MessageError

_HEX = "0123456789abcdef"


def is_source(text: str) -> bool:
    """True for 12 lower-case hex digits."""
    return len(text) == 12 and all(char in _HEX for char in text)


def build_boot(life: int, count: int) -> str:
    """`life` 0..2^32-1, `count` 1..2^32-1."""
    return "%08x-%d" % (life, count)


def is_boot(text: str) -> bool:
    """True for `{8 hex digits}-{count without leading zero}`."""
    life, dash, count = text[:8], text[8:9], text[9:]
    if len(life) != 8 or dash != "-" or not all(char in _HEX for char in life):
        return False
    return _is_number(count) and count != "0"


def build_call_id(source: str, boot: str, call: int) -> str:
    """The name of a call outside its box."""
    return "%s-%s-%d" % (source, boot, call)


def parse_call_id(text: str) -> "tuple[str, str, int]":
    """Split a call id into (source, boot, call).

    Raises:
        MessageError: `call_id`.
    """
    parts = text.split("-")
    if len(parts) != 4 or not is_source(parts[0]) or not _is_number(parts[3]):
        raise MessageError("call_id")
    boot = parts[1] + "-" + parts[2]
    if not is_boot(boot):
        raise MessageError("call_id")
    return parts[0], boot, int(parts[3])


def _is_number(text: str) -> bool:
    digits = 0 < len(text) <= 10 and all(char in "0123456789" for char in text)
    return digits and str(int(text)) == text and int(text) <= UINT32_MAX

"""The events: what a box or an agent states as fact. An event is never changed, only added to.

Event id = (source, boot, seq). `EVENTS` is the one table: type -> fields; each field is (kind, required).
Kinds: uint (0..2^32-1), int (32 bits, signed), text (<= 128 characters), bytes (<= 128), bool,
digits (0-9 A-D * #, <= 32), call (uint: the seq of the event that opened the call, on the box),
source (12 hex digits), call_id (text, outside the box), ranges (list of at most 64 [first, count]),
note (text, <= 1000 characters), codes (list of at most 20 texts of 1..32 characters).
"""

from protocol.const import UINT32_MAX
from protocol.errors import MessageError
from protocol.ids import is_source, parse_call_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_TEXT = 128
MAX_DIGITS = 32
MAX_RANGES = 64
MAX_NOTE = 1000
MAX_CODES = 20
MAX_CODE = 32
_DIGITS = "0123456789ABCD*#"

R, O = True, False  # noqa: E741  (required, optional)

BOX_EVENTS = {
    # reason: power_on, watchdog, software, brownout
    "boot": {"reason": ("text", R), "firmware": ("text", R), "off_hook": ("bool", R), "line_mv": ("int", O)},
    # state: normal, cut, low, reversed
    "line_changed": {"state": ("text", R), "line_mv": ("int", R), "call": ("call", O)},
    "ring_started": {"call": ("call", R)},
    "ring_burst": {"call": ("call", R), "burst": ("uint", R)},
    "ring_stopped": {"call": ("call", R), "bursts": ("uint", R)},
    "caller_id": {
        "call": ("call", R),
        "format": ("text", R),  # fsk-mdmf, fsk-sdmf, dtmf, or failed (carrier heard, no valid message)
        "standard": ("text", O),  # bell202, v23
        "number": ("digits", O),
        "name": ("bytes", O),  # as sent: ASCII or GB 2312/GBK, decoded on the host
        "reason": ("text", O),  # why there is no number: withheld, unavailable
        "datetime": ("digits", O),  # MMDDhhmm as sent
        "repaired": ("bool", O),
        "uncertain": ("bool", O),
    },
    "off_hook": {
        "call": ("call", R),
        "by": ("text", R),  # phone, box
        "rings": ("uint", O),  # bursts begun before
        "resumed": ("bool", O),  # found off-hook at boot
        "line_mv": ("int", O),
    },
    "on_hook": {"call": ("call", R), "by": ("text", R)},
    "digits_dialled": {"call": ("call", R), "digits": ("digits", R), "method": ("text", R)},  # dtmf, pulse
    # dial, ringback, busy, congestion, vacant, waiting, howler, cng; connected (end of ringback, reversal)
    "tone_detected": {
        "call": ("call", O),
        "tone": ("text", R),
        "freq_hz": ("uint", O),
        "method": ("text", O),
    },
    "key_pressed": {"call": ("call", R), "key": ("digits", R)},
    "recording_started": {"call": ("call", R), "codec": ("text", R)},
    "recording_stopped": {"call": ("call", R), "samples": ("uint", R)},
    # samples of the recording that never left the box: first_sample counts from the recording's first
    "audio_gap": {
        "call": ("call", R),
        "first_sample": ("uint", R),
        "samples": ("uint", R),
        "reason": ("text", R),
    },
    "call_waiting": {"call": ("call", R), "number": ("digits", O), "reason": ("text", O)},
    "self_test": {"item": ("text", R), "passed": ("bool", R), "value": ("int", O), "limit": ("int", O)},
    "fault": {"part": ("text", R), "reason": ("text", R)},
    "events_lost": {
        "lost_boot": ("text", R),
        "first": ("uint", R),
        "last": ("uint", R),
        "reason": ("text", R),
    },
}

AGENT_EVENTS = {
    "box_attached": {"box": ("source", R), "port": ("text", R), "firmware": ("text", O)},
    "box_detached": {"box": ("source", R), "reason": ("text", R)},
    "recording_stored": {"call": ("call_id", R), "samples": ("uint", R), "gaps": ("ranges", O)},
    "recording_uploaded": {"call": ("call_id", R), "sha256": ("text", R), "bytes": ("uint", R)},
    "recording_lost": {"call": ("call_id", R), "reason": ("text", R)},
    "clock_stepped": {"by_ms": ("int", R)},
    "disk_low": {"free_mb": ("uint", R), "reserve_mb": ("uint", R)},
    "recording_played": {"call": ("call_id", R)},  # at the desk, without the cloud
    # a ticket as filled in without the cloud; draft: its id, so that it becomes one ticket
    "draft_made": {
        "call": ("call_id", O),
        "draft": ("text", R),
        "kind": ("text", O),
        "items": ("codes", O),
        "place": ("text", O),
        "note": ("note", O),
        "promise_minutes": ("uint", O),
    },
}

EVENTS = {}
EVENTS.update(BOX_EVENTS)
EVENTS.update(AGENT_EVENTS)


def check_event(event_type: str, fields: "dict[str, Any]") -> None:
    """Check the fields of an event against the table. Unknown fields are allowed (a newer sender).

    Raises:
        MessageError: `type`, `missing:<field>`, `field:<field>`.
    """
    table = EVENTS.get(event_type)
    if table is None:
        raise MessageError("type")
    if not isinstance(fields, dict):
        raise MessageError("fields")
    for name, (kind, required) in table.items():
        value = fields.get(name)
        if value is None:
            if required:
                raise MessageError("missing:" + name)
        elif not is_kind(kind, value):
            raise MessageError("field:" + name)


def is_kind(kind: str, value: "Any") -> bool:
    """True if `value` is of the field kind `kind` (see the module's list)."""
    if kind == "bool":
        return value is True or value is False
    if isinstance(value, bool):
        return False
    return _KIND_CHECKS[kind](value)


def _is_uint(value: "Any") -> bool:
    return isinstance(value, int) and 0 <= value <= UINT32_MAX


def _is_int(value: "Any") -> bool:
    return isinstance(value, int) and -0x80000000 <= value <= 0x7FFFFFFF


def _is_text(value: "Any") -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT


def _is_bytes(value: "Any") -> bool:
    return isinstance(value, (bytes, bytearray)) and len(value) <= MAX_TEXT


def _is_digits(value: "Any") -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_DIGITS and all(char in _DIGITS for char in value)


def _is_source(value: "Any") -> bool:
    return isinstance(value, str) and is_source(value)


def _is_call_id(value: "Any") -> bool:
    if not isinstance(value, str):
        return False
    try:
        parse_call_id(value)
    except MessageError:
        return False
    return True


def _is_ranges(value: "Any") -> bool:
    if not isinstance(value, (list, tuple)) or len(value) > MAX_RANGES:
        return False
    return all(
        isinstance(r, (list, tuple)) and len(r) == 2 and _is_uint(r[0]) and _is_uint(r[1]) for r in value
    )


def _is_note(value: "Any") -> bool:
    return isinstance(value, str) and len(value) <= MAX_NOTE


def _is_codes(value: "Any") -> bool:
    if not isinstance(value, (list, tuple)) or len(value) > MAX_CODES:
        return False
    return all(isinstance(code, str) and 0 < len(code) <= MAX_CODE for code in value)


_KIND_CHECKS = {
    "uint": _is_uint,
    "call": _is_uint,
    "int": _is_int,
    "text": _is_text,
    "bytes": _is_bytes,
    "digits": _is_digits,
    "source": _is_source,
    "call_id": _is_call_id,
    "ranges": _is_ranges,
    "note": _is_note,
    "codes": _is_codes,
}

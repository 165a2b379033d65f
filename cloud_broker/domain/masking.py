"""Telephone numbers in what a machine sent: masked wherever they may stand, so that people may look at it."""

import json
import re
from typing import Any

from telephony.numbers import mask

_NUMBER = re.compile(r"(?<![0-9A-Za-z])\+?\d(?:[ -]?\d){6,}(?![0-9A-Za-z])")
_SAFE = frozenset({"source", "boot", "at", "box", "v", "seq", "uptime_ms", "first", "last", "lost_boot"})
"""Fields that hold ids, times and counts."""
_WHOLE = frozenset({"number", "digits", "key", "name", "datetime"})
"""Fields of which nothing but the ends of a long number is shown, however short they are."""
SHORTEST_NUMBER = 10**6


def mask_text(text: str) -> str:
    """Mask each run of at least 7 digits that stands by itself, with blanks and hyphens in it or without."""
    return _NUMBER.sub(lambda found: mask(re.sub("[ -]", "", found.group())), text)


def mask_value(name: str, value: Any) -> Any:
    """Mask a field of a message; lists and objects inside it, too."""
    if name in _SAFE or value is None or isinstance(value, bool):
        return value
    if isinstance(value, dict):
        return {mask_text(key): mask_value(key, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [mask_value(name, inner) for inner in value]
    if name in _WHOLE:
        return mask(str(value))
    if isinstance(value, int | float):
        return value if abs(value) < SHORTEST_NUMBER else mask(str(value))
    return mask_text(value)


def mask_payload(payload: bytes) -> str:
    """A message as text: indented if it is JSON, as it came if it is not."""
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        return mask_text(payload.decode(errors="replace").replace("\x00", "\ufffd"))
    text = json.dumps(mask_value("", body), ensure_ascii=False, indent=2)
    return text.encode(errors="replace").decode()  # half of a surrogate pair is no text

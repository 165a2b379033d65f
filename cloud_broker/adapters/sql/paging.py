"""Opaque cursors: where a list that is ordered by (time, id), newest first, was left."""

import base64
import binascii
import json

from cloud_broker.domain.views import Invalid

MAX_LIMIT = 500


def encode_cursor(at_ms: int, key: str | int) -> str:
    return base64.urlsafe_b64encode(json.dumps([at_ms, key]).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> tuple[int, str | int] | None:
    """Raises Invalid: `cursor`."""
    if cursor is None:
        return None
    try:
        at_ms, key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise Invalid("cursor", "unknown") from error
    if type(at_ms) is not int or type(key) not in (str, int):
        raise Invalid("cursor", "unknown")
    if not all(abs(number) < 2**63 for number in (at_ms, key) if isinstance(number, int)):
        raise Invalid("cursor", "unknown")
    return at_ms, key


def clamp(limit: int) -> int:
    return max(1, min(limit, MAX_LIMIT))

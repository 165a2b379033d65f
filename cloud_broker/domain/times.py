"""Time as text and as numbers: UTC everywhere, unix milliseconds in the store, ISO 8601 on the wire."""

from datetime import UTC, datetime


def iso_ms(at_ms: int) -> str:
    """`2026-03-17T08:56:00.123Z`."""
    return to_datetime(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_datetime(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def to_ms(at: datetime) -> int:
    """Raises ValueError for a naive time: it would be read in the server's zone."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return round(at.timestamp() * 1000)


CHINA_OFFSET_MS = 8 * 3_600_000
"""Asia/Shanghai has had no daylight saving since 1991."""

DAY_MS = 86_400_000

LEEWAY_MS = 10_000
"""A desk PC that was not told the time may be so much ahead of the cloud."""


def china_day(at_ms: int) -> str:
    """`2026-03-17`: the day in Asia/Shanghai that `at_ms` falls into."""
    return to_datetime(at_ms + CHINA_OFFSET_MS).date().isoformat()


def parse_day_ms(day: str) -> int:
    """Midnight in Asia/Shanghai of `2026-03-17`. Raises ValueError."""
    return to_ms(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)) - CHINA_OFFSET_MS


def china_day_start_ms(at_ms: int) -> int:
    """Midnight in Asia/Shanghai of the day `at_ms` falls into."""
    return at_ms - (at_ms + CHINA_OFFSET_MS) % DAY_MS

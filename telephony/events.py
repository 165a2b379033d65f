"""An event as the domain reads it: what `protocol.events` allows, after the broker and the store are gone."""

from typing import Any, NamedTuple

from protocol.ids import build_call_id

UINT32_RANGE = 1 << 32


class Event(NamedTuple):
    """One stated fact. Its id is (source, boot, seq); `fields` is never changed after decoding."""

    source: str
    boot: str
    seq: int
    uptime_ms: int
    type: str
    fields: dict[str, Any]
    at_ms: int  # UTC, unix milliseconds, the first that the agent told
    clock: str  # synced, unsynced, stepped


def find_call_id(event: Event) -> str | None:
    """The call an event belongs to, or None (telemetry of the line or of the agent)."""
    call = event.fields.get("call")
    if isinstance(call, int):
        return build_call_id(event.source, event.boot, call)
    return call if isinstance(call, str) else None


def measure_ms(earlier: Event, later: Event) -> int:
    """Milliseconds between two events of one boot by the box's own timer, which wraps at 2^32 ms."""
    return (later.uptime_ms - earlier.uptime_ms) % UINT32_RANGE


def is_before(event: Event, other: Event) -> bool:
    """True if `event` was before `other`, of the same boot and less than 24 days away."""
    return 0 < measure_ms(event, other) < UINT32_RANGE // 2


def is_later_boot(boot: str, first_at_ms: int, other: str, other_first_at_ms: int) -> bool:
    """True if `other` began after `boot`.

    Boots of one life count up; a re-flashed box draws a new life, and then only the clock can tell.
    """
    life, _, count = boot.partition("-")
    other_life, _, other_count = other.partition("-")
    if life == other_life:
        return int(other_count) > int(count)
    return other_first_at_ms > first_at_ms

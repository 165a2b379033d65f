"""A call in which its box lost its power goes on in the box's next boot: two openings, one call. Pure.

Rules:
- Only the first call of a boot continues one, and only the last call of the boot before it, if that has no
  end of its own.
- A line found off-hook at boot (`resumed`) continues the call that was going on.
- Ringing, a caller ID or a lifted handset continues a call that was ringing at most RINGING_WITHIN_MS ago:
  longer than the pause of a ring cadence and the start of a box; with two different numbers it is two calls.
Times between boots come from `at`; a boot's own from `uptime_ms`, as always.
"""

from collections.abc import Sequence

from telephony.events import UINT32_RANGE, Event

RINGING_WITHIN_MS = 15_000
EARLY_MS = 30_000
"""A call that opens later than this after its boot continues none, unless it is `resumed`."""
CLOCK_MS = 3_000
"""How far the times of two boots may be apart by themselves."""
_COUNTS = ("burst", "bursts", "rings")
_OF_THE_CALL = frozenset(
    ("ring_started", "ring_burst", "ring_stopped", "caller_id", "off_hook", "on_hook", "digits_dialled",
     "tone_detected", "line_changed", "key_pressed")
)  # fmt: skip
"""What is carried over; a recording stays with the boot that made it."""


def may_continue(events: Sequence[Event]) -> bool:
    """True if the call of these events opens as one that continues another does."""
    first = _first(events)
    if first is None:
        return False
    return first.uptime_ms <= EARLY_MS or bool(first.fields.get("resumed"))


def has_end(events: Sequence[Event]) -> bool:
    """True if the call's own events end it."""
    types = {event.type for event in events}
    return "on_hook" in types or ("ring_stopped" in types and "off_hook" not in types)


def continues(earlier: Sequence[Event], later: Sequence[Event]) -> bool:
    """True if `later`, the first call of a boot, is `earlier`, the last of the boot before it."""
    first, last = _first(later), _last(earlier)
    if first is None or last is None or has_end(earlier) or not may_continue(later):
        return False
    if any(event.type == "off_hook" for event in earlier):
        return bool(first.fields.get("resumed"))
    if len({_number(earlier), _number(later)} - {None}) == 2:
        return False
    return -CLOCK_MS <= first.at_ms - last.at_ms <= RINGING_WITHIN_MS


def graft(earlier: Sequence[Event], later: Sequence[Event]) -> list[Event]:
    """The events of both as events of the earlier call: same boot, `seq` and `uptime_ms` going on, rings
    added up."""
    first, last = _first(earlier), _last(earlier)
    if first is None or last is None:
        return list(earlier)
    start = _first(later)
    back_ms = max(0, last.at_ms - start.at_ms) if start is not None else 0  # time did not run back
    rings = max((event.fields.get(name) or 0 for event in earlier for name in _COUNTS), default=0)
    call = first.fields.get("call")
    grafted = list(earlier)
    for event in later:
        if event.type not in _OF_THE_CALL or event.source != first.source:
            continue
        added = {name: event.fields[name] + rings for name in _COUNTS if event.fields.get(name) is not None}
        grafted.append(
            event._replace(
                boot=first.boot,
                seq=last.seq + 1 + event.seq,
                uptime_ms=(first.uptime_ms + event.at_ms + back_ms - first.at_ms) % UINT32_RANGE,
                fields=event.fields | added | {"call": call},
            )
        )
    return grafted


def _number(events: Sequence[Event]) -> str | None:
    """The caller's, as the box decoded it."""
    numbers = (e.fields.get("number") for e in _own(events) if e.type == "caller_id")
    return next((number for number in numbers if number), None)


def _own(events: Sequence[Event]) -> list[Event]:
    """Those of the box; the agent's name the call by its text."""
    return sorted((e for e in events if isinstance(e.fields.get("call"), int)), key=lambda e: e.seq)


def _first(events: Sequence[Event]) -> Event | None:
    own = _own(events)
    return own[0] if own else None


def _last(events: Sequence[Event]) -> Event | None:
    own = _own(events)
    return own[-1] if own else None

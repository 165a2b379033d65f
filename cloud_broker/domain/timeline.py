"""A call's events as the lines of its timeline, fit to show."""

from collections.abc import Iterable
from typing import Any

from cloud_broker.domain.times import to_datetime
from cloud_broker.domain.views import TimelineEntry
from protocol.ids import parse_call_id
from telephony.events import Event, measure_ms

_DETAIL_FIELDS = {
    "ring_burst": ("burst",),
    "ring_stopped": ("bursts",),
    "caller_id": ("number", "reason", "format"),
    "off_hook": ("by",),
    "on_hook": ("by",),
    "digits_dialled": ("digits", "method"),
    "tone_detected": ("tone",),
    "key_pressed": ("key",),
    "line_changed": ("state",),
    "audio_gap": ("reason",),
    "call_waiting": ("number", "reason"),
    "recording_lost": ("reason",),
}


def build_timeline(call_id: str, events: Iterable[Event]) -> tuple[TimelineEntry, ...]:
    """In the box's order; times of the box's events by its own timer from the call's first."""
    box, _, _ = parse_call_id(call_id)
    unique = {event[:3]: event for event in events}.values()
    own = sorted((e for e in unique if e.source == box), key=lambda e: e.seq)
    timed = [(own[0].at_ms + measure_ms(own[0], event), event) for event in own]
    timed += [(e.at_ms, e) for e in sorted(unique, key=lambda e: (e.at_ms, e.seq)) if e.source != box]
    return tuple(
        TimelineEntry(to_datetime(at_ms), event.type, _describe(event.type, event.fields))
        for at_ms, event in sorted(timed, key=lambda pair: pair[0])
    )


def _describe(event_type: str, fields: dict[str, Any]) -> str:
    shown = [fields.get(name) for name in _DETAIL_FIELDS.get(event_type, ())]
    return " ".join(str(value) for value in shown if value is not None)

"""A call as a strip in time: rings, caller ID, talk, gaps and keys, in percent of its length. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cloud_broker.domain.views import CallView
from cloud_broker.web.i18n import N_

#: One ring of the Chinese cadence: 1 s of ringing current, then 4 s of silence (YD/T 1 s / 4 s).
_RING_S = 1.0
_MARKS = {
    "caller_id": N_("Caller ID"),
    "off_hook": N_("Picked up"),
    "on_hook": N_("Hung up"),
    "key_pressed": N_("Key pressed"),
    "call_waiting": N_("Second call waiting"),
    "digits_dialled": N_("Dialled"),
}


@dataclass(frozen=True)
class Span:
    """A stretch of the strip; `left` and `width` in percent, `kind` one of ring, talk, gap."""

    kind: str
    left: float
    width: float


@dataclass(frozen=True)
class Mark:
    """A moment on the strip; `left` in percent, `text` a message of the catalogue, `at` its time."""

    kind: str
    left: float
    text: str
    at: datetime


@dataclass(frozen=True)
class Picture:
    """The strip of one call, `seconds` long from its start."""

    seconds: float
    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]


def draw_call(call: CallView, now: datetime) -> Picture | None:
    """The strip of `call` up to its end, or to `now` while it lasts; None if it has no length yet."""
    moments = [entry.at for entry in call.timeline if entry.type in _MARKS or entry.type.startswith("ring")]
    end = max([call.ended_at or now, *moments])
    seconds = (end - call.started_at).total_seconds()
    if seconds <= 0:
        return None

    def place(at: datetime) -> float:
        return (at - call.started_at).total_seconds() / seconds * 100

    marks = [
        Mark(entry.type, round(min(max(place(entry.at), 0.0), 100.0), 2), _MARKS[entry.type], entry.at)
        for entry in call.timeline
        if entry.type in _MARKS
    ]
    clipped = [clip(span) for span in _spans(call, end, seconds)]
    return Picture(seconds, tuple(span for span in clipped if span.width > 0), tuple(marks))


def clip(span: Span) -> Span:
    """`span` as far as it lies on the strip, rounded for a style attribute."""
    left = min(max(span.left, 0.0), 100.0)
    right = min(max(span.left + span.width, 0.0), 100.0)
    return Span(span.kind, round(left, 2), round(right - left, 2))


def _spans(call: CallView, end: datetime, seconds: float) -> Iterator[Span]:
    def build(kind: str, first: float, length: float) -> Span:
        return Span(kind, first / seconds * 100, length / seconds * 100)

    for entry in call.timeline:
        if entry.type == "ring_burst":
            yield build("ring", (entry.at - call.started_at).total_seconds(), _RING_S)
    if call.answered_at is None:
        return
    answered = (call.answered_at - call.started_at).total_seconds()
    yield build("talk", answered, (end - call.answered_at).total_seconds())
    for first, length, _reason in call.recording.gaps:
        yield build("gap", answered + first, length)

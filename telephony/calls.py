"""A call is a projection: a pure function of the set of its events, in any order and any repetition.

Rules, first that holds wins:
  state     ended (on_hook; ring_stopped without off_hook; box gone), talking (off_hook), else ringing
  direction in (anything rang, or a caller ID came), else out
  outcome   of an ended call, by `_inbound_outcome` and `_outbound_outcome`; none before
  number    in: the best caller ID (`_CALLER_ID_RANK`); out: the digits dialled, in order
  times     `at` of the call's first event of the box, then `uptime_ms` only, so that a stepped clock
            of the PC cannot bend a duration
`interrupted` is derived: the caller says when the box was last known (`gone_ms`), and an end that arrives
late replaces it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from protocol.ids import parse_call_id
from telephony.events import Event, find_call_id, is_before, measure_ms
from telephony.numbers import NumberState, normalise

SAMPLE_RATE_HZ = 8000
MIN_DIALLED_DIGITS = 3
CONNECTED_AFTER_MS = 20_000
"""An outbound call without any sign of an answer counts as connected after this long since its last digit."""

_BUSY_TONES = {"busy", "congestion", "vacant"}
_CALLER_ID_RANK = {
    NumberState.PRESENT: 0,
    NumberState.UNCERTAIN: 1,
    NumberState.WITHHELD: 2,
    NumberState.UNAVAILABLE: 3,
    NumberState.NONE: 4,
}


class CallState(StrEnum):
    RINGING = "ringing"
    TALKING = "talking"
    ENDED = "ended"


class Outcome(StrEnum):
    ANSWERED = "answered"
    MISSED = "missed"
    VOICEMAIL = "voicemail"
    ABANDONED_RING = "abandoned_ring"
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    OUTBOUND_CONNECTED = "outbound_connected"
    OUTBOUND_UNANSWERED = "outbound_unanswered"
    INTERRUPTED = "interrupted"


class RecordingState(StrEnum):
    NONE = "none"
    WRITING = "writing"
    LOCAL = "local"
    UPLOADING = "uploading"
    VERIFIED = "verified"
    EXPIRED = "expired"
    ERASED = "erased"
    LEGAL_HOLD = "legal_hold"


@dataclass(frozen=True, slots=True)
class Recording:
    """What box and agent say of a call's recording; the cloud's own copy is known to the store only."""

    state: RecordingState
    reason: str | None = None
    samples: int = 0
    gaps: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """Times are UTC unix milliseconds. `number` is as shown, `e164` only where it may be matched."""

    id: str
    box: str
    direction: str
    number: str | None
    e164: str | None
    number_kind: str | None
    number_state: NumberState
    outcome: Outcome | None
    state: CallState
    started_ms: int
    answered_ms: int | None
    ended_ms: int | None
    ring_count: int
    talk_ms: int
    caller_id_format: str | None
    caller_name: str | None
    dialled: str | None
    connected_by: str | None
    resumed: bool
    clock: str
    recording: Recording


@dataclass(slots=True)
class _Facts:
    """The call's events, sorted into what the rules ask for."""

    ordered: list[Event]
    off_hook: Event | None = None
    on_hook: Event | None = None
    ring_stopped: Event | None = None
    connected: Event | None = None
    rang: bool = False
    rings: int = 0
    busy: bool = False
    bypassed: bool = False
    resumed: bool = False
    caller_ids: list[Event] = field(default_factory=list)
    digits: list[Event] = field(default_factory=list)


def project_call(
    call_id: str, events: Iterable[Event], *, area_code: str, gone_ms: int | None = None
) -> Call | None:
    """Compute a call from its events.

    Args:
        events: any subset, order and repetition of the box's and its agent's events; those of other calls
            are passed over.
        area_code: of the line's project, for numbers without one.
        gone_ms: when the box was last known, if it booted again or has been away too long; else None.
    Returns:
        The call; None while no event of the box itself is known.
    """
    box, _, _ = parse_call_id(call_id)
    unique = {event[:3]: event for event in events if find_call_id(event) == call_id}.values()
    ordered = sorted((e for e in unique if e.source == box), key=lambda e: e.seq)
    if not ordered:
        return None
    facts = _sort_facts(ordered)
    first = ordered[0]
    direction = "in" if facts.rang else "out"
    shown = _inbound_number(facts, area_code) if facts.rang else _outbound_number(facts, area_code)
    end = facts.on_hook or (facts.ring_stopped if facts.off_hook is None else None)
    outcome, connected, connected_by = _decide(facts, end)
    if end is None and gone_ms is not None:
        end, outcome = ordered[-1], Outcome.INTERRUPTED
    talk_from = facts.off_hook if facts.rang else connected
    agents = sorted((e for e in unique if e.source != box), key=lambda e: (e.at_ms, e.source, e.seq))
    return Call(
        id=call_id,
        box=box,
        direction=direction,
        number=shown.number,
        e164=shown.e164,
        number_kind=shown.kind,
        number_state=shown.state,
        outcome=outcome,
        state=_state(facts, end),
        started_ms=first.at_ms,
        answered_ms=first.at_ms + measure_ms(first, talk_from) if talk_from else None,
        ended_ms=first.at_ms + measure_ms(first, end) if end else None,
        ring_count=facts.rings,
        talk_ms=measure_ms(talk_from, end) if talk_from and end else 0,
        caller_id_format=shown.format,
        caller_name=shown.name,
        dialled="".join(e.fields["digits"] for e in facts.digits) or None,
        connected_by=connected_by,
        resumed=facts.resumed,
        clock=first.clock,
        recording=_project_recording(ordered, agents, ended=end is not None),
    )


def _sort_facts(ordered: list[Event]) -> _Facts:
    facts = _Facts(ordered)
    for event in ordered:
        _FACTS.get(event.type, _no_fact)(facts, event)
    return facts


def _no_fact(facts: _Facts, event: Event) -> None:
    """Recordings, gaps, keys and what a newer box may say: nothing for the call itself."""


def _ring_started(facts: _Facts, event: Event) -> None:
    facts.rang = True


def _ring_burst(facts: _Facts, event: Event) -> None:
    facts.rang = True
    facts.rings = max(facts.rings, event.fields["burst"])


def _ring_stopped(facts: _Facts, event: Event) -> None:
    facts.rang = True
    facts.rings = max(facts.rings, event.fields["bursts"])
    facts.ring_stopped = event


def _caller_id(facts: _Facts, event: Event) -> None:
    facts.rang = True
    facts.caller_ids.append(event)


def _off_hook(facts: _Facts, event: Event) -> None:
    rings = event.fields.get("rings") or 0
    facts.rang = facts.rang or rings > 0
    facts.rings = max(facts.rings, rings)
    facts.off_hook = facts.off_hook or event
    facts.resumed = facts.resumed or bool(event.fields.get("resumed"))


def _on_hook(facts: _Facts, event: Event) -> None:
    facts.on_hook = event


def _digits_dialled(facts: _Facts, event: Event) -> None:
    facts.digits.append(event)


def _tone_detected(facts: _Facts, event: Event) -> None:
    tone = event.fields["tone"]
    if tone == "connected":
        facts.connected = facts.connected or event
    facts.busy = facts.busy or tone in _BUSY_TONES


def _line_changed(facts: _Facts, event: Event) -> None:
    state = event.fields["state"]
    if state == "reversed":
        facts.connected = facts.connected or event
    facts.bypassed = facts.bypassed or (state == "low" and facts.off_hook is None)


_FACTS = {
    "ring_started": _ring_started,
    "ring_burst": _ring_burst,
    "ring_stopped": _ring_stopped,
    "caller_id": _caller_id,
    "off_hook": _off_hook,
    "on_hook": _on_hook,
    "digits_dialled": _digits_dialled,
    "tone_detected": _tone_detected,
    "line_changed": _line_changed,
}


def _state(facts: _Facts, end: Event | None) -> CallState:
    if end is not None:
        return CallState.ENDED
    return CallState.RINGING if facts.off_hook is None else CallState.TALKING


def _decide(facts: _Facts, end: Event | None) -> tuple[Outcome | None, Event | None, str | None]:
    """(outcome once ended, the event that connected an outbound call, how that was known)."""
    if facts.rang:
        return (_inbound_outcome(facts) if end else None), None, None
    connected, method = _find_connection(facts, end)
    if end is None:
        return None, connected, method
    if connected is None and facts.resumed:  # what the box slept through may have been the answer
        return Outcome.INTERRUPTED, None, None
    return (Outcome.OUTBOUND_CONNECTED if connected else Outcome.OUTBOUND_UNANSWERED), connected, method


def _inbound_outcome(facts: _Facts) -> Outcome:
    if facts.off_hook is not None:
        return Outcome.VOICEMAIL if facts.off_hook.fields["by"] == "box" else Outcome.ANSWERED
    if facts.on_hook is not None:
        return Outcome.ANSWERED
    if facts.bypassed:
        return Outcome.ANSWERED_ELSEWHERE
    return Outcome.MISSED if facts.rings else Outcome.ABANDONED_RING


def _find_connection(facts: _Facts, end: Event | None) -> tuple[Event | None, str | None]:
    """An analogue line does not say that the far end answered: polarity, end of ring-back, else time.

    A hang-up is known when it has lasted; what was concluded in between is no connection.
    """
    if facts.connected is not None and not (end is not None and is_before(end, facts.connected)):
        method = facts.connected.fields.get("method") or "polarity"
        return facts.connected, method
    if end is None or facts.busy or not facts.digits:
        return None, None
    if sum(len(e.fields["digits"]) for e in facts.digits) < MIN_DIALLED_DIGITS:
        return None, None
    last_digit = facts.digits[-1]
    return (last_digit, "duration") if measure_ms(last_digit, end) >= CONNECTED_AFTER_MS else (None, None)


@dataclass(frozen=True, slots=True)
class _Shown:
    number: str | None
    e164: str | None
    kind: str | None
    state: NumberState
    format: str | None = None
    name: str | None = None


_NOT_SHOWN = _Shown(None, None, None, NumberState.NONE)


def _inbound_number(facts: _Facts, area_code: str) -> _Shown:
    shown = [_read_caller_id(event, area_code) for event in facts.caller_ids]
    if not shown:
        return _NOT_SHOWN
    best = min(shown, key=lambda s: _CALLER_ID_RANK[s.state])
    others = {s.e164 for s in shown if s.state is NumberState.PRESENT}
    if len(others) > 1:  # two valid messages that disagree: a wrong number is worse than none
        return _Shown(best.number, None, best.kind, NumberState.UNCERTAIN, best.format, best.name)
    return best


def _read_caller_id(event: Event, area_code: str) -> _Shown:
    fields = event.fields
    raw, name = fields.get("number"), _read_name(fields.get("name"))
    if not raw:
        reason = fields.get("reason")
        state = {"withheld": NumberState.WITHHELD, "unavailable": NumberState.UNAVAILABLE}.get(
            reason or "", NumberState.NONE
        )
        return _Shown(None, None, None, state, fields["format"], name)
    number = normalise(raw, area_code=area_code)
    if fields.get("uncertain") or fields.get("repaired"):
        return _Shown(raw, None, number.kind, NumberState.UNCERTAIN, fields["format"], name)
    return _Shown(raw, number.e164, number.kind, number.state, fields["format"], name)


def _read_name(name: bytes | None) -> str | None:
    """Chinese exchanges send GBK (a superset of ASCII); bad bytes are replaced, control characters left out.

    PostgreSQL stores no NUL in a text: a name padded with them must not cost the call its number.
    """
    text = (name or b"").decode("gb18030", errors="replace")
    return "".join(char for char in text if char >= " ").strip() or None


def _outbound_number(facts: _Facts, area_code: str) -> _Shown:
    dialled = "".join(e.fields["digits"] for e in facts.digits)
    if not dialled:
        return _NOT_SHOWN
    number = normalise(dialled, area_code=area_code)
    return _Shown(dialled, number.e164, number.kind, NumberState.PRESENT)


def _project_recording(box_events: list[Event], agent_events: list[Event], *, ended: bool) -> Recording:
    """writing → local by the events alone; `uploading` and `verified` come from the cloud's own store."""
    started = [e for e in box_events if e.type == "recording_started"]
    stopped = [e for e in box_events if e.type == "recording_stopped"]
    stored = [e for e in agent_events if e.type == "recording_stored"]
    lost = [e for e in agent_events if e.type == "recording_lost"]
    if stored:  # what is missing in the file: the box may have declared what came after all
        declared = {(first, count) for first, count in stored[-1].fields.get("gaps") or ()}
    else:
        declared = {
            (e.fields["first_sample"], e.fields["samples"]) for e in box_events if e.type == "audio_gap"
        }
    gaps = tuple(sorted(declared))
    samples = max((e.fields["samples"] for e in stopped + stored), default=0)
    if lost:  # also what was stored and then vanished: never the other way round
        return Recording(RecordingState.NONE, reason=lost[-1].fields["reason"], samples=samples, gaps=gaps)
    if stored:
        return Recording(RecordingState.LOCAL, samples=samples, gaps=gaps)
    if started or stopped:
        return Recording(RecordingState.WRITING, samples=samples, gaps=gaps)
    return Recording(RecordingState.NONE, reason="not_answered" if ended else None)

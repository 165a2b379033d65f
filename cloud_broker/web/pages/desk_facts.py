"""What the desk page shows, gathered from the reader in two portions: the call now, and the lists below it.

The portions are separate because the first must reach the screen at once and the second may follow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud_broker.domain.times import LEEWAY_MS
from cloud_broker.domain.views import (
    CallFilter,
    CallView,
    DeskFigures,
    DeskView,
    MissedView,
    NotFound,
    Reader,
    ResidentMatch,
    ResidentView,
    TicketFilter,
    TicketItem,
    TicketView,
    User,
)
from cloud_broker.web.pages.labels import OPEN_STATES

#: How long an ended call stays in the call panel, so that its ticket can be finished in peace.
_LINGER = timedelta(minutes=10)
_LEEWAY = timedelta(milliseconds=LEEWAY_MS)
_RECENT_CALLS = 8
_PROMISES = 8
_TICKETS_LOOKED_AT = 50


@dataclass(frozen=True)
class CallFacts:
    """The left and right columns. `call` is the call now, or the one just ended; None = the line is quiet."""

    desk: DeskView
    call: CallView | None
    known: ResidentMatch | None
    candidates: Sequence[ResidentMatch]
    caller: ResidentView | None


@dataclass(frozen=True)
class ListFacts:
    """The line of figures and the lists below.

    `recent` are ended calls: the call now has its own panel, and no row moves when it begins. `promises` are
    the open tickets by time left.
    """

    desk: DeskView
    figures: DeskFigures
    missed: Sequence[MissedView]
    recent: Sequence[CallView]
    promises: Sequence[TicketView]


@dataclass(frozen=True)
class FormFacts:
    """The middle column: the ticket form of `call` (None = a visitor at the desk, no call)."""

    desk: DeskView
    call: CallView | None
    known: ResidentMatch | None
    items: Sequence[TicketItem]
    values: Mapping[str, str]
    error_field: str | None = None
    error: str | None = None


def read_call_facts(reader: Reader, user: User, desk: str, now: datetime) -> CallFacts:
    """The call now at `desk` with whom it is from."""
    call = reader.current_call(user, desk) or _just_ended(reader, user, desk, now)
    known = identify(call)
    return CallFacts(
        desk=reader.desk(user, desk),
        call=call,
        known=known,
        candidates=() if call is None or known else call.residents,
        caller=_read_caller(reader, user, known),
    )


def read_list_facts(reader: Reader, user: User, desk: str) -> ListFacts:
    """Figures of the day, missed calls to return, recent calls, open promises."""
    tickets = reader.tickets(user, TicketFilter(desk=desk), None, _TICKETS_LOOKED_AT).items
    calls = reader.calls(user, CallFilter(desk=desk), None, _RECENT_CALLS).items
    promised = [ticket for ticket in tickets if ticket.state in OPEN_STATES and ticket.promised_at]
    return ListFacts(
        desk=reader.desk(user, desk),
        figures=reader.figures(user, desk),
        missed=reader.missed(user, desk),
        recent=[call for call in calls if call.state == "ended"],
        promises=sorted(promised, key=_by_promise)[:_PROMISES],
    )


def read_form_facts(reader: Reader, user: User, desk: str, call: str | None, now: datetime) -> FormFacts:
    """The form for `call` with its draft; for None, that of the call now or of an unfinished draft."""
    chosen = reader.call(user, call) if call else _call_to_write_up(reader, user, desk, now)
    known = identify(chosen)
    draft = reader.draft(user, chosen.id) if chosen else {}
    place = known.rooms[0] if known and len(known.rooms) == 1 else ""
    return FormFacts(
        desk=reader.desk(user, desk),
        call=chosen,
        known=known,
        items=reader.items(),
        values={"type": "repair", **draft, "place": draft.get("place") or place},
    )


def identify(call: CallView | None) -> ResidentMatch | None:
    """The one resident who may be called by name; several or a weak match need a person's choice."""
    exact = [match for match in call.residents if match.match == "exact"] if call else []
    return exact[0] if len(exact) == 1 else None


def _read_caller(reader: Reader, user: User, known: ResidentMatch | None) -> ResidentView | None:
    if known is None:
        return None
    try:
        return reader.resident(user, known.id)
    except NotFound:  # the resident was removed between the two reads
        return None


def _just_ended(reader: Reader, user: User, desk: str, now: datetime) -> CallView | None:
    latest = reader.calls(user, CallFilter(desk=desk), None, 1).items
    if not latest or latest[0].ended_at is None:
        return None
    return latest[0] if -_LEEWAY <= now - latest[0].ended_at < _LINGER else None


def _call_to_write_up(reader: Reader, user: User, desk: str, now: datetime) -> CallView | None:
    """The call now; else the last one with a draft and no ticket; else the one just ended."""
    if current := reader.current_call(user, desk):
        return current
    for call in reader.calls(user, CallFilter(desk=desk), None, _RECENT_CALLS).items:
        if not call.tickets and reader.draft(user, call.id):
            return call
    return _just_ended(reader, user, desk, now)


def _by_promise(ticket: TicketView) -> datetime:
    return ticket.promised_at or ticket.created_at

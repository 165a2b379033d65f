"""The ticket: its states, who may go where, its number, its promise.

    new → dispatched → accepted → departed → arrived → in_progress → finished → follow_up → closed
    aside: returned and transferred (back to the desk or to others), suspended (with a reason),
    reopened (a closed one), void (made by mistake)
Every change is a row: who, when, from, to, note. A closed ticket was confirmed by the resident, or could not
be (`unreachable`), or the resident did not want to say (`declined`).
"""

from dataclasses import dataclass
from enum import StrEnum

from cloud_broker.domain.items import TYPES, find_item
from cloud_broker.domain.times import CHINA_OFFSET_MS, to_datetime
from cloud_broker.domain.views import Invalid

MAX_NOTE = 2000
MAX_PLACE = 120
MAX_PROMISE_MINUTES = 30 * 24 * 60
MAX_ITEMS = 20


class TicketState(StrEnum):
    NEW = "new"
    DISPATCHED = "dispatched"
    ACCEPTED = "accepted"
    DEPARTED = "departed"
    ARRIVED = "arrived"
    IN_PROGRESS = "in_progress"
    FINISHED = "finished"
    FOLLOW_UP = "follow_up"
    CLOSED = "closed"
    RETURNED = "returned"
    TRANSFERRED = "transferred"
    SUSPENDED = "suspended"
    REOPENED = "reopened"
    VOID = "void"


_S = TicketState
CLOSINGS = ("confirmed", "unreachable", "declined")
"""How a ticket is closed; asked for as `closed_confirmed` and so on."""

TRANSITIONS: dict[TicketState, tuple[TicketState, ...]] = {
    # a question, praise or advice is answered on the phone and closed at once
    _S.NEW: (_S.DISPATCHED, _S.FINISHED, _S.CLOSED, _S.VOID),
    _S.DISPATCHED: (_S.ACCEPTED, _S.RETURNED, _S.TRANSFERRED, _S.SUSPENDED, _S.VOID),
    _S.ACCEPTED: (_S.DEPARTED, _S.IN_PROGRESS, _S.RETURNED, _S.TRANSFERRED, _S.SUSPENDED),
    _S.DEPARTED: (_S.ARRIVED, _S.RETURNED, _S.TRANSFERRED, _S.SUSPENDED),
    _S.ARRIVED: (_S.IN_PROGRESS, _S.FINISHED, _S.TRANSFERRED, _S.SUSPENDED),
    _S.IN_PROGRESS: (_S.FINISHED, _S.TRANSFERRED, _S.SUSPENDED),
    _S.FINISHED: (_S.FOLLOW_UP, _S.REOPENED, _S.CLOSED),
    _S.FOLLOW_UP: (_S.CLOSED, _S.REOPENED),
    _S.RETURNED: (_S.DISPATCHED, _S.TRANSFERRED, _S.VOID),
    _S.TRANSFERRED: (_S.ACCEPTED, _S.RETURNED, _S.SUSPENDED),
    _S.SUSPENDED: (_S.DISPATCHED, _S.ACCEPTED, _S.IN_PROGRESS, _S.VOID),
    _S.REOPENED: (_S.DISPATCHED, _S.IN_PROGRESS, _S.VOID),
    _S.CLOSED: (_S.REOPENED,),
    _S.VOID: (),
}

NEEDS_NOTE = frozenset({_S.RETURNED, _S.TRANSFERRED, _S.SUSPENDED, _S.REOPENED, _S.VOID})
"""States whose reason somebody will ask for."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A ticket as filled in, checked by `check_draft`."""

    type: str
    items: tuple[str, ...]
    place: str
    note: str
    promise_minutes: int | None

    @property
    def urgency(self) -> str:
        """The most urgent of its items."""
        ranked = {"critical": 2, "major": 1, "normal": 0}
        found = [item.urgency for item in map(find_item, self.items) if item is not None]
        return max(found, key=ranked.__getitem__, default="normal")


def check_draft(draft: Draft) -> Draft:
    """Refuse what cannot become a ticket.

    Raises:
        Invalid: `type`, `items`, `place`, `note` or `promise`, with a reason of the catalogue.
    """
    if draft.type not in TYPES:
        raise Invalid("type", "unknown")
    if len(draft.items) > MAX_ITEMS:
        raise Invalid("items", "too_long")
    for code in draft.items:
        item = find_item(code)
        if item is None or item.type != draft.type:
            raise Invalid("items", "unknown_item")
    if len(draft.place) > MAX_PLACE:
        raise Invalid("place", "too_long")
    if len(draft.note) > MAX_NOTE:
        raise Invalid("note", "too_long")
    if not draft.items and not draft.note.strip():
        raise Invalid("items", "items")
    if draft.promise_minutes is not None and not 1 <= draft.promise_minutes <= MAX_PROMISE_MINUTES:
        raise Invalid("promise", "promise")
    return draft


def check_move(from_state: str, wanted: str, note: str) -> tuple[TicketState, str | None]:
    """The state to go to, and how the ticket is closed if it is.

    Args:
        wanted: a state; `closed` only as `closed_confirmed`, `closed_unreachable` or `closed_declined`.
    Raises:
        Invalid: `state` (unknown, not_from_here) or `note` (empty, too_long).
    """
    name, _, closing = wanted.partition("_") if wanted.startswith("closed_") else (wanted, "", "")
    is_whole = closing in CLOSINGS if name == TicketState.CLOSED else name in set(TicketState)
    if not is_whole:
        raise Invalid("state", "unknown")
    target = TicketState(name)
    if target not in TRANSITIONS[TicketState(from_state)]:
        raise Invalid("state", "not_from_here")
    if target in NEEDS_NOTE and not note.strip():
        raise Invalid("note", "empty")
    if len(note) > MAX_NOTE:
        raise Invalid("note", "too_long")
    return target, closing or None


def next_moves(state: str) -> tuple[str, ...]:
    """What may be asked of a ticket in `state`, as `check_move` wants it."""
    moves: list[str] = []
    for target in TRANSITIONS[TicketState(state)]:
        moves += [f"closed_{closing}" for closing in CLOSINGS] if target is _S.CLOSED else [target.value]
    return tuple(moves)


def build_number(ticket_id: int, created_ms: int) -> str:
    """`WO-20260317-0042`: what people say on the phone; the id alone identifies."""
    return f"WO-{to_datetime(created_ms + CHINA_OFFSET_MS):%Y%m%d}-{ticket_id:04d}"

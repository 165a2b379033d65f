"""What a page or an API client reads and does: the seam between the console and the store.

Views are frozen and complete: a template needs no second query. Times are aware UTC datetimes; pages show
Asia/Shanghai. Numbers are as the line sent them (`number`) and normalised (`e164`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Generic, Literal, Protocol, TypeVar

T = TypeVar("T")

CallState = Literal["ringing", "talking", "ended"]
Direction = Literal["in", "out"]
Outcome = Literal[
    "answered",
    "missed",
    "voicemail",
    "abandoned_ring",
    "answered_elsewhere",
    "outbound_connected",
    "outbound_unanswered",
    "interrupted",
    "self_test",
]
NumberState = Literal["present", "withheld", "unavailable", "none", "uncertain"]
RecordingState = Literal[
    "none", "writing", "local", "uploading", "verified", "expired", "erased", "legal_hold", "lost"
]
Role = Literal["agent", "manager", "hq", "admin"]


@dataclass(frozen=True)
class User:
    """Who is signed in. `desk` is None for those who see all desks."""

    id: int
    username: str
    name: str
    role: Role
    desk: str | None


@dataclass(frozen=True)
class LinkState:
    """The three dots of the page header; None = never seen."""

    box: bool | None
    agent: bool | None
    cloud: bool | None


@dataclass(frozen=True)
class DeskView:
    """One service desk. `place` is branch › project › desk."""

    id: str
    name: str
    project: str
    place: Sequence[str]
    on_duty: str | None
    links: LinkState


@dataclass(frozen=True)
class DeskFigures:
    """Today at this desk, Asia/Shanghai day."""

    inbound: int
    answered: int
    missed: int
    outbound: int
    tickets: int


@dataclass(frozen=True)
class ResidentMatch:
    """A resident whose stored number equals the call's normalised number.

    `match` is "exact", or "possibly" for anything weaker; only "exact" is ever shown as the caller.
    """

    id: int
    name: str
    salutation: str
    rooms: Sequence[str]
    role: str
    tags: Sequence[str]
    former: bool
    match: Literal["exact", "possibly"]


@dataclass(frozen=True)
class RecordingView:
    """`seconds` is the true duration; a gap is (first second, seconds, reason) of silence in the file."""

    state: RecordingState
    seconds: float | None
    bytes: int | None
    gaps: Sequence[tuple[float, float, str]]


@dataclass(frozen=True)
class TimelineEntry:
    """One event as a line of its call's timeline. `detail` is fit to show; `at` may be approximate."""

    at: datetime
    type: str
    detail: str


@dataclass(frozen=True)
class CallView:
    """One call, a projection of its events."""

    id: str
    desk: str
    box: str
    direction: Direction
    state: CallState
    outcome: Outcome | None
    number: str | None
    e164: str | None
    number_state: NumberState
    caller_id_format: str | None
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    ring_count: int
    talk_seconds: float | None
    dialled: str | None
    agent: str | None
    residents: Sequence[ResidentMatch]
    recording: RecordingView
    tickets: Sequence[int]
    clock: str
    early_lift: bool = False
    timeline: Sequence[TimelineEntry] = ()
    parts: Sequence[str] = ()
    """Calls that continue this one after a power cut of its box, each with a recording of its own."""


@dataclass(frozen=True)
class TicketItem:
    """A node of the item tree. `urgency`: "normal", "major" or "critical" (特急)."""

    code: str
    name_zh: str
    name_en: str
    type: str
    urgency: Literal["normal", "major", "critical"]
    children: Sequence["TicketItem"] = ()


@dataclass(frozen=True)
class TicketChange:
    """Who moved a ticket, when, from where to where."""

    at: datetime
    who: str
    from_state: str | None
    to_state: str
    note: str


@dataclass(frozen=True)
class TicketView:
    """One ticket. `call`, `recording` and `agent` are the bindings of F05.

    `moves`: what `Writer.move_ticket` accepts now (`closed_confirmed`, `closed_unreachable` and
    `closed_declined` each close it; the state is then `closed` and `closing` says how).
    """

    id: int
    number: str
    type: str
    state: str
    items: Sequence[str]
    place: str
    note: str
    urgency: str
    created_at: datetime
    promised_at: datetime | None
    resident: ResidentMatch | None
    call: str | None
    recording: RecordingView | None
    agent: str | None
    desk: str
    closing: Literal["confirmed", "unreachable", "declined"] | None = None
    moves: Sequence[str] = ()
    history: Sequence[TicketChange] = ()


@dataclass(frozen=True)
class PhoneView:
    """One stored number of a resident. `last_seen` is the last call from it."""

    number: str
    e164: str | None
    kind: str
    label: str
    source: str
    last_seen: datetime | None


@dataclass(frozen=True)
class ArrearsView:
    """Money owed on a unit; always shown with `as_of`."""

    unit: str
    item: str
    amount_cents: int
    as_of: date


@dataclass(frozen=True)
class ResidentView:
    """One person with rooms, phones, arrears and history."""

    id: int
    name: str
    salutation: str
    rooms: Sequence[str]
    role: str
    tags: Sequence[str]
    former: bool
    phones: Sequence[PhoneView]
    arrears: Sequence[ArrearsView]
    calls: Sequence[CallView] = ()
    tickets: Sequence[TicketView] = ()


@dataclass(frozen=True)
class MissedView:
    """One open item per number: the missed calls nobody has returned yet."""

    call: CallView
    count: int
    last_at: datetime


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list; `next` is an opaque cursor, None at the end."""

    items: Sequence[T]
    next: str | None
    total: int | None = None


@dataclass(frozen=True)
class CallFilter:
    """What a list of calls is narrowed to; None = any. `text` searches numbers, names and rooms."""

    desk: str | None = None
    box: str | None = None
    number: str | None = None
    outcome: str | None = None
    direction: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None


@dataclass(frozen=True)
class TicketFilter:
    """What a list of tickets is narrowed to; None = any."""

    desk: str | None = None
    state: str | None = None
    type: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class NewTicket:
    """A ticket as the desk fills it in. `key` makes a double click one ticket."""

    desk: str
    call: str | None
    type: str
    items: Sequence[str]
    place: str
    note: str
    promise_minutes: int | None
    resident: int | None
    key: str


@dataclass(frozen=True)
class NewResident:
    """The quick save of an unknown caller: name, room as spoken, the number of the call."""

    desk: str
    call: str
    name: str
    salutation: str
    room: str


class NotAllowed(Exception):
    """The role or place of the user does not allow this."""


class NotFound(Exception):
    """No such thing, or not visible to this user (the two look alike on purpose)."""


class Invalid(Exception):
    """The input cannot be accepted. `field` names it, `reason` is a message key of the catalogue."""

    def __init__(self, field_name: str, reason: str) -> None:
        super().__init__(f"{field_name}: {reason}")
        self.field = field_name
        self.reason = reason


class Reader(Protocol):
    """Everything a page shows. Each call checks that `user` may see it (NotFound otherwise)."""

    def desks(self, user: User) -> Sequence[DeskView]: ...
    def desk(self, user: User, desk: str) -> DeskView: ...
    def figures(self, user: User, desk: str) -> DeskFigures: ...
    def current_call(self, user: User, desk: str) -> CallView | None: ...
    def calls(self, user: User, where: CallFilter, cursor: str | None, limit: int) -> Page[CallView]: ...
    def call(self, user: User, call: str) -> CallView: ...
    def missed(self, user: User, desk: str) -> Sequence[MissedView]: ...
    def tickets(
        self, user: User, where: TicketFilter, cursor: str | None, limit: int
    ) -> Page[TicketView]: ...
    def ticket(self, user: User, ticket: int) -> TicketView: ...
    def residents(self, user: User, text: str, cursor: str | None, limit: int) -> Page[ResidentView]: ...
    def resident(self, user: User, resident: int) -> ResidentView: ...
    def items(self) -> Sequence[TicketItem]: ...
    def draft(self, user: User, call: str) -> dict[str, str]: ...


class Writer(Protocol):
    """Everything a page does. Raises Invalid, NotAllowed, NotFound."""

    def create_ticket(self, user: User, ticket: NewTicket) -> TicketView: ...
    def move_ticket(self, user: User, ticket: int, to_state: str, note: str) -> TicketView: ...
    def bind_ticket(self, user: User, ticket: int, call: str) -> TicketView: ...
    def save_draft(self, user: User, call: str, fields: dict[str, str]) -> None: ...
    def save_resident(self, user: User, resident: NewResident) -> ResidentView: ...
    def choose_resident(self, user: User, call: str, resident: int) -> CallView: ...
    def claim_call(self, user: User, call: str) -> CallView: ...
    def play_url(self, user: User, call: str) -> str: ...


@dataclass(frozen=True)
class Effect:
    """One row of the outbox as a live page receives it: `id` is the SSE id, monotonic per store."""

    id: int
    desk: str
    kind: Literal["call", "ticket"]
    subject: str
    at: datetime
    fields: dict[str, str] = field(default_factory=dict)

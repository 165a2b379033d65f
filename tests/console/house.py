"""A service desk in memory: it stands where the store, the hub and the sessions of the cloud stand.

The pages run on it in the tests of this folder and in `python -m tests.console.serve`. Its people and calls
are made up; times hang on one `now`, so a picture of it is the same every day.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from fastapi import Request, Response

from cloud_broker.domain.items import ITEMS
from cloud_broker.domain.tickets import check_move
from cloud_broker.domain.views import (
    CallFilter,
    CallView,
    DeskFigures,
    DeskView,
    Effect,
    Invalid,
    LinkState,
    MissedView,
    NewResident,
    NewTicket,
    NotFound,
    Page,
    RecordingView,
    ResidentMatch,
    ResidentView,
    TicketChange,
    TicketFilter,
    TicketItem,
    TicketView,
    User,
)
from cloud_broker.web.pages import SignInRefused
from tests.console.backroom import Backroom
from tests.console.estate import DESK, NO_RECORDING, NOW, WANG, build_call, build_person, furnish, match

AGENT = User(1, "linxia", "林夏", "agent", DESK)
MANAGER = User(2, "zhoulan", "周岚", "manager", None)
HEADQUARTERS = User(3, "hq", "总部", "hq", None)
PASSWORD = "a password of the tests"
CSRF = "token-of-the-tests"


class House:
    """Reader, Writer, Hub and Sessions at once."""

    def __init__(self, empty: bool = False) -> None:
        self.time = NOW
        self.links = LinkState(True, True, True)
        self.call_list: list[CallView] = []
        self.ticket_list: list[TicketView] = []
        self.people: dict[int, ResidentView] = {}
        self.drafts: dict[str, dict[str, str]] = {}
        self.effects: list[Effect] = []
        self.keys: dict[str, int] = {}
        self.user: User | None = AGENT
        self.backroom = Backroom(empty)
        self.page_port = 0
        self.page_keys: dict[str, str] = {}
        self._queues: list[asyncio.Queue[Effect]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        if not empty:
            self.people, self.call_list, self.ticket_list = furnish()

    def now(self) -> datetime:
        return self.time

    # --- Reader ---

    def desks(self, user: User) -> Sequence[DeskView]:
        place = ["华南分公司", "天屿花园", "前台一号"]
        desks = [DeskView(DESK, "前台一号", "天屿花园", place, "林夏", self.links)]
        if user.desk is None:
            desks.append(
                DeskView(
                    "desk-2", "夜班岗", "天屿花园", [*place[:2], "夜班岗"], None, LinkState(False, None, True)
                )
            )
        return desks

    def desk(self, user: User, desk: str) -> DeskView:
        for view in self.desks(user):
            if view.id == desk:
                return view
        raise NotFound

    def figures(self, user: User, desk: str) -> DeskFigures:
        calls = [call for call in self._calls(desk) if call.started_at.date() == self.time.date()]
        inbound = [call for call in calls if call.direction == "in"]
        return DeskFigures(
            inbound=len(inbound),
            answered=sum(call.outcome == "answered" or call.state == "talking" for call in inbound),
            missed=sum(call.outcome == "missed" for call in inbound),
            outbound=len(calls) - len(inbound),
            tickets=sum(ticket.created_at.date() == self.time.date() for ticket in self.ticket_list),
        )

    def current_call(self, user: User, desk: str) -> CallView | None:
        return next((call for call in self._calls(desk) if call.state != "ended"), None)

    def calls(self, user: User, where: CallFilter, cursor: str | None, limit: int) -> Page[CallView]:
        found = [call for call in self._calls(where.desk) if _call_fits(call, where)]
        return _page(found, cursor, limit)

    def call(self, user: User, call: str) -> CallView:
        for view in self.call_list:
            if view.id == call:
                return view
        raise NotFound

    def missed(self, user: User, desk: str) -> Sequence[MissedView]:
        open_calls = [call for call in self._calls(desk) if call.outcome == "missed"]
        return [
            MissedView(call, 3 if call.e164 == "+8613922221111" else 1, call.started_at)
            for call in open_calls
        ]

    def tickets(self, user: User, where: TicketFilter, cursor: str | None, limit: int) -> Page[TicketView]:
        found = [
            ticket
            for ticket in sorted(self.ticket_list, key=lambda ticket: -ticket.id)
            if where.state in (None, ticket.state)
            and where.type in (None, ticket.type)
            and (not where.text or where.text in ticket.place + ticket.note + ticket.number)
        ]
        return _page(found, cursor, limit)

    def ticket(self, user: User, ticket: int) -> TicketView:
        for view in self.ticket_list:
            if view.id == ticket:
                return view
        raise NotFound

    def residents(self, user: User, text: str, cursor: str | None, limit: int) -> Page[ResidentView]:
        found = [
            person
            for person in self.people.values()
            if text
            in person.name + " ".join(person.rooms) + " ".join(phone.number for phone in person.phones)
        ]
        return _page(found, cursor, limit)

    def resident(self, user: User, resident: int) -> ResidentView:
        if resident not in self.people:
            raise NotFound
        calls = [call for call in self._calls(None) if any(known.id == resident for known in call.residents)]
        tickets = [
            ticket
            for ticket in reversed(self.ticket_list)
            if ticket.resident and ticket.resident.id == resident
        ]
        return replace(self.people[resident], calls=calls, tickets=tickets)

    def items(self) -> Sequence[TicketItem]:
        return ITEMS

    def draft(self, user: User, call: str) -> dict[str, str]:
        return self.drafts.get(call, {})

    # --- Writer ---

    def create_ticket(self, user: User, ticket: NewTicket) -> TicketView:
        if ticket.key in self.keys:
            return self.ticket(user, self.keys[ticket.key])
        number = len(self.ticket_list) + 1
        promised = timedelta(minutes=ticket.promise_minutes) if ticket.promise_minutes else None
        made = TicketView(
            id=number,
            number=f"WO-20260317-{number:04}",
            type=ticket.type,
            state="new",
            items=ticket.items,
            place=ticket.place,
            note=ticket.note,
            urgency="normal",
            created_at=self.time,
            promised_at=self.time + promised if promised else None,
            resident=self._match(ticket.resident),
            call=ticket.call,
            recording=None,
            agent=user.name,
            desk=ticket.desk,
            history=[TicketChange(self.time, user.name, None, "new", "")],
        )
        self.ticket_list.append(made)
        self.keys[ticket.key] = number
        if ticket.call:
            call = self.call(user, ticket.call)
            self.put_call(replace(call, tickets=[*call.tickets, number]))
            self.drafts.pop(ticket.call, None)
        self.tell("ticket", str(number))
        return made

    def move_ticket(self, user: User, ticket: int, to_state: str, note: str) -> TicketView:
        old = self.ticket(user, ticket)
        target, _closing = check_move(old.state, to_state, note)
        change = TicketChange(self.time, user.name, old.state, to_state, note)
        moved = replace(old, state=target.value, history=[*old.history, change])
        self.ticket_list[self.ticket_list.index(old)] = moved
        return moved

    def bind_ticket(self, user: User, ticket: int, call: str) -> TicketView:
        old = self.ticket(user, ticket)
        bound = replace(old, call=self.call(user, call).id)
        self.ticket_list[self.ticket_list.index(old)] = bound
        return bound

    def save_draft(self, user: User, call: str, fields: dict[str, str]) -> None:
        self.drafts[self.call(user, call).id] = fields

    def save_resident(self, user: User, resident: NewResident) -> ResidentView:
        if not resident.name:
            raise Invalid("name", "empty")
        call, id_ = self.call(user, resident.call), max(self.people, default=0) + 1
        known = match(id_, resident.name, resident.salutation, [resident.room] if resident.room else [])
        self.people[id_] = build_person(known, [call.number or ""])
        self.put_call(replace(call, residents=[known]))
        return self.people[id_]

    def choose_resident(self, user: User, call: str, resident: int) -> CallView:
        view = self.call(user, call)
        chosen = [replace(known, match="exact") for known in view.residents if known.id == resident]
        if not chosen:
            raise NotFound
        return self.put_call(replace(view, residents=chosen))

    def claim_call(self, user: User, call: str) -> CallView:
        return self.put_call(replace(self.call(user, call), agent=user.name))

    def play_url(self, user: User, call: str) -> str:
        if self.call(user, call).recording.state != "verified":
            raise Invalid("recording", self.call(user, call).recording.state)
        return "/tests/speech.wav"

    # --- Hub ---

    async def subscribe(self, desk: str, after: int | None) -> AsyncIterator[Effect]:
        queue: asyncio.Queue[Effect] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        for effect in self.effects:
            if after is not None and effect.id > after:
                queue.put_nowait(effect)
        self._queues.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._queues.remove(queue)

    def tell(self, kind: str, subject: str) -> None:
        effect = Effect(
            len(self.effects) + 1, DESK, "ticket" if kind == "ticket" else "call", subject, self.time
        )
        self.effects.append(effect)
        for queue in self._queues:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(queue.put_nowait, effect)

    # --- Sessions ---

    def sign_in(self, request: Request, response: Response, username: str, password: str) -> User:
        if username == "locked":
            raise SignInRefused("locked", 300)
        if username != AGENT.username or password != PASSWORD:
            raise SignInRefused("wrong")
        self.user = AGENT
        return AGENT

    def is_signed_in(self, request: Request) -> bool:
        return True

    def sign_out(self, request: Request, response: Response) -> None:
        self.user = None

    # --- for the tests ---

    @property
    def listeners(self) -> int:
        return len(self._queues)

    @property
    def last(self) -> CallView:
        """The newest call."""
        return self._calls(None)[0]

    def put_call(self, call: CallView) -> CallView:
        """Add a call or replace the one with its id, and tell the pages."""
        self.call_list = [old for old in self.call_list if old.id != call.id] + [call]
        self.tell("call", call.id)
        return call

    def ring(
        self, number: str | None = "13812345678", residents: Sequence[ResidentMatch] = (WANG,), **more: object
    ) -> CallView:
        """A call that rings now."""
        facts: dict[str, object] = {
            "number_state": "present" if number else "none",
            "ring_count": 2 if number else 1,
        }
        return self.put_call(
            build_call(f"c{len(self.call_list) + 100}", self.time, number, residents, **{**facts, **more})
        )

    def answer(self, call: CallView) -> CallView:
        self.time += timedelta(seconds=3)
        return self.put_call(
            replace(
                call,
                state="talking",
                answered_at=self.time,
                agent="林夏",
                recording=RecordingView("writing", None, None, ()),
            )
        )

    def hang_up(self, call: CallView, seconds: float = 42.0) -> CallView:
        self.time += timedelta(seconds=seconds)
        return self.put_call(
            replace(
                call,
                state="ended",
                outcome="answered" if call.answered_at else "missed",
                ended_at=self.time,
                talk_seconds=seconds if call.answered_at else None,
                recording=RecordingView("verified", seconds, 84_000, ())
                if call.answered_at
                else NO_RECORDING,
            )
        )

    def _calls(self, desk: str | None) -> list[CallView]:
        calls = [call for call in self.call_list if desk in (None, call.desk)]
        return sorted(calls, key=lambda call: call.started_at, reverse=True)

    def _match(self, resident: int | None) -> ResidentMatch | None:
        person = self.people.get(resident or 0)
        return match(person.id, person.name, person.salutation, person.rooms) if person else None


def _call_fits(call: CallView, where: CallFilter) -> bool:
    text = " ".join(
        [call.number or "", *(f"{known.name} {' '.join(known.rooms)}" for known in call.residents)]
    )
    return (
        where.outcome in (None, call.outcome)
        and where.direction in (None, call.direction)
        and (not where.text or where.text.replace(" ", "") in text)
        and (where.since is None or call.started_at >= where.since)
        and (where.until is None or call.started_at < where.until)
    )


def _page(found: Sequence, cursor: str | None, limit: int) -> Page:  # type: ignore[type-arg]
    start = int(cursor or 0)
    more = start + limit < len(found)
    return Page(found[start : start + limit], str(start + limit) if more else None, len(found))

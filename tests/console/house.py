"""A service desk in memory: it stands where the store, the hub and the sessions of the cloud stand.

The pages run on it in the tests of this folder and in `python -m tests.console.serve`. Its people and calls
are made up; times hang on one `now`, so a picture of it is the same every day.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from fastapi import Request, Response

from cloud_broker.domain.items import ITEMS
from cloud_broker.domain.tickets import check_move
from cloud_broker.domain.views import (
    ArrearsView,
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
    PhoneView,
    RecordingView,
    ResidentMatch,
    ResidentView,
    TicketChange,
    TicketFilter,
    TicketItem,
    TicketView,
    TimelineEntry,
    User,
)
from cloud_broker.web.pages import SignInRefused

DESK = "desk-1"
NOW = datetime(2026, 3, 17, 2, 21, 40, tzinfo=UTC)  # 10:21:40 in Shanghai
AGENT = User(1, "linxia", "林夏", "agent", DESK)
MANAGER = User(2, "zhoulan", "周岚", "manager", None)
PASSWORD = "a password of the tests"
CSRF = "token-of-the-tests"
NO_RECORDING = RecordingView("none", None, None, ())


def match(
    id_: int,
    name: str,
    salutation: str,
    rooms: Sequence[str],
    role: str = "owner",
    tags: Sequence[str] = (),
    **more: bool,
) -> ResidentMatch:
    return ResidentMatch(id_, name, salutation, rooms, role, tags, more.get("former", False), "exact")


WANG = match(1, "王建国", "先生", ["天屿二期-3栋-2单元-1102"], tags=["VIP", "独居老人"])
CHEN = match(2, "陈思敏", "女士", ["天屿一期-1栋-1单元-0803", "天屿一期-商-05"], role="tenant")
LIU = match(3, "刘洋", "先生", ["天屿二期-5栋-1单元-2201"])
ZHAO = match(4, "赵雅琴", "女士", ["天屿二期-5栋-1单元-2201"], role="family")
OUYANG = match(5, "欧阳明远", "先生", ["天屿一期-2栋-1单元-0601"])


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
        self._queues: list[asyncio.Queue[Effect]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        if not empty:
            _furnish(self)

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
        self.people[id_] = _person(known, [call.number or ""])
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


def build_call(
    id_: str, at: datetime, number: str | None, residents: Sequence[ResidentMatch] = (), **more: object
) -> CallView:
    """A ringing inbound call; `more` replaces fields."""
    call = CallView(
        id=id_,
        desk=DESK,
        box="a1b2c3d4e5f6",
        direction="in",
        state="ringing",
        outcome=None,
        number=number,
        e164=f"+86{number}" if number else None,
        number_state="present" if number else "none",
        caller_id_format="fsk-mdmf" if number else None,
        started_at=at,
        answered_at=None,
        ended_at=None,
        ring_count=2,
        talk_seconds=None,
        dialled=None,
        agent=None,
        residents=residents,
        recording=NO_RECORDING,
        tickets=[],
        clock="synced",
    )
    return replace(call, **more)  # type: ignore[arg-type]


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


def _person(
    known: ResidentMatch, numbers: Sequence[str], arrears: Sequence[ArrearsView] = ()
) -> ResidentView:
    phones = [PhoneView(number, f"+86{number}", "mobile", "手机", "导入", NOW) for number in numbers]
    return ResidentView(
        known.id,
        known.name,
        known.salutation,
        known.rooms,
        known.role,
        known.tags,
        known.former,
        phones,
        arrears,
    )


def _furnish(house: House) -> None:
    owed = [ArrearsView("天屿二期-3栋-2单元-1102", "物业费 2026 一季度", 138_240, date(2026, 3, 15))]
    house.people = {
        known.id: _person(known, [phone], owed if known is WANG else ())
        for known, phone in (
            (WANG, "13812345678"),
            (CHEN, "13922221111"),
            (LIU, "01062345678"),
            (ZHAO, "01062345678"),
            (OUYANG, "18600001234"),
        )
    }
    for number, (minutes, who, phone, outcome, seconds, gaps) in enumerate(_HISTORY):
        at = NOW - timedelta(minutes=minutes)
        answered = at + timedelta(seconds=7) if seconds else None
        house.call_list.append(
            build_call(
                f"c{number}",
                at,
                phone,
                who,
                state="ended",
                direction="out" if outcome.startswith("outbound") else "in",
                dialled=phone if outcome.startswith("outbound") else None,
                outcome=outcome,
                number_state="present" if phone else "withheld",
                answered_at=answered,
                ended_at=at + timedelta(seconds=20 + (seconds or 0)),
                talk_seconds=seconds,
                agent="林夏" if seconds else None,
                recording=RecordingView("verified", seconds, 96_000, gaps) if seconds else NO_RECORDING,
                tickets=[number] if number in (3, 5) else [],
                timeline=_timeline(at, seconds),
            )
        )
    for number, (code, who, state, minutes, promise, note) in enumerate(_TICKETS, start=1):
        at = NOW - timedelta(minutes=minutes)
        call = next((call for call in house.call_list if number in call.tickets), None)
        house.ticket_list.append(
            TicketView(
                id=number,
                number=f"WO-20260317-{number:04}",
                type="repair" if not code.startswith("noise") else "complaint",
                state=state,
                items=[code],
                place=who.rooms[0],
                note=note,
                urgency="major" if "leak" in code else "normal",
                created_at=at,
                promised_at=at + timedelta(minutes=promise),
                resident=who,
                call=call.id if call else None,
                recording=call.recording if call else None,
                agent="林夏",
                desk=DESK,
                history=[
                    TicketChange(at, "林夏", None, "new", ""),
                    TicketChange(
                        at + timedelta(minutes=2), "林夏", "new", "dispatched", "已电话通知值班师傅"
                    ),
                ],
            )
        )


_HISTORY: list[
    tuple[int, list[ResidentMatch], str | None, str, float | None, list[tuple[float, float, str]]]
] = [
    (16, [CHEN], "13922221111", "missed", None, []),
    (24, [OUYANG], "18600001234", "answered", 96.4, []),
    (41, [], "075523451234", "missed", None, []),
    (58, [WANG], "13812345678", "answered", 183.0, [(61.0, 4.2, "link_down")]),
    (75, [], None, "answered", 31.5, []),
    (92, [LIU, ZHAO], "01062345678", "answered", 204.8, []),
    (118, [OUYANG], "18600001234", "outbound_connected", 55.0, []),
    (133, [], "17051239876", "abandoned_ring", None, []),
    (1500, [WANG], "13812345678", "answered", 77.0, []),
    (2950, [WANG], "13812345678", "missed", None, []),
]

_TICKETS = [
    ("walls.seepage", WANG, "closed", 20_000, 360, "卫生间顶板渗水，已修复。"),
    ("power.light", WANG, "follow_up", 3_000, 120, "单元门厅灯不亮"),
    ("water.leak", WANG, "in_progress", 55, 120, "厨房水槽下漏水，家里有人，随时可上门。"),
    ("noise", CHEN, "dispatched", 70, 60, "楼上装修时间超时"),
    ("lowvoltage.access", LIU, "accepted", 88, 360, "门禁卡刷不开，需重新授权"),
    ("lift.noise", OUYANG, "new", 10, 30, "2栋1单元电梯上行时有异响"),
]


def _timeline(at: datetime, seconds: float | None) -> Sequence[TimelineEntry]:
    def entry(offset: float, type_: str, detail: str = "") -> TimelineEntry:
        return TimelineEntry(at + timedelta(seconds=offset), type_, detail)

    lines = [
        entry(0, "ring_started"),
        entry(0, "ring_burst", "1"),
        entry(2.1, "caller_id", "fsk-mdmf"),
        entry(5, "ring_burst", "2"),
    ]
    if seconds:
        lines += [
            entry(7, "off_hook", "phone"),
            entry(7, "recording_started"),
            entry(7 + seconds, "on_hook", "phone"),
        ]
        lines += [entry(7 + seconds, "recording_stopped"), entry(12 + seconds, "recording_uploaded")]
    else:
        lines += [entry(20, "ring_stopped", "4")]
    return lines

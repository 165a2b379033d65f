"""The estate of the tests: made-up people, calls and tickets, all hung on one moment."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from cloud_broker.domain.views import (
    ArrearsView,
    CallView,
    Outcome,
    PhoneView,
    RecordingView,
    ResidentMatch,
    ResidentView,
    TicketChange,
    TicketView,
    TimelineEntry,
)

DESK = "desk-1"
NOW = datetime(2026, 3, 17, 2, 21, 40, tzinfo=UTC)  # 10:21:40 in Shanghai
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


def build_person(
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


@dataclass(frozen=True)
class PastCall:
    """A call that ended `minutes` ago; `seconds` of talk, None if nobody answered."""

    minutes: int
    who: Sequence[ResidentMatch]
    number: str | None
    outcome: Outcome
    seconds: float | None = None
    gaps: Sequence[tuple[float, float, str]] = ()


@dataclass(frozen=True)
class PastTicket:
    """A ticket made `minutes` ago and promised within `promise` minutes."""

    item: str
    who: ResidentMatch
    state: str
    minutes: int
    promise: int
    note: str


_PEOPLE = ((WANG, "13812345678"), (CHEN, "13922221111"), (LIU, "01062345678"), (ZHAO, "01062345678"))
_OWED = ArrearsView("天屿二期-3栋-2单元-1102", "物业费 2026 一季度", 138_240, date(2026, 3, 15))

_CALLS = (
    PastCall(16, [CHEN], "13922221111", "missed"),
    PastCall(24, [OUYANG], "18600001234", "answered", 96.4),
    PastCall(41, [], "075523451234", "missed"),
    PastCall(58, [WANG], "13812345678", "answered", 183.0, [(61.0, 4.2, "link_down")]),
    PastCall(75, [], None, "answered", 31.5),
    PastCall(92, [LIU, ZHAO], "01062345678", "answered", 204.8),
    PastCall(118, [OUYANG], "18600001234", "outbound_connected", 55.0),
    PastCall(133, [], "17051239876", "abandoned_ring"),
    PastCall(1500, [WANG], "13812345678", "answered", 77.0),
    PastCall(2950, [WANG], "13812345678", "missed"),
)
_CALLS_WITH_TICKET = (3, 5)

_TICKETS = (
    PastTicket("walls.seepage", WANG, "closed", 20_000, 360, "卫生间顶板渗水，已修复。"),
    PastTicket("power.light", WANG, "follow_up", 3_000, 120, "单元门厅灯不亮"),
    PastTicket("water.leak", WANG, "in_progress", 55, 120, "厨房水槽下漏水，家里有人，随时可上门。"),
    PastTicket("noise", CHEN, "dispatched", 70, 60, "楼上装修时间超时"),
    PastTicket("lowvoltage.access", LIU, "accepted", 88, 360, "门禁卡刷不开，需重新授权"),
    PastTicket("lift.noise", OUYANG, "new", 10, 30, "2栋1单元电梯上行时有异响"),
)


def furnish() -> tuple[dict[int, ResidentView], list[CallView], list[TicketView]]:
    """People, calls and tickets of an ordinary morning. Call `c3` has ticket 3, call `c5` ticket 5."""
    people = {
        known.id: build_person(known, [phone], [_OWED] if known is WANG else ())
        for known, phone in (*_PEOPLE, (OUYANG, "18600001234"))
    }
    calls = [_build_past_call(index, past) for index, past in enumerate(_CALLS)]
    tickets = [
        _build_past_ticket(number, past, calls[number] if number in _CALLS_WITH_TICKET else None)
        for number, past in enumerate(_TICKETS, start=1)
    ]
    return people, calls, tickets


def _build_past_call(index: int, past: PastCall) -> CallView:
    at, outbound = NOW - timedelta(minutes=past.minutes), past.outcome.startswith("outbound")
    answered = at + timedelta(seconds=7) if past.seconds else None
    return build_call(
        f"c{index}",
        at,
        past.number,
        past.who,
        state="ended",
        direction="out" if outbound else "in",
        dialled=past.number if outbound else None,
        outcome=past.outcome,
        number_state="present" if past.number else "withheld",
        answered_at=answered,
        ended_at=answered + timedelta(seconds=past.seconds or 0) if answered else at + timedelta(seconds=20),
        talk_seconds=past.seconds,
        agent="林夏" if past.seconds else None,
        recording=RecordingView("verified", past.seconds, 96_000, past.gaps)
        if past.seconds
        else NO_RECORDING,
        tickets=[index] if index in _CALLS_WITH_TICKET else [],
        timeline=_timeline(at, past.seconds),
    )


def _build_past_ticket(number: int, past: PastTicket, call: CallView | None) -> TicketView:
    at = NOW - timedelta(minutes=past.minutes)
    return TicketView(
        id=number,
        number=f"WO-20260317-{number:04}",
        type="complaint" if past.item == "noise" else "repair",
        state=past.state,
        items=[past.item],
        place=past.who.rooms[0],
        note=past.note,
        urgency="major" if past.item == "water.leak" else "normal",
        created_at=at,
        promised_at=at + timedelta(minutes=past.promise),
        resident=past.who,
        call=call.id if call else None,
        recording=call.recording if call else None,
        agent="林夏",
        desk=DESK,
        history=[
            TicketChange(at, "林夏", None, "new", ""),
            TicketChange(at + timedelta(minutes=2), "林夏", "new", "dispatched", "已电话通知值班师傅"),
        ],
    )


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

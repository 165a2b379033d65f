"""Headquarters' side of the house in memory: dead letters, alarms, compared days."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from cloud_broker.domain.operations import (
    AlarmView,
    AuditView,
    DayFilter,
    DayView,
    LetterFact,
    LetterFilter,
    LetterView,
)
from cloud_broker.domain.reconciliation import Gap
from cloud_broker.domain.views import Invalid, NotAllowed, NotFound, Page, User
from tests.console.estate import DESK, NOW

BOX, OTHER_BOX, PC = "a1b2c3d4e5f6", "b1b2c3d4e5f6", "0a0a0a0a0a0a"
BOOT = "1f2e3d4c-7"
DAY = "2026-03-16"
UNREADABLE = 2


class Backroom:
    """`domain.operations.Operations`. Letter 1 is a conflict; letter UNREADABLE stays unreadable."""

    def __init__(self, empty: bool = False) -> None:
        self.letter_list = [] if empty else _write_letters()
        self.alarm_list = [] if empty else _raise_alarms()
        self.day_list = [] if empty else _compare_days()

    def letters(self, user: User, where: LetterFilter, cursor: str | None, limit: int) -> Page[LetterView]:
        _check(user, "hq", "admin")
        found = [
            letter
            for letter in self.letter_list
            if where.state in (None, letter.state)
            and where.reason in (None, letter.reason.partition(":")[0])
            and (not where.text or where.text in letter.topic)
        ]
        start = int(cursor or 0)
        more = start + limit < len(found)
        return Page(found[start : start + limit], str(start + limit) if more else None)

    def letter(self, user: User, letter: int) -> LetterView:
        _check(user, "hq", "admin")
        for view in self.letter_list:
            if view.id == letter:
                return view
        raise NotFound

    def replay_letter(self, user: User, letter: int) -> LetterView:
        view = self.letter(user, letter)
        if view.reason == "conflict":
            raise Invalid("letter", "conflict")
        if letter == UNREADABLE:
            raise Invalid("letter", "unreadable")
        return self._put(replace(view, state="replayed", moves=()), user, "letter_replayed", "taken_in")

    def set_letter_aside(self, user: User, letter: int, note: str) -> LetterView:
        if not note.strip():
            raise Invalid("note", "empty")
        view = replace(self.letter(user, letter), state="set_aside", note=note, moves=("reopen",))
        return self._put(view, user, "letter_set_aside", note)

    def reopen_letter(self, user: User, letter: int) -> LetterView:
        view = replace(self.letter(user, letter), state="open", note="", moves=("replay", "set_aside"))
        return self._put(view, user, "letter_reopened", "")

    def alarms(self, user: User, limit: int) -> Sequence[AlarmView]:
        _check(user, "manager", "hq", "admin")
        return self.alarm_list[:limit]

    def resolve_alarm(self, user: User, alarm: int) -> None:
        _check(user, "hq", "admin")
        self.alarm_list = [view for view in self.alarm_list if view.id != alarm]
        self.day_list = [replace(day, alarm=None) for day in self.day_list]

    def days(self, user: User, where: DayFilter, cursor: str | None, limit: int) -> Page[DayView]:
        _check(user, "manager", "hq", "admin")
        found = [
            day
            for day in self.day_list
            if (where.state in (None, day.state) or (where.state == "open" and day.state != "whole"))
            and where.day in (None, day.day)
            and where.desk in (None, day.desk)
            and (not where.text or where.text in day.source)
        ]
        return Page(found[:limit], None)

    def day(self, user: User, source: str, day: str) -> DayView:
        _check(user, "manager", "hq", "admin")
        for view in self.day_list:
            if (view.source, view.day) == (source, day):
                return view
        raise NotFound

    def check_day(self, user: User, source: str, day: str) -> DayView:
        _check(user, "hq", "admin")
        view = replace(self.day(user, source, day), state="whole", gaps=(), missing=0, missing_recordings=0)
        self.day_list = [view if (d.source, d.day) == (source, day) else d for d in self.day_list]
        return view

    def _put(self, view: LetterView, user: User, action: str, detail: str) -> LetterView:
        view = replace(view, history=[*view.history, AuditView(NOW, user.name, action, detail)])
        self.letter_list = [view if letter.id == view.id else letter for letter in self.letter_list]
        return view


def _check(user: User, *roles: str) -> None:
    if user.role not in roles:
        raise NotAllowed


def _write_letters() -> list[LetterView]:
    payload = (
        '{\n  "v": 1,\n  "source": "a1b2c3d4e5f6",\n  "boot": "1f2e3d4c-7",\n  "seq": 41,\n'
        '  "type": "caller_id",\n  "fields": {\n    "call": 39,\n    "number": "139****0000"\n  }\n}'
    )
    facts = (
        LetterFact("type", "caller_id", "caller_id", False),
        LetterFact("uptime_ms", "8123456", "8123456", False),
        LetterFact("call", "39", "39", False),
        LetterFact("format", "fsk-mdmf", "fsk-mdmf", False),
        LetterFact("number", "139****0000", "138****5678", True),
    )
    plain = tuple(replace(fact, stored=None, differs=False) for fact in facts)
    set_aside = AuditView(NOW - timedelta(hours=2), "周岚", "letter_set_aside", "旧固件重放，已升级")
    return [
        _letter(1, 12, "conflict", 41, payload=payload, facts=facts),
        _letter(2, 48, "type", 77, count=14, payload=payload.replace("caller_id", "line_noise"), facts=plain),
        _letter(3, 95, "missing:call", 78, source=OTHER_BOX, payload=payload, facts=plain),
        _letter(4, 130, "json", None, payload="\ufffd\ufffdPING"),
        _letter(5, 1500, "topic", None, source=None, desk=None, topic="cloudseat/v2/desk-1/box/event"),
        _letter(
            6, 3000, "version", 12, state="set_aside", note="旧固件重放，已升级", moves=("reopen",),
            payload=payload, history=(set_aside,),
        ),
        _letter(7, 4000, "type", 13, state="replayed", moves=(), payload=payload),
    ]  # fmt: skip


def _letter(id_: int, minutes: int, reason: str, seq: int | None, **more: object) -> LetterView:
    moves = ("set_aside",) if reason == "conflict" else ("replay", "set_aside")
    letter = LetterView(
        id=id_,
        first_at=NOW - timedelta(minutes=minutes + 30),
        last_at=NOW - timedelta(minutes=minutes),
        count=1,
        topic=f"cloudseat/v1/{DESK}/{more.get('source', BOX)}/event",
        reason=reason,
        desk=DESK,
        source=BOX,
        boot=BOOT if seq is not None else None,
        seq=seq,
        state="open",
        note="",
        moves=moves,
        payload="\ufffd",
    )
    return replace(letter, **more)  # type: ignore[arg-type]


def _raise_alarms() -> list[AlarmView]:
    at = NOW - timedelta(hours=7)
    detail = f"{BOOT}:4-5 cloud, {BOOT}:9 link, {BOX}-{BOOT}-39 unknown"
    return [
        AlarmView(1, "event_conflict", BOX, f"{BOX}-{BOOT}-41", 3, at, NOW - timedelta(minutes=12)),
        AlarmView(2, "day_incomplete", f"{BOX} {DAY}", detail, 1, at, at),
        AlarmView(3, "source_unknown", "c1b2c3d4e5f6", "desk-2", 22, at, at),
    ]


def _compare_days() -> list[DayView]:
    gaps = (
        Gap("event", "cloud", BOOT, 4, 5),
        Gap("event", "link", BOOT, 9, 9),
        Gap("recording", "unknown", call="c3"),
    )
    alarm = _raise_alarms()[1]
    missing = _day(BOX, DAY, "missing", gaps, missing=3, missing_recordings=1, alarm=alarm)
    waiting = (Gap("event", "spool", BOOT, 1, 4),)
    lost = (Gap("event", "box", BOOT, 300, 340),)
    return [
        missing,
        _day(OTHER_BOX, DAY, "waiting", waiting, missing=4, desk="desk-2"),
        _day(PC, DAY, "whole", (), is_agent=True, box={}),
        _day(BOX, "2026-03-15", "whole", ()),
        _day(OTHER_BOX, "2026-03-15", "lost", lost, missing=41, desk="desk-2"),
    ]


def _day(source: str, day: str, state: str, gaps: Sequence[Gap], **more: object) -> DayView:
    view = DayView(
        source=source,
        day=day,
        desk=DESK,
        state=state,
        box={"events": 412, "lost": 0, "calls": 33, "recordings": 27},
        agent={"events": 411, "waiting": 0, "begun": 27, "stored": 27, "verified": 26, "lost": 0},
        cloud={"events": 409, "aside": 1, "calls": 33, "recordings": 27, "verified": 26},
        missing=0,
        missing_recordings=0,
        gaps=gaps,
        checked_at=NOW - timedelta(hours=7),
    )
    return replace(view, **more)  # type: ignore[arg-type]

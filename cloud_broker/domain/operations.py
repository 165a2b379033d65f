"""What headquarters sees of the road itself: dead letters, alarms, and the days that were compared.

The seam between the console and the store, as `views` is for calls and tickets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from cloud_broker.domain.reconciliation import Gap
from cloud_broker.domain.views import Page, User

LetterState = Literal["open", "replayed", "set_aside"]
CONFLICT = "conflict"
"""The reason of a letter whose event id is in the log with another content."""
MAX_NOTE = 500


@dataclass(frozen=True)
class AuditView:
    """Who did what, when. `action`: letter_replayed, letter_set_aside, letter_reopened, alarm_resolved,
    box_admitted, day_checked."""

    at: datetime
    who: str
    action: str
    detail: str


@dataclass(frozen=True)
class LetterFact:
    """One field of a letter beside the same field in the log; numbers are masked, `differs` is not fooled."""

    name: str
    given: str
    stored: str | None
    differs: bool


@dataclass(frozen=True)
class LetterView:
    """One dead letter. `payload` and `facts` have masked numbers and are filled on the page of one letter.

    `moves`: replay, set_aside, reopen, as far as each may be done now.
    """

    id: int
    first_at: datetime
    last_at: datetime
    count: int
    topic: str
    reason: str
    desk: str | None
    source: str | None
    boot: str | None
    seq: int | None
    state: LetterState
    note: str
    moves: Sequence[str]
    payload: str = ""
    facts: Sequence[LetterFact] = ()
    history: Sequence[AuditView] = ()


@dataclass(frozen=True)
class LetterFilter:
    """What the letters are narrowed to; None = any. `text` is part of a topic (so of a desk or a source)."""

    state: str | None = None
    reason: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class AlarmView:
    """One open alarm; a repetition raises `count`."""

    id: int
    kind: str
    subject: str
    detail: str
    count: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class DayView:
    """One source and day as it was compared last. A side that said nothing has no figures."""

    source: str
    day: str
    desk: str
    state: str
    box: dict[str, int]
    agent: dict[str, int]
    cloud: dict[str, int]
    missing: int
    missing_recordings: int
    gaps: Sequence[Gap]
    checked_at: datetime
    is_agent: bool = False
    alarm: AlarmView | None = None


@dataclass(frozen=True)
class DayFilter:
    """What the days are narrowed to; None = any. `state` may be `open`: whatever is not whole."""

    state: str | None = None
    desk: str | None = None
    day: str | None = None
    text: str | None = None


class Operations(Protocol):
    """Every verb checks the role. Raises Invalid, NotAllowed, NotFound."""

    def letters(
        self, user: User, where: LetterFilter, cursor: str | None, limit: int
    ) -> Page[LetterView]: ...
    def letter(self, user: User, letter: int) -> LetterView: ...
    def replay_letter(self, user: User, letter: int) -> LetterView: ...
    def set_letter_aside(self, user: User, letter: int, note: str) -> LetterView: ...
    def reopen_letter(self, user: User, letter: int) -> LetterView: ...
    def alarms(self, user: User, limit: int) -> Sequence[AlarmView]: ...
    def resolve_alarm(self, user: User, alarm: int) -> None: ...
    def days(self, user: User, where: DayFilter, cursor: str | None, limit: int) -> Page[DayView]: ...
    def day(self, user: User, source: str, day: str) -> DayView: ...
    def check_day(self, user: User, source: str, day: str) -> DayView: ...

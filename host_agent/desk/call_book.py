"""The calls of this desk as its own spool tells them: read anew each time, by the cloud's own rules.

For one thread of the page. It reads what the core has committed and can change nothing.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from host_agent.database import open_for_reading
from host_agent.desk.drafts import DraftRow, select_drafts
from host_agent.desk.roster import NOBODY, Matches
from host_agent.desk.window import DeskState
from host_agent.time_anchor import parse_utc
from protocol.const import SAMPLE_RATE_HZ
from protocol.event_json import decode_event
from telephony.calls import Call, CallState, project_call
from telephony.events import Event

NO_AREA_CODE = "010"
"""Any: without a roster a number is only shown."""
PLAYABLE = ("local", "verified")
CURRENT_MS = 12 * 3_600_000
"""No call lasts longer."""
LINGER_MS = 600_000
"""How long an ended call stays in the call panel, so that its ticket can be finished in peace."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording of this PC. `gaps`: (share of the length where it begins, share it takes), 0..1."""

    is_playable: bool
    seconds: float
    gaps: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class BookedCall:
    """A call with who it is from and what was recorded of it."""

    call: Call
    matches: Matches
    recording: Recording | None


@dataclass(frozen=True, slots=True)
class DraftView:
    """A finished draft. `is_sent`: the cloud has it; `number`: of its ticket, once that is known."""

    row: DraftRow
    is_sent: bool


class CallBook:
    """Reads the spool's file, by a connection of its own for each reading."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def calls(self, state: DeskState, limit: int, before: str | None = None) -> list[BookedCall]:
        """The newest calls, or those that began before that `at`; newest first."""
        with closing(open_for_reading(self._path)) as database:
            rows = database.execute(
                "SELECT call FROM event WHERE call IS NOT NULL GROUP BY call HAVING ? IS NULL OR min(at) < ?"
                " ORDER BY min(at) DESC LIMIT ?",
                (before, before, limit),
            )
            return _read_calls(database, [row[0] for row in rows], state)

    def call(self, state: DeskState, call: str) -> BookedCall | None:
        """One call."""
        with closing(open_for_reading(self._path)) as database:
            return next(iter(_read_calls(database, [call], state)), None)

    def waiting(self) -> int:
        """Events that the cloud has not confirmed yet."""
        with closing(open_for_reading(self._path)) as database:
            query = "SELECT count(*) FROM event WHERE committed_ms IS NULL"
            return int(database.execute(query).fetchone()[0])

    def open_draft(self, call: str) -> DraftRow | None:
        """The draft of this call that is not finished."""
        with closing(open_for_reading(self._path)) as database:
            where = "WHERE call = ? AND made_ms IS NULL ORDER BY changed_ms DESC LIMIT 1"
            return next(iter(select_drafts(database, where, (call,))), None)

    def drafts(self, limit: int) -> list[DraftView]:
        """Finished drafts, newest first."""
        with closing(open_for_reading(self._path)) as database:
            rows = select_drafts(
                database, "WHERE made_ms IS NOT NULL ORDER BY made_ms DESC LIMIT ?", (limit,)
            )
            query = (
                "SELECT 1 FROM event WHERE boot = ? AND seq = ? AND type = 'draft_made'"
                " AND committed_ms IS NULL"
            )
            return [
                DraftView(row, database.execute(query, (row.boot, row.seq)).fetchone() is None)
                for row in rows
            ]


def find_current(calls: Sequence[BookedCall], now_ms: int) -> BookedCall | None:
    """The call now, else the one just ended. `now_ms`: as the calls' own times, UTC."""
    for booked in calls:
        call = booked.call
        if call.state is not CallState.ENDED and now_ms - call.started_ms < CURRENT_MS:
            return booked
    ended = [booked for booked in calls if now_ms - (booked.call.ended_ms or 0) < LINGER_MS]
    return max(ended, key=lambda booked: booked.call.ended_ms or 0, default=None)


def _read_calls(database: sqlite3.Connection, calls: Sequence[str], state: DeskState) -> list[BookedCall]:
    events = _load_events(database, calls)
    recordings = _load_recordings(database, calls)
    booked = []
    for call_id in calls:
        call = _project(call_id, events.get(call_id, []), state)
        if call is not None:
            matches = state.roster.match(call) if state.roster is not None else NOBODY
            booked.append(BookedCall(call, matches, recordings.get(call_id)))
    return booked


def _project(call_id: str, events: Sequence[Event], state: DeskState) -> Call | None:
    """A call whose box is not there any more, or runs as another boot, has ended."""
    area_code = state.roster.area_code if state.roster is not None else NO_AREA_CODE
    call = project_call(call_id, events, area_code=area_code)
    if call is None or call.state is CallState.ENDED:
        return call
    last = max((event for event in events if event.source == call.box), key=lambda event: event.at_ms)
    if state.boots.get(call.box) == last.boot:
        return call
    return project_call(call_id, events, area_code=area_code, gone_ms=last.at_ms)


def _load_events(database: sqlite3.Connection, calls: Sequence[str]) -> Mapping[str, list[Event]]:
    marks = ", ".join("?" * len(calls))
    found: dict[str, list[Event]] = defaultdict(list)
    for call, payload in database.execute(f"SELECT call, payload FROM event WHERE call IN ({marks})", calls):
        record = decode_event(payload.encode())
        at_ms = parse_utc(record.at)
        event = Event(*record.key, record.uptime_ms, record.type, record.fields, at_ms, record.clock)
        found[call].append(event)
    return found


def _load_recordings(database: sqlite3.Connection, calls: Sequence[str]) -> Mapping[str, Recording]:
    marks = ", ".join("?" * len(calls))
    query = f"SELECT call, state, samples, gaps FROM recording WHERE call IN ({marks})"
    return {
        call: _build_recording(state, samples or 0, json.loads(gaps))
        for call, state, samples, gaps in database.execute(query, calls)
    }


def _build_recording(state: str, samples: int, gaps: Sequence[Sequence[int]]) -> Recording:
    length = max(samples, 1)
    shares = tuple((first / length, count / length) for first, count, *_ in gaps)
    return Recording(state in PLAYABLE, samples / SAMPLE_RATE_HZ, shares)

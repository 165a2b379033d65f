"""Dead letters: looked at, tried again, or set aside with a note. For headquarters.

    open --replay, readable by now--> replayed          (its event is in the log, or in quarantine)
    open --set aside, with a note--> set_aside --open again--> open
A conflict is never replayed: two facts with one name need a person, who sets it aside.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy import Connection, Select, and_, or_, select, update
from sqlalchemy.exc import DataError

from cloud_broker.adapters.sql import audit, tables
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.adapters.sql.paging import clamp, decode_cursor, encode_cursor
from cloud_broker.adapters.sql.resident_views import contains
from cloud_broker.domain.masking import mask_payload, mask_value
from cloud_broker.domain.operations import (
    CONFLICT,
    MAX_NOTE,
    LetterFact,
    LetterFilter,
    LetterState,
    LetterView,
)
from cloud_broker.domain.times import to_datetime
from cloud_broker.domain.views import Invalid, NotAllowed, NotFound, Page, User
from cloud_broker.handlers.decode import Received, Undecodable, decode_event
from cloud_broker.handlers.ingest import Message, ingest
from cloud_broker.ports import Clock

MAY = ("hq", "admin")
_COMPARED = ("type", "uptime_ms")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Letters:
    """Every verb checks the role itself, and each that changes something leaves an audit row."""

    database: Database
    clock: Clock

    def list(self, user: User, where: LetterFilter, cursor: str | None, limit: int) -> Page[LetterView]:
        """Last seen first."""
        _check(user)
        letter, limit, place = tables.dead_letter.c, clamp(limit), decode_cursor(cursor)
        query = _narrow(select(tables.dead_letter), where)
        if place is not None:
            at, key = place
            query = query.where(or_(letter.last_ms < at, and_(letter.last_ms == at, letter.id < key)))
        query = query.order_by(letter.last_ms.desc(), letter.id.desc()).limit(limit + 1)
        with self.database.read() as connection:
            rows = connection.execute(query).all()
        last = rows[limit - 1] if len(rows) > limit else None
        items = [_build_view(row) for row in rows[:limit]]
        return Page(items, encode_cursor(last.last_ms, last.id) if last is not None else None)

    def read(self, user: User, letter: int) -> LetterView:
        """One letter with its payload, beside what the log has under its id, and what was decided."""
        _check(user)
        with self.database.read() as connection:
            row = _find(connection, letter)
            stored = _find_stored(connection, row)
            history = audit.load(connection, _subject(letter))
        payload = bytes(row.payload)
        return replace(
            _build_view(row),
            payload=mask_payload(payload),
            facts=_compare(payload, stored),
            history=history,
        )

    def replay(self, user: User, letter: int) -> LetterView:
        """Take it in, if it can be read by now (a newer cloud knows more).

        Raises:
            Invalid: `letter`, with `conflict`, `done`, or `unreadable`.
        """
        _check(user)
        with self.database.read() as connection:
            row = _find(connection, letter)
        if row.resolution is not None:
            raise Invalid("letter", "done")
        if row.reason == CONFLICT:
            raise Invalid("letter", CONFLICT)
        try:
            received = decode_event(row.topic, bytes(row.payload))
            ingest(self.database, self.clock, [Message(row.topic, bytes(row.payload))])
        except (Undecodable, DataError) as error:
            raise Invalid("letter", "unreadable") from error
        with self.database.write() as connection:
            outcome = _find_outcome(connection, received)
            self._decide(connection, user, letter, "replayed", "letter_replayed", outcome)
        return self.read(user, letter)

    def replay_all(self, user: User) -> int:
        """Take in every open letter that can be read by now; how many were."""
        _check(user)
        letter, taken_in = tables.dead_letter.c, 0
        query = select(letter.id).where(letter.resolved_ms.is_(None), letter.reason != CONFLICT)
        with self.database.read() as connection:
            ids = connection.execute(query.order_by(letter.id)).scalars().all()
        for one in ids:
            try:
                self.replay(user, one)
                taken_in += 1
            except Invalid:  # one that still cannot be read holds up no other
                continue
            except Exception:  # the supervisor: nor does one that cannot be projected
                log.exception("letter.not_replayed", letter=one)
        return taken_in

    def set_aside(self, user: User, letter: int, note: str) -> LetterView:
        """A person has looked at it: it needs nothing more. The same letter again stays set aside.

        Raises:
            Invalid: `note` (`empty`, `too_long`), or `letter` with `done`.
        """
        _check(user)
        note = note.strip()
        if not note:
            raise Invalid("note", "empty")
        if len(note) > MAX_NOTE:
            raise Invalid("note", "too_long")
        with self.database.write() as connection:
            if _find(connection, letter).resolution is not None:
                raise Invalid("letter", "done")
            self._decide(connection, user, letter, "set_aside", "letter_set_aside", note)
        return self.read(user, letter)

    def reopen(self, user: User, letter: int) -> LetterView:
        """Take a set-aside letter up again; what was replayed is a fact and stays.

        Raises:
            Invalid: `letter`, `done`.
        """
        _check(user)
        with self.database.write() as connection:
            if _find(connection, letter).resolution != "set_aside":
                raise Invalid("letter", "done")
            self._decide(connection, user, letter, None, "letter_reopened", "")
        return self.read(user, letter)

    def _decide(
        self,
        connection: Connection,
        user: User,
        letter: int,
        resolution: str | None,
        action: str,
        detail: str,
    ) -> None:
        now_ms = self.clock.now_ms()
        values = {
            "resolution": resolution,
            "resolved_ms": now_ms if resolution else None,
            "note": detail if resolution == "set_aside" else None,
        }
        table = tables.dead_letter
        connection.execute(update(table).where(table.c.id == letter).values(**values))
        audit.note(connection, now_ms, user, action, _subject(letter), detail)


def _check(user: User) -> None:
    if user.role not in MAY:
        raise NotAllowed


def _subject(letter: int) -> str:
    return f"letter:{letter}"


def _narrow(query: Select[Any], where: LetterFilter) -> Select[Any]:
    letter = tables.dead_letter.c
    if where.state == "open":
        query = query.where(letter.resolution.is_(None))
    elif where.state is not None:
        query = query.where(letter.resolution == where.state)
    if where.reason is not None:
        query = query.where(or_(letter.reason == where.reason, letter.reason.startswith(f"{where.reason}:")))
    if where.text and where.text.strip():
        query = query.where(letter.topic.like(contains(where.text), escape="\\"))
    return query


def _find(connection: Connection, letter: int) -> Any:
    row = connection.execute(select(tables.dead_letter).where(tables.dead_letter.c.id == letter)).first()
    if row is None:
        raise NotFound(str(letter))
    return row


def _find_stored(connection: Connection, row: Any) -> dict[str, Any] | None:
    """What the log has under the letter's id, as the letter would say it."""
    if row.source is None or row.seq is None:
        return None
    event = tables.event.c
    key = event.source == row.source, event.boot == row.boot, event.seq == row.seq
    found = connection.execute(select(event.type, event.uptime_ms, event.fields).where(*key)).first()
    if found is None:
        return None
    return {"type": found.type, "uptime_ms": found.uptime_ms, **json.loads(found.fields)}


def _find_outcome(connection: Connection, received: Received) -> str:
    """Where a letter went that was taken in: the log, the quarantine, or a conflict with what is there."""
    event, key = tables.event.c, received.event[:3]
    in_log = event.source == key[0], event.boot == key[1], event.seq == key[2]
    digest = connection.execute(select(event.hash).where(*in_log)).scalar()
    if digest is None:
        return "quarantined"
    return "taken_in" if digest == received.hash else CONFLICT


def _compare(payload: bytes, stored: dict[str, Any] | None) -> tuple[LetterFact, ...]:
    """Fields side by side; empty for what is no message with fields."""
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        return ()
    fields = body.get("fields") if isinstance(body, dict) else None
    if not isinstance(fields, dict):
        return ()
    given = {name: body.get(name) for name in _COMPARED} | fields
    names = [*given, *(name for name in stored or {} if name not in given)]
    return tuple(
        LetterFact(
            name=name,
            given=_show(name, given.get(name)),
            stored=None if stored is None else _show(name, stored.get(name)),
            differs=stored is not None and stored.get(name) != given.get(name),
        )
        for name in names
    )


def _show(name: str, value: Any) -> str:
    if value is None:
        return ""
    masked = mask_value(name, value)
    return masked if isinstance(masked, str) else json.dumps(masked, ensure_ascii=False)


def _build_view(row: Any) -> LetterView:
    state: LetterState = row.resolution or "open"
    moves = {"open": ("replay", "set_aside"), "set_aside": ("reopen",), "replayed": ()}[state]
    if row.reason == CONFLICT:
        moves = tuple(move for move in moves if move != "replay")
    return LetterView(
        id=row.id,
        first_at=to_datetime(row.at_ms),
        last_at=to_datetime(row.last_ms),
        count=row.count,
        topic=row.topic,
        reason=row.reason,
        desk=row.desk,
        source=row.source,
        boot=row.boot,
        seq=row.seq,
        state=state,
        note=row.note or "",
        moves=moves,
    )

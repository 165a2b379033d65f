"""The table of ticket drafts, and what a draft may say.

    typed --finished (its draft_made is stored in the same transaction)--> made --the cloud made it--> ticket
A made draft is never changed: its event is a fact.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from host_agent.database import transaction
from host_agent.desk.cloud_questions import MadeTicket
from protocol.errors import MessageError
from protocol.events import MAX_CODE, MAX_CODES, MAX_NOTE
from protocol.ids import parse_call_id

MAX_PLACE = 80
MAX_KIND = 16
MAX_PROMISE_MINUTES = 43_200
MAX_OPEN = 500
"""Drafts typed and not finished, at most: what goes beyond is a page gone wild."""
_COLUMNS = "id, call, fields, changed_ms, made_ms, boot, seq, ticket, number"


@dataclass(frozen=True, slots=True)
class DraftRow:
    """One draft. `call` is empty for a visitor; `made_ms` None while it is typed."""

    id: str
    call: str
    fields: dict[str, Any]
    changed_ms: int
    made_ms: int | None
    boot: str | None
    seq: int | None
    ticket: int | None
    number: str | None


def read_fields(said: Mapping[str, Any]) -> dict[str, Any]:
    """A draft's fields from what the page sent: cut to what an event carries, never refused.

    Returns:
        kind, items, place, note, promise_minutes (0: none).
    """
    items = said.get("items")
    said_codes = [str(item) for item in items if item] if isinstance(items, list) else []
    codes = [code for code in (_clean(code)[:MAX_CODE] for code in said_codes) if code]
    promise = said.get("promise_minutes")
    is_promise = type(promise) is int and 0 < promise <= MAX_PROMISE_MINUTES
    return {
        "kind": _clean(said.get("kind"))[:MAX_KIND] or "repair",
        "items": codes[:MAX_CODES],
        "place": _clean(said.get("place"))[:MAX_PLACE],
        "note": _clean(said.get("note"))[:MAX_NOTE],
        "promise_minutes": promise if is_promise else 0,
    }


def says_something(fields: Mapping[str, Any]) -> bool:
    """A ticket can be made of it."""
    return bool(fields["items"] or fields["note"].strip())


def is_call(text: str) -> bool:
    """True for a call id, and for '' (no call)."""
    try:
        return text == "" or bool(parse_call_id(text))
    except MessageError:
        return False


class DraftTable:
    """Not thread-safe: the core's thread owns it. Reading is the page's own (`call_book`)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def type(self, draft: str, call: str, fields: Mapping[str, Any], now_ms: int) -> bool:
        """Keep a draft as it stands; False when it is made already, or there are too many."""
        with transaction(self._db):
            known = self.get(draft)
            if known is not None and known.made_ms is not None:
                return False
            if known is None and self._count_open() >= MAX_OPEN:
                return False
            self._db.execute(
                "INSERT INTO draft (id, call, fields, changed_ms) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET fields = excluded.fields, changed_ms = excluded.changed_ms",
                (draft, call, json.dumps(fields, ensure_ascii=False), now_ms),
            )
        return True

    def finish(self, draft: str, boot: str, seq: int, now_ms: int) -> None:
        """It is a fact now; inside the transaction of its draft_made."""
        with transaction(self._db):
            self._db.execute(
                "UPDATE draft SET made_ms = ?, boot = ?, seq = ? WHERE id = ? AND made_ms IS NULL",
                (now_ms, boot, seq, draft),
            )

    def settle(self, made: MadeTicket) -> None:
        """The cloud made a ticket of it."""
        with transaction(self._db):
            self._db.execute(
                "UPDATE draft SET ticket = ?, number = ? WHERE id = ?", (made.ticket, made.number, made.draft)
            )

    def get(self, draft: str) -> DraftRow | None:
        """One draft."""
        rows = select_drafts(self._db, "WHERE id = ?", (draft,))
        return rows[0] if rows else None

    def unsettled(self, source: str, limit: int) -> list[str]:
        """Drafts that the cloud has (their event is committed) and whose ticket is not known yet."""
        query = (
            "SELECT id FROM draft JOIN event ON event.source = ? AND event.boot = draft.boot"
            " AND event.seq = draft.seq WHERE ticket IS NULL AND committed_ms IS NOT NULL"
            " ORDER BY made_ms DESC LIMIT ?"
        )
        return [row[0] for row in self._db.execute(query, (source, limit))]

    def prune(self, source: str, before_ms: int) -> None:
        """Forget what was not touched since, but never a made draft that is no ticket yet while its event of
        `source` is here."""
        with transaction(self._db):
            self._db.execute(
                "DELETE FROM draft WHERE changed_ms < ? AND (made_ms IS NULL OR ticket IS NOT NULL"
                " OR NOT EXISTS (SELECT 1 FROM event WHERE event.source = ? AND event.boot = draft.boot"
                " AND event.seq = draft.seq))",
                (before_ms, source),
            )

    def _count_open(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM draft WHERE made_ms IS NULL").fetchone()[0])


def select_drafts(connection: sqlite3.Connection, where: str, values: tuple[object, ...]) -> list[DraftRow]:
    """Rows of the table by a condition."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM draft {where}", values)
    return [DraftRow(row[0], row[1], json.loads(row[2]), *row[3:]) for row in rows]


def _clean(value: Any) -> str:
    """Text without control characters but the line's end."""
    text = value if isinstance(value, str) else ""
    return "".join(
        char for char in text if char == "\n" or (char >= " " and not "\ud800" <= char <= "\udfff")
    )

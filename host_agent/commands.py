"""Commands from the cloud: judged here, done by the box, answered exactly once.

    received --judge--> refused | expired            -> one reply, nothing reaches the box
        |
        +--> passed to the box --its reply--> done | failed | refused
                   |--expires_at + GRACE_MS, or the box gone, or the agent restarted--> failed

An id that was answered, or is under way, is never done again: MQTT delivers at least once.
"""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from host_agent.database import transaction
from host_agent.time_anchor import parse_utc
from protocol.commands import NEEDS_CLOCK, RESULTS, check_command
from protocol.errors import MessageError

GRACE_MS = 10_000
"""After its expiry, how long the box's reply to a command already passed on is waited for."""
MAX_ID = 36
"""Characters of a command id (a UUID as text)."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command to pass on. `expires_ms` is UTC by the cloud."""

    id: str
    name: str
    arguments: dict[str, Any]
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Reply:
    """The one reply to a command; `result` as in protocol.commands."""

    id: str
    result: str
    reason: str


def judge_command(payload: bytes, cloud_ms: int | None, is_attached: bool) -> Command | Reply:
    """Decide what becomes of a command.

    Args:
        cloud_ms: the cloud's time now (UTC ms), None while unknown.
        is_attached: its box is there.
    Raises:
        MessageError: no command that could be replied to (`json`, `id`).
    """
    try:
        body = json.loads(payload)
        json.dumps(body, ensure_ascii=False).encode()  # half of a surrogate pair goes no further
    except (ValueError, RecursionError):
        raise MessageError("json") from None
    command_id = body.get("id") if isinstance(body, dict) else None
    if not isinstance(command_id, str) or not 0 < len(command_id) <= MAX_ID:
        raise MessageError("id")
    try:
        name, arguments = str(body["command"]), body.get("args") or {}
        issued_ms, expires_ms = parse_utc(body["issued_at"]), parse_utc(body["expires_at"])
        check_command(name, arguments)
    except MessageError as error:
        return Reply(command_id, "refused", error.reason)
    except (KeyError, ValueError, TypeError):
        return Reply(command_id, "refused", "malformed")
    if expires_ms < issued_ms:
        return Reply(command_id, "refused", "malformed")
    if cloud_ms is None and name in NEEDS_CLOCK:
        return Reply(command_id, "refused", "clock_unknown")
    if cloud_ms is not None and cloud_ms >= expires_ms:
        return Reply(command_id, "expired", "expired")
    if not is_attached:
        return Reply(command_id, "refused", "box_absent")
    return Command(command_id, name, arguments, expires_ms)


class CommandTable:
    """Which commands were passed on, kept over restarts."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def is_known(self, command_id: str) -> bool:
        """It was seen before."""
        return self._db.execute("SELECT 1 FROM command WHERE id = ?", (command_id,)).fetchone() is not None

    def begin(self, command: Command, source: str) -> None:
        """It is about to be passed on; from now on it is never passed on again."""
        self._insert(command.id, source, command.expires_ms, None)

    def refuse(self, reply: Reply, source: str, expires_ms: int) -> None:
        """It was answered without reaching the box."""
        self._insert(reply.id, source, expires_ms, reply.result)

    def finish(self, command_id: str, result: str) -> str | None:
        """The box answered; returns the source to reply for, None when there is nothing to answer any
        more."""
        with transaction(self._db):
            row = self._db.execute(
                "UPDATE command SET result = ? WHERE id = ? AND result IS NULL RETURNING source",
                (result if result in RESULTS else "failed", command_id),
            ).fetchone()
        return None if row is None else str(row[0])

    def under_way(self, source: str | None = None) -> list[tuple[str, str, int]]:
        """(id, source, expires_ms) of commands without a reply, of one source or of all."""
        query = (
            "SELECT id, source, expires_ms FROM command WHERE result IS NULL AND (? IS NULL OR source = ?)"
        )
        return self._db.execute(query, (source, source)).fetchall()

    def prune(self, before_ms: int) -> None:
        """Forget those that expired before that time (UTC by the cloud) and were answered."""
        with transaction(self._db):
            self._db.execute("DELETE FROM command WHERE expires_ms < ? AND result IS NOT NULL", (before_ms,))

    def _insert(self, command_id: str, source: str, expires_ms: int, result: str | None) -> None:
        with transaction(self._db):
            values = (command_id, source, expires_ms, result)
            self._db.execute("INSERT OR IGNORE INTO command VALUES (?, ?, ?, ?)", values)

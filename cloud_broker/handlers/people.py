"""Log-ins: passwords by argon2, sessions and tokens kept only as hashes, a limit on guessing."""

import secrets
import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import Connection, delete, insert, select, update

from cloud_broker.adapters.sql import places, tables
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.domain.views import Invalid, User
from cloud_broker.ports import Clock
from protocol.desk_page import hash_token

SESSION_LIFE_MS = places.DUTY_LIFE_MS
TOKEN_LIFE_MS = 30 * 24 * 3_600_000
TOKEN_BYTES = 32
MIN_PASSWORD, MAX_PASSWORD = 8, 256
FAILURES_ALLOWED = 5
LOCK_MS = 60_000
MAX_WATCHED = 10_000
"""Names with a wrong password that are remembered; beyond, those whose minute is over are forgotten."""


class LogInRefused(Exception):
    """Wrong name or password; `retry_after_s` is set while the name is locked for guessing."""

    def __init__(self, retry_after_s: int | None = None) -> None:
        super().__init__("locked" if retry_after_s else "wrong")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Session:
    """An open session. `token` is known only when it is made."""

    user: User
    csrf: str
    expires_ms: int
    token: str = ""


class GuessLimit:
    """Five wrong passwords for a name from an address within a minute lock that pair for a minute."""

    def __init__(self) -> None:
        self._failures: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._lock = threading.Lock()

    def check(self, key: tuple[str, str], now_ms: int) -> None:
        """Raises LogInRefused while `key` is locked."""
        with self._lock:
            recent = [at_ms for at_ms in self._failures.pop(key, []) if now_ms - at_ms < LOCK_MS]
            if recent:
                self._failures[key] = recent
            if len(recent) >= FAILURES_ALLOWED:
                raise LogInRefused(retry_after_s=max(1, (recent[0] + LOCK_MS - now_ms) // 1000))

    def note_failure(self, key: tuple[str, str], now_ms: int) -> None:
        with self._lock:
            if len(self._failures) >= MAX_WATCHED:
                fresh = {k: at for k, at in self._failures.items() if now_ms - at[-1] < LOCK_MS}
                self._failures = defaultdict(list, fresh)
            self._failures[key].append(now_ms)

    def forget(self, key: tuple[str, str]) -> None:
        with self._lock:
            self._failures.pop(key, None)


class People:
    """Who may come in, and who is in."""

    def __init__(self, database: Database, clock: Clock, hasher: PasswordHasher | None = None) -> None:
        self._database = database
        self._clock = clock
        self._hasher = hasher or PasswordHasher()
        self._limit = GuessLimit()
        self._nobody = self._hasher.hash(secrets.token_hex(8))

    def log_in(self, username: str, password: str, *, address: str, kind: str = "cookie") -> Session:
        """Check a password and open a session (`cookie`, also taking the desk's duty) or a `token`.

        Raises:
            LogInRefused.
        """
        now_ms, key = self._clock.now_ms(), (username, address)
        self._limit.check(key, now_ms)
        with self._database.read() as connection:
            row = connection.execute(select(tables.user).where(tables.user.c.username == username)).first()
        # An unknown name costs as much time as a wrong password.
        is_right = self._is_right(self._nobody if row is None else row.password_hash, password)
        if row is None or not row.active or not is_right:
            self._limit.note_failure(key, now_ms)
            raise LogInRefused
        self._limit.forget(key)
        return self._open(row, kind, now_ms)

    def find_session(self, token: str, kind: str) -> Session | None:
        """The session of a cookie or bearer token, if it is still open."""
        table = tables.session
        query = (
            select(tables.user, table.c.csrf, table.c.expires_ms)
            .join_from(table, tables.user, table.c.user_id == tables.user.c.id)
            .where(table.c.token_hash == hash_token(token), table.c.kind == kind)
            .where(table.c.expires_ms > self._clock.now_ms(), tables.user.c.active)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return Session(_user(row), row.csrf, row.expires_ms) if row is not None else None

    def log_out(self, token: str) -> None:
        """Close the session and end the duty it began; a bearer token began none."""
        table = tables.session.c
        ended = delete(tables.session).where(table.token_hash == hash_token(token))
        with self._database.write() as connection:
            row = connection.execute(ended.returning(table.user_id, table.kind)).first()
            if row is not None and row.kind == "cookie":
                _end_duty(connection, self._clock.now_ms(), row.user_id)

    def set_password(self, username: str, password: str) -> None:
        """A new password; whoever came in by the one before is out.

        Raises:
            Invalid: `username`, or `password` (too short or too long).
        """
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise Invalid("password", "too_short" if len(password) < MIN_PASSWORD else "too_long")
        self._change(username, password_hash=self.hash_password(password), demo=False)

    def disable(self, username: str) -> None:
        """Shut a person out, at once; what they did keeps their name.

        Raises:
            Invalid: `username`.
        """
        self._change(username, active=False)

    def _change(self, username: str, **values: Any) -> None:
        user, session = tables.user, tables.session
        changed = update(user).where(user.c.username == username).values(**values).returning(user.c.id)
        with self._database.write() as connection:
            user_id = connection.execute(changed).scalar()
            if user_id is None:
                raise Invalid("username", "unknown")
            connection.execute(delete(session).where(session.c.user_id == user_id))
            _end_duty(connection, self._clock.now_ms(), user_id)

    def hash_password(self, password: str) -> str:
        return self._hasher.hash(password)

    def _is_right(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password[:MAX_PASSWORD])
        except (Argon2Error, InvalidHashError):
            return False

    def _open(self, row: Any, kind: str, now_ms: int) -> Session:
        token, csrf = secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES)
        expires_ms = now_ms + (SESSION_LIFE_MS if kind == "cookie" else TOKEN_LIFE_MS)
        with self._database.write() as connection:
            connection.execute(delete(tables.session).where(tables.session.c.expires_ms <= now_ms))
            connection.execute(
                insert(tables.session).values(
                    token_hash=hash_token(token), user_id=row.id, kind=kind, csrf=csrf, expires_ms=expires_ms
                )
            )
            if kind == "cookie" and row.role == "agent" and row.desk is not None:
                take_duty(connection, now_ms, row.desk, row.id)
        return Session(_user(row), csrf, expires_ms, token)


def take_duty(connection: Connection, now_ms: int, desk: str, user_id: int) -> None:
    """From now on calls of this desk are this person's; whoever was on duty is relieved."""
    duty = tables.duty.c
    connection.execute(
        update(tables.duty).where(duty.desk == desk, duty.to_ms.is_(None)).values(to_ms=now_ms)
    )
    connection.execute(insert(tables.duty).values(desk=desk, user_id=user_id, from_ms=now_ms, to_ms=None))


def _end_duty(connection: Connection, now_ms: int, user_id: int) -> None:
    duty = tables.duty.c
    connection.execute(
        update(tables.duty).where(duty.user_id == user_id, duty.to_ms.is_(None)).values(to_ms=now_ms)
    )


def _user(row: Any) -> User:
    return User(id=row.id, username=row.username, name=row.name, role=row.role, desk=row.desk)

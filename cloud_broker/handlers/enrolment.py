"""A desk PC comes in by a one-time claim code, and leaves with what it needs to talk."""

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, update

from cloud_broker.adapters.mosquitto import CLOUD_USER, derive_password, write_passwords
from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.bulk import insert_rows
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.domain.views import Invalid, NotFound
from cloud_broker.errors import ClaimRefused
from cloud_broker.ports import Clock
from protocol.desk_page import derive_page_key, hash_token
from protocol.ids import is_source

CLAIM_LIFE_MS = 7 * 24 * 3_600_000
CODE_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # nothing that is read as something else
CODE_LENGTH = 12
MAX_NAME = 128


@dataclass(frozen=True, slots=True)
class Enrolled:
    desk: str
    agent: str
    mqtt_password: str
    upload_token: str


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Claim codes and desk credentials. `mosquitto_dir` is None where the broker is somebody else's."""

    database: Database
    clock: Clock
    secret: bytes
    mosquitto_dir: Path | None

    def make_code(self, desk: str) -> str:
        """A new claim code for `desk`, valid once and for seven days.

        Raises:
            NotFound: no such desk.
        """
        code = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
        with self.database.write() as connection:
            if connection.execute(select(tables.desk.c.id).where(tables.desk.c.id == desk)).scalar() is None:
                raise NotFound(desk)
            expires_ms = self.clock.now_ms() + CLAIM_LIFE_MS
            connection.execute(
                insert(tables.claim_code).values(code_hash=_hash_code(code), desk=desk, expires_ms=expires_ms)
            )
        return "-".join(re.findall("....", code))

    def enrol(self, claim_code: str, agent: str, hostname: str, version: str) -> Enrolled:
        """Use a claim code up.

        Raises:
            Invalid: `agent_id`.
            ClaimRefused.
        """
        if not is_source(agent):
            raise Invalid("agent_id", "unknown")
        upload_token = secrets.token_urlsafe(32)
        with self.database.write() as connection:
            desk = self._use_code(connection, claim_code)
            row = (
                agent, desk, hostname[:MAX_NAME], version[:MAX_NAME], hash_token(upload_token),
                self.clock.now_ms(), False, self.clock.now_ms(), None,
            )  # fmt: skip
            columns = (
                "id", "desk", "hostname", "version", "token_hash", "enrolled_ms", "online", "changed_ms",
                "revoked_ms",
            )  # fmt: skip
            given = ", ".join(f"{name} = excluded.{name}" for name in columns[1:])
            insert_rows(
                connection, tables.agent, columns, [row], or_else=f"ON CONFLICT (id) DO UPDATE SET {given}"
            )
            connection.execute(update(tables.desk).where(tables.desk.c.id == desk).values(enrolled=True))
            generation = connection.execute(
                select(tables.desk.c.secret_generation).where(tables.desk.c.id == desk)
            ).scalar_one()
        self.write_broker_passwords()
        return Enrolled(desk, agent, derive_password(self.secret, desk, generation), upload_token)

    def find_agent_desk(self, upload_token: str) -> str | None:
        """The desk an upload token belongs to."""
        agent = tables.agent.c
        query = select(agent.desk).where(
            agent.token_hash == hash_token(upload_token), agent.revoked_ms.is_(None)
        )
        with self.database.read() as connection:
            return connection.execute(query).scalar()

    def page_keys(self, desk: str) -> dict[str, str]:
        """Agent id → key of its own page, of the agents that may speak for `desk`."""
        agent = tables.agent.c
        query = select(agent.id, agent.token_hash).where(agent.desk == desk, agent.revoked_ms.is_(None))
        with self.database.read() as connection:
            return {row.id: derive_page_key(row.token_hash) for row in connection.execute(query)}

    def revoke(self, agent: str) -> list[str]:
        """Take an agent's token back: roster, drafts and recordings are closed to it, its events are refused,
        and it erases what it knows when it next asks. With the last one its desk's broker password goes too.

        Returns:
            the desk's other agents: they use the broker password that this one knows, so it stays.
        Raises:
            NotFound: no such agent, or revoked already.
        """
        table, desk = tables.agent, tables.desk
        with self.database.write() as connection:
            home = connection.execute(
                update(table)
                .where(table.c.id == agent, table.c.revoked_ms.is_(None))
                .values(revoked_ms=self.clock.now_ms())
                .returning(table.c.desk)
            ).scalar()
            if home is None:
                raise NotFound(agent)
            connection.execute(select(desk.c.id).where(desk.c.id == home).with_for_update())
            others = select(table.c.id).where(table.c.desk == home, table.c.revoked_ms.is_(None))
            left = [str(row.id) for row in connection.execute(others.order_by(table.c.id))]
            if not left:
                raised = {desk.c.secret_generation: desk.c.secret_generation + 1}
                connection.execute(update(desk).where(desk.c.id == home).values(raised))
        if not left:
            self.write_broker_passwords()
        return left

    def write_broker_passwords(self) -> None:
        """Bring Mosquitto's passwd up to date: the cloud itself and every enrolled desk."""
        if self.mosquitto_dir is None:
            return
        desk = tables.desk.c
        query = select(desk.id, desk.secret_generation).where(desk.enrolled)
        with self.database.read() as connection:
            desks = {row.id: row.secret_generation for row in connection.execute(query)}
        passwords = {name: derive_password(self.secret, name, count) for name, count in desks.items()}
        passwords[CLOUD_USER] = derive_password(self.secret, CLOUD_USER, 0)
        write_passwords(self.mosquitto_dir, passwords)

    def _use_code(self, connection: Connection, claim_code: str) -> str:
        code, now_ms = tables.claim_code.c, self.clock.now_ms()
        used = connection.execute(
            update(tables.claim_code)
            .where(code.code_hash == _hash_code(claim_code), code.used_ms.is_(None), code.expires_ms > now_ms)
            .values(used_ms=now_ms)
            .returning(code.desk)
        ).scalar()
        if used is None:
            raise ClaimRefused
        return str(used)


def count_demo_users(database: Database) -> int:
    """Log-ins with well-known passwords."""
    user = tables.user.c
    with database.read() as connection:
        return connection.execute(select(func.count()).where(user.demo, user.active)).scalar_one()


def _hash_code(code: str) -> str:
    return hash_token(re.sub(r"[^A-Z0-9]", "", code.upper()))

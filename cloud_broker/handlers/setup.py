"""Setting a real cloud up, where there is no demo: places, desks and people by command."""

import secrets

from sqlalchemy import insert, select

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.domain.views import Invalid
from cloud_broker.handlers.people import People
from protocol.topics import is_desk
from telephony.numbers import is_area_code

ROLES = ("agent", "manager", "hq", "admin")
DEFAULT_LINES = 4
PASSWORD_BYTES = 12


def add_desk(
    database: Database, desk: str, name: str, *, project: str, branch: str, area_code: str, lines: int
) -> None:
    """Add a desk, and its project with it if that is new.

    Raises:
        Invalid: `desk` (not a-z, 0-9, '-', or taken) or `area_code`.
    """
    if not is_desk(desk):
        raise Invalid("desk", "unknown")
    if not is_area_code(area_code):
        raise Invalid("area_code", "unknown")
    with database.write() as connection:
        if connection.execute(select(tables.desk.c.id).where(tables.desk.c.id == desk)).scalar() is not None:
            raise Invalid("desk", "taken")
        known = select(tables.project.c.id).where(tables.project.c.name == project)
        project_id = connection.execute(known).scalar()
        if project_id is None:
            made = insert(tables.project).values(branch=branch, name=project, area_code=area_code)
            project_id = connection.execute(made.returning(tables.project.c.id)).scalar_one()
        connection.execute(
            insert(tables.desk).values(
                id=desk, project_id=project_id, name=name, lines=lines, secret_generation=1, enrolled=False
            )
        )


def add_user(
    database: Database, people: People, username: str, name: str, role: str, desk: str | None
) -> str:
    """Add a log-in; the password, which is shown nowhere else.

    Raises:
        Invalid: `username` (taken), `role`, or `desk` (an agent has one, nobody else, and it exists).
    """
    if role not in ROLES:
        raise Invalid("role", "unknown")
    if role == "agent" and desk is None:
        raise Invalid("desk", "empty")
    if role != "agent" and desk is not None:
        raise Invalid("desk", "only_for_agents")
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    password_hash = people.hash_password(password)
    user, desks = tables.user.c, tables.desk.c
    with database.write() as connection:
        if connection.execute(select(user.id).where(user.username == username)).scalar() is not None:
            raise Invalid("username", "taken")
        if desk is not None and connection.execute(select(desks.id).where(desks.id == desk)).scalar() is None:
            raise Invalid("desk", "unknown")
        connection.execute(
            insert(tables.user).values(
                username=username, name=name, role=role, desk=desk, password_hash=password_hash,
                active=True, demo=False,
            )
        )  # fmt: skip
    return password

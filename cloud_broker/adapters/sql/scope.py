"""What a user may see: an agent the own desk, everybody above all desks."""

from sqlalchemy import ColumnElement, true

from cloud_broker.domain.views import NotFound, User

SEES_ALL = ("manager", "hq", "admin")


def allowed_desk(user: User) -> str | None:
    """The one desk of this user; None for those who see all. An agent without a desk sees none."""
    return None if user.role in SEES_ALL else (user.desk or "")


def within(user: User, column: ColumnElement[str]) -> ColumnElement[bool]:
    """A condition on a desk column."""
    desk = allowed_desk(user)
    return true() if desk is None else column == desk


def check_desk(user: User, desk: str) -> None:
    """Raises NotFound: what one may not see does not exist."""
    if allowed_desk(user) not in (None, desk):
        raise NotFound(desk)

"""Who is asking: the cookie of the console, the bearer token of a program, or an agent's upload token."""

import hmac
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from cloud_broker.domain.views import User
from cloud_broker.handlers.people import LogInRefused, People
from cloud_broker.web.pages import SignInRefused

COOKIE = "cloudseat_session"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class NotIdentified(Exception):
    """Nobody is signed in, or the token is not (any more) valid."""


class Forged(Exception):
    """A write with a cookie, but without the session's token: another site may have sent it."""


class IdentityMiddleware:
    """Sets `request.state.user`, `.csrf` and `.by_cookie` for everything but static files."""

    def __init__(self, app: ASGIApp, people: People) -> None:
        self._app = app
        self._people = people

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/static/"):
            request = Request(scope)
            token, kind = _find_token(request)
            session = await run_in_threadpool(self._people.find_session, token, kind) if token else None
            request.state.user = session.user if session is not None else None
            request.state.csrf = session.csrf if session is not None else None
            request.state.by_cookie = kind == "cookie"
        await self._app(scope, receive, send)


def _find_token(request: Request) -> tuple[str, str]:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip(), "token"
    return request.cookies.get(COOKIE, ""), "cookie"


def identified(request: Request) -> User:
    """Dependency: the user. Raises NotIdentified, Forged."""
    user: User | None = request.state.user
    if user is None:
        raise NotIdentified
    if request.state.by_cookie and request.method not in SAFE_METHODS:
        given = request.headers.get("x-csrf-token", "")
        if not hmac.compare_digest(given.encode(), (request.state.csrf or "").encode()):
            raise Forged
    return user


Identified = Annotated[User, Depends(identified)]


def build_agent_dependency(find_desk: Callable[[str], str | None]) -> Callable[[Request], str]:
    """A dependency that gives the desk of the agent's upload token. Raises NotIdentified."""

    def agent_desk(request: Request) -> str:
        token, kind = _find_token(request)
        desk = find_desk(token) if token and kind == "token" else None
        if desk is None:
            raise NotIdentified
        return desk

    return agent_desk


class CookieSessions:
    """`pages.Sessions`: log-in by cookie, and log-out of whoever asks, by cookie or bearer token."""

    def __init__(self, people: People) -> None:
        self._people = people

    def sign_in(self, request: Request, response: Response, username: str, password: str) -> User:
        address = request.client.host if request.client else ""
        try:
            session = self._people.log_in(username, password, address=address)
        except LogInRefused as refused:
            raise SignInRefused(
                "locked" if refused.retry_after_s else "wrong", refused.retry_after_s
            ) from refused
        response.set_cookie(
            COOKIE,
            session.token,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
            path="/",
        )
        return session.user

    def is_signed_in(self, request: Request) -> bool:
        """Whether the session that this request came with is still open."""
        token, kind = _find_token(request)
        return bool(token) and self._people.find_session(token, kind) is not None

    def sign_out(self, request: Request, response: Response) -> None:
        token, _ = _find_token(request)
        if token:
            self._people.log_out(token)
        response.delete_cookie(COOKIE, path="/")

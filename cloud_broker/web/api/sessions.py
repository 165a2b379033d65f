"""Log-in for the browser (cookie) and for programs (bearer token); the cloud's time."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.times import iso_ms
from cloud_broker.handlers.people import MAX_PASSWORD, LogInRefused
from cloud_broker.web.identity import CookieSessions, Identified
from cloud_broker.web.pages import SignInRefused


class LogIn(BaseModel):
    username: str = Field(max_length=64)
    password: str = Field(max_length=MAX_PASSWORD)


def add_routes(router: APIRouter, cloud: Cloud) -> None:
    sessions = CookieSessions(cloud.people)

    @router.get("/time")
    def time() -> dict[str, str]:
        return {"now": iso_ms(cloud.clock.now_ms())}

    @router.post("/tokens", status_code=201)
    def make_token(request: Request, body: LogIn) -> dict[str, Any]:
        """A bearer token for 30 days."""
        address = request.client.host if request.client else ""
        session = cloud.people.log_in(body.username, body.password, address=address, kind="token")
        return {"token": session.token, "expires_at": iso_ms(session.expires_ms)}

    @router.post("/session", status_code=201)
    def sign_in(request: Request, response: Response, body: LogIn) -> dict[str, Any]:
        try:
            user = sessions.sign_in(request, response, body.username, body.password)
        except SignInRefused as refused:
            raise LogInRefused(refused.retry_after_s) from refused
        return {"username": user.username, "name": user.name, "role": user.role, "desk": user.desk}

    @router.get("/session")
    def who(request: Request, user: Identified) -> dict[str, Any]:
        """Who is signed in, and the token that writes with a cookie must carry."""
        return {
            "username": user.username,
            "name": user.name,
            "role": user.role,
            "desk": user.desk,
            "csrf": request.state.csrf,
        }

    @router.delete("/session", status_code=204)
    def sign_out(request: Request, response: Response, _user: Identified) -> None:
        sessions.sign_out(request, response)

"""`/api/v1`: all routes, and how their errors read."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.views import Invalid, NotAllowed, NotFound
from cloud_broker.errors import ClaimRefused, UploadRefused
from cloud_broker.handlers.people import LogInRefused
from cloud_broker.handlers.playback import TokenRefused
from cloud_broker.web.api import (
    agents,
    calls,
    enrolment,
    operations,
    recordings,
    residents,
    sessions,
    stream,
    tickets,
)
from cloud_broker.web.identity import Forged, NotIdentified

PREFIX = "/api/v1"
_MODULES = (sessions, enrolment, agents, calls, recordings, tickets, residents, stream, operations)
_UPLOAD_STATUS = {
    "digest_missing": 400,
    "call_id": 404,
    "not_yours": 403,
    "too_long": 413,
    "already_verified": 409,
}


class ApiRoute(APIRoute):
    """Answers refusals as `{"error": {"reason", "message"}}`: a word for programs, a sentence for people."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except Exception as error:
                refused = _refusal(error)
                if refused is None:
                    raise
                return refused

        return answer


def _refusal(error: Exception) -> JSONResponse | None:
    match error:
        case NotIdentified():
            return refuse(
                401, "not_signed_in", "Sign in first: POST /api/v1/tokens, then Authorization: Bearer."
            )
        case Forged():
            return refuse(403, "csrf", "Send the session's token in the header X-CSRF-Token.")
        case NotAllowed():
            return refuse(403, "not_allowed", "Your role does not allow this.")
        case NotFound():
            return refuse(404, "not_found", "This does not exist, or is not yours to see.")
        case RequestValidationError():
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            return refuse(422, f"{place}:malformed", f"{place}: {first['msg']}.")
        case HTTPException(status_code=status, detail=detail):
            return refuse(status, "request", detail)
        case Invalid(field=field, reason=reason):
            return refuse(422, f"{field}:{reason}", f"The value of {field} cannot be accepted: {reason}.")
        case UploadRefused(reason=reason):
            return refuse(_UPLOAD_STATUS.get(reason, 422), reason, str(error))
        case ClaimRefused():
            return refuse(403, "claim_code", str(error))
        case TokenRefused():
            return refuse(
                403, "play_token", "This address has expired; ask for a new one: POST /calls/{id}/play."
            )
        case LogInRefused(retry_after_s=None):
            return refuse(401, "wrong", "The user name or the password is wrong.")
        case LogInRefused(retry_after_s=seconds):
            response = refuse(429, "locked", f"Too many wrong passwords; try again in {seconds} s.")
            response.headers["Retry-After"] = str(seconds)
            return response
    return None


def refuse(status: int, reason: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"reason": reason, "message": message}}, status_code=status)


def build_api(cloud: Cloud) -> APIRouter:
    """Every route of the API."""
    router = APIRouter(prefix=PREFIX, route_class=ApiRoute)
    for module in _MODULES:
        module.add_routes(router, cloud)
    return router

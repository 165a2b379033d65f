"""What a refused request gets to read: a sentence and the next step, as a page or, for htmx, as a saying."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from cloud_broker.domain.views import Invalid, NotAllowed, NotFound
from cloud_broker.web.i18n import N_
from cloud_broker.web.pages.guard import Forged, NotSignedIn, is_fragment
from cloud_broker.web.pages.reasons import explain
from cloud_broker.web.pages.render import Renderer

SIGN_IN = "/login"
API = "/api/"


@dataclass(frozen=True)
class Refusal:
    """`title` and `sentence` are messages of the catalogue."""

    status: int
    title: str
    sentence: str


REFUSALS: dict[type[Exception], Refusal] = {
    NotFound: Refusal(
        404,
        N_("This does not exist, or is not yours to see"),
        N_("Check the address, or go back to the desk and search for it."),
    ),
    NotAllowed: Refusal(
        403,
        N_("Your role does not allow this"),
        N_("Ask your manager to do it, or to change your role."),
    ),
    Forged: Refusal(
        403,
        N_("This page has been open too long"),
        N_("Reload it and try again; a ticket draft is kept."),
    ),
}


def install_error_pages(app: FastAPI, renderer: Renderer) -> None:
    """Answer what pages raise. Addresses under `/api/` keep the answers of the API."""

    def answer_refusal(request: Request, error: Exception) -> Response:
        return build_refusal(renderer, request, REFUSALS[type(error)])

    def answer_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, Invalid)
        refusal = Refusal(422, N_("This could not be done"), explain(renderer, request, error))
        return build_refusal(renderer, request, refusal)

    async def answer_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404 and not request.url.path.startswith(API):
            return build_refusal(renderer, request, REFUSALS[NotFound])
        return await http_exception_handler(request, error)

    handlers: dict[type[Exception], Callable[[Request, Exception], Response | Awaitable[Response]]] = {
        **dict.fromkeys(REFUSALS, answer_refusal),
        Invalid: answer_invalid,
        NotSignedIn: lead_to_sign_in,
        HTTPException: answer_http_error,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def build_refusal(renderer: Renderer, request: Request, refusal: Refusal) -> Response:
    """The page of a refusal; for htmx the page stays as it is and says the sentence."""
    facts = {"title": refusal.title, "sentence": refusal.sentence}
    if not is_fragment(request):
        return renderer.page(request, "error.html", refusal.status, **facts)
    answer = renderer.page(request, "fragments/error.html", refusal.status, **facts)
    said = ". ".join(renderer.message(request, text).rstrip(".") for text in facts.values())
    answer.headers["HX-Reswap"] = "none"
    answer.headers["HX-Trigger"] = json.dumps({"said": {"text": said}})
    return answer


def lead_to_sign_in(request: Request, _error: Exception) -> Response:
    """A page comes back here after the log-in; a fragment sends its whole page there; a script is told."""
    if is_fragment(request):
        return Response(status_code=401, headers={"HX-Redirect": SIGN_IN})
    is_form = "text/html" in request.headers.get("accept", "")
    if request.url.path == "/desk/stream" or (request.method != "GET" and not is_form):
        return Response(status_code=401)
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    query = "" if request.method != "GET" or target == "/" else f"?next={quote(target)}"
    return RedirectResponse(SIGN_IN + query, status_code=303)

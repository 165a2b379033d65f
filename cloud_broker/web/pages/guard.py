"""Who may reach a page, and what a refused request gets to read."""

import hmac
from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from cloud_broker.domain.views import NotAllowed, NotFound, User
from cloud_broker.web.i18n import N_
from cloud_broker.web.pages.render import Renderer

SIGN_IN = "/login"


class NotSignedIn(Exception):
    """The page needs a session and there is none (any more)."""


class Forged(Exception):
    """A write did not come from one of our pages: the token is missing or wrong."""


def signed_in(request: Request) -> User:
    """Dependency: the user of this request. Raises NotSignedIn."""
    user: User | None = getattr(request.state, "user", None)
    if user is None:
        raise NotSignedIn
    return user


async def same_site_form(request: Request) -> FormData:
    """Dependency: the form of a write that needs no session (log-in). Raises Forged."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forged
    return await request.form(max_files=0)


async def checked_form(request: Request, form: Annotated[FormData, Depends(same_site_form)]) -> FormData:
    """Dependency: the form of a write by a signed-in user, its token compared. Raises NotSignedIn, Forged."""
    signed_in(request)
    expected: str = getattr(request.state, "csrf", None) or ""
    given = request.headers.get("x-csrf-token") or str(form.get("csrf_token", ""))
    if not expected or not hmac.compare_digest(expected.encode(), given.encode()):
        raise Forged
    return form


SignedIn = Annotated[User, Depends(signed_in)]
SameSiteForm = Annotated[FormData, Depends(same_site_form)]
CheckedForm = Annotated[FormData, Depends(checked_form)]


def is_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of a page."""
    return request.headers.get("hx-request") == "true"


def local_path(path: str | None, otherwise: str = "/") -> str:
    """`path` if it stays on this site, else `otherwise`: a link can never lead a log-in elsewhere."""
    if path and path.startswith("/") and not path.startswith(("//", "/\\")) and "\n" not in path:
        return path
    return otherwise


def install_error_pages(app: FastAPI, renderer: Renderer) -> None:
    """Answer the errors of pages with a sentence and a next step."""

    def refuse(status: int, title: str, sentence: str) -> Callable[[Request, Exception], Response]:
        def answer(request: Request, _error: Exception) -> Response:
            facts = {"title": title, "sentence": sentence}
            if is_fragment(request):
                return renderer.page(request, "fragments/error.html", status, **facts)
            return renderer.page(request, "error.html", status, **facts)

        return answer

    app.add_exception_handler(NotSignedIn, _to_sign_in)
    app.add_exception_handler(
        NotFound,
        refuse(
            404,
            N_("This does not exist, or is not yours to see"),
            N_("Check the address, or go back to the desk and search for it."),
        ),
    )
    app.add_exception_handler(
        NotAllowed,
        refuse(
            403,
            N_("Your role does not allow this"),
            N_("Ask your manager to do it, or to change your role."),
        ),
    )
    app.add_exception_handler(
        Forged,
        refuse(
            403,
            N_("This page has been open too long"),
            N_("Reload it and try again; a ticket draft is kept."),
        ),
    )


def _to_sign_in(request: Request, _error: Exception) -> Response:
    if is_fragment(request):
        return Response(status_code=401, headers={"HX-Redirect": SIGN_IN})
    if request.url.path == "/desk/stream":
        return Response(status_code=401)
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    query = "" if request.method != "GET" or target == "/" else f"?next={quote(target)}"
    return RedirectResponse(SIGN_IN + query, status_code=303)

"""Who may reach a page, and whether a write came from one of ours."""

import hmac
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData

from cloud_broker.domain.views import User


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

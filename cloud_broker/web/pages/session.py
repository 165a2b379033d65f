"""Log-in, log-out, and the choice of language."""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from cloud_broker.web.i18n import LANGUAGES
from cloud_broker.web.pages.guard import CheckedForm, SameSiteForm, local_path
from cloud_broker.web.pages.ports import Console, SignInRefused
from cloud_broker.web.pages.render import Renderer

_YEAR_S = 365 * 24 * 3600


def build_session_router(console: Console, renderer: Renderer) -> APIRouter:
    """Routes `/login`, `/logout`, `/language/…`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    def login_page(request: Request) -> Response:
        if getattr(request.state, "user", None):
            return RedirectResponse("/", status_code=303)
        return _login(request, next_path=local_path(request.query_params.get("next")))

    @router.post("/login")
    async def login(request: Request, form: SameSiteForm) -> Response:
        username, next_path = str(form.get("username", "")).strip(), local_path(str(form.get("next", "")))
        answer = RedirectResponse(next_path, status_code=303)
        try:
            await run_in_threadpool(
                console.sessions.sign_in, request, answer, username, str(form.get("password", ""))
            )
        except SignInRefused as refused:
            return _login(request, 401, username=username, refused=refused, next_path=next_path)
        return answer

    @router.post("/logout")
    def logout(request: Request, _form: CheckedForm) -> Response:
        answer = RedirectResponse("/login", status_code=303)
        console.sessions.sign_out(request, answer)
        return answer

    @router.get("/language/{language}")
    def choose(request: Request, language: str) -> Response:
        answer = RedirectResponse(local_path(request.query_params.get("next")), status_code=303)
        if language in LANGUAGES:
            answer.set_cookie("language", language, max_age=_YEAR_S, samesite="lax")
        return answer

    def _login(
        request: Request,
        status: int = 200,
        *,
        next_path: str,
        username: str = "",
        refused: SignInRefused | None = None,
    ) -> Response:
        return renderer.page(
            request, "login.html", status, username=username, refused=refused, next_path=next_path
        )

    return router

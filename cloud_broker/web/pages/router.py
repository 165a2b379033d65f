"""Put the pages together. The application that serves them calls `build_router` and `install` once."""

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from cloud_broker.web.pages.calls import build_calls_router
from cloud_broker.web.pages.desk import build_desk_router
from cloud_broker.web.pages.error_pages import install_error_pages
from cloud_broker.web.pages.guard import SignedIn
from cloud_broker.web.pages.letters import build_letters_router
from cloud_broker.web.pages.ports import Console
from cloud_broker.web.pages.reconciliation import build_reconciliation_router
from cloud_broker.web.pages.render import Renderer
from cloud_broker.web.pages.residents import build_residents_router
from cloud_broker.web.pages.session import build_session_router
from cloud_broker.web.pages.stream import build_stream_router
from cloud_broker.web.pages.tickets import build_tickets_router
from cloud_broker.web.static_files import StaticFiles


def install_pages(app: FastAPI, console: Console) -> None:
    """Mount every page, the static files and the error pages on `app`.

    Raises:
        StaticMissing: the front-end files were not installed.
    """
    static = StaticFiles()
    renderer = Renderer(static, console.now, console.demo, console.desk_page_port)
    app.include_router(static.router())
    app.include_router(build_router(console, renderer))
    install_error_pages(app, renderer)


def build_router(console: Console, renderer: Renderer) -> APIRouter:
    """Every page of the console; `/` leads to the desk."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def home(_request: Request, _user: SignedIn) -> Response:
        return RedirectResponse("/desk", status_code=303)

    router.include_router(build_session_router(console, renderer))
    router.include_router(build_desk_router(console, renderer))
    router.include_router(build_stream_router(console, renderer))
    router.include_router(build_calls_router(console, renderer))
    router.include_router(build_tickets_router(console, renderer))
    router.include_router(build_residents_router(console, renderer))
    router.include_router(build_letters_router(console, renderer))
    router.include_router(build_reconciliation_router(console, renderer))
    return router

"""The web part: API, console and health, around one `Cloud`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from fastapi import FastAPI, Request, Response
from sqlalchemy.exc import DataError

from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.times import to_datetime
from cloud_broker.web.api import build_api
from cloud_broker.web.api.router import refuse
from cloud_broker.web.identity import CookieSessions, IdentityMiddleware
from cloud_broker.web.incoming import BodyBounds
from cloud_broker.web.outage import DatabaseOutage
from cloud_broker.web.pages import Console
from cloud_broker.web.pages.router import install_pages


def build_app(cloud: Cloud, *, pages: bool = True) -> FastAPI:
    """The application. `pages=False` leaves the console out: an API without front-end files."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        cloud.hub.start()
        yield
        cloud.hub.close()

    app = FastAPI(title="CloudSeat", version="1", lifespan=lifespan, docs_url="/api/docs", redoc_url=None)
    app.include_router(build_api(cloud))

    @app.get("/healthz")
    def health() -> dict[str, bool]:
        """The web part answers and the database does."""
        cloud.database.check()
        return {"ok": True}

    if pages:
        install_pages(app, build_console(cloud))
    app.add_exception_handler(DataError, refuse_value)
    app.add_middleware(IdentityMiddleware, people=cloud.people)
    app.add_middleware(BodyBounds)
    app.add_middleware(DatabaseOutage)
    return app


def refuse_value(_request: Request, _error: Exception) -> Response:
    """The database has no place for what was sent, a NUL in a text for instance."""
    return refuse(422, "value", "Something in this request cannot be stored or searched for.")


def build_console(cloud: Cloud) -> Console:
    """What the pages work with."""

    def now() -> datetime:
        return to_datetime(cloud.clock.now_ms())

    return Console(
        reader=cloud.reader,
        writer=cloud.writer,
        hub=cloud.hub,
        sessions=CookieSessions(cloud.people),
        operations=cloud.operations,
        now=now,
        demo=cloud.settings.demo,
        desk_page_port=cloud.settings.desk_page_port,
        desk_page_keys=cloud.enrolment.page_keys,
    )

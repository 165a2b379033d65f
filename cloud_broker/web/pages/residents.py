"""Residents 住户: search by name, room or number, and one person with everything known."""

from fastapi import APIRouter, Request, Response

from cloud_broker.web.incoming import RowId
from cloud_broker.web.pages.calls import own_desk
from cloud_broker.web.pages.guard import SignedIn
from cloud_broker.web.pages.ports import Console
from cloud_broker.web.pages.render import Renderer

PAGE_SIZE = 50


def build_residents_router(console: Console, renderer: Renderer) -> APIRouter:
    """Routes `/residents` and `/residents/…`."""
    router = APIRouter(include_in_schema=False)
    reader = console.reader

    @router.get("/residents")
    def resident_list(request: Request, user: SignedIn, q: str = "", cursor: str | None = None) -> Response:
        return renderer.page(
            request,
            "residents.html",
            desk=own_desk(console, user),
            page=reader.residents(user, q.strip(), cursor or None, PAGE_SIZE),
            query=q.strip(),
            cursor=cursor,
        )

    @router.get("/residents/{resident:int}")
    def resident_page(request: Request, user: SignedIn, resident: RowId) -> Response:
        return renderer.page(
            request,
            "resident.html",
            desk=own_desk(console, user),
            person=reader.resident(user, resident),
        )

    return router

"""Calls 通话: the list, one call, and the playing of its recording."""

from datetime import datetime, timedelta

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from cloud_broker.domain.views import CallFilter, DeskView, Invalid, NotFound, User
from cloud_broker.web.pages.guard import CheckedForm, SignedIn
from cloud_broker.web.pages.picture import draw_call
from cloud_broker.web.pages.ports import Console
from cloud_broker.web.pages.reasons import explain
from cloud_broker.web.pages.render import Renderer
from telephony.formats import SHANGHAI

PAGE_SIZE = 50


def build_calls_router(console: Console, renderer: Renderer) -> APIRouter:
    """Routes `/calls` and `/calls/…`."""
    router = APIRouter(include_in_schema=False)
    reader = console.reader

    @router.get("/calls")
    def call_list(
        request: Request,
        user: SignedIn,
        desk: str | None = None,
        outcome: str | None = None,
        direction: str | None = None,
        q: str = "",
        day: str = "",
        cursor: str | None = None,
    ) -> Response:
        since = read_day(day)
        where = CallFilter(
            desk=desk or user.desk,
            outcome=outcome or None,
            direction=direction or None,
            text=q.strip() or None,
            since=since,
            until=since + timedelta(days=1) if since else None,
        )
        return renderer.page(
            request,
            "calls.html",
            desk=own_desk(console, user),
            desks=reader.desks(user),
            page=reader.calls(user, where, cursor or None, PAGE_SIZE),
            where=where,
            day=day if since else "",
            cursor=cursor,
        )

    @router.get("/calls/{call}")
    def call_page(request: Request, user: SignedIn, call: str) -> Response:
        view = reader.call(user, call)
        tickets = [reader.ticket(user, ticket) for ticket in view.tickets]
        return renderer.page(
            request,
            "call.html",
            desk=own_desk(console, user),
            call=view,
            tickets=tickets,
            picture=draw_call(view, console.now()),
        )

    @router.post("/calls/{call}/play")
    async def play(request: Request, call: str, user: SignedIn, _form: CheckedForm) -> Response:
        try:
            url = await run_in_threadpool(console.writer.play_url, user, call)
        except Invalid as error:
            return JSONResponse({"sentence": explain(renderer, request, error)}, status_code=409)
        return JSONResponse({"url": url}, headers={"Cache-Control": "no-store"})

    return router


def own_desk(console: Console, user: User) -> DeskView | None:
    """The desk that stands in the page header: the user's own; those who see all have none."""
    try:
        return console.reader.desk(user, user.desk) if user.desk else None
    except NotFound:
        return None


def read_day(text: str) -> datetime | None:
    """Midnight in Shanghai of `2026-03-17`; None for anything else."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=SHANGHAI)
    except ValueError:
        return None

"""Tickets 工单: the list, and one ticket with its history and its next steps."""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from cloud_broker.domain.tickets import NEEDS_NOTE, next_moves
from cloud_broker.domain.views import CallView, Invalid, NotFound, TicketFilter, User
from cloud_broker.web.incoming import RowId
from cloud_broker.web.pages.calls import own_desk
from cloud_broker.web.pages.guard import CheckedForm, SignedIn
from cloud_broker.web.pages.ports import Console
from cloud_broker.web.pages.reasons import explain
from cloud_broker.web.pages.render import Renderer

PAGE_SIZE = 50


def build_tickets_router(console: Console, renderer: Renderer) -> APIRouter:
    """Routes `/tickets` and `/tickets/…`."""
    router = APIRouter(include_in_schema=False)
    reader, writer = console.reader, console.writer

    @router.get("/tickets")
    def ticket_list(
        request: Request,
        user: SignedIn,
        desk: str | None = None,
        state: str | None = None,
        type: str | None = None,
        q: str = "",
        cursor: str | None = None,
    ) -> Response:
        where = TicketFilter(
            desk=desk or user.desk, state=state or None, type=type or None, text=q.strip() or None
        )
        return renderer.page(
            request,
            "tickets.html",
            desk=own_desk(console, user),
            desks=reader.desks(user),
            page=reader.tickets(user, where, cursor or None, PAGE_SIZE),
            where=where,
            cursor=cursor,
        )

    @router.get("/tickets/{ticket:int}")
    def ticket_page(request: Request, user: SignedIn, ticket: RowId) -> Response:
        return _ticket_page(request, user, ticket)

    @router.post("/tickets/{ticket:int}/move")
    async def move(request: Request, user: SignedIn, ticket: RowId, form: CheckedForm) -> Response:
        to_state, note = str(form.get("to", "")), str(form.get("note", ""))
        try:
            await run_in_threadpool(writer.move_ticket, user, ticket, to_state, note)
        except Invalid as error:
            sentence = explain(renderer, request, error)
            return await run_in_threadpool(_ticket_page, request, user, ticket, 422, sentence, note)
        return RedirectResponse(f"/tickets/{ticket}", status_code=303)

    def _ticket_page(
        request: Request, user: User, ticket: int, status: int = 200, error: str | None = None, note: str = ""
    ) -> Response:
        view = reader.ticket(user, ticket)
        return renderer.page(
            request,
            "ticket.html",
            status,
            desk=own_desk(console, user),
            ticket=view,
            call=_bound_call(user, view.call),
            moves=next_moves(view.state),
            needs_note=NEEDS_NOTE,
            error=error,
            note=note,
        )

    def _bound_call(user: User, call: str | None) -> CallView | None:
        try:
            return reader.call(user, call) if call else None
        except NotFound:  # a call this person may not see; the ticket they may
            return None

    return router

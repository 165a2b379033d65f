"""Tickets: make, list, move, bind to a call; the item tree."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, Field

from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.views import Invalid, NewTicket, TicketFilter, User
from cloud_broker.web.api.shapes import shape_item, shape_ticket
from cloud_broker.web.identity import Identified
from cloud_broker.web.incoming import RowId


class TicketBody(BaseModel):
    """`desk` may be left out where the call or the user names it."""

    type: str
    items: list[str] = Field(default_factory=list, max_length=20)
    call: str | None = None
    desk: str | None = None
    place: str = ""
    note: str = ""
    promise_minutes: int | None = None
    resident: RowId | None = None


class MoveBody(BaseModel):
    to: str
    note: str = ""


class BindBody(BaseModel):
    call: str


def add_routes(router: APIRouter, cloud: Cloud) -> None:
    reader, writer = cloud.reader, cloud.writer

    @router.post("/tickets", status_code=201)
    def create(
        user: Identified,
        body: TicketBody,
        key: Annotated[str, Header(alias="Idempotency-Key", max_length=128)] = "",
    ) -> dict[str, Any]:
        """The same Idempotency-Key at the same desk gives the same ticket."""
        desk = _find_desk(user, body)
        ticket = NewTicket(
            desk=desk,
            call=body.call,
            type=body.type,
            items=body.items,
            place=body.place,
            note=body.note,
            promise_minutes=body.promise_minutes,
            resident=body.resident,
            key=key,
        )
        return shape_ticket(writer.create_ticket(user, ticket))

    def _find_desk(user: User, body: TicketBody) -> str:
        desk = body.desk or (reader.call(user, body.call).desk if body.call else user.desk)
        if desk is None:
            raise Invalid("desk", "empty")
        return desk

    @router.get("/tickets")
    def list_tickets(
        user: Identified,
        desk: str | None = None,
        state: str | None = None,
        type: str | None = None,
        text: str | None = None,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> dict[str, Any]:
        page = reader.tickets(user, TicketFilter(desk, state, type, text), cursor, limit)
        return {"items": [shape_ticket(view) for view in page.items], "next": page.next}

    @router.get("/tickets/{ticket}")
    def get_ticket(user: Identified, ticket: RowId) -> dict[str, Any]:
        return shape_ticket(reader.ticket(user, ticket))

    @router.post("/tickets/{ticket}/moves")
    def move(user: Identified, ticket: RowId, body: MoveBody) -> dict[str, Any]:
        """`to` is one of the ticket's `moves`."""
        return shape_ticket(writer.move_ticket(user, ticket, body.to, body.note))

    @router.post("/tickets/{ticket}/calls")
    def bind(user: Identified, ticket: RowId, body: BindBody) -> dict[str, Any]:
        return shape_ticket(writer.bind_ticket(user, ticket, body.call))

    @router.get("/items")
    def list_items(_user: Identified) -> dict[str, Any]:
        return {"items": [shape_item(item) for item in reader.items()]}

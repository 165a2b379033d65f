"""The desk page 坐席: the call now, its ticket form, and what is left to do."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from cloud_broker.domain.views import Invalid, NewResident, NewTicket, NotFound, TicketView, User
from cloud_broker.web.i18n import N_
from cloud_broker.web.pages.desk_facts import (
    read_call_facts,
    read_form_facts,
    read_list_facts,
)
from cloud_broker.web.pages.guard import CheckedForm, SignedIn
from cloud_broker.web.pages.ports import Console
from cloud_broker.web.pages.reasons import explain
from cloud_broker.web.pages.render import Renderer

#: What a draft keeps; all text, as typed.
DRAFT_FIELDS = ("type", "items", "place", "note", "promise")
MAX_NOTE = 1000
"""Characters: what the desk's own page takes too, so that a draft may go over to it and back."""


def build_desk_router(console: Console, renderer: Renderer) -> APIRouter:
    """Routes `/desk` and `/desk/…`, except the live stream."""
    router = APIRouter(include_in_schema=False)
    reader, writer = console.reader, console.writer

    @router.get("/desk")
    def desk_page(request: Request, user: SignedIn, desk: str | None = None) -> Response:
        chosen, now = desk_of(console, user, desk), console.now()
        call = read_call_facts(reader, user, chosen, now)
        form = read_form_facts(reader, user, chosen, None, now)
        lists = read_list_facts(reader, user, chosen)
        return renderer.page(
            request,
            "desk.html",
            desk=call.desk,
            desks=reader.desks(user),
            now_call=call,
            form=form,
            lists=lists,
            own_page={"port": console.desk_page_port, "keys": dict(console.desk_page_keys(chosen))},
        )

    @router.get("/desk/ticket")
    def ticket_form(request: Request, user: SignedIn, desk: str, call: str | None = None) -> Response:
        facts = read_form_facts(reader, user, desk, call or None, console.now())
        if call == "":
            facts = replace(facts, call=None, known=None, values={"type": "repair"})
        return renderer.page(request, "fragments/ticket_form.html", form=facts)

    @router.post("/desk/draft")
    async def save_draft(user: SignedIn, form: CheckedForm) -> Response:
        fields = {name: _text(form, name) for name in DRAFT_FIELDS}
        fields["items"] = ",".join(_items(form))
        await run_in_threadpool(writer.save_draft, user, _text(form, "call"), fields)
        return Response(status_code=204)

    @router.post("/desk/tickets")
    async def create_ticket(request: Request, user: SignedIn, form: CheckedForm) -> Response:
        try:
            new = read_ticket(form)
            ticket = await run_in_threadpool(writer.create_ticket, user, new)
        except Invalid as error:
            return await _form_again(request, user, form, error)
        return await _ticket_saved(request, user, new.desk, ticket)

    @router.post("/desk/resident")
    async def save_resident(request: Request, user: SignedIn, form: CheckedForm) -> Response:
        resident = NewResident(
            desk=_text(form, "desk"),
            call=_text(form, "call"),
            name=_text(form, "name").strip(),
            salutation=_text(form, "salutation"),
            room=_text(form, "room").strip(),
        )
        return await _change_caller(request, user, form, lambda: writer.save_resident(user, resident))

    @router.post("/desk/choose")
    async def choose_resident(request: Request, user: SignedIn, form: CheckedForm) -> Response:
        call, resident = _text(form, "call"), _number(form, "resident")
        if resident is None:
            raise NotFound
        chosen = resident
        return await _change_caller(request, user, form, lambda: writer.choose_resident(user, call, chosen))

    @router.post("/desk/claim")
    async def claim(request: Request, user: SignedIn, form: CheckedForm) -> Response:
        call = _text(form, "call")
        return await _change_caller(request, user, form, lambda: writer.claim_call(user, call))

    async def _change_caller(
        request: Request, user: User, form: FormData, change: Callable[[], object]
    ) -> Response:
        """Do `change`, then show the call and its caller anew; a refusal is shown beside them."""
        error = None
        try:
            await run_in_threadpool(change)
        except Invalid as refused:
            error = explain(renderer, request, refused)
        facts = await run_in_threadpool(read_call_facts, reader, user, _text(form, "desk"), console.now())
        return renderer.page(request, "fragments/call_changed.html", now_call=facts, error=error)

    async def _form_again(request: Request, user: User, form: FormData, error: Invalid) -> Response:
        facts = await run_in_threadpool(
            read_form_facts, reader, user, _text(form, "desk"), _text(form, "call") or None, console.now()
        )
        values = {name: _text(form, name) for name in DRAFT_FIELDS} | {"items": ",".join(_items(form))}
        sentence = explain(renderer, request, error)
        facts = replace(facts, values=values, error_field=error.field, error=sentence)
        return renderer.page(request, "fragments/ticket_form.html", form=facts)

    async def _ticket_saved(request: Request, user: User, desk: str, ticket: TicketView) -> Response:
        lists = await run_in_threadpool(read_list_facts, reader, user, desk)
        answer = renderer.page(
            request, "fragments/ticket_saved.html", ticket=ticket, items=reader.items(), lists=lists
        )
        said = renderer.message(request, N_("Ticket %s is saved.")) % ticket.number
        answer.headers["HX-Trigger"] = json.dumps({"said": {"text": said}})
        return answer

    return router


def desk_of(console: Console, user: User, wanted: str | None) -> str:
    """The desk a page is about: the wanted one, else the user's own, else the first they may see."""
    if wanted or user.desk:
        return wanted or user.desk or ""
    desks = console.reader.desks(user)
    if not desks:
        raise NotFound
    return desks[0].id


def read_ticket(form: FormData) -> NewTicket:
    """The ticket that a filled-in form describes.

    Raises:
        Invalid: neither item nor note (`items`), a note over 1,000 characters (`note`), or a promised time
            that is no number of minutes between 1 and 43,200 (`promise`).
    """
    items, note = _items(form), _text(form, "note").strip()
    if not items and not note:
        raise Invalid("items", "items")
    if len(note) > MAX_NOTE:
        raise Invalid("note", "too_long")
    promise = _number(form, "promise")
    if (_text(form, "promise") and promise is None) or (promise is not None and not 1 <= promise <= 43_200):
        raise Invalid("promise", "promise")
    return NewTicket(
        desk=_text(form, "desk"),
        call=_text(form, "call") or None,
        type=_text(form, "type") or "repair",
        items=items,
        place=_text(form, "place").strip(),
        note=note,
        promise_minutes=promise,
        resident=_number(form, "resident"),
        key=_text(form, "key"),
    )


def _text(form: FormData, name: str) -> str:
    value: Any = form.get(name, "")
    return value if isinstance(value, str) else ""


def _items(form: FormData) -> list[str]:
    return [value for value in form.getlist("items") if isinstance(value, str) and value]


def _number(form: FormData, name: str) -> int | None:
    text = _text(form, name)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None

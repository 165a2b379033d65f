"""Dead letters 死信: the list, one letter, and what may be done with it."""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse

from cloud_broker.domain.operations import MAX_NOTE, LetterFilter
from cloud_broker.domain.views import Invalid, User
from cloud_broker.web.i18n import N_
from cloud_broker.web.incoming import RowId
from cloud_broker.web.pages.calls import own_desk
from cloud_broker.web.pages.guard import CheckedForm, SignedIn
from cloud_broker.web.pages.ports import Console
from cloud_broker.web.pages.reasons import explain
from cloud_broker.web.pages.render import Renderer

PAGE_SIZE = 50
OPEN, ANY = "open", "any"
_SAID = {
    "replay": N_("Replayed"),
    "set-aside": N_("Set aside"),
    "reopen": N_("Opened again"),
}


def build_letters_router(console: Console, renderer: Renderer) -> APIRouter:
    """Routes `/letters` and `/letters/…`."""
    router = APIRouter(include_in_schema=False)
    operations = console.operations

    @router.get("/letters")
    def letter_list(
        request: Request,
        user: SignedIn,
        state: str = OPEN,
        reason: str | None = None,
        q: str = "",
        cursor: str | None = None,
    ) -> Response:
        where = LetterFilter(None if state in ("", ANY) else state, reason or None, q.strip() or None)
        return renderer.page(
            request,
            "letters.html",
            desk=own_desk(console, user),
            page=operations.letters(user, where, cursor or None, PAGE_SIZE),
            where=where,
            cursor=cursor,
            max_note=MAX_NOTE,
        )

    @router.get("/letters/{letter:int}")
    def letter_page(request: Request, user: SignedIn, letter: RowId) -> Response:
        return _letter_page(request, user, letter)

    @router.post("/letters/{letter:int}/{verb}")
    async def decide(
        request: Request, user: SignedIn, letter: RowId, verb: str, form: CheckedForm
    ) -> Response:
        """For a form the letter's page; for a script (`Accept: application/json`) what became of it."""
        note, is_script = str(form.get("note", "")), "json" in request.headers.get("accept", "")
        try:
            await run_in_threadpool(_decide, user, letter, verb, note)
        except Invalid as error:
            sentence = explain(renderer, request, error)
            if is_script:
                return JSONResponse({"sentence": sentence}, status_code=422)
            return await run_in_threadpool(_letter_page, request, user, letter, 422, sentence, note)
        if is_script:
            return JSONResponse({"said": renderer.message(request, _SAID[verb])})
        return RedirectResponse(f"/letters/{letter}", status_code=303)

    def _decide(user: User, letter: int, verb: str, note: str) -> None:
        if verb == "replay":
            operations.replay_letter(user, letter)
        elif verb == "set-aside":
            operations.set_letter_aside(user, letter, note)
        elif verb == "reopen":
            operations.reopen_letter(user, letter)
        else:
            raise Invalid("letter", "unknown")

    def _letter_page(
        request: Request, user: User, letter: int, status: int = 200, error: str | None = None, note: str = ""
    ) -> Response:
        return renderer.page(
            request,
            "letter.html",
            status,
            desk=own_desk(console, user),
            letter=operations.letter(user, letter),
            error=error,
            note=note,
            max_note=MAX_NOTE,
        )

    return router

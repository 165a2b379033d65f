"""Calls 通话: the list, one call, and the playing of its recording."""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from cloud_broker.domain.views import Invalid
from cloud_broker.web.i18n import N_
from cloud_broker.web.pages.guard import CheckedForm, SignedIn
from cloud_broker.web.pages.ports import Console
from cloud_broker.web.pages.render import Renderer

PLAY_REASONS = {
    "not_verified": N_("The recording is still on the desk PC; it was asked to send this one first."),
    "no_recording": N_("This call has no recording."),
    "expired": N_("The recording was deleted after its keeping time."),
}


def build_calls_router(console: Console, renderer: Renderer) -> APIRouter:
    """Routes `/calls` and `/calls/…`."""
    router = APIRouter(include_in_schema=False)

    @router.post("/calls/{call}/play")
    async def play(request: Request, call: str, user: SignedIn, _form: CheckedForm) -> Response:
        try:
            url = await run_in_threadpool(console.writer.play_url, user, call)
        except Invalid as error:
            sentence = renderer.message(request, PLAY_REASONS.get(error.reason, error.reason))
            return JSONResponse({"sentence": sentence}, status_code=409)
        return JSONResponse({"url": url}, headers={"Cache-Control": "no-store"})

    return router

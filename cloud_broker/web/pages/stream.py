"""The live part of the desk page: HTML fragments over server-sent events.

Rules:
- On every connection (also a repeated one) the whole live part is sent, so nothing that happened while the
  line was down can be missed, and no effect from before it is asked for.
- However many effects came meanwhile, the page is made once.
- A fragment is sent only if it differs from the one this connection sent last: the page stands still unless
  something happened.
- The call goes first, in a message of its own; the lists follow.
- The ticket form is never sent: what an agent types is never replaced under their fingers.
- Every `BEAT_S` seconds a `beat` event tells the page that the connection lives.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from cloud_broker.domain.views import Effect, User
from cloud_broker.web.i18n import Language
from cloud_broker.web.pages.desk import desk_of
from cloud_broker.web.pages.desk_facts import read_call_facts, read_list_facts
from cloud_broker.web.pages.guard import SignedIn
from cloud_broker.web.pages.ports import Console
from cloud_broker.web.pages.render import Renderer, language_of

BEAT_S = 10.0

#: element id → template; each fragment is the inside of that element
_CALL_PARTS = {"call": "fragments/call.html", "caller": "fragments/caller.html"}
_ELSEWHERE_PARTS = {"ringing": "fragments/ringing.html"}
_LIST_PARTS = {
    "links": "fragments/links.html",
    "figures": "fragments/figures.html",
    "missed": "fragments/missed.html",
    "recent": "fragments/recent.html",
    "promises": "fragments/promises.html",
}


@dataclass
class DeskFeed:
    """The fragments of one connection, each remembered so that only changes are sent.

    Attributes:
        is_elsewhere: for a page that is not the desk's: it is told only that the phone rings.
    """

    console: Console
    renderer: Renderer
    user: User
    desk: str
    language: Language
    is_elsewhere: bool = False
    _sent: dict[str, str] = field(default_factory=dict)

    def call_changes(self) -> str:
        """The call columns, as far as they changed."""
        facts = read_call_facts(self.console.reader, self.user, self.desk, self.console.now())
        return self._changes(_ELSEWHERE_PARTS if self.is_elsewhere else _CALL_PARTS, now_call=facts)

    def list_changes(self) -> str:
        """Header dots, figures and lists, as far as they changed."""
        if self.is_elsewhere:
            return ""
        facts = read_list_facts(self.console.reader, self.user, self.desk)
        return self._changes(_LIST_PARTS, lists=facts, desk=facts.desk)

    def _changes(self, parts: dict[str, str], **facts: object) -> str:
        changed = []
        for element, template in parts.items():
            html = self.renderer.text(self.language, template, **facts)
            if self._sent.get(element) != html:
                self._sent[element] = html
                changed.append(f'<hx-partial hx-target="#{element}" hx-swap="innerMorph">{html}</hx-partial>')
        return "".join(changed)


def build_stream_router(console: Console, renderer: Renderer) -> APIRouter:
    """Route `/desk/stream`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/desk/stream")
    def desk_stream(
        request: Request, user: SignedIn, desk: str | None = None, elsewhere: bool = False
    ) -> StreamingResponse:
        chosen = desk_of(console, user, desk)
        console.reader.desk(user, chosen)  # NotFound before the stream begins, not inside it
        feed = DeskFeed(console, renderer, user, chosen, language_of(request), elsewhere)
        effects = console.hub.subscribe(chosen, None)
        return StreamingResponse(
            stream_desk(feed, effects, is_open=partial(console.sessions.is_signed_in, request)),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return router


async def stream_desk(
    feed: DeskFeed,
    effects: AsyncIterator[Effect],
    beat_s: float = BEAT_S,
    is_open: Callable[[], bool] = lambda: True,
) -> AsyncIterator[str]:
    """The text of the stream: all fragments once, then changes as effects come, and beats between them.

    It ends with the effects, or when the session of its page is no longer open.
    """
    pending = asyncio.ensure_future(anext(effects))
    await asyncio.sleep(0)  # the subscription stands before the first read, so no effect falls between
    clock = asyncio.get_running_loop().time
    beat_at = clock() + beat_s
    try:
        while True:
            for changes in (feed.call_changes, feed.list_changes):
                if html := await run_in_threadpool(changes):
                    yield format_event(html)
            done, _ = await asyncio.wait({pending}, timeout=max(0.0, beat_at - clock()))
            if not await run_in_threadpool(is_open):
                return
            while pending.done():
                try:
                    pending.result()
                except StopAsyncIteration:
                    return
                pending = asyncio.ensure_future(anext(effects))
                await asyncio.sleep(0)  # what is there already is taken in this one step
            if not done or clock() >= beat_at:
                yield "event: beat\ndata: 1\n\n"
                beat_at = clock() + beat_s
    finally:
        pending.cancel()
        with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
            await pending


def format_event(html: str) -> str:
    """One unnamed SSE message; every line of `html` is a data line."""
    return "".join(f"data: {line}\n" for line in html.splitlines() if line.strip()) + "\n"

"""What happens at a desk, as server-sent events: `call` and `ticket` with the new state as JSON."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.views import Effect, NotFound, User
from cloud_broker.web.api.shapes import shape_call, shape_ticket
from cloud_broker.web.identity import CookieSessions, Identified
from cloud_broker.web.incoming import read_last_event_id

KEEP_ALIVE_S = 15.0


def add_routes(router: APIRouter, cloud: Cloud) -> None:
    sessions = CookieSessions(cloud.people)

    @router.get("/desks/{desk}/stream")
    def stream(request: Request, user: Identified, desk: str) -> StreamingResponse:
        """`id:` is the outbox id; Last-Event-ID catches up with what was missed."""
        cloud.reader.desk(user, desk)
        effects = cloud.hub.subscribe(desk, read_last_event_id(request))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        is_open = partial(sessions.is_signed_in, request)
        return StreamingResponse(_write(cloud, user, effects, is_open), 200, headers, "text/event-stream")


async def _write(
    cloud: Cloud, user: User, effects: AsyncIterator[Effect], is_open: Callable[[], bool]
) -> AsyncIterator[str]:
    """Until the effects end, or the session that asked for them."""
    pending = asyncio.ensure_future(anext(effects))
    yield ": here\n\n"  # the subscription stands once this has arrived
    try:
        while True:
            done, _ = await asyncio.wait({pending}, timeout=KEEP_ALIVE_S)
            if not await run_in_threadpool(is_open):
                return
            if not done:
                yield ": still here\n\n"
                continue
            try:
                effect = pending.result()
            except StopAsyncIteration:
                return
            pending = asyncio.ensure_future(anext(effects))
            text = await run_in_threadpool(_format, cloud, user, effect)
            if text is not None:
                yield text
    finally:
        pending.cancel()


def _format(cloud: Cloud, user: User, effect: Effect) -> str | None:
    try:
        if effect.kind == "ticket":
            body = shape_ticket(cloud.reader.ticket(user, int(effect.subject)))
        else:
            body = shape_call(cloud.reader.call(user, effect.subject))
    except NotFound:
        return None
    body["pop"] = effect.fields.get("pop") == "1"
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return f"id: {effect.id}\nevent: {effect.kind}\ndata: {data}\n\n"

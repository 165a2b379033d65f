"""Bounds on what a request may bring: how long its body, how slow, how great a number."""

import asyncio
from typing import Annotated

from fastapi import Request
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Of any request; uploads of recordings have a bound of their own below it."""
MAX_PAUSE_S = 30.0
"""Between two pieces of a body."""
MAX_ID_DIGITS = 18

RowId = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""The id of a row in an address or a body."""


class BodyBounds:
    """Refuses a body that is too long (413) or whose next piece does not come (408)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        left, has_more = MAX_BODY_BYTES, True

        async def receive_bounded() -> Message:
            nonlocal left, has_more
            if not has_more:  # what follows a body is the client's good-bye, whenever that is
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), MAX_PAUSE_S)
            except TimeoutError:
                raise HTTPException(408, f"No more of the body came for {MAX_PAUSE_S:.0f} s.") from None
            left -= len(message.get("body", b""))
            has_more = message.get("more_body", False)
            if left < 0:
                raise HTTPException(413, f"At most {MAX_BODY_BYTES} bytes in one body.")
            return message

        await self._app(scope, receive_bounded, send)


def read_last_event_id(request: Request) -> int | None:
    """The outbox id where a live page was left; None for anything that is none."""
    text = request.headers.get("last-event-id", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS else None

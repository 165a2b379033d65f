"""Calls: list, one, play, claim, and which resident it is."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.times import iso_ms
from cloud_broker.domain.views import CallFilter, Invalid
from cloud_broker.handlers.playback import TOKEN_LIFE_MS
from cloud_broker.web.api.shapes import shape_call, shape_timeline
from cloud_broker.web.identity import Identified
from cloud_broker.web.incoming import RowId


class ResidentChoice(BaseModel):
    resident: RowId


def add_routes(router: APIRouter, cloud: Cloud) -> None:
    reader, writer = cloud.reader, cloud.writer

    @router.get("/calls")
    def list_calls(
        user: Identified,
        desk: str | None = None,
        box: str | None = None,
        number: str | None = None,
        outcome: str | None = None,
        direction: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        text: str | None = None,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> dict[str, Any]:
        """Newest first. `next` goes back in as `cursor`."""
        for name, at in (("since", since), ("until", until)):
            if at is not None and at.tzinfo is None:
                raise Invalid(name, "zone_missing")
        where = CallFilter(desk, box, number, outcome, direction, since, until, text)
        page = reader.calls(user, where, cursor, limit)
        return {"items": [shape_call(view) for view in page.items], "next": page.next}

    @router.get("/calls/{call}")
    def get_call(user: Identified, call: str) -> dict[str, Any]:
        view = reader.call(user, call)
        return {**shape_call(view), "timeline": shape_timeline(view)}

    @router.post("/calls/{call}/play")
    def play(user: Identified, call: str) -> dict[str, Any]:
        """An address that plays for 15 minutes, and one audit row."""
        return {
            "url": writer.play_url(user, call),
            "expires_at": iso_ms(cloud.clock.now_ms() + TOKEN_LIFE_MS),
        }

    @router.post("/calls/{call}/claim")
    def claim(user: Identified, call: str) -> dict[str, Any]:
        return shape_call(writer.claim_call(user, call))

    @router.post("/calls/{call}/resident")
    def choose_resident(user: Identified, call: str, choice: ResidentChoice) -> dict[str, Any]:
        return shape_call(writer.choose_resident(user, call, choice.resident))

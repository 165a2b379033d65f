"""For the agent of a desk: what it keeps for the hours without the cloud, and what became of their drafts."""

import gzip
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response

from cloud_broker.bootstrap import Cloud
from cloud_broker.handlers.drafts import find_tickets
from cloud_broker.handlers.roster import build_roster
from cloud_broker.web.identity import build_agent_dependency

MAX_DRAFTS = 50
_GZIP_LEVEL = 5


def add_routes(router: APIRouter, cloud: Cloud) -> None:
    agent_desk = Annotated[str, Depends(build_agent_dependency(cloud.enrolment.find_agent_desk))]

    @router.get("/agent/roster")
    def roster(
        desk: agent_desk,
        known: Annotated[str, Header(alias="If-None-Match", max_length=128)] = "",
        encodings: Annotated[str, Header(alias="Accept-Encoding", max_length=256)] = "",
    ) -> Response:
        """Residents of the desk's own project by number, and the item tree; 304 for what the agent has."""
        found = build_roster(cloud.database, desk, cloud.clock.now_ms())
        headers = {"ETag": f'"{found.tag}"', "Cache-Control": "private, no-store", "Vary": "Accept-Encoding"}
        if known == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        body = found.body
        if "gzip" in encodings:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        return Response(body, headers=headers, media_type="application/json")

    @router.get("/agent/drafts")
    def drafts(desk: agent_desk, id: Annotated[list[str], Query(max_length=MAX_DRAFTS)]) -> dict[str, Any]:
        """The tickets of these drafts; one that has none yet is left out."""
        with cloud.database.read() as connection:
            return {"items": find_tickets(connection, desk, id)}

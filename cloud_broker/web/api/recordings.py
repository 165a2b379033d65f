"""Recordings in (agents) and out (the player)."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.views import NotFound
from cloud_broker.errors import UploadRefused
from cloud_broker.handlers.recordings import (
    MAX_PART_BYTES,
    MAX_PARTS,
    MAX_WHOLE_BYTES,
    Stored,
    key_of,
    read_range,
)
from cloud_broker.web.identity import build_agent_dependency

AUDIO = "audio/ogg"
MAX_SAMPLES = 2**32 - 1
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")

Digest = Annotated[str, Header(alias="Content-Digest")]
Samples = Annotated[int, Header(alias="CloudSeat-Samples", ge=0, le=MAX_SAMPLES)]


class Completion(BaseModel):
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int = Field(ge=1)
    parts: int = Field(ge=1, le=MAX_PARTS)
    samples: int = Field(ge=0, le=MAX_SAMPLES)


def add_routes(router: APIRouter, cloud: Cloud) -> None:
    recordings = cloud.recordings
    agent_desk = Annotated[str, Depends(build_agent_dependency(cloud.enrolment.find_agent_desk))]

    @router.put("/recordings/{call}")
    async def put_whole(
        request: Request,
        response: Response,
        desk: agent_desk,
        call: str,
        samples: Samples,
        digest: Digest = "",
    ) -> dict[str, Any]:
        """One recording of at most 2 MiB. 201 when new, 200 when it was here already."""
        body = await _read_body(request, MAX_WHOLE_BYTES)
        stored = await run_in_threadpool(recordings.put_whole, desk, call, body, digest, samples)
        response.status_code = 201 if stored.created else 200
        return _shape(stored)

    @router.put("/recordings/{call}/parts/{number}")
    async def put_part(
        request: Request, desk: agent_desk, call: str, number: int, digest: Digest = ""
    ) -> dict[str, Any]:
        """One part of at most 2 MiB, numbered from 0."""
        body = await _read_body(request, MAX_PART_BYTES)
        await run_in_threadpool(recordings.put_part, desk, call, number, body, digest)
        return {"state": "uploading", "part": number, "bytes": len(body)}

    @router.post("/recordings/{call}/complete")
    def complete(response: Response, desk: agent_desk, call: str, body: Completion) -> dict[str, Any]:
        stored = recordings.complete(desk, call, body.sha256, body.bytes, body.parts, body.samples)
        response.status_code = 201 if stored.created else 200
        return _shape(stored)

    @router.get("/recordings/{call}/audio")
    def audio(request: Request, call: str, token: str) -> Response:
        """The recording, whole or by one range; `token` as given by POST /calls/{id}/play."""
        cloud.playback.open(call, token, request.client.host if request.client else "")
        size = cloud.store.size(key_of(call))
        if size is None:
            raise NotFound(call)
        wanted = request.headers.get("range", "")
        is_part = wanted.startswith("bytes=")  # of other units a server is to take no notice
        bounds = parse_range(wanted, size) if is_part else (0, size - 1)
        headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-store"}
        if bounds is None:
            return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
        start, end = bounds
        headers["Content-Length"] = str(end - start + 1)
        if is_part:
            headers["Content-Range"] = f"bytes {start}-{end}/{size}"
        body = read_range(cloud.store, call, start, end)
        return StreamingResponse(body, 206 if is_part else 200, headers, AUDIO)


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a single-range header (RFC 9110 14.1.2), or None if it cannot be satisfied."""
    found = _RANGE.fullmatch(header.strip())
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
    return (start, end) if start <= end and start < size else None


async def _read_body(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise UploadRefused(
                "too_long", f"At most {limit} bytes in one body; send larger recordings in parts."
            )
    return bytes(body)


def _shape(stored: Stored) -> dict[str, Any]:
    return {"state": stored.state, "sha256": stored.sha256, "bytes": stored.bytes}

"""The console's files (ours and the vendor's) held in memory, compressed once, cached for ever by content.

All of it is under 1 MB. An address carries the hash of the content (`/static/base.css?v=1f2e3d4c`), so a
browser never asks again for what it has, and never keeps what has changed.
"""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response

from cloud_broker.web.stylesheet import read_mentioned, reduce_stylesheet

_WEB = Path(__file__).parent
_ROOT = _WEB / "static"
_REDUCED = "vendor/tabler.css"
_REQUIRED = ("vendor/htmx.js", "vendor/hx-sse.js", _REDUCED)
_WORTH_COMPRESSING = 512


class StaticMissing(Exception):
    """Files that `make setup` brings are not there."""


@dataclass(frozen=True)
class _File:
    body: bytes
    gzipped: bytes
    media_type: str
    version: str


class StaticFiles:
    """Every file under `static/`, read once.

    Raises:
        StaticMissing: a vendor file is absent.
    """

    def __init__(self) -> None:
        if missing := [name for name in _REQUIRED if not (_ROOT / name).exists()]:
            raise StaticMissing(f"front-end files are missing ({', '.join(missing)}): run `make setup`")
        self._files = {
            path.relative_to(_ROOT).as_posix(): _load(path) for path in _ROOT.rglob("[!.]*") if path.is_file()
        }

    def url(self, name: str) -> str:
        """The address of a file, with the hash of its content."""
        return f"/static/{name}?v={self._files[name].version}"

    def response(self, name: str, request: Request) -> Response:
        """Answer a request for `name`: 200, 304 or 404."""
        file = self._files.get(name)
        if file is None:
            return Response(status_code=404)
        tag = f'"{file.version}"'
        current = request.query_params.get("v") == file.version
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable" if current else "no-cache",
            "ETag": tag,
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        if file.gzipped and "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(file.gzipped, headers=headers, media_type=file.media_type)
        return Response(file.body, headers=headers, media_type=file.media_type)

    def router(self) -> APIRouter:
        """The route `/static/…`; it needs no session."""
        router = APIRouter(include_in_schema=False)

        @router.get("/static/{name:path}")
        async def static_file(name: str, request: Request) -> Response:
            return self.response(name, request)

        return router


@cache
def _load(path: Path) -> _File:
    body = path.read_bytes()
    if path.relative_to(_ROOT).as_posix() == _REDUCED:
        body = reduce_stylesheet(body.decode(), read_mentioned(_WEB)).encode()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    compress = len(body) >= _WORTH_COMPRESSING and (
        media_type.startswith("text/") or media_type == "image/svg+xml"
    )
    return _File(
        body=body,
        gzipped=gzip.compress(body, 9, mtime=0) if compress else b"",
        media_type="text/javascript" if path.suffix == ".js" else media_type,
        version=hashlib.sha256(body).hexdigest()[:8],
    )

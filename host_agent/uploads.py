"""Recordings to the cloud: which one next and when (pure), and the HTTP of it (a worker's job).

Rules:
- One at a time, oldest first, unless the cloud asked for one. One that failed goes to the end.
- What fails by a reason of its own (refused, unreadable, a wrong hash) backs off by itself, and the others go
  on; where the way fails (no connection, 401, 429, 5xx) all back off.
- Of what the cloud has in another form (409) it is told once a day; the file stays.
- Believed is only an answer that says `verified` and repeats the file's own SHA-256.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from host_agent.errors import AgentError
from host_agent.trust import certificates

PART_BYTES = 2 * 1024 * 1024
PIECE_BYTES = 16 * 1024
"""What is sent between two waits for the rate cap."""
FIRST_WAIT_MS = 5_000
MAX_WAIT_MS = 600_000
DIFFERS_WAIT_MS = 86_400_000
"""Until the cloud is told again that it has another recording of a call."""
TIMEOUT_S = 30.0


class UploadRefused(AgentError):
    """The cloud's answer to an upload was a refusal.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, status: int, words: str) -> None:
        super().__init__(
            "upload.refused",
            f"The cloud refused the recording: HTTP {status} {words}",
            "It is kept and sent again later; 401 or 403 means that this PC must be enrolled again.",
        )
        self.status = status


def is_of_the_way(error: Exception) -> bool:
    """An upload failed as any other would have now."""
    if isinstance(error, UploadRefused):
        return error.status in (401, 429) or error.status >= 500
    return isinstance(error, AgentError) and error.code == "upload.unreachable"


def is_other_kept(error: Exception) -> bool:
    """The cloud keeps another recording of this call."""
    return isinstance(error, UploadRefused) and error.status == HTTPStatus.CONFLICT


@dataclass(frozen=True, slots=True)
class UploadJob:
    """One file to send.

    Attributes:
        sha256: of the whole file, hex.
        samples: true length at 8 kHz.
        sent_parts: numbers of the parts the cloud has taken; an attempt that was cut goes on behind them.
    """

    call: str
    path: Path
    sha256: str
    bytes: int
    samples: int
    sent_parts: set[int] = field(default_factory=set, compare=False)


@dataclass(slots=True)
class _Waiting:
    job: UploadJob
    failures: int = 0
    due_ms: int = 0


class UploadQueue:
    """Order and back-off. Times are elapsed ms.

    Args:
        draw: a random number in [0, 1), for the jitter.
    """

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._jobs: dict[str, _Waiting] = {}
        self._under_way: str | None = None
        self._failures = 0
        self._not_before_ms = 0

    def add(self, job: UploadJob) -> None:
        """A recording is stored and not yet verified."""
        self._jobs.setdefault(job.call, _Waiting(job))

    def ask_first(self, call: str) -> None:
        """Somebody waits for this one."""
        if call in self._jobs and call != self._under_way:
            self._jobs = {call: self._jobs.pop(call), **self._jobs}

    def take(self, now_ms: int) -> UploadJob | None:
        """The next one to send now, or None. Answer with `handle_done`, `handle_refused` or
        `handle_failed`."""
        if self._under_way is not None or now_ms < self._not_before_ms:
            return None
        due = (call for call, waiting in self._jobs.items() if waiting.due_ms <= now_ms)
        self._under_way = next(due, None)
        return None if self._under_way is None else self._jobs[self._under_way].job

    def handle_done(self, call: str) -> None:
        """Verified."""
        self._jobs.pop(call, None)
        self._under_way = None
        self._failures = 0

    def handle_failed(self, now_ms: int) -> None:
        """The way failed: all wait."""
        self._put_back()
        self._not_before_ms = now_ms + self._draw_wait_ms(self._failures)
        self._failures += 1

    def handle_refused(self, now_ms: int, wait_ms: int | None = None) -> None:
        """This one failed, and the way did not: it alone waits, for `wait_ms` or a back-off of its own."""
        waiting = self._put_back()
        if waiting is not None:
            waiting.due_ms = now_ms + (self._draw_wait_ms(waiting.failures) if wait_ms is None else wait_ms)
            waiting.failures += 1
        self._failures = 0

    def _put_back(self) -> _Waiting | None:
        """The one under way goes to the end."""
        call, self._under_way = self._under_way, None
        if call is None or call not in self._jobs:
            return None
        self._jobs[call] = waiting = self._jobs.pop(call)
        return waiting

    def _draw_wait_ms(self, failures: int) -> int:
        """Full-jitter back-off: between half and the whole of a doubling bound."""
        bound_ms = min(FIRST_WAIT_MS << min(failures, 16), MAX_WAIT_MS)
        return round(bound_ms * (0.5 + 0.5 * self._draw()))

    def drop(self, call: str) -> None:
        """There is nothing to send any more (its file is gone)."""
        self._jobs.pop(call, None)
        if self._under_way == call:
            self._under_way = None

    @property
    def is_busy(self) -> bool:
        """One is under way."""
        return self._under_way is not None

    @property
    def pending(self) -> int:
        """How many are not verified yet."""
        return len(self._jobs)

    def next_due_ms(self) -> int | None:
        """When `take` gives something; None: nothing to send, or one is under way."""
        if self._under_way is not None or not self._jobs:
            return None
        return max(self._not_before_ms, min(waiting.due_ms for waiting in self._jobs.values()))


@dataclass(frozen=True, slots=True)
class CloudAccess:
    """Where recordings go, and with which secret."""

    url: str
    token: str


def upload_recording(
    job: UploadJob, access: CloudAccess, throttle: Callable[[int], None] = lambda _: None
) -> None:
    """Send one recording and return only when the cloud proved that it has these bytes.

    Up to PART_BYTES one PUT, above that in parts; every request is idempotent, so all of it may be repeated.

    Args:
        throttle: called with the number of bytes about to be sent; waits to hold a rate.
    Raises:
        AgentError: `upload.file_changed`, `upload.unreadable`, `upload.refused`, `upload.wrong_hash`,
            `upload.unreachable`.
    """
    import httpx

    headers = {"Authorization": f"Bearer {access.token}"}
    try:
        with httpx.Client(
            base_url=f"{access.url}/api/v1/recordings/",
            headers=headers,
            timeout=TIMEOUT_S,
            verify=certificates(),
        ) as client:
            _check_file(job)
            body = (
                _send_parts(client, job, throttle)
                if job.bytes > PART_BYTES
                else _send_whole(client, job, throttle)
            )
    except OSError as error:
        raise AgentError(
            "upload.unreadable",
            f"The recording file {job.path.name} cannot be read: {error}.",
            "It is tried again; look for a virus scanner that holds it, or disk errors.",
        ) from error
    except httpx.HTTPError as error:
        raise AgentError(
            "upload.unreachable",
            f"The cloud {access.url} cannot be reached for uploads: {error}.",
            "Check the network; recordings stay on this PC and are sent later.",
        ) from error
    if body.get("state") != "verified" or body.get("sha256") != job.sha256:
        raise AgentError(
            "upload.wrong_hash",
            f"The cloud answered with hash {body.get('sha256')!r} and state {body.get('state')!r}"
            f" for a recording with hash {job.sha256}.",
            "The recording is kept and sent again; if this goes on, look at the cloud's store.",
        )


def build_content_digest(data: bytes) -> str:
    """`Content-Digest` of RFC 9530."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def _check_file(job: UploadJob) -> None:
    digest = hashlib.sha256()
    with suppress(FileNotFoundError):
        for part in _read_parts(job.path):
            digest.update(part)
    if digest.hexdigest() != job.sha256:
        raise AgentError(
            "upload.file_changed",
            f"The recording file {job.path.name} is not the one that was stored (missing, cut or changed).",
            "It is not sent; look for disk errors or somebody who cleans the data folder.",
        )


def _read_parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(PART_BYTES):
            yield part


def _send_whole(client: Any, job: UploadJob, throttle: Callable[[int], None]) -> dict[str, Any]:
    data = job.path.read_bytes()
    headers = _build_headers("audio/ogg", data) | {"CloudSeat-Samples": str(job.samples)}
    return _read_answer(client.put(job.call, content=_read_pieces(data, throttle), headers=headers))


def _send_parts(client: Any, job: UploadJob, throttle: Callable[[int], None]) -> dict[str, Any]:
    count = 0
    for number, part in enumerate(_read_parts(job.path)):
        count += 1
        if number in job.sent_parts:
            continue
        headers = _build_headers("application/octet-stream", part)
        pieces = _read_pieces(part, throttle)
        _read_answer(client.put(f"{job.call}/parts/{number}", content=pieces, headers=headers))
        job.sent_parts.add(number)
    whole = {"sha256": job.sha256, "bytes": job.bytes, "parts": count, "samples": job.samples}
    answer = client.post(f"{job.call}/complete", json=whole)
    if answer.status_code != HTTPStatus.CONFLICT:
        job.sent_parts.clear()  # verified, or to be sent again from the first on
    return _read_answer(answer)


def _build_headers(content_type: str, body: bytes) -> dict[str, str]:
    return {
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        "Content-Digest": build_content_digest(body),
    }


def _read_pieces(body: bytes, throttle: Callable[[int], None]) -> Iterator[bytes]:
    for start in range(0, len(body), PIECE_BYTES):
        piece = body[start : start + PIECE_BYTES]
        throttle(len(piece))
        yield piece


def _read_answer(response: Any) -> dict[str, Any]:
    if response.status_code >= 300:
        raise UploadRefused(response.status_code, response.text[:200])
    try:
        body = response.json()
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {}

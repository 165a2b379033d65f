"""Recordings to the cloud: which one next and when (pure), and the HTTP of it (a worker's job).

Rules:
- One at a time, oldest first, unless the cloud asked for one; a failure backs off, a wrong hash too. One
  that failed for a reason of its own goes to the end.
- Believed is only an answer that says `verified` and repeats the file's own SHA-256.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from host_agent.errors import AgentError
from host_agent.trust import certificates

PART_BYTES = 2 * 1024 * 1024
FIRST_WAIT_MS = 5_000
MAX_WAIT_MS = 600_000
TIMEOUT_S = 30.0


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


class UploadQueue:
    """Order and back-off. Times are elapsed ms.

    Args:
        draw: a random number in [0, 1), for the jitter.
    """

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._jobs: dict[str, UploadJob] = {}
        self._under_way: str | None = None
        self._failures = 0
        self._not_before_ms = 0

    def add(self, job: UploadJob) -> None:
        """A recording is stored and not yet verified."""
        self._jobs.setdefault(job.call, job)

    def ask_first(self, call: str) -> None:
        """Somebody waits for this one."""
        if call in self._jobs and call != self._under_way:
            self._jobs = {call: self._jobs.pop(call), **self._jobs}

    def take(self, now_ms: int) -> UploadJob | None:
        """The next one to send now, or None. Answer with `handle_done` or `handle_failed`."""
        if self._under_way is not None or not self._jobs or now_ms < self._not_before_ms:
            return None
        self._under_way = next(iter(self._jobs))
        return self._jobs[self._under_way]

    def handle_done(self, call: str) -> None:
        """Verified."""
        self._jobs.pop(call, None)
        self._under_way = None
        self._failures = 0

    def handle_failed(self, now_ms: int, *, gives_way: bool = False) -> None:
        """Full-jitter back-off (each wait between half and the whole of a doubling bound).

        Args:
            gives_way: the others go first now.
        """
        call, self._under_way = self._under_way, None
        if gives_way and call in self._jobs:
            self._jobs[call] = self._jobs.pop(call)
        bound_ms = min(FIRST_WAIT_MS << min(self._failures, 16), MAX_WAIT_MS)
        self._failures += 1
        self._not_before_ms = now_ms + round(bound_ms * (0.5 + 0.5 * self._draw()))

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
        return self._not_before_ms


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
    throttle(len(data))
    headers = {
        "Content-Type": "audio/ogg",
        "Content-Digest": build_content_digest(data),
        "CloudSeat-Samples": str(job.samples),
    }
    return _read_answer(client.put(job.call, content=data, headers=headers))


def _send_parts(client: Any, job: UploadJob, throttle: Callable[[int], None]) -> dict[str, Any]:
    count = 0
    for number, part in enumerate(_read_parts(job.path)):
        count += 1
        if number in job.sent_parts:
            continue
        throttle(len(part))
        headers = {"Content-Type": "application/octet-stream", "Content-Digest": build_content_digest(part)}
        _read_answer(client.put(f"{job.call}/parts/{number}", content=part, headers=headers))
        job.sent_parts.add(number)
    whole = {"sha256": job.sha256, "bytes": job.bytes, "parts": count, "samples": job.samples}
    job.sent_parts.clear()  # whatever the answer is: verified, or to be sent again from the first on
    return _read_answer(client.post(f"{job.call}/complete", json=whole))


def _read_answer(response: Any) -> dict[str, Any]:
    if response.status_code >= 300:
        raise AgentError(
            "upload.refused",
            f"The cloud refused the recording: HTTP {response.status_code} {response.text[:200]}",
            "It is kept and sent again later; 401 or 403 means that this PC must be enrolled again.",
        )
    try:
        body = response.json()
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {}

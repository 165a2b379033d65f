"""The cloud by HTTP, off the core's thread: enrolment until it succeeds, and the time.

Each is a job of the worker; failure is told once a reason and tried again after a back-off.
"""

from collections.abc import Callable

import structlog

from host_agent.credentials import Credentials, fetch_cloud_ms
from host_agent.errors import AgentError
from host_agent.ports import Clock, Instant, JobDone, Worker
from host_agent.time_anchor import STEP_MS, CloudOffset

ENROL, TIME = "enrol", "time"
TIME_EVERY_MS = 600_000
FIRST_WAIT_MS = 2_000
MAX_WAIT_MS = 120_000

log = structlog.get_logger()


class CloudLink:
    """Keeps the offset to cloud time, and gets credentials where there are none.

    Args:
        claim: asks the cloud for credentials; None when there are some, or no claim code.

    Attributes:
        has_tried_time: the cloud's time was asked for once, with success or not.
        is_asking: somebody wants to know the time, and nobody has answered since.
    """

    def __init__(
        self,
        url: str,
        offset: CloudOffset,
        clock: Clock,
        worker: Worker,
        claim: Callable[[], Credentials] | None,
    ) -> None:
        self._url = url
        self._offset = offset
        self._clock = clock
        self._worker = worker
        self._claim = claim
        self._due_ms = {ENROL: 0, TIME: 0}
        self._failures = {ENROL: 0, TIME: 0}
        self._told = {ENROL: "", TIME: ""}
        self._under_way: set[str] = set()
        self.has_tried_time = False
        self.is_asking = False
        self._was_asked = False  # since the last time job began
        self._is_void = False  # the PC's clock jumped since then

    def advance(self, now: Instant) -> None:
        """Start what is due."""
        if self._claim is not None and self._is_due(ENROL, now):
            self._submit(ENROL, self._claim)
        if self._is_due(TIME, now):
            self._submit(TIME, lambda: measure_offset(self._url, self._clock))

    def handle_step(self, now: Instant) -> None:
        """The PC's clock jumped: the offset is void."""
        self._offset.forget()
        self._is_void = TIME in self._under_way
        self.ask_time_now(now)

    def ask_time_now(self, now: Instant) -> None:
        """Somebody waits for it."""
        self._due_ms[TIME] = now.elapsed_ms
        self.is_asking = self._was_asked = True

    def handle_done(self, done: JobDone, now: Instant) -> Credentials | None:
        """A job came back; credentials when it was the enrolment."""
        self._under_way.discard(done.name)
        if done.name == TIME:
            self._handle_time(done, now)
            return None
        if done.error is not None:
            self._handle_failed(done, now)
            return None
        self._told[ENROL] = ""
        self._claim = None
        credentials: Credentials = done.result
        return credentials

    def next_due_ms(self) -> int | None:
        """When `advance` has something to start, elapsed ms."""
        names = [TIME] if self._claim is None else [TIME, ENROL]
        return min((self._due_ms[name] for name in names if name not in self._under_way), default=None)

    def _handle_time(self, done: JobDone, now: Instant) -> None:
        """An answer that was under way when the clock jumped says nothing; a failure of before somebody asked
        is no answer to that."""
        self.has_tried_time = True
        if self._is_void:
            return
        if done.error is None:
            cloud_ms, sent_ms, received_ms = done.result
            self._offset.learn(cloud_ms, sent_ms, received_ms)
            self._failures[TIME] = 0
            self._told[TIME] = ""
            self._due_ms[TIME] = now.elapsed_ms + TIME_EVERY_MS
            self.is_asking = False
            return
        self._handle_failed(done, now)
        if self._was_asked:
            self._due_ms[TIME] = now.elapsed_ms
        else:
            self.is_asking = False

    def _handle_failed(self, done: JobDone, now: Instant) -> None:
        error = done.error
        code = error.code if isinstance(error, AgentError) else f"{done.name}.failed"
        if code != self._told[done.name]:
            self._told[done.name] = code
            log.error(code, problem=str(error))
        if code == "enrol.refused":
            self._claim = None  # a spent or wrong code does not become right
        wait_ms = min(FIRST_WAIT_MS << min(self._failures[done.name], 16), MAX_WAIT_MS)
        self._failures[done.name] += 1
        self._due_ms[done.name] = now.elapsed_ms + wait_ms

    def _is_due(self, name: str, now: Instant) -> bool:
        return name not in self._under_way and self._due_ms[name] <= now.elapsed_ms

    def _submit(self, name: str, job: Callable[[], object]) -> None:
        self._under_way.add(name)
        if name == TIME:
            self._was_asked = self._is_void = False
        self._worker.submit(name, name, job)


def measure_offset(url: str, clock: Clock) -> tuple[int, int, int]:
    """(cloud's time, PC's time when asked, PC's time when answered), all UTC ms.

    Raises:
        AgentError: `cloud.unreachable`; `time.stepped`: the PC's clock jumped meanwhile.
    """
    sent = clock.now()
    cloud_ms = fetch_cloud_ms(url)
    received = clock.now()
    took_ms = received.elapsed_ms - sent.elapsed_ms
    if abs(received.unix_ms - sent.unix_ms - took_ms) >= STEP_MS:
        raise AgentError("time.stepped", "The PC's clock was set while the cloud was asked.", "Wait.")
    return cloud_ms, sent.unix_ms, received.unix_ms

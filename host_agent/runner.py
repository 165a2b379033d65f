"""The core's thread: takes inputs from the queue and gives them to the core, in wall time or in stepped
time."""

import queue
import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog

from host_agent.clock import SystemClock
from host_agent.core import Core
from host_agent.errors import AgentError
from host_agent.ports import Awaited, Granted, Input, Instant, SerialBytes, StopAsked
from host_agent.stepped_clock import SteppedClock, TimeClient

MAX_BATCH = 256
"""Inputs handled before one commit."""
MAX_INPUTS = 10_000
"""Inputs in the queue; whoever puts more waits."""
MIN_WAIT_MS = 5
"""The shortest sleep: what is overdue and cannot be done yet must not keep a core busy."""
ANSWER_S = 20.0
"""Wall time after which a stepped wait is answered though things still move: a backlog of hours takes longer
than the time service has patience."""
FALLBACK_MS = 1_000
"""When the core is looked after again if it cannot say what is due."""
STALL_S = 0.5
"""Wall time without progress after which a stepped wait says that it needs stepped time to pass."""

log = structlog.get_logger()


class Inputs:
    """The bounded queue into the core."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Input] = queue.Queue(MAX_INPUTS)

    def put(self, item: Input) -> None:
        """From any thread but the core's; waits while the queue is full."""
        self._queue.put(item)

    def get(self, timeout_s: float | None) -> Input | None:
        """The next input, None after `timeout_s`."""
        try:
            return self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None


_Result = TypeVar("_Result")


class Supervisor:
    """Keeps one bad input from ending a thread of the agent: it is logged, counted, and the next one is
    handled."""

    def __init__(self) -> None:
        self.failures = 0

    def run(self, step: Callable[..., _Result], *args: Any) -> _Result | None:
        """What the step returns; None if it failed."""
        try:
            return step(*args)
        except AgentError as error:
            self.failures += 1
            log.error(error.code, problem=error.problem, remedy=error.remedy)
        except Exception:  # the supervisor of the core's thread
            self.failures += 1
            name = getattr(step, "__name__", repr(step))
            log.exception("core.failed", step=name, remedy="Please report this with the log.")
        return None


def run_in_wall_time(
    core: Core,
    inputs: Inputs,
    clock: SystemClock,
    supervisor: Supervisor,
    report: Callable[[Instant], None] = lambda _: None,
) -> str:
    """Until a StopAsked; returns its reason. `report` is called after each round, for the metrics."""
    now = clock.now()
    supervisor.run(core.tick, now)
    while True:
        due_ms = supervisor.run(core.next_due_ms, now)
        wait_ms = FALLBACK_MS if due_ms is None else due_ms - now.elapsed_ms
        item = inputs.get(max(MIN_WAIT_MS, wait_ms) / 1000)
        now = clock.now()
        for _ in range(MAX_BATCH):
            if item is None:
                break
            if isinstance(item, StopAsked):
                supervisor.run(core.close, now)
                return item.reason
            supervisor.run(core.handle, item, now)
            item = inputs.get(0)
        supervisor.run(core.flush, now)
        supervisor.run(core.tick, now)
        supervisor.run(report, now)


class SteppedRun:
    """Stepped time: a grant is answered when its bytes are handled and what is due is done."""

    def __init__(
        self, core: Core, inputs: Inputs, clock: SteppedClock, client: TimeClient, supervisor: Supervisor
    ) -> None:
        self._core = core
        self._inputs = inputs
        self._clock = clock
        self._client = client
        self._supervisor = supervisor
        self._awaited: Awaited | None = None
        self._progress: tuple[int, int] = (0, 0)
        self._stalled_at = 0.0
        self._answer_at = 0.0
        self._early: list[Input] = []

    def run(self) -> str:
        """Until a StopAsked; returns its reason."""
        while True:
            item = self._inputs.get(None if self._awaited is None else 0.1)
            if isinstance(item, StopAsked):
                self._supervisor.run(self._core.close, self._clock.now())
                return item.reason
            if isinstance(item, Granted):
                self._take_step(item)
            elif isinstance(item, Awaited):
                self._awaited = item
                self._stalled_at = time.monotonic() + STALL_S
                self._answer_at = time.monotonic() + ANSWER_S
                self._supervisor.run(self._core.tick, self._clock.now())
            elif isinstance(item, SerialBytes) or (item is not None and not self._clock.has_begun):
                self._early.append(item)  # it belongs to the step that is about to be granted
            elif item is not None:
                self._handle(item, self._clock.now())
            if self._awaited is not None:
                self._answer_wait(self._awaited)

    def _take_step(self, grant: Granted) -> None:
        self._clock.set(grant.unix_ms, grant.elapsed_ms)
        now = self._clock.now()
        self._supervisor.run(self._core.parts.cloud.advance, now)
        early, self._early = self._early, []
        for early_item in early:
            self._supervisor.run(self._core.handle, early_item, now)
        while not (self._core.parts.cloud.has_tried_time and self._has_read(grant)):
            item = self._inputs.get(None)
            if isinstance(item, StopAsked):
                self._inputs.put(item)
                return
            if item is not None:
                self._supervisor.run(self._core.handle, item, now)
        self._supervisor.run(self._core.flush, now)
        self._supervisor.run(self._core.tick, now)
        self._client.answer_step(grant.step, self._core.parts.boxes.written())

    def _has_read(self, grant: Granted) -> bool:
        """The bytes of the grant are handled; a port that was lost meanwhile is not waited for."""
        received = self._core.parts.boxes.received()
        return all(received.get(path, count) >= count for path, count in grant.ports.items())

    def _handle(self, item: Input, now: Instant) -> None:
        self._supervisor.run(self._core.handle, item, now)
        self._supervisor.run(self._core.flush, now)
        if self._awaited is not None:
            self._supervisor.run(self._core.tick, now)

    def _answer_wait(self, awaited: Awaited) -> None:
        parts = self._core.parts
        uncommitted = parts.spool.backlog().count
        unverified = parts.flow.unverified if awaited.what == "uploaded" else 0
        if uncommitted == 0 and unverified == 0:
            self._awaited = None
            self._client.answer_wait(awaited.wait, None)
            return
        progress = (uncommitted, unverified)
        if progress != self._progress or parts.flow.is_busy:
            self._progress = progress
            self._stalled_at = time.monotonic() + STALL_S
        needs_time = uncommitted == 0 and not parts.flow.is_busy
        if needs_time or time.monotonic() >= min(self._stalled_at, self._answer_at):
            self._awaited = None
            self._client.answer_wait(awaited.wait, self._core.needs_ms(self._clock.now()))

"""The core's thread goes on, whatever one step of it raises, and though nobody can write its log."""

import io
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from host_agent.clock import SystemClock
from host_agent.core import Core
from host_agent.logs import set_up_logs
from host_agent.ports import BrokerUp, Input, Instant, StopAsked
from host_agent.runner import FALLBACK_MS, Inputs, Supervisor, run_in_wall_time


class FailingCore(Core):
    """Each of these steps fails; what was handled is kept."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.handled: list[Any] = []

    def next_due_ms(self, now: Instant) -> int:
        self._fail("next_due_ms")
        return now.elapsed_ms

    def tick(self, now: Instant) -> None:
        self._fail("tick")

    def flush(self, now: Instant) -> None:
        self._fail("flush")

    def close(self, now: Instant) -> None:
        self._fail("close")

    def handle(self, item: Any, now: Instant) -> None:
        self.handled.append(item)
        self._fail("handle")

    def _fail(self, name: str) -> None:
        if name in self.failing:
            raise RuntimeError(name)


class TwoInputs(Inputs):
    """One input a round, then the end; keeps how long it would have been waited for."""

    def __init__(self) -> None:
        self.items: list[Input | None] = [BrokerUp("5"), None, BrokerUp("5"), None, StopAsked("done")]
        self.waits_s: list[float | None] = []

    def get(self, timeout_s: float | None) -> Input | None:
        self.waits_s.append(timeout_s)
        return self.items.pop(0)


def run(core: FailingCore, *failing: str) -> tuple[str, TwoInputs, Supervisor]:
    """Until its end; `report` fails if it is among `failing`."""

    def report(now: Instant) -> None:
        if "report" in failing:
            raise OSError(28, "No space left on device")

    inputs, supervisor = TwoInputs(), Supervisor()
    with capture_logs():
        reason = run_in_wall_time(core, inputs, SystemClock(), supervisor, report)
    return reason, inputs, supervisor


@pytest.mark.parametrize("step", ["next_due_ms", "tick", "flush", "handle", "report", "close"])
def test_a_step_that_fails_each_time_is_counted_and_the_next_input_is_handled(step: str) -> None:
    core = FailingCore(step)
    reason, _, supervisor = run(core, step)
    assert (reason, len(core.handled)) == ("done", 2)
    assert supervisor.failures >= 1


def test_where_nobody_knows_what_is_due_the_core_looks_again_in_a_second() -> None:
    _, inputs, _ = run(FailingCore("next_due_ms"))
    assert inputs.waits_s[0] == FALLBACK_MS / 1000


class FullDisk(io.StringIO):
    """A log file without room."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_log_that_cannot_be_written_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = structlog.get_config()
    monkeypatch.setattr("sys.stderr", FullDisk())
    try:
        set_up_logs()
        structlog.get_logger().error("core.failed", step="tick")
    finally:
        structlog.configure(**before)

"""Stepped time: seats and agents take turns, and neither ever waits for a clock.

One step: the boards hear their lines, all at once, and write to their ports; the time service tells the
agents how many bytes lie there; they handle them, answer, and what they wrote goes into the boards' next
step. Overlapped, boards live through a step while the agents still work on the one before, and hear the
agents one step later.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.clock import MAX_QUIET_MS, MAX_STEP_MS, Goal, TimeService
from sim.errors import SimulatorError
from sim.seat import Seat, samples_in

COMMIT_EVERY_MS = 1000
"""Events stay uncommitted for at most this long (DESIGN 8)."""
SETTLED_MS = {True: 7000, False: 1500}
"""Quiet for so long, a line may skip time: while a call is on it longer than a pause in ringing and than what
the box waits for in it; else longer than a box takes to see that the handset is down."""
MIN_QUIET_MS = 256
"""Quiet spans below this are played."""
BLOCK_MS = 32
ASK_AGAIN_MS = 1000
"""A waiting agent is asked again after this, whatever it said it needs."""
GIVE_UP_MS = 600_000
"""Stepped time after which an agent that keeps asking for more is given up."""


@dataclass
class _Cable:
    """One seat's port as its agent sees it: counts start when the agent opens it."""

    seat: Seat
    is_open: bool = False
    written_before: int = 0
    received_before: int = 0
    to_board: bytes = b""
    to_agent: bytes = b""
    quiet_for_ms: int = 0

    @property
    def written(self) -> int:
        return self.seat.port.written - self.written_before

    def deliver(self) -> None:
        """To the agent; bytes for a closed port are lost, as on a USB port that nobody reads."""
        data, self.to_agent = self.to_agent, b""
        if self.is_open and data:
            self.seat.port.write(data, wait_s=5.0)

    def collect(self, answered: dict[str, int]) -> None:
        """Take what the agent says it has written since it opened the port."""
        port = self.seat.port
        count = answered.get(port.path)
        if count is None:
            port.read()
        else:
            if not self.is_open:
                self.written_before, self.received_before = port.written, port.received
            self.to_board += port.read_until(self.received_before + count)
        self.is_open = count is not None

    def skippable_ms(self) -> int:
        """How long this line may be granted without samples."""
        line = self.seat.line
        return line.quiet_ms() if self.quiet_for_ms >= SETTLED_MS[line.is_engaged] else 0

    def begin(self, step_ms: int, *, skips: bool) -> None:
        """Let the line live for `step_ms`, and its board until `finish`."""
        self.quiet_for_ms = self.quiet_for_ms + step_ms if self.seat.line.quiet_ms() else 0
        data, self.to_board = self.to_board, b""
        if skips:
            self.seat.begin_skip(step_ms, data)
        else:
            self.seat.begin_step(samples_in(step_ms), data)

    def finish(self) -> None:
        """What the board has said waits for `deliver`."""
        self.to_agent += self.seat.finish()


class NotSettled(SimulatorError):
    """Something is not committed or uploaded after ten minutes of line time."""


class SteppedRun:
    """Moves all seats and the time service together.

    Args:
        overlaps: boards and agents work at the same time; between steps the agents may then still be at work
            until `finish`.

    Attributes:
        line_ms: time lived by all lines, added up.
        sampled_ms: the part of `line_ms` that was played as samples and not granted as quiet.
    """

    def __init__(self, service: TimeService, seats: Sequence[Seat], *, overlaps: bool = False) -> None:
        self.line_ms = 0
        self.sampled_ms = 0
        self._service = service
        self._cables = [_Cable(seat) for seat in seats]
        self._since_commit_ms = 0
        self._overlaps = overlaps
        self._is_under_way = False

    @property
    def now_ms(self) -> int:
        """Unix milliseconds of the stepped clock."""
        return self._service.now_ms

    def run(self, ms: int) -> None:
        """Let `ms` pass, rounded up to whole blocks; events are committed along the way."""
        self.run_until(lambda: False, ms)

    def run_until(self, done: Callable[[], bool], limit_ms: int) -> bool:
        """Let time pass until `done()`, asked after each step; False when `limit_ms` came first."""
        left_ms = limit_ms
        while left_ms > 0:
            passed_ms = self.step(left_ms)
            left_ms -= passed_ms
            self._since_commit_ms += passed_ms
            if self._since_commit_ms >= COMMIT_EVERY_MS:
                self.settle("committed")
            if done():
                return True
        return False

    def await_ports(self, limit_ms: int = 30_000) -> None:
        """Let time pass until the agents have opened every port.

        Raises:
            SimulatorError: not within `limit_ms` of stepped time.
        """
        if not self.run_until(lambda: all(cable.is_open for cable in self._cables), limit_ms):
            shut = [cable.seat.port.path for cable in self._cables if not cable.is_open]
            raise SimulatorError(f"the agent did not open {', '.join(shut)}; its log says why")

    def settle(self, goal: Goal) -> None:
        """Return once everything is "committed" or "uploaded"; lets time pass only for an agent's back-off.

        Raises:
            NotSettled: not within ten minutes of stepped time.
        """
        self._since_commit_ms = 0
        waited_ms = 0
        while pause_ms := self.ask(goal):
            if waited_ms > GIVE_UP_MS:
                raise NotSettled(f"not all is {goal} after {waited_ms // 1000} s of line time")
            left_ms = pause_ms = min(pause_ms, ASK_AGAIN_MS)
            while left_ms > 0:
                left_ms -= self.step(left_ms)
            waited_ms += pause_ms

    def ask(self, goal: Goal) -> int:
        """Let time stand still until everything is "committed" or "uploaded", or an agent needs time for it.

        Returns:
            0 when reached; else milliseconds to let pass before asking again.
        """
        self.finish()
        return self._service.ask(goal)

    def step(self, left_ms: int) -> int:
        """One step of at most about `left_ms`, with no regard to what is committed; how long it was.

        A line that is idle is granted its time without samples, also while others are in a call.
        """
        skippable_ms = [cable.skippable_ms() for cable in self._cables]
        quiet_ms = min(MAX_QUIET_MS, left_ms, *skippable_ms)
        all_skip = quiet_ms >= MIN_QUIET_MS
        step_ms = quiet_ms if all_skip else min(MAX_STEP_MS, -(-left_ms // BLOCK_MS) * BLOCK_MS)
        for cable, own_ms in zip(self._cables, skippable_ms, strict=True):
            skips = own_ms >= step_ms
            cable.begin(step_ms, skips=skips)
            self.line_ms += step_ms
            self.sampled_ms += 0 if skips else step_ms
        for cable in self._cables:
            cable.finish()
        self.finish()
        for cable in self._cables:
            cable.deliver()
        written = {cable.seat.port.path: cable.written for cable in self._cables if cable.is_open}
        self._service.begin_step(step_ms, written)
        self._is_under_way = True
        if not self._overlaps:
            self.finish()
        return step_ms

    def finish(self) -> None:
        """Return when the agents have done their work of the last step."""
        if self._is_under_way:
            self._is_under_way = False
            answered = self._service.finish_step()
            for cable in self._cables:
                cable.collect(answered)

"""A line played with the real firmware across it; what the box stated, in order."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from protocol.events import check_event
from protocol.framing import CONTROL
from protocol.link import OPENED, LinkEnd
from protocol.messages import decode_board_hello, decode_message, encode_host_hello, encode_message
from sim.board import Board, BoardSettings
from sim.line import Line, LineBlock
from sim.person import Step
from sim.signals.levels import Pcm

SOURCE = "a1b2c3d4e5f6"
AGENT = "0a0b0c0d0e0f"
STEP_SAMPLES = 1024
AFTER_MS = 8000
"""Longer than what comes of the last thing on the line while a call is open (ring stop: 6 s)."""
AT_REST_MS = 2500
"""Longer than what comes of it while none is (hang up: 0.6 s, a line cut: 1.5 s)."""
CALL_BEGINS = ("caller_id", "ring_started", "off_hook")
CALL_ENDS = ("ring_stopped", "on_hook")
LEAP_MS = 60_000
LIMIT_MS = 3 * 3_600_000


@dataclass(frozen=True)
class BoxEvent:
    """One event as the box sent it, with line time in place of uptime."""

    boot: str
    seq: int
    at_ms: int
    type: str
    fields: dict[str, Any]


class Playable(Protocol):
    """A line, or what stands for one."""

    @property
    def now_ms(self) -> int: ...
    def step(self, samples: int) -> LineBlock: ...
    def put(self, audio_out: Pcm | None, seized: bool) -> None: ...


class BoxRun:
    """One line, one box, and the host's end of its link, which acknowledges everything.

    Args:
        flash: file of the box's flash chip.
        leaps: still time beyond LEAP_MS passes without samples, also off-hook: the box was held up for so
            long, and says that it heard nothing meanwhile.
    """

    def __init__(self, line: Playable, flash: Path, *, leaps: bool = False) -> None:
        self.events: list[BoxEvent] = []
        self._line = line
        self._board = Board(BoardSettings(SOURCE, flash, grant_ms=20))
        self._link = LinkEnd(False, b"", lambda: 1)
        self._boot = ""
        self._booted_ms = 0
        self._to_board = b""
        self._leaps = leaps
        self._open_calls: set[tuple[str, int]] = set()

    def play(self, is_over: Callable[[], bool]) -> list[BoxEvent]:
        """Until it is over and the box has said what there is to say."""
        try:
            after_ms = 0
            while self._line.now_ms < LIMIT_MS and after_ms < (AFTER_MS if self._open_calls else AT_REST_MS):
                self._step()
                if is_over():
                    after_ms += STEP_SAMPLES // 8
        finally:
            self._board.close()
        return self.events

    def power(self, step: Step) -> float:
        """The verb "power" of a script of the box."""
        if step.word == "off":
            self._board.kill()
        else:
            self._board.restart()
            self._booted_ms = self._line.now_ms
        return 0.0

    def _step(self) -> None:
        line = self._line
        still_ms = line.still_ms() if self._leaps and isinstance(line, Line) else 0
        if LEAP_MS < still_ms < LIMIT_MS:
            line.skip(still_ms)
            output = self._board.skip(still_ms, self._to_board)
        else:
            output = self._board.step(line.step(STEP_SAMPLES), self._to_board)
        line.put(output.audio_out, output.seized)
        now_ms = line.now_ms
        self._link.receive(output.serial_out, now_ms)
        for kind, payload in self._link.take():
            if kind == OPENED:
                self._boot = decode_board_hello(payload)[1]
                self._link.hello = encode_host_hello(AGENT, 1_700_000_000_000 + now_ms, {}, [])
            elif kind == CONTROL:
                self._take(decode_message(payload))
        self._to_board = self._link.poll(now_ms)

    def _take(self, message: list[Any]) -> None:
        if message[0] != "event":
            return
        _, seq, uptime_ms, event_type, fields = message
        check_event(event_type, fields)
        self._follow_call(event_type, fields)
        self.events.append(BoxEvent(self._boot, seq, self._booted_ms + uptime_ms, event_type, fields))
        self._link.send(CONTROL, encode_message("journal_ack", self._boot, [[seq, seq]]))

    def _follow_call(self, event_type: str, fields: dict[str, Any]) -> None:
        call = (self._boot, fields.get("call", 0))
        if event_type in CALL_ENDS:
            self._open_calls.discard(call)
        elif event_type in CALL_BEGINS:
            self._open_calls.add(call)

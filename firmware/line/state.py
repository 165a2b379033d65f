"""The line's state: what the facts of the loop sensor and of the ear mean, told as events.

Rules:
    1. `TRANSITIONS`, at the foot, is the whole machine: state -> input -> (next state or None for the same,
       action). What is not in it is ignored.
    2. A call is named by the seq of the event that opened it, and every event of the call carries that name.
    3. Every call that was opened is ended by one event: ring_stopped or on_hook.
    4. Ringing and caller ID open a call; ringing within _PRELUDE_MS of a caller ID joins its call.
    5. The recording runs from off_hook to on_hook, both to the sample.
    6. An outbound call is told as connected once: a reversal of the polarity says so at once, else the end of
       ringback; while the loop is open that waits, for it may be a hang-up. Then it is ANSWERED like an
       inbound one.
"""

from micropython import const

from firmware.board.clock import since_ms
from firmware.line import facts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from firmware.board.clock import Clock
    from firmware.journal import Journal
    from firmware.line.ear import Ear
    from firmware.recorder import Recorder

    Row = tuple[str | None, Callable[["LineState", int, Any], None] | None]

_RING_STOP_MS = const(6000)
"""Longer than the longest pause of a ring cadence, 4 s + 10 % (GB 3380)."""
_PRELUDE_MS = const(10_000)
_NO_CALL = const(0)
DIGIT_PAUSE_MS = 4000
MAX_DIGITS = 32

STARTING = "starting"
CUT = "cut"
ON_HOOK = "on_hook"
ANNOUNCED = "announced"
RINGING = "ringing"
ANSWERED = "answered"
DIALLING = "dialling"
DIALLED = "dialled"

CALLER_ID = "caller_id"
DIGIT = "digit"
CONNECTED = "connected"
TIMEOUT = "timeout"

_TIMEOUTS_MS = {ANNOUNCED: _PRELUDE_MS, RINGING: _RING_STOP_MS, DIALLING: DIGIT_PAUSE_MS}
_OFF_HOOK = (ANSWERED, DIALLING, DIALLED)


class LineState:
    """One line.

    Args:
        journal: `next_seq`, and `append(tick, type, fields)`.
        recorder: `start(call, tick)`, `stop(tick)` (samples kept, or None), `hold(tick)`, `release()`,
        `start_capture(call, tick)`.
        ear: `set_hook(off_hook)`, `ring_ended(tick)`, `pulse_dialled()`.

    Attributes:
        state: one of the words above. call: the open call, or None. calls: opened since boot.
        is_by_box: the box holds the line itself.
    """

    def __init__(self, journal: "Journal", recorder: "Recorder", ear: "Ear") -> None:
        self.state = STARTING
        self.call: "int | None" = None
        self.calls = 0
        self.is_by_box = False
        self.loop_mv = 0
        self._journal = journal
        self._recorder = recorder
        self._ear = ear
        self._since = 0
        self._bursts = 0
        self._burst_ended_at = 0
        self._is_bursting = False
        self._is_held = False  # the loop is open: a pulse, a flash or the end
        self._held_method = ""  # how the call was connected meanwhile
        self._digits = ""
        self._is_pulse = False

    @property
    def is_off_hook(self) -> bool:
        """True while some set, or the box, holds the line."""
        return self.state in _OFF_HOOK

    # -- what comes in

    def handle_fact(self, fact: int, at: int, loop_mv: int, digit: str) -> None:
        """Take one fact of the loop sensor (facts.py), with its tick; `digit` goes with PULSE_DIGIT."""
        self.loop_mv = loop_mv
        if fact == facts.PULSE_DIGIT:
            self._is_pulse = True
            self._ear.pulse_dialled()
            self._move(DIGIT, at, digit)
        else:
            self._move(fact, at, None)

    def handle_heard(self, kind: str, fields: "dict[str, Any]", at: int) -> None:
        """Take one thing the ear heard: caller_id, digit, tone_detected, call_waiting."""
        if kind == "caller_id":
            if self.state == ON_HOOK and fields["format"] == "failed":
                self._recorder.start_capture(_NO_CALL, at)
                return  # noise that sounded like a carrier opens no call
            self._move(CALLER_ID, at, fields)
        elif kind == "digit":
            self._is_pulse = False
            self._move(DIGIT, at, fields["digit"])
        elif kind == "tone_detected" and fields["tone"] == CONNECTED:
            if self._is_held:
                self._held_method = fields["method"]
            else:
                self._move(CONNECTED, at, fields["method"])
        elif self.call is not None:
            fields["call"] = self.call
            self._journal.append(at, kind, fields)

    def tick(self, clock: "Clock") -> None:
        """Let time pass; once a block."""
        limit_ms = _TIMEOUTS_MS.get(self.state)
        if limit_ms is None or self._is_bursting:
            return
        now = clock.read()
        if since_ms(now, self._since) < limit_ms:
            return
        if self.state != DIALLING or self._digits:
            self._move(TIMEOUT, now, None)

    def _move(self, what: "int | str", at: int, value: "Any") -> None:
        row = TRANSITIONS[self.state].get(what)
        if row is None:
            return
        following, action = row
        try:
            if action is not None:
                action(self, at, value)
        finally:  # short of memory something may not be told, but the line is what it is
            if following is not None and following != self.state:
                self.state = following
                self._since = at

    # -- actions

    def _tell(self, at: int, kind: str, **fields: "Any") -> None:
        fields["call"] = self.call
        self._journal.append(at, kind, fields)

    def _open(self) -> None:
        self.call = self._journal.next_seq
        self.calls += 1
        self._bursts = 0
        self._digits = ""

    def _tell_line(self, at: int, state: str) -> None:
        fields = {"state": state, "line_mv": self.loop_mv}
        if self.call is not None:
            fields["call"] = self.call
        self._journal.append(at, "line_changed", fields)

    def _announce(self, at: int, fields: "dict[str, Any]") -> None:
        self._open()
        self._tell_caller_id(at, fields)

    def _tell_caller_id(self, at: int, fields: "dict[str, Any]") -> None:
        fields["call"] = self.call
        self._journal.append(at, "caller_id", fields)
        is_doubtful = fields["format"] == "failed" or "uncertain" in fields
        if is_doubtful and self.call is not None:
            self._recorder.start_capture(self.call, at)

    def _ring(self, at: int, _: "Any") -> None:
        if self.call is None:
            self._open()
        self._tell(at, "ring_started")
        self._burst(at, _)

    def _burst(self, at: int, _: "Any") -> None:
        self._bursts += 1
        self._is_bursting = True
        self._tell(at, "ring_burst", burst=self._bursts)

    def _end_burst(self, at: int, _: "Any") -> None:
        self._is_bursting = False
        self._since = self._burst_ended_at = at
        self._ear.ring_ended(at)

    def _stop_ring(self, at: int, _: "Any") -> None:
        if self.call is None:
            return
        self._is_bursting = False
        self._tell(self._burst_ended_at if self._bursts else at, "ring_stopped", bursts=self._bursts)
        self.call = None

    def _cut_ring(self, at: int, _: "Any") -> None:
        self._stop_ring(at, _)
        self._tell_line(at, "cut")

    def _answer(self, at: int, _: "Any") -> None:
        self._is_bursting = False
        self._go_off_hook(at, rings=self._bursts)

    def _lift(self, at: int, _: "Any") -> None:
        self._open()
        self._go_off_hook(at)

    def _resume(self, at: int, _: "Any") -> None:
        self._open()
        self._go_off_hook(at, resumed=True)

    def _go_off_hook(self, at: int, **fields: "Any") -> None:
        self._is_held = False
        self._held_method = ""
        if self.call is not None:
            self._recorder.start(self.call, at)
        self._ear.set_hook(True)
        by = "box" if self.is_by_box else "phone"
        self._tell(at, "off_hook", by=by, line_mv=self.loop_mv, **fields)
        self._tell(at, "recording_started", codec="alaw")

    def _hang_up(self, at: int, _: "Any", by: str = "phone") -> None:
        samples = self._recorder.stop(at)
        try:
            self._ear.set_hook(False)
            self._tell_digits(at, _)
            self._tell(at, "on_hook", by="box" if self.is_by_box else by)
            if samples is not None:
                self._tell(at, "recording_stopped", samples=samples)
        finally:
            self.call = None

    def _cut_call(self, at: int, _: "Any") -> None:
        self._tell_line(at, "cut")
        self._hang_up(at, _, "line")

    def _collect(self, at: int, digit: str) -> None:
        if len(self._digits) < MAX_DIGITS:
            self._digits += digit
        self._since = at

    def _tell_digits(self, at: int, _: "Any") -> None:
        if self._digits:
            method = "pulse" if self._is_pulse else "dtmf"
            self._tell(at, "digits_dialled", digits=self._digits, method=method)
            self._digits = ""

    def _tell_key(self, at: int, digit: str) -> None:
        self._tell(at, "key_pressed", key=digit)

    def _hold(self, at: int, _: "Any") -> None:
        self._is_held = True
        self._recorder.hold(at)
        self._ear.pulse_dialled()

    def _release(self, at: int, _: "Any") -> None:
        self._is_held = False
        self._recorder.release()
        if self._held_method:
            method, self._held_method = self._held_method, ""
            self._move(CONNECTED, at, method)

    def _flash(self, at: int, _: "Any") -> None:
        self._release(at, _)
        self._tell_line(at, "flash")

    def _cut(self, at: int, _: "Any") -> None:
        self._tell_line(at, "cut")

    def _mend(self, at: int, _: "Any") -> None:
        self._tell_line(at, "normal")

    def _reverse(self, at: int, _: "Any") -> None:
        self._tell_line(at, "reversed")

    def _low(self, at: int, _: "Any") -> None:
        self._tell_line(at, "low")

    def _connect(self, at: int, method: str) -> None:
        self._tell_digits(at, None)
        self._tell(at, "tone_detected", tone=CONNECTED, method=method)

    def _connect_by_reversal(self, at: int, _: "Any") -> None:
        self._tell_digits(at, _)
        self._tell_line(at, "reversed")
        self._tell(at, "tone_detected", tone=CONNECTED, method="reversal")


_IN_CALL: "dict[int | str, Row]" = {
    facts.HUNG_UP: (ON_HOOK, LineState._hang_up),
    facts.LINE_CUT: (CUT, LineState._cut_call),
    facts.LOOP_OPENED: (None, LineState._hold),
    facts.LOOP_CLOSED: (None, LineState._release),
    facts.FLASH: (None, LineState._flash),
    facts.LEVEL_LOW: (None, LineState._low),
    facts.LEVEL_NORMAL: (None, LineState._mend),
    facts.STRAIGHT: (None, LineState._mend),
}

_QUIET: "dict[int | str, Row]" = {
    facts.REVERSED: (None, LineState._reverse),
    facts.STRAIGHT: (None, LineState._mend),
}

TRANSITIONS: "dict[str, dict[int | str, Row]]" = {
    STARTING: {
        facts.FOUND_ON_HOOK: (ON_HOOK, None),
        facts.FOUND_OFF_HOOK: (DIALLED, LineState._resume),
        facts.FOUND_CUT: (CUT, LineState._cut),
    },
    CUT: {
        facts.RESTORED: (ON_HOOK, LineState._mend),
        facts.LIFTED: (DIALLED, LineState._resume),
    },
    ON_HOOK: {
        facts.BURST_BEGAN: (RINGING, LineState._ring),
        CALLER_ID: (ANNOUNCED, LineState._announce),
        facts.LIFTED: (DIALLING, LineState._lift),
        facts.LINE_CUT: (CUT, LineState._cut),
    },
    ANNOUNCED: {
        facts.BURST_BEGAN: (RINGING, LineState._ring),
        facts.LIFTED: (ANSWERED, LineState._answer),
        facts.LINE_CUT: (CUT, LineState._cut_ring),
        TIMEOUT: (ON_HOOK, LineState._stop_ring),
    },
    RINGING: {
        facts.BURST_BEGAN: (RINGING, LineState._burst),
        facts.BURST_ENDED: (RINGING, LineState._end_burst),
        CALLER_ID: (RINGING, LineState._tell_caller_id),
        facts.LIFTED: (ANSWERED, LineState._answer),
        facts.LINE_CUT: (CUT, LineState._cut_ring),
        TIMEOUT: (ON_HOOK, LineState._stop_ring),
    },
    ANSWERED: {DIGIT: (ANSWERED, LineState._tell_key), facts.REVERSED: (None, LineState._reverse)},
    DIALLING: {
        DIGIT: (DIALLING, LineState._collect),
        facts.REVERSED: (ANSWERED, LineState._connect_by_reversal),
        CONNECTED: (ANSWERED, LineState._connect),
        TIMEOUT: (DIALLED, LineState._tell_digits),
    },
    DIALLED: {
        DIGIT: (DIALLED, LineState._tell_key),
        facts.REVERSED: (ANSWERED, LineState._connect_by_reversal),
        CONNECTED: (ANSWERED, LineState._connect),
    },
}

for _state, _shared in (
    (ON_HOOK, _QUIET),
    (ANNOUNCED, _QUIET),
    (RINGING, _QUIET),
    (ANSWERED, _IN_CALL),
    (DIALLING, _IN_CALL),
    (DIALLED, _IN_CALL),
):
    TRANSITIONS[_state].update(_shared)

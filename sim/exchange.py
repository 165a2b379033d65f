"""The exchange's end of one line: a state machine that rings, sends caller ID and tones, writes the truth.

Rules:
    1. `TRANSITIONS`, at the foot, is the whole machine: (state, input) → (next state, action). What is not in
       it is ignored.
    2. Leaving a state stops its timers and whatever the exchange was sending in it.
    3. Only the exchange writes a `CallTruth`; persons and sets act on it through inputs alone.
    4. Everything that others may wait for is told to `listeners` as a short text ("ring 2", "tone busy").
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Literal

from sim.agenda import Entry
from sim.call import CallTruth, Destination, IncomingCall
from sim.call_waiting import WaitingCall
from sim.line import Line, Source
from sim.register import PulseReceiver, ToneReceiver
from sim.ringer import Ringer
from sim.signals.tones import (
    BUSY,
    DIAL,
    RINGBACK,
    TONES,
    Tone,
    howler,
    tone_period,
)
from sim.stay import Stay

RING_TRIP_MS = 60
OUTSIDE_LINE_MS = 300
NUMBER_IS_WHOLE = re.compile(
    r"11[0279]|1[3-9]\d{9}|1(?:00\d\d|2345)|95\d{3}|0(?:10|2\d)\d{8}|0[3-9]\d{2}\d{8}|[2-8]\d{7}"
)
"""China's numbering as far as this exchange knows it; everything else is ended by the inter-digit pause."""


class State(Enum):
    """Of the line, as its exchange sees it."""

    IDLE = auto()
    ANNOUNCING = auto()
    RINGING = auto()
    CONNECTED = auto()
    DIALLING = auto()
    COLLECTING = auto()
    ROUTING = auto()
    RINGBACK = auto()
    CLEARING = auto()
    HOWLING = auto()
    PARKED = auto()


class Input(Enum):
    """What happens to the line."""

    CALLED = auto()
    LIFTED = auto()
    HUNG_UP = auto()
    DIGIT = auto()
    NUMBER_WHOLE = auto()
    REACHED = auto()
    UNREACHABLE = auto()
    FAR_ANSWERED = auto()
    FAR_HUNG_UP = auto()
    ELSEWHERE = auto()
    TIMEOUT = auto()


@dataclass(frozen=True)
class ExchangeSettings:
    """Times of this exchange, ms, how its tones sound, and what the line has subscribed.

    Attributes:
        open_ms: how long it opens the pair when the other party has hung up; 0 is not at all.
        outside_line: digits that give a second dial tone, as behind a PBX; "" where there are none.
        tone_hz: of all its tones but the howler; 450 +-25 Hz in China.
        tone_level_db: of its tones over their usual level; +-3 dB are within the standard.
        tone_pace: how long its tones and pauses last over their usual length; +-10 % are.
    """

    dial_tone_after_ms: int = 250
    first_digit_ms: int = 15_000
    between_digits_ms: int = 4_000
    route_ms: int = 1_200
    no_answer_ms: int = 60_000
    busy_after_ms: int = 400
    open_ms: int = 0
    busy_for_ms: int = 60_000
    howl_for_ms: int = 60_000
    release_ms: int = 500
    caller_id_after_ms: int = 600
    tone_hz: float = 450.0
    tone_level_db: float = 0.0
    tone_pace: float = 1.0
    call_waiting: bool = False
    outside_line: str = ""


class Exchange:
    """One line circuit. `truths` are the calls so far, in order of their start."""

    def __init__(self, line: Line, settings: ExchangeSettings | None = None) -> None:
        self.line = line
        self.settings = settings or ExchangeSettings()
        self.state = State.IDLE
        self.truths: list[CallTruth] = []
        self.listeners: list[Callable[[str], None]] = []
        self.destination = Destination()
        self.connected_ms: int | None = None
        self._call: IncomingCall | None = None
        self._digits = ""
        self._stay = Stay(line)
        self._far: list[Source] = []
        self._release: Entry | None = None
        self._opened_ms = 0
        self._is_opening = False
        self._tones = ToneReceiver(self._digit_heard)
        self._pulses = PulseReceiver(line.agenda, self._digit_heard)
        line.on_hook_change.append(self._loop_changed)

    # What others do.

    def offer(self, call: IncomingCall) -> bool:
        """Somebody calls this line. False: it is in use without call waiting, and the caller hears busy."""
        if self.state is State.CONNECTED and self.settings.call_waiting:
            WaitingCall(self.line, self._stay, call, self.truths[-1], self._tell, self._mute_far).announce()
            return True
        if self.state is not State.IDLE:
            return False
        self._call = call
        self._open_truth("in", call.caller.number, call.name)
        self.truths[-1].reason = call.caller.reason
        self._feed(Input.CALLED)
        return True

    def far_lift(self) -> None:
        """The party the desk has called answers."""
        self._feed(Input.FAR_ANSWERED)

    def far_hang_up(self) -> None:
        """The other party hangs up, or gives up calling."""
        self._feed(Input.FAR_HUNG_UP)

    def picked_up_elsewhere(self) -> None:
        """The ringing call is answered by a set that is not on this pair."""
        self._feed(Input.ELSEWHERE)

    def far_play(self, source: Source) -> None:
        """`source` is the other party's; it ends with the connection."""
        self._far.append(source)

    # Inputs from the pair.

    def _loop_changed(self, closed: bool) -> None:
        if self._is_opening:
            return
        now_ms = self.line.agenda.now_ms
        if self.state in (State.DIALLING, State.COLLECTING):
            self._pulses.loop_changed(closed)
        if not closed:
            self._opened_ms = now_ms
            self._release = self.line.agenda.after(self.settings.release_ms, self._released)
        elif self._release is not None:
            self._release.cancel()
            self._release = None
        else:
            self._feed(Input.LIFTED)

    def _released(self) -> None:
        self._release = None
        self._feed(Input.HUNG_UP)

    def _digit_heard(self, digit: str) -> None:
        self._digits += digit
        self._feed(Input.DIGIT)

    # The machine.

    def _feed(self, what: Input) -> None:
        step = TRANSITIONS.get((self.state, what))
        if step is None:
            return
        self._stay.end()
        self.line.near_tap = None
        self.state, action = step
        self.line.is_engaged = self.state is not State.IDLE
        action(self)

    def _tell(self, happening: str) -> None:
        for listener in list(self.listeners):
            listener(happening)

    def _time_out(self) -> None:
        self._feed(Input.TIMEOUT)

    def _send_tone(self, tone: Tone) -> None:
        settings = self.settings
        level_dbm0 = tone.level_dbm0 + settings.tone_level_db
        cadence_ms = tone.cadence_ms if tone is DIAL else self._paced(tone)
        sent = replace(tone, freq_hz=settings.tone_hz, level_dbm0=level_dbm0, cadence_ms=cadence_ms)
        self._stay.send(tone_period(sent), repeat=True)
        self._tell(f"tone {tone.name}")

    def _paced(self, tone: Tone) -> tuple[tuple[float, float], ...]:
        pace = self.settings.tone_pace
        return tuple((on_ms * pace, off_ms * pace) for on_ms, off_ms in tone.cadence_ms)

    # Inbound.

    def _announce(self) -> None:
        self._ringer().announce(lambda: self._feed(Input.REACHED))

    def _start_ringing(self) -> None:
        self._stay.after(self.settings.no_answer_ms, self._time_out)
        self._ringer().ring()

    def _ringer(self) -> Ringer:
        assert self._call is not None
        after_ms, truth = self.settings.caller_id_after_ms, self.truths[-1]
        return Ringer(self.line, self._stay, self._call, truth, self._seed(), self._tell, after_ms)

    def _answer(self) -> None:
        self.truths[-1].off_hook_ms = self.line.agenda.now_ms
        self.line.reverse(False)
        self._stay.after(RING_TRIP_MS, lambda: self.line.ring(False))
        self._connect()

    def _give_up(self) -> None:
        self.truths[-1].far_hung_up_ms = self.line.agenda.now_ms
        self._stop_ringing()

    def _lose_to_other_set(self) -> None:
        self.truths[-1].elsewhere = True
        self._stop_ringing()

    def _stop_ringing(self) -> None:
        self.line.ring(False)
        self.line.reverse(False)
        self._close_truth(self.line.agenda.now_ms)

    # Outbound.

    def _give_dial_tone(self) -> None:
        self._open_truth("out", "", self.destination.name)
        self.truths[-1].off_hook_ms = self.line.agenda.now_ms
        self._digits = ""
        self._tones.reset()
        self._pulses.reset()
        self.line.near_tap = self._tones.feed
        self._stay.after(self.settings.dial_tone_after_ms, lambda: self._send_tone(DIAL))
        self._stay.after(self.settings.first_digit_ms, self._time_out)

    def _collect(self) -> None:
        self.truths[-1].number = self._digits
        self.line.near_tap = self._tones.feed
        self._stay.after(self.settings.between_digits_ms, self._time_out)
        if self._digits == self.settings.outside_line:
            self._stay.after(OUTSIDE_LINE_MS, lambda: self._send_tone(DIAL))
        if NUMBER_IS_WHOLE.fullmatch(self._digits.removeprefix(self.settings.outside_line)):
            self._feed(Input.NUMBER_WHOLE)

    def _route(self) -> None:
        reached = Input.REACHED if self.destination.route == "rings" else Input.UNREACHABLE
        self._stay.after(self.settings.route_ms, lambda: self._feed(reached))

    def _ring_back(self) -> None:
        self._send_tone(RINGBACK)
        self._count_ringback(1)
        self._stay.after(self.settings.no_answer_ms, self._time_out)

    def _count_ringback(self, burst: int) -> None:
        self._tell(f"ringback {burst}")
        period_ms = sum(self._paced(RINGBACK)[0])
        self._stay.after(period_ms, lambda: self._count_ringback(burst + 1))

    def _connect(self) -> None:
        now_ms = self.line.agenda.now_ms
        self.truths[-1].answered_ms = self.connected_ms = now_ms
        if self.truths[-1].direction == "out" and self.destination.reversal:
            self.line.reverse(True)
        self._tell("answer")

    # The end.

    def _clear(self) -> None:
        """The other party has gone: busy tone until the desk hangs up."""
        self.truths[-1].far_hung_up_ms = self.line.agenda.now_ms
        self._disconnect()
        self._tell("far hung up")
        if self.settings.open_ms:
            self._open_pair()
        self._stay.after(self.settings.busy_after_ms, lambda: self._send_tone(BUSY))
        self._stay.after(self.settings.busy_for_ms, self._time_out)

    def _open_pair(self) -> None:
        """An open interval; a desk that hangs up in it is noticed at its end."""

        def switch(is_open: bool) -> None:
            self._is_opening = True
            self.line.cut(is_open)
            self._is_opening = False

        def close() -> None:
            switch(False)
            if not self.line.is_off_hook:
                self._loop_changed(False)

        switch(True)
        self._stay.after(self.settings.open_ms, close)

    def _refuse(self) -> None:
        """The call cannot be made: the destination's tone, else busy."""
        self._send_tone(TONES.get(self.destination.route, BUSY))
        self._stay.after(self.settings.busy_for_ms, self._time_out)

    def _howl(self) -> None:
        self._stay.send(howler(), repeat=True)
        self._tell("tone howler")
        self._stay.after(self.settings.howl_for_ms, self._time_out)

    def _park(self) -> None:
        self._tell("parked")

    def _release_call(self) -> None:
        self.truths[-1].on_hook_ms = self._opened_ms
        self._disconnect()
        self._close_truth(self._opened_ms)

    def _disconnect(self) -> None:
        for source in self._far:
            self.line.stop(source)
        self._far, self.connected_ms = [], None
        self.line.ring(False)
        self.line.reverse(False)

    def _mute_far(self, is_muted: bool) -> None:
        for source in self._far:
            source.muted = is_muted

    # The truth.

    def _seed(self) -> int:
        return self.line.settings.seed * 1000 + len(self.truths)

    def _open_truth(self, direction: Literal["in", "out"], number: str, name: str) -> None:
        self.truths.append(CallTruth(name, direction, number, "", "none", self.line.agenda.now_ms))

    def _close_truth(self, ended_ms: int) -> None:
        self.truths[-1].ended_ms = ended_ms
        self._call = None
        self._tell("idle")


_S, _I, _E = State, Input, Exchange
TRANSITIONS: dict[tuple[State, Input], tuple[State, Callable[[Exchange], None]]] = {
    (_S.IDLE, _I.CALLED): (_S.ANNOUNCING, _E._announce),
    (_S.IDLE, _I.LIFTED): (_S.DIALLING, _E._give_dial_tone),
    (_S.ANNOUNCING, _I.REACHED): (_S.RINGING, _E._start_ringing),
    (_S.ANNOUNCING, _I.LIFTED): (_S.CONNECTED, _E._answer),
    (_S.ANNOUNCING, _I.FAR_HUNG_UP): (_S.IDLE, _E._give_up),
    (_S.RINGING, _I.LIFTED): (_S.CONNECTED, _E._answer),
    (_S.RINGING, _I.FAR_HUNG_UP): (_S.IDLE, _E._give_up),
    (_S.RINGING, _I.ELSEWHERE): (_S.IDLE, _E._lose_to_other_set),
    (_S.RINGING, _I.TIMEOUT): (_S.IDLE, _E._stop_ringing),
    (_S.DIALLING, _I.DIGIT): (_S.COLLECTING, _E._collect),
    (_S.DIALLING, _I.TIMEOUT): (_S.CLEARING, _E._refuse),
    (_S.DIALLING, _I.HUNG_UP): (_S.IDLE, _E._release_call),
    (_S.COLLECTING, _I.DIGIT): (_S.COLLECTING, _E._collect),
    (_S.COLLECTING, _I.NUMBER_WHOLE): (_S.ROUTING, _E._route),
    (_S.COLLECTING, _I.TIMEOUT): (_S.ROUTING, _E._route),
    (_S.COLLECTING, _I.HUNG_UP): (_S.IDLE, _E._release_call),
    (_S.ROUTING, _I.REACHED): (_S.RINGBACK, _E._ring_back),
    (_S.ROUTING, _I.UNREACHABLE): (_S.CLEARING, _E._refuse),
    (_S.ROUTING, _I.HUNG_UP): (_S.IDLE, _E._release_call),
    (_S.RINGBACK, _I.FAR_ANSWERED): (_S.CONNECTED, _E._connect),
    (_S.RINGBACK, _I.TIMEOUT): (_S.CLEARING, _E._refuse),
    (_S.RINGBACK, _I.HUNG_UP): (_S.IDLE, _E._release_call),
    (_S.CONNECTED, _I.FAR_HUNG_UP): (_S.CLEARING, _E._clear),
    (_S.CONNECTED, _I.HUNG_UP): (_S.IDLE, _E._release_call),
    (_S.CLEARING, _I.TIMEOUT): (_S.HOWLING, _E._howl),
    (_S.CLEARING, _I.HUNG_UP): (_S.IDLE, _E._release_call),
    (_S.HOWLING, _I.TIMEOUT): (_S.PARKED, _E._park),
    (_S.HOWLING, _I.HUNG_UP): (_S.IDLE, _E._release_call),
    (_S.PARKED, _I.HUNG_UP): (_S.IDLE, _E._release_call),
}

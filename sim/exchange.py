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
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

from sim.agenda import Entry
from sim.call import CallTruth, Destination, IncomingCall
from sim.line import Line, Source
from sim.register import PulseReceiver, ToneReceiver
from sim.signals.levels import SAMPLES_PER_MS, Signal
from sim.signals.tones import (
    BUSY,
    CALL_WAITING,
    CAS_MS,
    DIAL,
    RINGBACK,
    TONES,
    Tone,
    cas,
    howler,
    tone_period,
)

CALLER_ID_AFTER_BURST_MS = 600
"""At least 500 ms after the first burst, and over 200 ms before the second (GR-30; YD/T 1277.1)."""
LONG_PAUSE_MS = 2500
DTMF_LEAD_MS = 300
RING_AFTER_DTMF_MS = 500
RING_TRIP_MS = 60
ACKNOWLEDGEMENT_MS = 200
FSK_AFTER_ACKNOWLEDGEMENT_MS = 120
NUMBER_IS_WHOLE = re.compile(
    r"11[0279]|1[3-9]\d{9}|1(?:00\d\d|2345)|95\d{3}|0(?:10|2\d)\d{8}|0[3-9]\d{2}\d{7,8}|[2-8]\d{7}|[2-8]\d{2}"
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
    """Times of this exchange, ms, and what the line has subscribed."""

    dial_tone_after_ms: int = 250
    first_digit_ms: int = 15_000
    between_digits_ms: int = 4_000
    route_ms: int = 1_200
    no_answer_ms: int = 60_000
    busy_after_ms: int = 400
    busy_for_ms: int = 60_000
    howl_for_ms: int = 60_000
    release_ms: int = 500
    call_waiting: bool = False


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
        self._caller_id: Signal | None = None
        self._digits = ""
        self._timers: list[Entry] = []
        self._sending: list[Source] = []
        self._far: list[Source] = []
        self._release: Entry | None = None
        self._opened_ms = 0
        self._tones = ToneReceiver(self._digit_heard)
        self._pulses = PulseReceiver(line.agenda, self._digit_heard)
        self._acknowledged: Callable[[], None] | None = None
        line.on_hook_change.append(self._loop_changed)

    # What others do.

    def offer(self, call: IncomingCall) -> bool:
        """Somebody calls this line. False: it is in use without call waiting, and the caller hears busy."""
        if self.state is State.CONNECTED and self.settings.call_waiting:
            self._announce_waiting(call)
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
        if self._acknowledged is not None:
            if digit in "AD":
                self._acknowledged()
            return
        self._digits += digit
        self._feed(Input.DIGIT)

    # The machine.

    def _feed(self, what: Input) -> None:
        step = TRANSITIONS.get((self.state, what))
        if step is None:
            return
        for timer in self._timers:
            timer.cancel()
        for source in self._sending:
            self.line.stop(source)
        self._timers, self._sending = [], []
        self.line.near_tap, self._acknowledged = None, None
        self.state, action = step
        action(self)

    def _tell(self, happening: str) -> None:
        for listener in list(self.listeners):
            listener(happening)

    def _after(self, delay_ms: float, action: Callable[[], None]) -> None:
        self._timers.append(self.line.agenda.after(delay_ms, action))

    def _time_out_after(self, delay_ms: float) -> None:
        self._after(delay_ms, lambda: self._feed(Input.TIMEOUT))

    def _send(self, signal: Signal, *, repeat: bool = False) -> float:
        """Send until the state is left; returns how long `signal` lasts, ms."""
        self._sending.append(self.line.send(signal, repeat=repeat))
        return len(signal) / SAMPLES_PER_MS

    def _send_tone(self, tone: Tone) -> None:
        self._send(tone_period(tone), repeat=True)
        self._tell(f"tone {tone.name}")

    # Inbound.

    def _announce(self) -> None:
        call = self._ringing_call()
        if call.caller_id.format != "dtmf" or not call.caller.number:
            self._feed(Input.REACHED)
            return
        self._mark_caller_id(call)
        self.line.reverse(call.caller_id.reversal)
        self._after(DTMF_LEAD_MS, self._announce_by_dtmf)

    def _announce_by_dtmf(self) -> None:
        call = self._ringing_call()
        lasts_ms = self._send(call.caller_id.signal(call.caller, self._seed()))
        self._after(lasts_ms, lambda: self._tell("caller-id sent"))
        self._after(lasts_ms + RING_AFTER_DTMF_MS, lambda: self._feed(Input.REACHED))

    def _start_ringing(self) -> None:
        call = self._ringing_call()
        self.line.reverse(False)
        cadence = call.cadence_ms or self.line.settings.ringing.cadence_ms
        by_fsk = call.caller_id.format in ("mdmf", "sdmf")
        self._caller_id = call.caller_id.signal(call.caller, self._seed()) if by_fsk else None
        self._time_out_after(self.settings.no_answer_ms)
        self._burst(cadence, 0)

    def _burst(self, cadence: tuple[tuple[int, int], ...], index: int) -> None:
        on_ms, off_ms = cadence[index % len(cadence)]
        self.truths[-1].ring_count += 1
        self.line.ring(True)
        self._tell(f"ring {self.truths[-1].ring_count}")
        self._after(on_ms, lambda: self._pause(off_ms))
        self._after(on_ms + off_ms, lambda: self._burst(cadence, index + 1))

    def _pause(self, off_ms: int) -> None:
        self.line.ring(False)
        if self._caller_id is not None and off_ms >= LONG_PAUSE_MS:
            self._after(CALLER_ID_AFTER_BURST_MS, self._announce_by_fsk)

    def _announce_by_fsk(self) -> None:
        if self._caller_id is not None:
            self._mark_caller_id(self._ringing_call())
            lasts_ms = self._send(self._caller_id)
            self._after(lasts_ms, lambda: self._tell("caller-id sent"))
            self._caller_id = None

    def _answer(self) -> None:
        self.truths[-1].off_hook_ms = self.line.agenda.now_ms
        self.line.reverse(False)
        self._after(RING_TRIP_MS, lambda: self.line.ring(False))
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
        self._after(self.settings.dial_tone_after_ms, lambda: self._send_tone(DIAL))
        self._time_out_after(self.settings.first_digit_ms)

    def _collect(self) -> None:
        self.truths[-1].number = self._digits
        self.line.near_tap = self._tones.feed
        self._time_out_after(self.settings.between_digits_ms)
        if NUMBER_IS_WHOLE.fullmatch(self._digits):
            self._feed(Input.NUMBER_WHOLE)

    def _route(self) -> None:
        reached = Input.REACHED if self.destination.route == "rings" else Input.UNREACHABLE
        self._after(self.settings.route_ms, lambda: self._feed(reached))

    def _ring_back(self) -> None:
        self._send_tone(RINGBACK)
        self._count_ringback(1)
        self._time_out_after(self.settings.no_answer_ms)

    def _count_ringback(self, burst: int) -> None:
        self._tell(f"ringback {burst}")
        period_ms = sum(RINGBACK.cadence_ms[0])
        self._after(period_ms, lambda: self._count_ringback(burst + 1))

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
        self._after(self.settings.busy_after_ms, lambda: self._send_tone(BUSY))
        self._time_out_after(self.settings.busy_for_ms)

    def _refuse(self) -> None:
        """The call cannot be made: the destination's tone, else busy."""
        self._send_tone(TONES.get(self.destination.route, BUSY))
        self._time_out_after(self.settings.busy_for_ms)

    def _howl(self) -> None:
        self._send(howler(), repeat=True)
        self._tell("tone howler")
        self._time_out_after(self.settings.howl_for_ms)

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

    # Call waiting (TIA-777): tone, CAS, the set's acknowledgement, then FSK without seizure.

    def _announce_waiting(self, call: IncomingCall) -> None:
        tone_ms = CALL_WAITING.cadence_ms[0][0]
        self._send(tone_period(CALL_WAITING)[: int(tone_ms * SAMPLES_PER_MS)])
        self._tell("tone call_waiting")
        self._after(tone_ms + 50, lambda: self._alert_set(call))

    def _alert_set(self, call: IncomingCall) -> None:
        self._mute_far(True)
        self._send(cas())
        self._tell("cas")
        self._tones.reset()
        self._acknowledged = lambda: self._send_waiting(call)
        self.line.near_tap = self._tones.feed
        self._after(CAS_MS + ACKNOWLEDGEMENT_MS, self._end_waiting)

    def _send_waiting(self, call: IncomingCall) -> None:
        self._acknowledged, self.line.near_tap = None, None
        for timer in self._timers:
            timer.cancel()
        self._after(FSK_AFTER_ACKNOWLEDGEMENT_MS, lambda: self._send_waiting_fsk(call))

    def _send_waiting_fsk(self, call: IncomingCall) -> None:
        lasts_ms = self._send(call.caller_id.signal(call.caller, self._seed(), off_hook=True))
        self.truths[-1].waiting.append(call.caller.number or call.caller.reason)
        self._after(lasts_ms, self._end_waiting)

    def _end_waiting(self) -> None:
        self._acknowledged, self.line.near_tap = None, None
        self._mute_far(False)
        self._tell("waiting told")

    def _mute_far(self, is_muted: bool) -> None:
        for source in self._far:
            source.muted = is_muted

    # The truth.

    def _ringing_call(self) -> IncomingCall:
        assert self._call is not None
        return self._call

    def _seed(self) -> int:
        return self.line.settings.seed * 1000 + len(self.truths)

    def _mark_caller_id(self, call: IncomingCall) -> None:
        self.truths[-1].caller_id = call.caller_id.format

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

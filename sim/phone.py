"""Telephone sets: the desk's, on the pair, and the other party's, behind the exchange."""

from dataclasses import dataclass
from functools import lru_cache, partial

from sim.agenda import Agenda
from sim.exchange import Exchange
from sim.impairments import Path
from sim.line import Line, Source, hook_click
from sim.signals.dtmf import DIALLED, Dtmf, acknowledgement, dtmf_train
from sim.signals.levels import SAMPLES_PER_MS, Pcm, Signal, to_pcm
from sim.signals.tones import CAS_MS, TONES, tone_period
from sim.speech import KEPT_CONVERSATIONS, conversation

BETWEEN_DIGITS_MS = 800
FLASH_MS = 100
ACKNOWLEDGE_AFTER_MS = 20
BOUNCE_MS = ((0, True), (3, False), (5, True), (9, False), (11, True))
"""A worn hook switch: closed, open, closed... that many ms after it was touched."""


class Talker:
    """One side of a conversation: speaks its track of the dialogue in step with the other side."""

    def __init__(self, exchange: Exchange, is_desk: bool) -> None:
        self._exchange, self._is_desk = exchange, is_desk
        self._source: Source | None = None

    def talk(self, duration_ms: float) -> None:
        """Speak for `duration_ms`; the dialogue is the same for both sides and starts with the connection."""
        self.be_quiet()
        exchange = self._exchange
        if not self._is_desk and exchange.connected_ms is None:
            return
        path = None if self._is_desk else exchange.line.settings.path
        track = _track(exchange.line.settings.seed + len(exchange.truths), path)
        since_ms = exchange.line.agenda.now_ms - (exchange.connected_ms or exchange.line.agenda.now_ms)
        place = since_ms * SAMPLES_PER_MS % len(track)
        self._source = exchange.line.play(track, repeat=True, near=self._is_desk, place=place)
        if not self._is_desk:
            exchange.far_play(self._source)
        source = self._source
        exchange.line.agenda.after(duration_ms, lambda: exchange.line.stop(source))

    def be_quiet(self) -> None:
        """Stop speaking."""
        if self._source is not None:
            self._exchange.line.stop(self._source)
            self._source = None

    def mute(self, is_muted: bool) -> None:
        """Let the words pass unheard for a while."""
        if self._source is not None:
            self._source.muted = is_muted


@dataclass(frozen=True)
class PhoneSettings:
    """How a set is made.

    Attributes:
        bounces: its hook switch is worn.
        knows_call_waiting: it answers a CAS with DTMF D, as a set with call-waiting caller ID does.
        dtmf: how its keys sound.
        pulse_break_ms, pulse_make_ms: of one dial pulse; 60/40 and 67/33 are the two usual ratios.
    """

    bounces: bool = False
    knows_call_waiting: bool = True
    dtmf: Dtmf = DIALLED
    pulse_break_ms: int = 60
    pulse_make_ms: int = 40


class Phone:
    """A set on the pair.

    Args:
        name: of this set on the line; two sets of one line have two names.
    """

    def __init__(
        self, exchange: Exchange, name: str = "phone", settings: PhoneSettings | None = None
    ) -> None:
        self.line: Line = exchange.line
        self.name = name
        self.settings = settings or PhoneSettings()
        self.is_off_hook = False
        self._agenda: Agenda = exchange.line.agenda
        self._talker = Talker(exchange, is_desk=True)
        self._sending: list[Source] = []
        if self.settings.knows_call_waiting:
            exchange.listeners.append(self._hear)

    def lift(self) -> None:
        """Off-hook; nothing happens when it is already."""
        if not self.is_off_hook:
            self.is_off_hook = True
            self._switch(True)

    def hang_up(self) -> None:
        """On-hook; whatever it was sending ends."""
        if self.is_off_hook:
            self.is_off_hook = False
            self._talker.be_quiet()
            for source in self._sending:
                self.line.stop(source)
            self._sending = []
            self._switch(False)

    def talk(self, duration_ms: float) -> None:
        """Speak into the handset."""
        if self.is_off_hook:
            self._talker.talk(duration_ms)

    def press(self, keys: str) -> float:
        """Send DTMF `keys`; returns how long that takes, ms."""
        return self._send(dtmf_train(keys, self.settings.dtmf))

    def pulse(self, digits: str) -> float:
        """Dial `digits` by breaking the loop, 10 pulses a second; returns how long that takes, ms."""
        at_ms, how = 0, self.settings
        for digit in digits:
            for _ in range(int(digit) or 10):
                self._agenda.after(at_ms, self._open_loop)
                self._agenda.after(at_ms + how.pulse_break_ms, self._restore_loop)
                at_ms += how.pulse_break_ms + how.pulse_make_ms
            at_ms += BETWEEN_DIGITS_MS
        return at_ms

    def flash(self) -> None:
        """Break the loop once, too short to end the call."""
        if self.is_off_hook:
            self._open_loop()
            self._agenda.after(FLASH_MS, self._restore_loop)

    def send_tone(self, name: str) -> float:
        """Send one period of a tone, as a fax machine or an alarm dialler does; returns its length, ms."""
        return self._send(tone_period(TONES[name]))

    def _send(self, signal: Signal) -> float:
        if self.is_off_hook:
            self._sending.append(self.line.play(to_pcm(signal), near=True))
        return len(signal) / SAMPLES_PER_MS

    def _open_loop(self) -> None:
        self.line.set_hook(self.name, False)

    def _restore_loop(self) -> None:
        self.line.set_hook(self.name, self.is_off_hook)

    def _switch(self, off_hook: bool) -> None:
        self.line.play(hook_click(self.line.settings.seed), near=True)
        if not self.settings.bounces:
            self.line.set_hook(self.name, off_hook)
            return
        for at_ms, closed in BOUNCE_MS:
            self._agenda.after(at_ms, partial(self.line.set_hook, self.name, closed == off_hook))

    def _hear(self, happening: str) -> None:
        if happening == "cas" and self.is_off_hook:
            self._talker.mute(True)
            self._agenda.after(CAS_MS + ACKNOWLEDGE_AFTER_MS, self._acknowledge)
        elif happening == "waiting told":
            self._talker.mute(False)

    def _acknowledge(self) -> None:
        self._send(acknowledgement())


class RemotePhone:
    """The other party's set; the exchange hears it, the pair hears what the exchange lets through."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._talker = Talker(exchange, is_desk=False)

    def lift(self) -> None:
        """Answer the desk's call."""
        self._exchange.far_lift()

    def hang_up(self) -> None:
        """End the call, or give up calling."""
        self._talker.be_quiet()
        self._exchange.far_hang_up()

    def talk(self, duration_ms: float) -> None:
        """Speak to the desk."""
        self._talker.talk(duration_ms)

    def press(self, keys: str) -> float:
        """Press keys that the desk's line hears; returns how long that takes, ms."""
        return self._send(dtmf_train(keys))

    def send_tone(self, name: str) -> float:
        """See `Phone.send_tone`."""
        return self._send(tone_period(TONES[name]))

    def _send(self, signal: Signal) -> float:
        if self._exchange.connected_ms is not None:
            self._exchange.far_play(self._exchange.line.send(signal))
        return len(signal) / SAMPLES_PER_MS


@lru_cache(KEPT_CONVERSATIONS)
def _track(seed: int, path: Path | None) -> Pcm:
    """The desk's track as it is (`path` None), or the other party's as it arrives over `path`."""
    dialogue = conversation(seed)
    if path is None:
        return dialogue.desk
    return to_pcm(path.carry(dialogue.far.astype(float)))

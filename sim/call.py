"""A call as the exchange knows it: who calls, how that is told, where a call out leads, and the truth."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from sim.impairments import with_click, with_dropout, with_noise
from sim.signals.dtmf import CALLER_ID, Dtmf, caller_id_train
from sim.signals.fsk import MODEMS, SEND_LEVEL_DBM0, Fsk, fsk_burst
from sim.signals.levels import Signal
from sim.signals.messages import Caller, mdmf, sdmf

Format = Literal["mdmf", "sdmf", "dtmf", "none"]
Route = Literal["rings", "busy", "congestion", "vacant"]


@dataclass(frozen=True)
class CallerId:
    """How the exchange tells who calls.

    Attributes:
        format: "none" where the desk has no caller ID subscribed.
        standard: modem of FSK, "bell202" or "v23".
        level_dbm0, twist_db, skew, stuffing_bits, seizure_bits, mark_bits: see `Fsk`; of DTMF a tone's.
        parameters: hex of further MDMF parameters, sent before the number.
        start, end, on_ms, off_ms: the DTMF train.
        reversal: the feed is reversed while what comes before the ringing is sent.
        before_ring: FSK is sent before the ringing, as ETSI allows; DTMF always is.
        snr_db: white noise over the signal; None is none beside the line's own.
        broken: two digits near the end have one wrong bit each, so that the checksum fails beyond repair.
        click_ms, dropout_ms: one hit of that length in the middle of the signal; 0 is none.
    """

    format: Format = "mdmf"
    standard: str = "bell202"
    level_dbm0: float = SEND_LEVEL_DBM0
    twist_db: float = 0.0
    skew: float = 0.0
    stuffing_bits: int = 0
    seizure_bits: int = 300
    mark_bits: int = 180
    parameters: str = ""
    start: str = "D"
    end: str = "C"
    on_ms: float = 50.0
    off_ms: float = 50.0
    reversal: bool = False
    before_ring: bool = False
    snr_db: float | None = None
    broken: bool = False
    click_ms: float = 0.0
    dropout_ms: float = 0.0

    def signal(self, caller: Caller, seed: int, off_hook: bool = False) -> Signal:
        """The waveform; empty for "none", and for DTMF without a number."""
        if self.format == "none" or (self.format == "dtmf" and not caller.number):
            return np.zeros(0)
        sent = self._dtmf(caller) if self.format == "dtmf" else self._fsk(caller, off_hook)
        rng = np.random.default_rng(seed)
        middle_ms = len(sent) / 16.0
        if self.click_ms:
            sent = with_click(sent, middle_ms, self.click_ms, self.level_dbm0 + 9.0, rng)
        if self.dropout_ms:
            sent = with_dropout(sent, middle_ms, self.dropout_ms)
        if self.snr_db is not None:
            sent = with_noise(sent, self.snr_db, self.level_dbm0, rng)
        return sent

    def _dtmf(self, caller: Caller) -> Signal:
        how = Dtmf(self.on_ms, self.off_ms, self.level_dbm0, CALLER_ID.twist_db + self.twist_db, self.skew)
        return caller_id_train(caller.number, self.start, self.end, how)

    def _fsk(self, caller: Caller, off_hook: bool) -> Signal:
        extra = bytes.fromhex(self.parameters)
        message = sdmf(caller) if self.format == "sdmf" else mdmf(caller, extra)
        if self.broken:
            wrong = bytes([message[-6] ^ 0x01, message[-5], message[-4] ^ 0x02])
            message = message[:-6] + wrong + message[-3:]
        how = Fsk(
            modem=MODEMS[self.standard],
            level_dbm0=self.level_dbm0,
            twist_db=self.twist_db,
            skew=self.skew,
            seizure_bits=0 if off_hook else self.seizure_bits,
            mark_bits=80 if off_hook else self.mark_bits,
            stuffing_bits=self.stuffing_bits,
        )
        return fsk_burst(message, how)


@dataclass(frozen=True)
class IncomingCall:
    """Somebody calls the desk.

    Attributes:
        name: what the scenario calls it, for reports.
        cadence_ms: the ringing's; None is the line's own.
    """

    caller: Caller
    caller_id: CallerId = field(default_factory=CallerId)
    name: str = ""
    cadence_ms: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True)
class Destination:
    """Where the desk's next outbound call leads.

    Attributes:
        route: "rings", or the tone the desk hears instead.
        reversal: the feed is reversed while the far end is connected.
    """

    route: Route = "rings"
    reversal: bool = False
    name: str = ""


@dataclass
class CallTruth:
    """What really happened, written by the exchange alone. Times are line time, ms.

    Attributes:
        direction: "in" or "out".
        number: the caller's as sent, or the digits dialled.
        reason: why no number was sent, "P" or "O"; else "".
        caller_id: format sent; "none" for outbound calls and where nothing was sent before an early answer.
        started_ms: first signal of the call on the line: ringing or caller ID; for outbound calls off-hook.
        ring_count: bursts begun before the desk lifted or the caller gave up.
        off_hook_ms, on_hook_ms: the desk's loop; None when it never closed or has not opened yet.
        answered_ms: both ends connected.
        far_hung_up_ms: the other end cleared, before or after the desk did.
        ended_ms: the call is over for the line: desk on-hook, or ringing stopped.
        elsewhere: answered by a set that is not on this pair.
        waiting: numbers announced by call waiting during the call.
    """

    name: str
    direction: Literal["in", "out"]
    number: str
    reason: str
    caller_id: str
    started_ms: int
    ring_count: int = 0
    off_hook_ms: int | None = None
    answered_ms: int | None = None
    far_hung_up_ms: int | None = None
    on_hook_ms: int | None = None
    ended_ms: int | None = None
    elsewhere: bool = False
    waiting: list[str] = field(default_factory=list)

    @property
    def talk_ms(self) -> int:
        """From answer to the desk's on-hook; 0 for a call that was not answered or is not over."""
        if self.answered_ms is None or self.ended_ms is None:
            return 0
        return self.ended_ms - self.answered_ms

    @property
    def off_hook_for_ms(self) -> int:
        """How long the desk's loop was closed, which is what a recording must last."""
        if self.off_hook_ms is None or self.on_hook_ms is None:
            return 0
        return self.on_hook_ms - self.off_hook_ms

    @property
    def hung_up_first(self) -> Literal["desk", "far", ""]:
        """Who cleared an answered call; "" where nobody answered."""
        if self.answered_ms is None or self.ended_ms is None:
            return ""
        return "desk" if self.far_hung_up_ms is None or self.far_hung_up_ms > self.ended_ms else "far"

    @property
    def outcome(self) -> str:
        """The design's outcome of a call that is over, as far as the line alone can tell."""
        if self.direction == "out":
            return "outbound_unanswered" if self.answered_ms is None else "outbound_connected"
        if self.answered_ms is not None:
            return "answered"
        return "answered_elsewhere" if self.elsewhere else "missed"

    def as_json(self) -> dict[str, Any]:
        """All of it, for a report."""
        derived = {
            "talk_ms": self.talk_ms,
            "off_hook_for_ms": self.off_hook_for_ms,
            "hung_up_first": self.hung_up_first,
            "outcome": self.outcome,
        }
        return asdict(self) | derived

"""One port and the box that speaks on it: the host's end of the link, pure.

Rules:
- Bytes from a port never raise; what is no message is counted.
- A box that cannot be understood (another protocol version, a hello out of shape) is not answered, and said
  once.
- A journal_ack goes out only for what `acknowledge` was told, i.e. after the spool's commit.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any

from host_agent.ports import Instant
from protocol.errors import MessageError
from protocol.framing import AUDIO, CONTROL
from protocol.link import CLOSED, OPENED, LinkEnd
from protocol.messages import (
    MAX_RANGES,
    decode_audio,
    decode_board_hello,
    decode_message,
    encode_host_hello,
    encode_message,
)

NOISE_BYTES = 4096
"""Bytes without one valid frame after which a port is said not to be a box."""
MUTED_MS = 1_000
MAX_QUEUED = 64
"""Control payloads kept for the link's window, at most."""


@dataclass(frozen=True, slots=True)
class HelloSaid:
    source: str
    boot: str
    firmware: str
    uptime_ms: int


@dataclass(frozen=True, slots=True)
class SessionEnded:
    source: str


@dataclass(frozen=True, slots=True)
class BoxHears:
    """What `probe` sent was acknowledged: the box, too, has the session open."""


@dataclass(frozen=True, slots=True)
class EventSaid:
    seq: int
    uptime_ms: int
    type: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PastEventSaid:
    """An event of an earlier boot, from the box's flash."""

    boot: str
    seq: int
    uptime_ms: int
    type: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AudioSaid:
    call: int
    first_sample: int
    alaw: bytes


@dataclass(frozen=True, slots=True)
class CaptureSaid:
    """What the ear failed on is complete; `samples` 0: it was abandoned."""

    call: int
    uptime_ms: int
    samples: int
    loop: bytes


@dataclass(frozen=True, slots=True)
class HealthSaid:
    numbers: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LogSaid:
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class ReplySaid:
    command: str
    result: str
    reason: str


@dataclass(frozen=True, slots=True)
class BoxRefused:
    """`reason`: version, noise, or what is wrong with its hello."""

    reason: str


Said = (
    HelloSaid
    | SessionEnded
    | BoxHears
    | EventSaid
    | PastEventSaid
    | AudioSaid
    | CaptureSaid
    | HealthSaid
    | LogSaid
    | ReplySaid
    | BoxRefused
)

_MESSAGES = {
    "event": EventSaid,
    "past_event": PastEventSaid,
    "capture": CaptureSaid,
    "health": HealthSaid,
    "log": LogSaid,
    "reply": ReplySaid,
}


class BoxSession:
    """The box on one port.

    Attributes:
        source, boot: of the last hello; empty before the first.
        is_ready: commands may be sent; set by whoever anchors its time.
        is_muted: nothing is written to the port (its box cannot be understood, or is attached elsewhere).
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.source = ""
        self.boot = ""
        self.firmware = ""
        self.is_ready = False
        self.is_muted = False
        self.malformed = 0
        self.link = LinkEnd(False, b"", lambda: 1)
        self._queue: deque[bytes] = deque()
        self._acks: dict[str, list[list[int]]] = {}
        self._silent_bytes = 0
        self._is_probing = False
        self._complained: set[str] = set()

    @property
    def is_open(self) -> bool:
        """A session with an understood box is open."""
        return self.link.is_open and not self.is_muted

    def receive(self, data: bytes, now: Instant) -> list[Said]:
        """What the box says in these bytes, in order."""
        self.link.receive(data, now.elapsed_ms)
        said: list[Said] = []
        for kind, payload in self.link.take():
            self._silent_bytes = 0
            said.extend(self._understand(kind, payload))
        if self._is_probing and not self.link.under_way(CONTROL):
            self._is_probing = False
            said.append(BoxHears())
        self._silent_bytes += len(data)
        if self._silent_bytes > NOISE_BYTES and not self.link.is_open and self._complain("noise"):
            said.append(BoxRefused("noise"))
        return said

    def _understand(self, kind: int, payload: bytes) -> list[Said]:
        try:
            if kind == OPENED:
                return [self._hear_hello(payload)]
            if kind == CLOSED:
                return [] if self.is_muted else [SessionEnded(self.source)]
            if self.is_muted:
                return []
            if kind == AUDIO:
                return [AudioSaid(*decode_audio(payload))]
            message = decode_message(payload)
            said = _MESSAGES.get(message[0])
            if said is None:
                raise MessageError("direction")
            return [said(*message[1:])]
        except MessageError as error:
            if kind == OPENED:
                return [BoxRefused(error.reason)] if self.mute(error.reason) else []
            self.malformed += 1
            return []

    def _hear_hello(self, payload: bytes) -> HelloSaid:
        hello = HelloSaid(*decode_board_hello(payload))
        self.is_muted = False
        self.source, self.boot, self.firmware = hello.source, hello.boot, hello.firmware
        self._queue.clear()
        return hello

    def mute(self, reason: str) -> bool:
        """Say nothing to this box; each hello of it is heard anew. True the first time for this reason."""
        self.is_muted = True
        self.start_over()
        return self._complain(reason)

    def _complain(self, reason: str) -> bool:
        is_first = reason not in self._complained
        self._complained.add(reason)
        return is_first

    def probe(self, unix_ms: int) -> None:
        """Tell the box the time; BoxHears follows when it has acknowledged that."""
        self._is_probing = self.link.send(CONTROL, encode_message("time", unix_ms))

    def start_over(self) -> None:
        """Ask the box for a new session: it sends again whatever is not acknowledged."""
        self.link = LinkEnd(False, b"", lambda: 1)
        self._is_probing = False
        self._queue.clear()

    def answer_hello(self, agent: str, unix_ms: int, settings: dict[str, str], held: list[list[Any]]) -> None:
        """Set what the host's hello says; the next `poll` sends it."""
        self._complained.clear()
        self.link.hello = encode_host_hello(agent, unix_ms, settings, held)

    def acknowledge(self, boot: str, seq: int) -> None:
        """The spool has this event on disk (or will never take it): the journal may forget it."""
        ranges = self._acks.setdefault(boot, [])
        if ranges and ranges[-1][1] + 1 == seq:
            ranges[-1][1] = seq
        else:
            ranges.append([seq, seq])

    def send(self, *parts: Any) -> bool:
        """Queue one control message; False when the box is not there or too much waits.

        Raises:
            ProtocolError: it does not fit a frame, or holds what CBOR does not carry here.
        """
        if not (self.is_open and self.is_ready) or len(self._queue) >= MAX_QUEUED:
            return False
        self._queue.append(encode_message(*parts))
        return True

    def poll(self, now: Instant) -> bytes:
        """The bytes to write to the port now."""
        if self.is_muted:
            return b""
        while self._queue and self.link.room(CONTROL):
            self.link.send(CONTROL, self._queue.popleft())
        while self._acks and self.link.room(CONTROL):
            self.link.send(CONTROL, self._next_ack())
        return self.link.poll(now.elapsed_ms)

    def _next_ack(self) -> bytes:
        boot, ranges = next(iter(self._acks.items()))
        portion, rest = ranges[:MAX_RANGES], ranges[MAX_RANGES:]
        if rest:
            self._acks[boot] = rest
        else:
            del self._acks[boot]
        return encode_message("journal_ack", boot, portion)

    def take_ended(self, now: Instant) -> list[Said]:
        """What the passing of time ended (the peer fell silent). Call it after `poll`."""
        return [item for kind, payload in self.link.take() for item in self._understand(kind, payload)]

    def next_due_ms(self, now: Instant) -> int:
        """When `poll` must be called though nothing happens, elapsed ms."""
        if self.is_muted:
            return now.elapsed_ms + MUTED_MS
        return self.link.next_deadline_ms(now.elapsed_ms)

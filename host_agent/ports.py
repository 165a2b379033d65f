"""What the core needs of the world (narrow protocols), and what the world tells the core (one queue of
inputs).

The core is one thread. Reader threads, paho's thread, the worker and the clock only ever put an input into
the queue; every output is a call on one of the protocols below, none of which blocks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Instant:
    """One reading of the clock.

    Attributes:
        unix_ms: UTC by the PC's clock; may jump.
        elapsed_ms: milliseconds since an arbitrary start; never jumps and counts sleep where the system can.
    """

    unix_ms: int
    elapsed_ms: int


class Clock(Protocol):
    """Where `now` comes from."""

    def now(self) -> Instant: ...


class SerialPort(Protocol):
    """One open port. `write` never blocks: what does not fit is dropped and the link sends it again."""

    @property
    def path(self) -> str: ...

    @property
    def written(self) -> int: ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class Broker(Protocol):
    """The MQTT side. `publish` returns at once; False: not connected, nothing was sent."""

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> bool: ...

    def subscribe(self, topics: list[tuple[str, int]]) -> None: ...


class Worker(Protocol):
    """Runs a slow job (encoding, upload) off the core's thread; its result comes back as `JobDone`."""

    def submit(self, name: str, key: str, job: Callable[[], Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class SerialBytes:
    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class SerialLost:
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class PortsSeen:
    """All ports present now that are, or may be, a box: path → serial number (empty: none)."""

    ports: dict[str, str]


@dataclass(frozen=True, slots=True)
class BrokerUp:
    version: str


@dataclass(frozen=True, slots=True)
class BrokerDown:
    reason: str


@dataclass(frozen=True, slots=True)
class MessageArrived:
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class JobDone:
    """`error` is set instead of `result` when the job failed."""

    name: str
    key: str
    result: Any
    error: Exception | None


@dataclass(frozen=True, slots=True)
class Granted:
    """The time service grants a step: handle `ports[path]` bytes in all, run what is due at `unix_ms`,
    answer. `elapsed_ms` counts on when the clock jumps."""

    step: int
    unix_ms: int
    ports: dict[str, int]
    elapsed_ms: int


@dataclass(frozen=True, slots=True)
class Awaited:
    """The time service stands still until nothing is uncommitted, or every recording is verified."""

    wait: int
    what: str


@dataclass(frozen=True, slots=True)
class DraftTyped:
    """The desk's page: a draft as it stands now. `answer` is called with True when it is on disk."""

    draft: str
    call: str
    fields: dict[str, Any]
    answer: Callable[[bool], None]


@dataclass(frozen=True, slots=True)
class DraftFinished:
    """The desk's page: this draft is to become a ticket. `answer`: True when that is on disk."""

    draft: str
    answer: Callable[[bool], None]


@dataclass(frozen=True, slots=True)
class RecordingAsked:
    """The desk's page wants to play this one. `answer`: True when that is on disk."""

    call: str
    answer: Callable[[bool], None]


@dataclass(frozen=True, slots=True)
class PagesOpen:
    """So many pages look on now."""

    count: int


@dataclass(frozen=True, slots=True)
class StopAsked:
    reason: str


Input = (
    SerialBytes
    | SerialLost
    | PortsSeen
    | BrokerUp
    | BrokerDown
    | MessageArrived
    | JobDone
    | Granted
    | Awaited
    | DraftTyped
    | DraftFinished
    | RecordingAsked
    | PagesOpen
    | StopAsked
)

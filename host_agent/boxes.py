"""The boxes of this PC: ports opened once and kept, lost and found again, and who is attached where.

A box is known by the id in its hello, never by the name of its port: names move (COM3 today, COM5 tomorrow).

    port absent --seen, or its back-off over--> open --hello--> attached
        ^                                        |                |  silent for DETACH_MS: box_detached
        +------------- lost (unplugged, sleep) --+----------------+  lost: box_detached
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from host_agent.box_session import BoxSession, HelloSaid, Said, SessionEnded
from host_agent.errors import AgentError
from host_agent.ports import Instant, SerialPort

FIRST_WAIT_MS = 1_000
MAX_WAIT_MS = 2_000
"""A box that is plugged in again during a call must be found while its 8 s of audio last."""
DETACH_MS = 10_000

log = structlog.get_logger()

OpenPort = Callable[[str], SerialPort]


@dataclass(slots=True)
class _Port:
    """One port that should be open. `link` is None while it is not."""

    session: BoxSession
    link: SerialPort | None = None
    received: int = 0
    due_ms: int = 0
    failures: int = 0
    told: str = ""
    silent_since_ms: int | None = None


@dataclass(slots=True)
class Boxes:
    """Ports and their sessions.

    Attributes:
        wanted: paths to keep open.
        attached: source id → path of every box that is there.
    """

    open_port: OpenPort
    wanted: set[str] = field(default_factory=set)
    attached: dict[str, str] = field(default_factory=dict)
    _ports: dict[str, _Port] = field(default_factory=dict)

    def handle_ports_seen(self, paths: set[str]) -> None:
        """The scan found these ports of boxes: open new ones, forget closed ones that are gone."""
        self.wanted = paths
        for path in [path for path, port in self._ports.items() if port.link is None and path not in paths]:
            del self._ports[path]

    def handle_bytes(self, path: str, data: bytes, now: Instant) -> list[Said]:
        """Bytes from a port; what the box says in them."""
        port = self._ports.get(path)
        if port is None or port.link is None:
            return []
        port.received += len(data)
        return port.session.receive(data, now)

    def handle_lost(self, path: str, now: Instant) -> str | None:
        """The port is gone; returns the source of the box that was attached to it."""
        port = self._ports.get(path)
        if port is None or port.link is None:
            return None
        port.link.close()
        source = port.session.source
        self._ports[path] = _Port(BoxSession(path), due_ms=now.elapsed_ms + FIRST_WAIT_MS)
        return source if self.attached.get(source) == path else None

    def attach(self, hello: HelloSaid, path: str) -> bool | None:
        """A box said hello. True: new here; False: it was here; None: its id is in use on another
        port."""
        port = self._ports[path]
        port.silent_since_ms = None
        held_by = self.attached.get(hello.source)
        if held_by is not None and held_by != path:
            other = self._ports.get(held_by)
            if other is not None and other.session.is_open:
                return None
        self.attached[hello.source] = path
        return held_by is None

    def handle_session_ended(self, said: SessionEnded, path: str, now: Instant) -> None:
        """The link fell silent; the box is detached if it stays so."""
        if self.attached.get(said.source) == path:
            self._ports[path].silent_since_ms = now.elapsed_ms

    def detach(self, source: str) -> None:
        """The box is not there any more."""
        self.attached.pop(source, None)

    def take_silent(self, now: Instant) -> list[str]:
        """Sources of boxes that have been silent for DETACH_MS, and have not said hello on another port."""
        silent = []
        for path, port in self._ports.items():
            since_ms = port.silent_since_ms
            if since_ms is not None and now.elapsed_ms - since_ms >= DETACH_MS:
                port.silent_since_ms = None
                if self.attached.get(port.session.source) == path:
                    silent.append(port.session.source)
        return silent

    def open_due(self, now: Instant) -> None:
        """Open the wanted ports that are closed and whose back-off is over."""
        for path in sorted(self.wanted):
            port = self._ports.setdefault(path, _Port(BoxSession(path)))
            if port.link is None and port.due_ms <= now.elapsed_ms:
                self._open(path, port, now)

    def _open(self, path: str, port: _Port, now: Instant) -> None:
        try:
            link = self.open_port(path)
        except AgentError as error:
            wait_ms = min(FIRST_WAIT_MS << min(port.failures, 16), MAX_WAIT_MS)
            port.failures += 1
            port.due_ms = now.elapsed_ms + wait_ms
            if port.told != error.code:
                port.told = error.code
                log.error(error.code, port=path, problem=error.problem, remedy=error.remedy)
            return
        self._ports[path] = _Port(BoxSession(path), link)
        log.info("port.opened", port=path)

    def poll(self, now: Instant) -> list[tuple[str, Said]]:
        """Write what each session has to say; returns what the passing of time ended, with its port."""
        ended: list[tuple[str, Said]] = []
        for path, port in self._ports.items():
            if port.link is None:
                continue
            while data := port.session.poll(now):
                port.link.write(data)
            ended.extend((path, said) for said in port.session.take_ended(now))
        return ended

    def session(self, path: str) -> BoxSession | None:
        """The session on an open port."""
        port = self._ports.get(path)
        return port.session if port is not None and port.link is not None else None

    def session_of(self, source: str) -> BoxSession | None:
        """The session of an attached box."""
        return self.session(self.attached.get(source, ""))

    def boots(self) -> dict[str, str]:
        """Source → boot of every box that is there."""
        sessions = {source: self.session_of(source) for source in self.attached}
        return {source: session.boot for source, session in sessions.items() if session is not None}

    def open_sessions(self) -> list[BoxSession]:
        """The sessions of all open ports."""
        return [port.session for port in self._ports.values() if port.link is not None]

    def received(self) -> dict[str, int]:
        """Bytes handled since opening, of each open port."""
        return {path: port.received for path, port in self._ports.items() if port.link is not None}

    def written(self) -> dict[str, int]:
        """Bytes written since opening, of each open port."""
        return {path: port.link.written for path, port in self._ports.items() if port.link is not None}

    def next_due_ms(self, now: Instant) -> int | None:
        """When `open_due`, `poll` or `take_silent` has something to do, elapsed ms."""
        dues = []
        for path, port in self._ports.items():
            if port.link is not None:
                dues.append(port.session.next_due_ms(now))
            elif path in self.wanted:
                dues.append(port.due_ms)
            if port.silent_since_ms is not None:
                dues.append(port.silent_since_ms + DETACH_MS)
        return min(dues, default=None)

    def close(self) -> None:
        """Close every port."""
        for port in self._ports.values():
            if port.link is not None:
                port.link.close()
                port.link = None

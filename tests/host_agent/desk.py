"""A whole core in virtual time: real SQLite and files, a board on a wire of bytes, a broker and a worker
that wait."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from host_agent.bootstrap import World, build_core
from host_agent.core import Core
from host_agent.credentials import Credentials
from host_agent.database import open_database
from host_agent.errors import AgentError
from host_agent.identity import begin_run
from host_agent.ports import BrokerDown, BrokerUp, Instant, JobDone, MessageArrived, SerialBytes, SerialLost
from host_agent.settings import AgentSettings
from host_agent.uploads import CloudAccess
from tests.host_agent.board import Board

START_MS = 1_773_738_000_000
STEP_MS = 20


class VirtualClock:
    """Moved by the test. `jump` moves the PC's clock alone."""

    def __init__(self) -> None:
        self._now = Instant(START_MS, 0)

    def now(self) -> Instant:
        return self._now

    def advance(self, ms: int) -> None:
        self._now = Instant(self._now.unix_ms + ms, self._now.elapsed_ms + ms)

    def jump(self, ms: int) -> None:
        self._now = Instant(self._now.unix_ms + ms, self._now.elapsed_ms)


class Wire:
    """An open port: what the agent writes lies in `sent` until the board is given it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.written = 0
        self.sent = b""
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.written += len(data)
        self.sent += data

    def close(self) -> None:
        self.is_closed = True


class WaitingWorker:
    """Keeps jobs until the test runs them, by name."""

    def __init__(self) -> None:
        self.jobs: list[tuple[str, str, Callable[[], Any]]] = []

    def submit(self, name: str, key: str, job: Callable[[], Any]) -> None:
        self.jobs.append((name, key, job))

    def run(self, *names: str) -> list[JobDone]:
        taken = [job for job in self.jobs if job[0] in names]
        self.jobs = [job for job in self.jobs if job[0] not in names]
        return [_run(*job) for job in taken]


def _run(name: str, key: str, job: Callable[[], Any]) -> JobDone:
    try:
        return JobDone(name, key, job(), None)
    except AgentError as error:
        return JobDone(name, key, None, error)
    except OSError as error:
        return JobDone(name, key, None, error)


class ListBroker:
    """Takes everything that is published and forgets nothing."""

    def __init__(self) -> None:
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.retained: dict[str, dict[str, Any]] = {}
        self.subscribed: list[tuple[str, int]] = []
        self.is_up = True

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> bool:
        if not self.is_up:
            return False
        self.published.append((topic, json.loads(payload)))
        if retain:
            self.retained[topic] = json.loads(payload)
        return True

    def subscribe(self, topics: list[tuple[str, int]]) -> None:
        self.subscribed += topics


class Desk:
    """One agent's core and its surroundings. Every method leaves the core settled."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = AgentSettings(data_dir=folder, **{"ports": ("P1",), "disk_reserve_mb": 0, **settings})
        self.clock = VirtualClock()
        self.worker = WaitingWorker()
        self.broker = ListBroker()
        self.wires: dict[str, Wire] = {}
        self.boards: dict[str, Board] = {}
        self.absent: set[str] = set()
        self.free_bytes = 1 << 40
        self.attached: list[tuple[str, str]] = []
        self.accepted: list[Credentials] = []
        self.access = CloudAccess("http://cloud.invalid", "token")
        self.core = self.start()

    def start(self) -> Core:
        """A new run of the agent on the same folder."""
        self.identity = begin_run(self.settings.data_dir / "identity.json")
        self.database = open_database(self.settings.data_dir / "spool.sqlite", self.settings.spool_limit_mb)
        world = World(
            clock=self.clock,
            worker=self.worker,
            open_port=self.open_port,
            read_free=lambda: self.free_bytes,
            draw=lambda: 0.5,
            throttle=lambda _: None,
            announce=lambda source, port: self.attached.append((source, port)),
            accept=self.accepted.append,
        )
        self.core = build_core(self.settings, self.identity, self.database, world)
        self.core.parts.bridge.join(self.broker, "desk-1")
        self.core.parts.flow.access = self.access
        self.core.parts.cloud.has_tried_time = True
        self.tick()
        return self.core

    def restart(self) -> None:
        """kill -9: nothing is closed in order but what Python would complain of."""
        self.core.parts.recordings.close()
        self.database.close()
        self.worker.jobs = []
        self.start()

    def open_port(self, path: str) -> Wire:
        if path in self.absent:
            raise AgentError("port.missing", f"There is no port {path}.", "Plug the box in.")
        self.wires[path] = Wire(path)
        return self.wires[path]

    def plug(self, path: str, board: Board) -> Board:
        """The board hangs on that port."""
        self.boards[path] = board
        self.run(200)
        return board

    def unplug(self, path: str) -> None:
        self.boards.pop(path)
        self.absent.add(path)
        self.handle(SerialLost(path, "gone"))

    def handle(self, *items: Any) -> None:
        now = self.clock.now()
        for item in items:
            self.core.handle(item, now)
        self.core.flush(now)

    def tick(self) -> None:
        self.core.tick(self.clock.now())

    def run(self, ms: int) -> None:
        """Let time pass; bytes go both ways each STEP_MS."""
        for _ in range(0, ms, STEP_MS):
            self.clock.advance(STEP_MS)
            now_ms = self.clock.now().elapsed_ms
            for path, board in list(self.boards.items()):
                wire = self.wires[path]
                sent, wire.sent = wire.sent, b""
                board.receive(sent, now_ms)
                if data := board.poll(now_ms):
                    self.handle(SerialBytes(path, data))
            self.tick()

    def work(self, *names: str) -> None:
        """Run the worker's jobs of these names."""
        self.handle(*self.worker.run(*names))
        self.tick()

    def connect(self, ahead_ms: int | None = None) -> None:
        """The broker is there; and the cloud, whose time is so much later, or None: it does not answer."""
        self.broker.is_up = True
        self.handle(BrokerUp("5"))
        for _ in range(2):  # the first may be the answer to a question of before
            self.tick()
            self.tell_time(ahead_ms)

    def tell_time(self, ahead_ms: int | None) -> None:
        """The cloud's answer to what time it is."""
        now = self.clock.now()
        told = None if ahead_ms is None else (now.unix_ms + ahead_ms, now.unix_ms, now.unix_ms)
        error = AgentError("cloud.unreachable", "It does not answer.", "Wait.") if told is None else None
        self.handle(JobDone("time", "time", told, error))

    def disconnect(self) -> None:
        self.broker.is_up = False
        self.handle(BrokerDown("gone"))

    def commit_all(self) -> None:
        """The cloud lists everything that was published."""
        for event in self.events():
            self.commit(event)

    def commit(self, event: dict[str, Any]) -> None:
        source = event["source"]
        body = {"v": 1, "source": source, "ranges": [[event["boot"], event["seq"], event["seq"]]]}
        self.message(f"cloudseat/v1/desk-1/{source}/committed", body)

    def message(self, topic: str, body: Any) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.handle(MessageArrived(topic, payload))

    def events(self, event_type: str | None = None) -> list[dict[str, Any]]:
        """Published events, repetitions included."""
        bodies = [body for topic, body in self.broker.published if topic.endswith("/event")]
        return [body for body in bodies if event_type in (None, body["type"])]

    def replies(self) -> list[tuple[str, str, str]]:
        """(id, result, reason) of each reply."""
        bodies = [body for topic, body in self.broker.published if topic.endswith("/reply")]
        return [(body["id"], body["result"], body["reason"]) for body in bodies]

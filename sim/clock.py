"""The time service: hands out stepped time to the agents, which answer each step, and to the cloud.

One TCP server on 127.0.0.1, one JSON object a line. Whoever owns the service owns time; nothing here sleeps.

    client -> {"join": "agent" | "observer", "name": text}
    server -> {"step": n, "now_ms": unix_ms, "elapsed_ms": ms,
               "ports": {path: bytes written to it since the agent opened it}}
    agent  -> {"step": n, "ports": {path: bytes the agent has written to it since it opened it}}
    server -> {"wait": k, "for": "committed" | "uploaded"}
    agent  -> {"wait": k, "done": true} or {"wait": k, "done": false, "retry_in_ms": m}

Rules:
- `elapsed_ms` goes on evenly; an agent's `now_ms` may jump, as the clock of a PC does.
- A client that joins is told the time at once by one step of its own; an agent answers that one too.
- A step that moves samples is at most MAX_STEP_MS long; a quiet one at most MAX_QUIET_MS, which is below the
  link's peer timeout, so that a session stays open across it.
- An agent answers a step when it has read and handled the bytes of `ports` and run every timer that is due.
  `ports` of a step names only the ports that this agent listed in its last answer.
- During a wait time stands still. An agent whose back-off needs time to pass says how much.
- An observer that does not read is dropped; an agent that leaves or stays silent ends the run.
"""

import json
import selectors
import socket
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from sim.errors import SimulatorError

MAX_STEP_MS = 128
MAX_QUIET_MS = 2000
PATIENCE_S = 60.0
"""Wall time after which a silent agent is given up."""

Role = Literal["agent", "observer"]
Goal = Literal["committed", "uploaded"]


class ClientLost(SimulatorError):
    """An agent left, or did not answer within the patience. `name`: the client's."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"time service: {name} {reason}; its log says why")
        self.name = name


@dataclass(eq=False)
class _Client:
    connection: socket.socket
    role: str = ""
    name: str = "?"
    received: bytearray = field(default_factory=bytearray)
    asked: tuple[str, int] | None = None
    answer: dict[str, Any] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)


class TimeService:
    """Owns stepped time from `start_ms` (unix milliseconds) on.

    Attributes:
        agent_clock_ms: how much the agents' clock is ahead of the true time, `now_ms`.
        agents_may_leave: an agent that is gone ends nothing; set while one is killed on purpose.
    """

    def __init__(self, start_ms: int, patience_s: float = PATIENCE_S) -> None:
        self.now_ms = start_ms
        self.agent_clock_ms = 0
        self.agents_may_leave = False
        self._start_ms = start_ms
        self._patience_s = patience_s
        self._count = 0
        self._clients: list[_Client] = []
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, None)

    @property
    def address(self) -> str:
        """What the CLOCK setting of agent and cloud takes."""
        return f"stepped://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        for client in list(self._clients):
            self._drop(client)
        self._selector.unregister(self._listener)
        self._listener.close()
        self._selector.close()

    # -- what the owner of time does

    def await_clients(self, agents: int, observers: int, timeout_s: float) -> None:
        """Return once so many have joined and every agent has answered its first step.

        Raises:
            ClientLost: not within `timeout_s` of wall time.
        """

        def joined() -> bool:
            roles = [client.role for client in self._clients]
            answered = all(client.asked is None for client in self._clients)
            return roles.count("agent") >= agents and roles.count("observer") >= observers and answered

        if not self._run_until(joined, timeout_s):
            raise ClientLost("agent or cloud", f"did not join within {timeout_s:.0f} s")

    def step(self, ms: int, written: dict[str, int]) -> dict[str, int]:
        """Let `ms` pass and return when every agent has done that step's work: both halves in one."""
        self.begin_step(ms, written)
        return self.finish_step()

    def begin_step(self, ms: int, written: dict[str, int]) -> None:
        """Let `ms` pass; the agents begin to work.

        Args:
            ms: 1..MAX_QUIET_MS; the caller keeps steps with samples to MAX_STEP_MS.
            written: bytes written to each port since its agent opened it.
        Raises:
            ClientLost: an agent left.
        """
        if not 0 < ms <= MAX_QUIET_MS:
            raise ValueError(f"a step is 1..{MAX_QUIET_MS} ms, not {ms}")
        self.now_ms += ms
        self._count += 1
        for client in list(self._clients):
            self._tell_step(client, {path: n for path, n in written.items() if path in client.ports})

    def finish_step(self) -> dict[str, int]:
        """Return when every agent has done its work of the step that was begun.

        Returns:
            For each port an agent has open: the bytes it has written to it since it opened it.
        Raises:
            ClientLost: an agent left or kept silent.
        """
        self._collect()
        return self.open_ports()

    def ask(self, goal: Goal) -> int:
        """Let time stand still until every agent has reached `goal`.

        Returns:
            0 when reached; else milliseconds to let pass before asking again.
        Raises:
            ClientLost: an agent left or kept silent.
        """
        self._count += 1
        agents = [client for client in self._clients if client.role == "agent"]
        for client in agents:
            client.asked = ("wait", self._count)
            self._send(client, {"wait": self._count, "for": goal})
        self._collect()
        pauses = [int(c.answer.get("retry_in_ms", 1)) for c in agents if c.answer.get("done") is not True]
        return max(pauses, default=0)

    def forget(self, role: Role) -> None:
        """Every client of that role has ended: the next one to join is a new one."""
        for client in [client for client in self._clients if client.role == role]:
            self._drop(client)

    def open_ports(self) -> dict[str, int]:
        """The ports that agents have open, and what they have written to each."""
        return {path: count for client in self._clients for path, count in client.ports.items()}

    # -- the wire

    def _tell_step(self, client: _Client, written: dict[str, int]) -> None:
        now_ms = self.now_ms
        if client.role == "agent":
            client.asked = ("step", self._count)
            now_ms += self.agent_clock_ms
        elapsed_ms = self.now_ms - self._start_ms
        message = {"step": self._count, "now_ms": now_ms, "elapsed_ms": elapsed_ms, "ports": written}
        self._send(client, message)

    def _collect(self) -> None:
        if not self._run_until(lambda: all(c.asked is None for c in self._clients), self._patience_s):
            silent = next(client for client in self._clients if client.asked)
            raise ClientLost(silent.name, f"did not answer within {self._patience_s:.0f} s")

    def _run_until(self, done: Any, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while not done():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for key, _ in self._selector.select(left):
                if key.data is None:
                    self._accept()
                else:
                    self._read(key.data)
        return True

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(self._patience_s)
        client = _Client(connection)
        self._clients.append(client)
        self._selector.register(connection, selectors.EVENT_READ, client)

    def _read(self, client: _Client) -> None:
        try:
            data = client.connection.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._lose(client, "left")
            return
        client.received += data
        *lines, rest = client.received.split(b"\n")
        client.received = bytearray(rest)
        for line in lines:
            try:
                self._handle(client, json.loads(line))
            except (ValueError, TypeError, KeyError):
                self._lose(client, "said what the protocol does not know")
                return

    def _handle(self, client: _Client, message: dict[str, Any]) -> None:
        if not client.role:
            client.role, client.name = str(message["join"]), str(message.get("name", "?"))
            if client.role not in ("agent", "observer"):
                raise ValueError(client.role)
            self._tell_step(client, {})
            return
        kind = "step" if "step" in message else "wait"
        if client.asked != (kind, message[kind]):
            raise ValueError(kind)
        client.asked = None
        client.answer = message
        if kind == "step":
            client.ports = {str(path): int(count) for path, count in message["ports"].items()}

    def _send(self, client: _Client, message: dict[str, Any]) -> None:
        try:
            client.connection.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        except OSError:
            self._lose(client, "left")

    def _lose(self, client: _Client, reason: str) -> None:
        self._drop(client)
        if client.role == "agent" and not self.agents_may_leave:
            raise ClientLost(client.name, reason)

    def _drop(self, client: _Client) -> None:
        self._clients.remove(client)
        self._selector.unregister(client.connection)
        client.connection.close()

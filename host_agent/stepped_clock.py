"""Time from a simulator's time service instead of the PC's clock.

One TCP connection to 127.0.0.1, one JSON object a line:

    agent  -> {"join": "agent", "name": text}
    server -> {"step": n, "now_ms": unix_ms, "elapsed_ms": of the service, "ports": {path: bytes written ...}}
    agent  -> {"step": n, "ports": {path: bytes the agent has written to it since it opened it}}
    server -> {"wait": k, "for": "committed" | "uploaded"}
    agent  -> {"wait": k, "done": true} or {"wait": k, "done": false, "retry_in_ms": m}
"""

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

from host_agent.errors import AgentError
from host_agent.ports import Awaited, Granted, Instant, StopAsked

SCHEME = "stepped://"
STEPPED_TOLERANCE_MS = 2_500
"""The cloud may be one step (at most 2,000 ms) behind: both have their time from one service, so that is no
offset."""


class SteppedClock:
    """Stands still between grants; elapsed time counts from the first."""

    def __init__(self) -> None:
        self._first_ms: int | None = None
        self._now = Instant(0, 0)

    @property
    def has_begun(self) -> bool:
        """A first grant came."""
        return self._first_ms is not None

    def now(self) -> Instant:
        return self._now

    def set(self, unix_ms: int, elapsed_ms: int) -> None:
        """A grant: this is the time now, by the PC's clock and by what has really passed."""
        if self._first_ms is None:
            self._first_ms = elapsed_ms
        self._now = Instant(unix_ms, elapsed_ms - self._first_ms)


class TimeClient:
    """The connection to the time service; what it says goes into the core's queue."""

    def __init__(self, address: str, name: str, put: Callable[[Granted | Awaited | StopAsked], None]) -> None:
        """Join.

        Args:
            address: `stepped://127.0.0.1:PORT`.
        Raises:
            AgentError: `clock.unreachable`.
        """
        host, _, port = address.removeprefix(SCHEME).partition(":")
        try:
            self._socket = socket.create_connection((host, int(port)), timeout=10)
        except OSError as error:
            raise AgentError(
                "clock.unreachable",
                f"There is no time service at {address}: {error}.",
                "Start the simulator first, or set CLOUDSEAT_AGENT_CLOCK=system.",
            ) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(None)
        self._put = put
        self._say({"join": "agent", "name": name})
        threading.Thread(target=self._read, name="time service", daemon=True).start()

    def answer_step(self, step: int, written: dict[str, int]) -> None:
        """The step's work is done."""
        self._say({"step": step, "ports": written})

    def answer_wait(self, wait: int, retry_in_ms: int | None) -> None:
        """Reached (None), or after that much time it may be."""
        if retry_in_ms is None:
            self._say({"wait": wait, "done": True})
        else:
            self._say({"wait": wait, "done": False, "retry_in_ms": retry_in_ms})

    def close(self) -> None:
        self._socket.close()

    def _say(self, message: dict[str, Any]) -> None:
        try:
            self._socket.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        except OSError:
            self._put(StopAsked("the time service is gone"))

    def _read(self) -> None:
        try:
            with self._socket.makefile("rb") as lines:
                for line in lines:
                    self._put(_decode(json.loads(line)))
            reason = "the time service is gone"
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = f"the time service cannot be understood: {error}"
        self._put(StopAsked(reason))


def _decode(message: dict[str, Any]) -> Granted | Awaited:
    if "step" in message:
        ports = {str(path): int(count) for path, count in message["ports"].items()}
        elapsed_ms = int(message.get("elapsed_ms", message["now_ms"]))
        return Granted(int(message["step"]), int(message["now_ms"]), ports, elapsed_ms)
    return Awaited(int(message["wait"]), str(message["for"]))

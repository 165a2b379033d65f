"""Where `now` comes from: the system, or the time service of a simulation that this process only observes."""

import json
import socket
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from cloud_broker.errors import TimeServiceLost
from cloud_broker.ports import Clock

CONNECT_TIMEOUT_S = 10.0


class SystemClock:
    """The system's UTC."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class SteppedClock:
    """Time as granted by a time service: one JSON object a line, `now_ms` in each that carries time.

    `now_ms` waits until the first one has come.
    """

    def __init__(self, host: str, port: int, name: str = "cloud") -> None:
        self._socket = socket.create_connection((host, port), timeout=CONNECT_TIMEOUT_S)
        self._socket.settimeout(None)
        self._socket.sendall(json.dumps({"join": "observer", "name": name}).encode() + b"\n")
        self._now_ms: int | None = None
        self._known = threading.Event()
        threading.Thread(target=self._read, name="stepped-clock", daemon=True).start()

    def now_ms(self) -> int:
        self._known.wait()
        if self._now_ms is None:
            raise TimeServiceLost()
        return self._now_ms

    def close(self) -> None:
        self._socket.close()

    def _read(self) -> None:
        with self._socket.makefile("rb") as lines:
            try:
                for line in lines:
                    self._take(json.loads(line))
            except (OSError, ValueError):
                pass  # the simulation ended: time stands still from here on
        self._known.set()

    def _take(self, message: dict[str, Any]) -> None:
        now_ms = message.get("now_ms")
        if isinstance(now_ms, int):
            self._now_ms = now_ms
            self._known.set()


def build_clock(setting: str) -> Clock:
    """`system`, or `stepped://HOST:PORT`.

    Raises:
        TimeServiceLost: nobody listens there.
    """
    if setting == "system":
        return SystemClock()
    parts = urlsplit(setting)
    try:
        return SteppedClock(parts.hostname or "127.0.0.1", parts.port or 0)
    except OSError as error:
        raise TimeServiceLost() from error

"""An outsider's client of the cloud's HTTP API: knows the published interface, shares no code with it."""

import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx

from sim.errors import SimulatorError

Json = dict[str, Any]
TIMEOUT_S = 20.0


class ApiRefused(SimulatorError):
    """The cloud answered a request with an error. `status`: of the answer."""

    def __init__(self, response: httpx.Response) -> None:
        request = response.request
        super().__init__(f"{request.method} {request.url.path}: {response.status_code} {response.text[:200]}")
        self.status = response.status_code


class CloudClient:
    """One signed-in user of the API.

    Attributes:
        name: the user's, as tickets show it.
    """

    def __init__(self, url: str, username: str, password: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v1", timeout=TIMEOUT_S, trust_env=False)
        answer = self._send("POST", "/tokens", json={"username": username, "password": password})
        self._http.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        self.name = str(self._json("GET", "/session")["name"])

    def close(self) -> None:
        self._http.close()

    def calls(self, **where: str) -> list[Json]:
        """All calls that match, newest first."""
        return list(self._items("/calls", where))

    def call(self, call: str) -> Json:
        return self._json("GET", f"/calls/{call}")

    def residents(self, text: str = "") -> Iterator[Json]:
        """Residents found by name, room or number; all for an empty text."""
        return self._items("/residents", {"q": text})

    def resident(self, resident: int) -> Json:
        return self._json("GET", f"/residents/{resident}")

    def items(self) -> list[Json]:
        """The repair item tree."""
        return list(self._json("GET", "/items")["items"])

    def ticket(self, ticket: int) -> Json:
        return self._json("GET", f"/tickets/{ticket}")

    def create_ticket(self, ticket: Json) -> Json:
        """Make a ticket as the desk's form does: `desk`, `call`, `type`, `items`, `place`, `note`, ..."""
        key = {"Idempotency-Key": str(uuid.uuid4())}
        answer: Json = self._send("POST", "/tickets", json=ticket, headers=key).json()
        return answer

    def recording(self, call: str) -> bytes:
        """The stored file of a call's recording, by a play address as the player gets it."""
        url = self._json("POST", f"/calls/{call}/play")["url"]
        return self._send("GET", str(httpx.URL(str(self._http.base_url)).join(url))).content

    def stream(self, desk: str) -> "EventStream":
        """Open the desk's event stream."""
        return EventStream(self._http, f"/desks/{desk}/stream")

    def _items(self, path: str, where: dict[str, str]) -> Iterator[Json]:
        cursor: str | None = None
        while True:
            params = where | ({"cursor": cursor} if cursor else {})
            page = self._send("GET", path, params=params).json()
            yield from page["items"]
            cursor = page.get("next")
            if not cursor:
                return

    def _json(self, method: str, path: str) -> Json:
        answer: Json = self._send(method, path).json()
        return answer

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        response = self._http.request(method, path, **options)
        if response.is_error:
            raise ApiRefused(response)
        return response


@dataclass(frozen=True)
class StreamEvent:
    """One server-sent event: its `event` name, its `id` and its decoded data."""

    name: str
    id: str
    data: Any


class EventStream:
    """A desk's event stream, read in the background while the context is open."""

    def __init__(self, http: httpx.Client, path: str) -> None:
        self._http, self._path = http, path
        self._events: list[StreamEvent] = []
        self._news = threading.Condition()
        self._is_open = False
        self._response: httpx.Response | None = None
        self._thread = threading.Thread(target=self._read, name="event stream", daemon=True)

    def __enter__(self) -> "EventStream":
        self._thread.start()
        with self._news:
            if not self._news.wait_for(lambda: self._is_open, TIMEOUT_S):
                raise SimulatorError(f"the event stream {self._path} did not open within {TIMEOUT_S:.0f} s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._response is not None:
            self._response.close()

    def await_call(self, call: str, timeout_s: float = TIMEOUT_S) -> bool:
        """True once a `call` event about `call` has come; False when none came in `timeout_s`."""

        def has_come() -> bool:
            return any(event.name == "call" and call in json.dumps(event.data) for event in self._events)

        with self._news:
            return self._news.wait_for(has_come, timeout_s)

    def _read(self) -> None:
        timeout = httpx.Timeout(TIMEOUT_S, read=None)
        try:
            with self._http.stream("GET", self._path, timeout=timeout) as response:
                self._response = response
                with self._news:
                    self._is_open = response.status_code == httpx.codes.OK
                    self._news.notify_all()
                for event in parse_events(response.iter_lines()):
                    with self._news:
                        self._events.append(event)
                        self._news.notify_all()
        except (httpx.HTTPError, httpx.StreamError, OSError):
            return


def parse_events(lines: Iterator[str]) -> Iterator[StreamEvent]:
    """Server-sent events from the lines of a stream; data is JSON.

    Source: WHATWG HTML 9.2.6, without `retry`.
    """
    name, last_id, data = "message", "", list[str]()
    for line in lines:
        if not line:
            if data:
                yield StreamEvent(name, last_id, json.loads("\n".join(data)))
            name, data = "message", []
            continue
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "event":
            name = value
        elif key == "id":
            last_id = value
        elif key == "data":
            data.append(value)

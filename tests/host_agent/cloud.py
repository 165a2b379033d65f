"""A small real HTTP server in the cloud's place: enrolment, time, recordings; and it can be told to
misbehave."""

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from host_agent.time_anchor import format_utc

TOKEN = "upload-token"


class FakeCloud:
    """Listens on a free port of 127.0.0.1.

    Attributes:
        stored: call id → bytes of each verified recording.
        misbehave: `wrong_hash` (200 with another hash), `refuse` and `refuse part N` (503), empty: behaves.
        refused: call id → the status with which its recording is refused.
        requests: "METHOD path" of each request.
        roster: what agents get; None: their token was taken back.
        tickets: draft → the ticket that it became.
        is_well: what /healthz says.
    """

    def __init__(self, mqtt_port: int = 0) -> None:
        self.mqtt_port = mqtt_port
        self.stored: dict[str, bytes] = {}
        self.parts: dict[tuple[str, int], bytes] = {}
        self.misbehave = ""
        self.refused: dict[str, int] = {}
        self.requests: list[str] = []
        self.claim_code = "CLAIM"
        self.roster: Any = None
        self.tickets: dict[str, int] = {}
        self.is_well = True
        self.now_ms = lambda: time.time_ns() // 1_000_000
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                return

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, answer = cloud.answer(self.command, self.path, dict(self.headers), body)
                data = b"" if status == 304 else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("ETag", cloud.roster_tag)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = do_POST = handle_any

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        self.requests.append(f"{method} {path}")
        address, _, query = path.partition("?")
        parts = address.removeprefix("/api/v1/").split("/")
        if parts == ["", "healthz"]:
            return (200, {"ok": True}) if self.is_well else (503, {})
        if parts[0] == "agent":
            return self._tell_agent(
                parts[1], headers, [text.removeprefix("id=") for text in query.split("&")]
            )
        if parts == ["time"]:
            return 200, {"now": format_utc(self.now_ms())}
        if parts == ["enrol"]:
            return self._enrol(json.loads(body))
        if parts[0] != "recordings":
            return 404, {}
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"error": "token"}
        if self.misbehave == "refuse":
            return 503, {"error": "store"}
        return self._take(parts[1:], headers, body)

    @property
    def roster_tag(self) -> str:
        """The name of the roster's content."""
        return f'"{hashlib.sha256(json.dumps(self.roster).encode()).hexdigest()}"'

    def _tell_agent(self, what: str, headers: dict[str, str], drafts: list[str]) -> tuple[int, Any]:
        if self.roster is None or headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"error": {"reason": "not_signed_in"}}
        if self.misbehave == "roster":
            return 200, {"v": 99}
        if what == "roster":
            return (304 if headers.get("If-None-Match") == self.roster_tag else 200), self.roster
        made = [draft for draft in drafts if draft in self.tickets]
        rows = [{"draft": draft, "ticket": self.tickets[draft], "number": "WO-1"} for draft in made]
        return 200, {"items": rows}

    def _enrol(self, body: dict[str, str]) -> tuple[int, Any]:
        if body["claim_code"] != self.claim_code:
            return 403, {"error": "claim code"}
        mqtt = {"host": "127.0.0.1", "port": self.mqtt_port, "username": "desk-1", "password": "secret"}
        return 201, {"desk": "desk-1", "agent": body["agent_id"], "mqtt": mqtt, "upload_token": TOKEN}

    def _take(self, parts: list[str], headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        call = parts[0]
        if len(parts) == 2:
            whole = json.loads(body)
            if call in self.refused:
                return self.refused[call], {"error": {"reason": "already_verified"}}
            data = b"".join(self.parts[call, number] for number in range(whole["parts"]))
            if hashlib.sha256(data).hexdigest() != whole["sha256"]:
                return 422, {"error": "hash"}
            return self._store(call, data)
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        if headers.get("Content-Digest") != f"sha-256=:{digest}:":
            return 422, {"error": "digest"}
        if len(parts) == 3 and self.misbehave == f"refuse part {parts[2]}":
            return 503, {"error": "store"}
        if len(parts) == 3:
            self.parts[call, int(parts[2])] = body
            return 200, {}
        if call in self.refused:
            return self.refused[call], {"error": {"reason": "not_yours"}}
        return self._store(call, body)

    def _store(self, call: str, data: bytes) -> tuple[int, Any]:
        if self.misbehave == "wrong_hash":
            return 200, {"state": "verified", "sha256": "0" * 64, "bytes": len(data)}
        self.stored[call] = data
        return 201, {"state": "verified", "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}

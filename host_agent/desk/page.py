"""The desk's page over HTTP on 127.0.0.1: sockets and threads. What is answered stands in `answers`.

One thread a connection, at most MAX_CONNECTIONS; none of them touches the core but through its queue.
"""

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import structlog

from host_agent.desk.answers import Answer, Answers
from host_agent.desk.call_book import CallBook
from host_agent.desk.guard import Guard, Request
from host_agent.desk.render import Renderer
from host_agent.desk.window import Window
from host_agent.errors import AgentError
from host_agent.ports import Input, PagesOpen

HOST = "127.0.0.1"
MAX_CONNECTIONS = 32
MAX_BODY_BYTES = 64 * 1024
IDLE_S = 30.0

log = structlog.get_logger()


class DeskPage:
    """The server; it serves from construction to `close`.

    Attributes:
        port: the one it listens on.
    """

    def __init__(self, port: int, build: Callable[[int], Answers], put: Callable[[Input], None]) -> None:
        """
        Args:
            port: 0 takes a free one.
            build: makes the answers for the port it became.
        Raises:
            AgentError: `page.port`.
        """
        try:
            self._server = _Server((HOST, port), _Handler)
        except OSError as error:
            raise AgentError(
                "page.port",
                f"Port {port} for the desk's own page cannot be used: {error}.",
                "End the other program (another agent?), or set CLOUDSEAT_AGENT_PAGE_PORT and the cloud's"
                " CLOUDSEAT_CLOUD_DESK_PAGE_PORT to another one.",
            ) from error
        self.port = int(self._server.server_address[1])
        self._server.answers = build(self.port)
        self._server.put = put
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="desk page", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop serving, and let go of those who are connected."""
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self._thread.join()


def open_page(
    port: int,
    console: str,
    agent_id: str,
    data_dir: Path,
    spool: Path,
    window: Window,
    put: Callable[[Input], None],
    unix_ms: Callable[[], int],
) -> DeskPage:
    """Serve the page of this agent.

    Args:
        console: its address.
        unix_ms: UTC by the PC.
    Raises:
        AgentError: `page.port`.
    """

    def build(bound: int) -> Answers:
        recordings = data_dir / "recordings" / "stored"
        return Answers(
            Guard(bound, console), window, CallBook(spool), agent_id, put, recordings, unix_ms, Renderer()
        )

    return DeskPage(port, build, put)


class _Server(ThreadingHTTPServer):
    """Counts its connections, and the pages among them that look on."""

    allow_reuse_address = os.name != "nt"  # there it would let another program share the port
    daemon_threads = True
    request_queue_size = MAX_CONNECTIONS
    block_on_close = False
    answers: Answers
    put: Callable[[Input], None]

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._room = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._pages = 0
        self._open: set[socket.socket] = set()
        self._counting = threading.Lock()
        self._telling = threading.Lock()

    def server_bind(self) -> None:
        exclusive: int | None = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)  # Windows alone has it
        if exclusive is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        super().server_bind()

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._room.acquire(blocking=False):
            with self._counting:
                self._open.add(request)
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._counting:
                self._open.discard(request)
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if isinstance(sys.exception(), ConnectionError | TimeoutError):  # the browser left
            return
        log.exception("page.failed", remedy="Please report this with the log.")

    def hang_up(self) -> None:
        """End every connection."""
        with self._counting:
            for connection in self._open:
                with contextlib.suppress(OSError):  # it ended by itself
                    connection.shutdown(socket.SHUT_RDWR)

    def count_page(self, change: int) -> None:
        """A page looks on, or no longer; counts arrive in order."""
        with self._telling:
            self._pages += change
            self.put(PagesOpen(self._pages))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    disable_nagle_algorithm = True  # else a body waits 40 ms for the acknowledgement of its headers
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, *_: Any) -> None:
        return

    def _serve(self) -> None:
        request = self._read()
        if request is None:
            self.close_connection = True
            self._send(Answer(413, {"Content-Type": "text/plain"}, b"body\n"))
            return
        with contextlib.suppress(ConnectionError, TimeoutError):  # the browser left
            self._send(self.server.answers.answer(request))

    def _read(self) -> Request | None:
        length = self.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES or "transfer-encoding" in self.headers:
            return None
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(reversed(parse_qsl(parts.query, keep_blank_values=True)))
        return Request(self.command, parts.path, query, headers, self.rfile.read(int(length)))

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        is_whole = isinstance(answer.body, bytes)
        for name, value in answer.headers.items():
            for line in value.split("\n"):
                self.send_header(name, line)
        if isinstance(answer.body, bytes) and "Content-Length" not in answer.headers:
            self.send_header("Content-Length", str(len(answer.body)))
        is_stream = not is_whole and "Content-Length" not in answer.headers
        if is_stream:
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        if isinstance(answer.body, bytes):
            self.wfile.write(answer.body)
        elif is_stream:
            self._send_stream(answer)
        else:
            for piece in answer.body:
                self.wfile.write(piece)

    def _send_stream(self, answer: Answer) -> None:
        """A page looks on as long as this lasts."""
        self.server.count_page(+1)
        try:
            for piece in answer.body:
                self.wfile.write(piece)  # type: ignore[arg-type]  # an iterator, not bytes
                self.wfile.flush()
        finally:
            self.server.count_page(-1)

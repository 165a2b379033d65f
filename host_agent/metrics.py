"""Figures for Prometheus (text format 0.0.4) on 127.0.0.1: what the agent holds, and what went wrong."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from host_agent.core import Core
from host_agent.errors import AgentError
from host_agent.ports import Instant

UPDATE_EVERY_MS = 5_000

_HELP = {
    # name: (type, help)
    "events_stored_total": ("counter", "Events stored in the spool since the start."),
    "events_refused_total": ("counter", "Events that could not be sent on and were kept aside."),
    "events_published_total": ("counter", "Events published for the first time since the start."),
    "events_republished_total": (
        "counter",
        "Publications repeated because the cloud did not list the event.",
    ),
    "spool_waiting_events": ("gauge", "Events not yet committed by the cloud."),
    "spool_oldest_seconds": ("gauge", "Age of the oldest event not yet committed."),
    "recordings_writing": ("gauge", "Recordings being written."),
    "recordings_unverified": ("gauge", "Recordings that are not yet in the cloud."),
    "recording_late_samples_total": ("counter", "Samples that came after their recording was complete."),
    "boxes_attached": ("gauge", "Boxes that are there."),
    "broker_up": ("gauge", "1 while the broker is connected."),
    "disk_free_bytes": ("gauge", "Free bytes on the disk of the data folder."),
    "messages_undecodable_total": ("counter", "MQTT messages that could not be understood."),
    "core_failures_total": ("counter", "Inputs that the core could not handle."),
    "link_frames_rejected_total": ("counter", "Frames from a port that were damaged, by reason."),
}


def build_metrics(core: Core, failures: int, now: Instant) -> str:
    """All figures at this moment."""
    parts = core.parts
    backlog = parts.spool.backlog()
    oldest_s = 0.0 if backlog.oldest_ms is None else max(0, now.unix_ms - backlog.oldest_ms) / 1000
    figures: dict[str, float] = {
        "events_stored_total": parts.intake.stored,
        "events_refused_total": parts.intake.refused,
        "events_published_total": parts.publisher.published,
        "events_republished_total": parts.publisher.republished,
        "spool_waiting_events": backlog.count,
        "spool_oldest_seconds": oldest_s,
        "recordings_writing": parts.recordings.writing(),
        "recordings_unverified": parts.flow.unverified,
        "recording_late_samples_total": parts.recordings.late_samples,
        "boxes_attached": len(parts.boxes.attached),
        "broker_up": int(parts.bridge.is_up),
        "disk_free_bytes": parts.housekeeping.disk.free_bytes,
        "messages_undecodable_total": core.undecodable,
        "core_failures_total": failures,
    }
    lines = []
    for name, value in figures.items():
        lines += [*_head(name), f"cloudseat_agent_{name} {value}"]
    lines += _head("link_frames_rejected_total")
    for session in parts.boxes.open_sessions():
        for reason, count in session.link.decoder.rejected.items():
            labels = f'port="{session.path}",reason="{reason}"'
            lines.append(f"cloudseat_agent_link_frames_rejected_total{{{labels}}} {count}")
    return "\n".join(lines) + "\n"


def _head(name: str) -> list[str]:
    kind, text = _HELP[name]
    return [f"# HELP cloudseat_agent_{name} {text}", f"# TYPE cloudseat_agent_{name} {kind}"]


class MetricsServer:
    """Serves the newest text at `/metrics`; the core's thread brings it, this one only hands it out.

    Attributes:
        port: the one it listens on.
    """

    def __init__(self, port: int) -> None:
        """
        Args:
            port: on 127.0.0.1; 0: any free one.
        Raises:
            AgentError: `metrics.port`.
        """
        self._text = ""
        self._due_ms = 0
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data = exporter._text.encode()
                self.send_response(200 if self.path == "/metrics" else 404)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                return

        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except OSError as error:
            raise AgentError(
                "metrics.port",
                f"Port {port} for the metrics cannot be used: {error}.",
                "Set CLOUDSEAT_AGENT_METRICS_PORT to another one, or to 0 for none.",
            ) from error
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def update(self, now: Instant, build: Callable[[], str]) -> None:
        """Bring the text up to date, at most each UPDATE_EVERY_MS."""
        if now.elapsed_ms >= self._due_ms:
            self._due_ms = now.elapsed_ms + UPDATE_EVERY_MS
            self._text = build()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

"""Figures for Prometheus (text format 0.0.4) on 127.0.0.1: what came in, what waits for a person."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.errors import PortTaken
from cloud_broker.handlers.consumer import Consumer
from cloud_broker.handlers.nightly import NIGHT

HOST = "127.0.0.1"
KEPT_S = 5.0
"""A scrape within this gets the figures of the one before: the database is not asked again."""
PREFIX = "cloudseat_cloud_"

_HELP = {
    # name: (type, help)
    "messages_total": ("counter", "MQTT messages worked through by this process since its start."),
    "events_total": ("counter", "Events taken in, repetitions included."),
    "dead_letters_total": ("counter", "Messages that could not be taken in."),
    "pops_total": ("counter", "Screen pops sent."),
    "failures_total": ("counter", "Batches that could not be handled at once."),
    "broker_up": ("gauge", "1 while the broker is connected."),
    "database_up": ("gauge", "1 if the database answered this scrape."),
    "dead_letters_open": ("gauge", "Dead letters that nobody has decided on."),
    "quarantined_events": ("gauge", "Events of sources that are not at home at their desk."),
    "alarms_open": ("gauge", "Alarms that nobody has seen to, by kind."),
    "days_open": ("gauge", "Compared days that are not whole, by state."),
    "night_done_timestamp_seconds": ("gauge", "When the work of the night was done last."),
    "boxes": ("gauge", "Boxes by state."),
    "agents": ("gauge", "Agents by state."),
    "calls_open": ("gauge", "Calls that ring or are talked in."),
    "recordings": ("gauge", "Recordings by state of the cloud's copy."),
}


class Sample(NamedTuple):
    """One figure. `label` is its only label's name and value."""

    name: str
    value: float
    label: tuple[str, str] | None = None


def build_metrics(database: Database, consumer: Consumer) -> str:
    """All figures at this moment; those of the database are absent while it is away."""
    samples = [
        Sample("messages_total", consumer.counts.messages),
        Sample("events_total", consumer.counts.events),
        Sample("dead_letters_total", consumer.counts.rejected),
        Sample("pops_total", consumer.counts.pops),
        Sample("failures_total", consumer.counts.failures),
        Sample("broker_up", int(consumer.is_connected)),
    ]
    try:
        with database.read() as connection:
            found = list(_ask(connection))
        samples += [Sample("database_up", 1), *found]
    except SQLAlchemyError:
        samples.append(Sample("database_up", 0))
    return render(samples)


def render(samples: list[Sample]) -> str:
    """The text; a family's lines stand together under its type."""
    lines = []
    for name, (kind, text) in _HELP.items():
        own = [sample for sample in samples if sample.name == name]
        if not own:
            continue
        lines += [f"# HELP {PREFIX}{name} {text}", f"# TYPE {PREFIX}{name} {kind}"]
        for sample in own:
            label = f'{{{sample.label[0]}="{sample.label[1]}"}}' if sample.label else ""
            lines.append(f"{PREFIX}{name}{label} {sample.value}")
    return "\n".join(lines) + "\n"


def _ask(connection: Connection) -> Iterator[Sample]:
    letter, alarm, day, job = tables.dead_letter.c, tables.alarm.c, tables.reconciled_day.c, tables.job.c

    def count(*where: Any) -> int:
        return int(connection.execute(select(func.count()).where(*where)).scalar_one())

    def by(name: str, label: str, column: Any, *where: Any) -> Iterator[Sample]:
        rows = connection.execute(select(column, func.count()).where(*where).group_by(column))
        yield from (Sample(name, rows_of, (label, str(value))) for value, rows_of in rows)

    yield Sample("dead_letters_open", count(letter.resolved_ms.is_(None)))
    held = connection.execute(select(func.count()).select_from(tables.quarantine)).scalar_one()
    yield Sample("quarantined_events", held)
    yield from by("alarms_open", "kind", alarm.kind, alarm.resolved_ms.is_(None))
    yield from by("days_open", "state", day.state, day.state != "whole")
    done_ms = connection.execute(select(job.done_ms).where(job.name == NIGHT)).scalar()
    if done_ms:
        yield Sample("night_done_timestamp_seconds", done_ms / 1000)
    for name, table in (("boxes", tables.box), ("agents", tables.agent)):
        for online, state in ((True, "online"), (False, "offline")):
            yield Sample(name, count(table.c.online.is_(online)), ("state", state))
    yield Sample("calls_open", count(tables.call.c.state.in_(("ringing", "talking"))))
    yield from by("recordings", "state", tables.recording.c.state, tables.recording.c.call_id.is_not(None))


class MetricsServer:
    """Serves `/metrics`.

    Attributes:
        port: the one it listens on.
    """

    def __init__(self, port: int, build: Callable[[], str]) -> None:
        """
        Args:
            port: on 127.0.0.1; 0: any free one.
        Raises:
            PortTaken.
        """
        lock, kept, until_s = threading.Lock(), "", 0.0

        def read() -> str:
            nonlocal kept, until_s
            with lock:
                if time.monotonic() >= until_s:
                    kept, until_s = build(), time.monotonic() + KEPT_S
                return kept

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_ours = self.path == "/metrics"
                data = read().encode() if is_ours else b"/metrics\n"
                self.send_response(200 if is_ours else 404)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                return

        try:
            self._server = ThreadingHTTPServer((HOST, port), Handler)
        except OSError as error:
            raise PortTaken(HOST, port) from error
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

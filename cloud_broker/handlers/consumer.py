"""The consumer's thread: a batch into the database, then the answers, then the acknowledgement."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError

from cloud_broker.adapters.mqtt import Connection, Incoming
from cloud_broker.adapters.sql import days
from cloud_broker.adapters.sql.engine import Database, is_away
from cloud_broker.domain.pops import Pop
from cloud_broker.domain.times import DAY_MS, china_day
from cloud_broker.handlers.ingest import BatchResult, Message, Range, ingest, set_aside
from cloud_broker.handlers.presence import close_calls_of_absent_boxes, note_health, note_status
from cloud_broker.ports import Clock, Publisher
from cloud_broker.trouble import Trouble
from protocol.errors import TopicError
from protocol.topics import build_pop_topic, build_topic, parse_topic
from telephony.numbers import mask

log = structlog.get_logger()

IDLE_S = 1.0
RETRY_S = 2.0
MAX_RANGES = 100
SWEEP_EVERY_MS = 5_000
ASK_EVERY_MS = 10 * 60_000
ASK_DAYS = 30
"""For so long a desk PC keeps what it was told is committed."""


@dataclass
class Counts:
    """What this process worked through since its start; read by the metrics."""

    messages: int = 0
    events: int = 0
    rejected: int = 0
    pops: int = 0
    failures: int = 0

    def add(self, result: BatchResult) -> None:
        self.events += result.events
        self.rejected += result.rejected
        self.pops += len(result.pops)


class Consumer:
    """Takes batches until `close`; while the database is away a batch waits, unacknowledged.

    Attributes:
        counts: for the metrics.
    """

    def __init__(
        self,
        connection: Connection,
        database: Database,
        clock: Clock,
        describe_pop: Callable[[Pop], bytes],
    ) -> None:
        self._connection = connection
        self._database = database
        self._clock = clock
        self._describe_pop = describe_pop
        self._swept_ms = 0
        self._asked_ms = 0
        self._trouble = Trouble("consumer.database_away", "consumer.database_back")
        self.counts = Counts()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="consumer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join(timeout=10)

    @property
    def is_connected(self) -> bool:
        """We are in at the broker and subscribed."""
        return self._connection.connected.is_set()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._work(self._connection.receive(IDLE_S))
            self._sweep()
        self._connection.close()

    def _work(self, batch: Sequence[Incoming]) -> None:
        """Handle a batch. If that fails each message is tried alone, and the one to blame is set aside."""
        if self._attempt(self._handle, batch):
            return
        if len(batch) > 1:
            for incoming in batch:
                self._work([incoming])
            return
        while not self._attempt(self._set_aside, batch):
            # nowhere to keep it: it stays unacknowledged, and nothing passes it
            if self._closing.wait(RETRY_S):
                return

    def _attempt(self, handle: Callable[[Sequence[Incoming]], None], batch: Sequence[Incoming]) -> bool:
        """Wait for a database that is away; False when the batch itself cannot be handled."""
        while not self._closing.is_set():
            try:
                handle(batch)
                self._trouble.end()
                return True
            except Exception as error:  # the supervisor: one message must not stop all others
                if not (isinstance(error, SQLAlchemyError) and is_away(error)):
                    self.counts.failures += 1
                    log.exception("consumer.failed", messages=len(batch))
                    return False
                self._trouble.tell(getattr(error, "orig", None) or error, RETRY_S)
                self._closing.wait(RETRY_S)
        return True

    def _set_aside(self, batch: Sequence[Incoming]) -> None:
        """Messages that cannot be handled become dead letters."""
        for incoming in batch:
            message = Message(incoming.topic, incoming.payload)
            result = set_aside(self._database, self._clock, message, "unstorable")
            self.counts.add(result)
            answer(self._connection, result, self._describe_pop)
        self._connection.acknowledge(batch)

    def _handle(self, batch: Sequence[Incoming]) -> None:
        events = []
        for incoming in batch:
            name = _name_of(incoming.topic)
            if name in ("status", "health"):
                handle = note_status if name == "status" else note_health
                handle(self._database, self._clock, incoming.topic, incoming.payload)
            elif name != "reply":
                events.append(incoming)
        if events:
            result = ingest(self._database, self._clock, [Message(e.topic, e.payload) for e in events])
            self.counts.add(result)
            answer(self._connection, result, self._describe_pop)
        self.counts.messages += len(batch)
        self._connection.acknowledge(batch)

    def _sweep(self) -> None:
        """What time alone makes due; what fails is tried again with the next sweep."""
        now_ms = self._clock.now_ms()
        if now_ms - self._swept_ms < SWEEP_EVERY_MS:
            return
        self._swept_ms = now_ms
        try:
            close_calls_of_absent_boxes(self._database, now_ms)
            if now_ms - self._asked_ms >= ASK_EVERY_MS:
                self._asked_ms = now_ms
                ask_again(self._connection, self._database, now_ms)
        except Exception:  # the supervisor: messages go on
            log.exception("consumer.sweep_failed")


def answer(publisher: Publisher, result: BatchResult, describe_pop: Callable[[Pop], bytes]) -> None:
    """Say what is committed, and send the pops. What does not get through is asked for again by the agent."""
    for pop in result.pops:
        publisher.publish(build_pop_topic(pop.desk), describe_pop(pop))
        log.info("pop.sent", desk=pop.desk, call=pop.call_id, number=mask(pop.number or ""))
    for (desk, source), ranges in result.committed.items():
        topic = build_topic("committed", desk, source)
        for start in range(0, len(ranges), MAX_RANGES):
            publisher.publish(topic, encode_committed(source, ranges[start : start + MAX_RANGES]))
    if result.rejected:
        log.warning("consumer.dead_letters", count=result.rejected)


def ask_again(publisher: Publisher, database: Database, now_ms: int) -> int:
    """Ask desk PCs for what they were told is here and is not; how many sources were asked."""
    with database.read() as connection:
        missing = days.load_missing(connection, china_day(now_ms - ASK_DAYS * DAY_MS))
    for (desk, source), (ranges, calls) in missing.items():
        topic = build_topic("missing", desk, source)
        for start in range(0, max(len(ranges), len(calls)), MAX_RANGES):
            part = slice(start, start + MAX_RANGES)
            body = {"v": 1, "source": source, "ranges": ranges[part], "recordings": calls[part]}
            publisher.publish(topic, json.dumps(body, separators=(",", ":")).encode())
        log.info("consumer.asked_again", source=source, ranges=len(ranges), recordings=len(calls))
    return len(missing)


def encode_committed(source: str, ranges: Sequence[Range]) -> bytes:
    """The payload of the topic `committed`."""
    return json.dumps({"v": 1, "source": source, "ranges": ranges}, separators=(",", ":")).encode()


def _name_of(topic: str) -> str:
    """The table's name of a topic; what is no topic of ours is for the dead letters of `ingest`."""
    try:
        return parse_topic(topic)[0]
    except TopicError:
        return "event"

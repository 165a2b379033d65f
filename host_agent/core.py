"""The agent's core: one thread, one input at a time, all state. It does no I/O of its own but the spool's.

    input --handle--> events collected, audio on disk
          --flush---> commit, acknowledge to the boxes, publish
          --tick----> what time alone makes due

Everything it needs of the world it was given (`Parts`); nothing it calls blocks for long.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from host_agent.boxes import Boxes
from host_agent.bridge import Bridge, decode_committed, decode_missing
from host_agent.cloud_link import ENROL, TIME, CloudLink
from host_agent.command_flow import CommandFlow
from host_agent.credentials import Credentials
from host_agent.desk.flow import INPUTS as DESK_INPUTS
from host_agent.desk.flow import JOBS as DESK_JOBS
from host_agent.desk.flow import DeskFlow
from host_agent.housekeeping import Housekeeping
from host_agent.intake import Intake
from host_agent.ports import (
    BrokerDown,
    BrokerUp,
    Instant,
    JobDone,
    MessageArrived,
    PortsSeen,
    SerialBytes,
    SerialLost,
)
from host_agent.publisher import Publisher
from host_agent.reception import Reception
from host_agent.recording_flow import ENCODE, UPLOAD, RecordingFlow
from host_agent.recordings import Recordings
from host_agent.spool import Range, Spool
from host_agent.time_anchor import RunTime, StepDetector
from protocol.errors import MessageError, TopicError
from protocol.topics import parse_topic

MAX_SLEEP_MS = 1_000
"""The clock is looked at at least this often: a jump is seen within it."""
MAX_HOLD_MS = 30_000
"""How long a new connection waits for the cloud's time at most: a pop is worth more than its minute."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """What the core is made of; `bootstrap` builds it.

    Attributes:
        accept: called with new credentials: stores them and joins the broker.
        may_upload: False during quiet hours.
    """

    boxes: Boxes
    reception: Reception
    intake: Intake
    spool: Spool
    publisher: Publisher
    recordings: Recordings
    flow: RecordingFlow
    commands: CommandFlow
    bridge: Bridge
    cloud: CloudLink
    housekeeping: Housekeeping
    desk: DeskFlow
    run: RunTime
    steps: StepDetector
    accept: Callable[[Credentials], None]
    may_upload: Callable[[Instant], bool]


class Core:
    """Handles inputs; see the module.

    Attributes:
        undecodable: MQTT messages that could not be understood.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._offered = 0
        self._held_ms: int | None = None  # since when publishing waits for the time
        self.undecodable = 0

    @property
    def parts(self) -> Parts:
        """For whoever only reads: metrics, the stepped run."""
        return self._parts

    def handle(self, item: Any, now: Instant) -> None:
        """One input; call `flush` after the last of a batch."""
        self._watch_clock(now)
        _HANDLERS[type(item)](self, item, now)

    def flush(self, now: Instant) -> None:
        """Commit what was collected; answer boxes; publish what is new."""
        parts = self._parts
        parts.intake.flush(now)
        if parts.intake.stored != self._offered:
            self._offered = parts.intake.stored
            parts.publisher.advance(now.elapsed_ms)
        if not parts.intake.has_pending:
            parts.reception.resume()
        for path, said in parts.boxes.poll(now):
            parts.reception.handle(path, said, now)
        for source, reply in parts.reception.take_replies():
            parts.commands.handle_reply(source, reply, now)
        parts.desk.show(parts.boxes.boots(), parts.bridge.is_up)

    def tick(self, now: Instant) -> None:
        """Everything that time alone makes due."""
        parts = self._parts
        self._watch_clock(now)
        parts.cloud.advance(now)
        if parts.reception.is_behind:
            parts.reception.carry(now)
        self._publish_in_time(now)
        if parts.cloud.has_tried_time:  # so that the first anchor is in cloud time where it can be
            parts.boxes.open_due(now)
        for source in parts.boxes.take_silent(now):
            self._detach(source, "silent", now)
        parts.flow.advance(now, parts.may_upload(now))
        parts.commands.advance(now)
        parts.housekeeping.advance(now)
        parts.desk.advance(now)
        if (due_ms := parts.publisher.next_due_ms()) is not None and due_ms <= now.elapsed_ms:
            parts.publisher.advance(now.elapsed_ms)
        self.flush(now)

    def next_due_ms(self, now: Instant) -> int:
        """When `tick` is needed though no input came, elapsed ms."""
        parts = self._parts
        dues = (
            parts.boxes.next_due_ms(now),
            parts.publisher.next_due_ms(),
            parts.flow.next_due_ms(parts.may_upload(now)),
            parts.cloud.next_due_ms(),
            parts.intake.next_due_ms(),
            parts.desk.next_due_ms(),
            now.elapsed_ms + MAX_SLEEP_MS,
        )
        return min(due_ms for due_ms in dues if due_ms is not None)

    def needs_ms(self, now: Instant) -> int:
        """How much time must pass before a publication or an upload that is put off goes on, at least 1."""
        dues = (self._parts.publisher.next_due_ms(), self._parts.flow.next_due_ms(may_upload=True))
        due_ms = min((due_ms for due_ms in dues if due_ms is not None), default=now.elapsed_ms + MAX_SLEEP_MS)
        return max(1, due_ms - now.elapsed_ms)

    def close(self, now: Instant) -> None:
        """Say goodbye and put everything down; the next run takes it up."""
        self.flush(now)
        self._parts.bridge.say_goodbye(self._attached(), now)
        self._parts.boxes.close()
        self._parts.recordings.close()

    def _watch_clock(self, now: Instant) -> None:
        parts = self._parts
        by_ms = parts.steps.check(now)
        if not by_ms:
            return
        log.warning("clock.stepped", by_ms=by_ms)
        parts.cloud.handle_step(now)  # first: nothing may be read by the old offset
        parts.reception.mark_stepped()
        parts.housekeeping.mark_stepped(by_ms, now)
        bounded = max(-0x80000000, min(by_ms, 0x7FFFFFFF))
        parts.intake.state("clock_stepped", {"by_ms": bounded}, now)

    def _hear_serial(self, item: SerialBytes, now: Instant) -> None:
        for said in self._parts.boxes.handle_bytes(item.path, item.data, now):
            self._parts.reception.handle(item.path, said, now)

    def _hear_lost(self, item: SerialLost, now: Instant) -> None:
        log.warning("port.lost", port=item.path, reason=item.reason)
        source = self._parts.boxes.handle_lost(item.path, now)
        if source is not None:
            self._detach(source, "unplugged", now)

    def _hear_ports(self, item: PortsSeen, now: Instant) -> None:
        self._parts.boxes.handle_ports_seen(set(item.ports))

    def _detach(self, source: str, reason: str, now: Instant) -> None:
        self._parts.reception.handle_detached(source, reason, now)
        self._parts.commands.handle_detached(source, now)

    def _hear_broker_up(self, item: BrokerUp, now: Instant) -> None:
        log.info("broker.connected", mqtt=item.version)
        self._parts.bridge.handle_up(self._attached(), now)
        self._held_ms = now.elapsed_ms
        if self._parts.run.read(now)[1] != "synced":  # what the cloud has once keeps its time
            self._parts.cloud.ask_time_now(now)
        self._parts.housekeeping.reporter.handle_connected()
        self._parts.desk.handle_connected(now)
        self._publish_in_time(now)
        self._parts.commands.handle_connected(now)

    def _hear_broker_down(self, item: BrokerDown, now: Instant) -> None:
        log.warning("broker.lost", reason=item.reason)
        self._held_ms = None
        self._parts.bridge.handle_down()
        self._parts.publisher.handle_disconnected()

    def _hear_message(self, item: MessageArrived, now: Instant) -> None:
        try:
            name, _, source = parse_topic(item.topic)
            if name == "committed":
                ranges = decode_committed(item.payload, source)
                self._parts.publisher.handle_committed(source, ranges, now.unix_ms, now.elapsed_ms)
            elif name == "missing":
                self._send_again(source, *decode_missing(item.payload, source), now)
            elif name == "command":
                self._parts.commands.handle_command(source, item.payload, now)
        except (MessageError, TopicError) as error:
            self.undecodable += 1
            log.warning("message.undecodable", topic=item.topic, problem=str(error))

    def _send_again(self, source: str, ranges: list[Range], calls: list[str], now: Instant) -> None:
        """The cloud lost what it had listed: from here it can still have it."""
        events = self._parts.publisher.handle_missing(source, ranges, now.elapsed_ms)
        recordings = sum(self._parts.flow.send_again(call) for call in calls)
        if events or recordings:
            log.warning("cloud.asked_again", source=source, events=events, recordings=recordings)

    def _hear_job(self, item: JobDone, now: Instant) -> None:
        if item.name == ENCODE:
            self._parts.flow.handle_encoded(item, now)
        elif item.name == UPLOAD:
            self._parts.flow.handle_uploaded(item, now)
        elif item.name in DESK_JOBS:
            self._parts.desk.handle_done(item, now)
        elif item.name in (ENROL, TIME):
            credentials = self._parts.cloud.handle_done(item, now)
            if item.name == TIME:
                self._parts.reception.carry(now)
                self._publish_in_time(now)
            if credentials is not None:
                self._parts.accept(credentials)

    def _publish_in_time(self, now: Instant) -> None:
        """A new connection publishes when what waits is in the best time there is."""
        if self._held_ms is None:
            return
        parts = self._parts
        is_open = parts.cloud.is_asking and parts.run.read(now)[1] != "synced"
        if now.elapsed_ms - self._held_ms < MAX_HOLD_MS and (is_open or not parts.reception.carry(now)):
            return
        self._held_ms = None
        parts.publisher.handle_connected(now.elapsed_ms)

    def _hear_page(self, item: Any, now: Instant) -> None:
        self._parts.desk.handle(item, now)

    def _attached(self) -> dict[str, str]:
        """Source → firmware of the boxes that are there."""
        boxes = self._parts.boxes
        sessions = {source: boxes.session_of(source) for source in boxes.attached}
        return {source: session.firmware for source, session in sessions.items() if session is not None}


_HANDLERS: dict[type, Callable[[Core, Any, Instant], None]] = {
    SerialBytes: Core._hear_serial,
    SerialLost: Core._hear_lost,
    PortsSeen: Core._hear_ports,
    BrokerUp: Core._hear_broker_up,
    BrokerDown: Core._hear_broker_down,
    MessageArrived: Core._hear_message,
    JobDone: Core._hear_job,
    **dict.fromkeys(DESK_INPUTS, Core._hear_page),
}

"""Everything a box says, sorted: hellos are answered, events stamped and collected, audio written, the rest
passed on.

Rules:
- An event gets its `at` here, from the anchor of its boot. When the time of the run becomes better known
  (an earlier run's anchor, then the cloud), anchors and what still waits of their boots go into it.
- A box says one hello until somebody answers, for hours if need be: the uptime of a first hello may be old.
  As soon as the box is known to hear, the session is opened anew, once a boot; the uptime of that second
  hello, said at that moment, makes the anchor. What came before is not acknowledged, and comes again.
- An event of an earlier boot takes that boot's time from what the spool has of it; where it has nothing, the
  moment the present boot began stands for it: it was not later. It moves with that boot.
- The journal is acknowledged after the commit: that is what `then` of the intake is for.
"""

from collections.abc import Callable
from typing import Any

import structlog

from host_agent.box_session import (
    AudioSaid,
    BoxHears,
    BoxRefused,
    BoxSession,
    CaptureSaid,
    EventSaid,
    HealthSaid,
    HelloSaid,
    LogSaid,
    PastEventSaid,
    ReplySaid,
    Said,
    SessionEnded,
)
from host_agent.boxes import Boxes
from host_agent.bridge import Bridge
from host_agent.captures import Captures
from host_agent.errors import AgentError
from host_agent.intake import RETRY_MS, Intake
from host_agent.ports import Instant
from host_agent.recordings import Recordings
from host_agent.spool import Spool
from host_agent.time_anchor import CloudOffset, RunTime, TimeAnchor, parse_utc
from protocol.event_json import EventRecord
from protocol.messages import CAPTURE

log = structlog.get_logger()

_DOUBLE = "Two boxes have the same id: flash one of them again with its identity erased."
_REFUSALS = {
    "version": "The box speaks another protocol version: update the agent, or flash the box.",
    "noise": "No box speaks on this port: check the cable and that the box runs CloudSeat firmware.",
}


Boot = tuple[str, str]
"""(source, boot)."""


class Reception:
    """What boxes say, and what becomes of it.

    Attributes:
        announce: told (source, port) of each box that is attached anew.
        listen: told of each new event of a box, when it is on disk.
        is_behind: the last `carry` found no room on the disk.
    """

    def __init__(
        self,
        agent_id: str,
        boxes: Boxes,
        spool: Spool,
        intake: Intake,
        recordings: Recordings,
        captures: Captures,
        bridge: Bridge,
        offset: CloudOffset,
        run: RunTime,
        announce: Callable[[str, str], None],
        listen: Callable[[EventRecord, Instant], None],
    ) -> None:
        self._agent_id = agent_id
        self._boxes = boxes
        self._spool = spool
        self._intake = intake
        self._recordings = recordings
        self._captures = captures
        self._bridge = bridge
        self._offset = offset
        self._run = run
        self._announce = announce
        self._listen = listen
        self._anchors: dict[Boot, TimeAnchor] = {}
        self._begun_ms: dict[Boot, int] = {}  # elapsed ms at which a boot of this run's boxes began
        self._by_run: set[Boot] = set()  # anchored in this run's time, not an earlier one's
        self._guessed: dict[Boot, tuple[Boot, int]] = {}  # earlier boot: its uptime when which boot began
        self._heard: set[Boot] = set()
        self._short: set[str] = set()
        self.is_behind = False
        self._retry_ms = 0
        self.replies: list[tuple[str, ReplySaid]] = []

    def handle(self, path: str, said: Said, now: Instant) -> None:
        """One thing the box on `path` says."""
        session = self._boxes.session(path)
        if session is None:
            return
        if isinstance(said, _MESSAGES) and not session.is_ready:
            self._heard.add((session.source, session.boot))
            session.start_over()
            return
        _HANDLERS[type(said)](self, session, said, now)

    def handle_detached(self, source: str, reason: str, now: Instant) -> None:
        """A box is gone."""
        self._boxes.detach(source)
        self._recordings.handle_gone(source)
        self._intake.state("box_detached", {"box": source, "reason": reason}, now)
        self._bridge.tell_box(source, "offline", "", now)
        log.warning("agent.box_detached", source=source, reason=reason)

    def mark_stepped(self) -> None:
        """The PC's clock jumped."""
        self._run.mark_stepped()
        for anchor in self._anchors.values():
            anchor.mark_stepped()

    def carry(self, now: Instant) -> bool:
        """The time of the run may be better known than it was: what is not in it yet goes on in it, and what
        waits of that gets it too.

        Returns:
            False if the disk is full: try again, which does nothing for RETRY_MS.
        """
        if self.is_behind and now.elapsed_ms < self._retry_ms:
            return False
        zero_ms, clock = self._run.read(now)
        try:
            self._intake.carry(now)
            for boot, begun_ms in self._begun_ms.items():
                self._carry_boot(boot, TimeAnchor(zero_ms + begun_ms, clock))
        except AgentError as error:
            if not self.is_behind:
                log.error(error.code, problem=error.problem, remedy=error.remedy)
            self.is_behind = True
            self._retry_ms = now.elapsed_ms + RETRY_MS
            return False
        self.is_behind = False
        return True

    def _carry_boot(self, boot: Boot, anchor: TimeAnchor) -> None:
        is_of_run = anchor.clock == "synced" or boot in self._by_run
        if not is_of_run or not anchor.betters(self._anchors[boot]):
            return
        for past, (present, uptime_ms) in self._guessed.items():
            if present == boot:
                guess = TimeAnchor(anchor.zero_ms - uptime_ms, "unsynced")
                self._intake.restamp(*past, guess)
                self._anchors[past] = guess
        self._intake.restamp(*boot, anchor)
        self._anchors[boot] = anchor

    def resume(self) -> None:
        """The spool takes events again: boxes whose events found no room send them again."""
        for path in self._short:
            session = self._boxes.session(path)
            if session is not None:
                session.start_over()
        self._short.clear()

    def take_replies(self) -> list[tuple[str, ReplySaid]]:
        """Replies to commands since the last call, with their source."""
        replies, self.replies = self.replies, []
        return replies

    def _hear_hello(self, session: BoxSession, said: HelloSaid, now: Instant) -> None:
        is_new = self._boxes.attach(said, session.path)
        if is_new is None:
            if session.mute("double"):
                other = self._boxes.attached[said.source]
                log.error("box.double", source=said.source, port=session.path, other=other, remedy=_DOUBLE)
            return
        boot = (said.source, said.boot)
        if boot in self._heard and boot not in self._begun_ms:
            begun_ms = now.elapsed_ms - said.uptime_ms
            self._anchors[boot] = self._anchor(boot, begun_ms, now)
            self._begun_ms[boot] = begun_ms
            self.carry(now)
        session.is_ready = boot in self._heard
        held = [[said.boot, first, last] for first, last in self._spool.held(*boot)]
        session.answer_hello(self._agent_id, self._run.utc_ms(now), {}, held)
        if not session.is_ready:
            session.probe(self._run.utc_ms(now))
        self._recordings.handle_boot(*boot, now.elapsed_ms)
        if is_new:
            fields = {"box": said.source, "port": session.path[:128], "firmware": said.firmware[:128]}
            self._intake.state("box_attached", fields, now)
            self._bridge.tell_box(said.source, "online", said.firmware, now)
            self._announce(said.source, session.path)

    def _hear_end(self, session: BoxSession, said: SessionEnded, now: Instant) -> None:
        self._boxes.handle_session_ended(said, session.path, now)

    def _hear_event(self, session: BoxSession, said: EventSaid, now: Instant) -> None:
        self._keep(session, session.boot, said, self._anchors[session.source, session.boot], now)

    def _hear_past_event(self, session: BoxSession, said: PastEventSaid, now: Instant) -> None:
        past, present = (session.source, said.boot), (session.source, session.boot)
        anchor = self._anchors.get(past) or self._recall(*past)
        known = self._guessed.get(past)
        if anchor is None or (known is not None and known[1] < said.uptime_ms):
            present = present if known is None else known[0]
            anchor = TimeAnchor(self._anchors[present].zero_ms - said.uptime_ms, "unsynced")
            self._anchors[past] = anchor
            self._guessed[past] = present, said.uptime_ms
        self._keep(session, said.boot, said, anchor, now)

    def _anchor(self, boot: Boot, begun_ms: int, now: Instant) -> TimeAnchor:
        """Of a boot that is there: as an earlier run had it, if the cloud cannot be asked or has to put that
        right."""
        is_told = self._offset.cloud_ms(now) is not None
        known = self._recall(*boot)
        if known is not None and not (is_told and known.clock == "synced"):
            if not is_told:
                self._run.learn(known.zero_ms - begun_ms, known.clock)
            return known
        self._by_run.add(boot)
        zero_ms, clock = self._run.read(now)
        return TimeAnchor(zero_ms + begun_ms, clock)

    def _recall(self, source: str, boot: str) -> TimeAnchor | None:
        """The anchor that an earlier run of the agent used for this boot."""
        last = self._spool.last_event(source, boot)
        if last is None:
            return None
        self._anchors[source, boot] = TimeAnchor(parse_utc(last.at) - last.uptime_ms, last.clock)
        return self._anchors[source, boot]

    def _keep(
        self,
        session: BoxSession,
        boot: str,
        said: EventSaid | PastEventSaid,
        anchor: TimeAnchor,
        now: Instant,
    ) -> None:
        event = EventRecord(
            source=session.source,
            boot=boot,
            seq=said.seq,
            uptime_ms=said.uptime_ms,
            type=said.type,
            fields=said.fields,
            at=anchor.at(said.uptime_ms),
            clock=anchor.clock,
        )

        def change() -> None:
            self._recordings.index_event(event, now.unix_ms)

        def then(is_new: bool) -> None:
            session.acknowledge(event.boot, event.seq)
            if is_new:
                self._recordings.handle_event(event, now.elapsed_ms)
                self._listen(event, now)

        if not self._intake.add(event, change, then):
            self._short.add(session.path)

    def _hear_audio(self, session: BoxSession, said: AudioSaid, now: Instant) -> None:
        if said.call == CAPTURE:
            self._captures.handle_audio(session.source, said.first_sample, said.alaw)
            return
        self._recordings.handle_audio(
            session.source,
            session.boot,
            said.call,
            said.first_sample,
            said.alaw,
            now.unix_ms,
            now.elapsed_ms,
        )

    def _hear_capture(self, session: BoxSession, said: CaptureSaid, now: Instant) -> None:
        anchor = self._anchors[session.source, session.boot]
        at = anchor.at(said.uptime_ms)
        self._captures.handle_told(session.source, session.boot, said, at, anchor.clock, now.unix_ms)

    def _hear_health(self, session: BoxSession, said: HealthSaid, now: Instant) -> None:
        self._bridge.tell_health(session.source, session.boot, said.numbers, now)

    def _hear_log(self, session: BoxSession, said: LogSaid, now: Instant) -> None:
        log.info("box.said", source=session.source, level=said.level, text=said.text)

    def _hear_reply(self, session: BoxSession, said: ReplySaid, now: Instant) -> None:
        self.replies.append((session.source, said))

    def _hear_refused(self, session: BoxSession, said: BoxRefused, now: Instant) -> None:
        remedy = _REFUSALS.get(said.reason, "Its hello is out of shape: flash the box again.")
        log.error("box.refused", port=session.path, reason=said.reason, remedy=remedy)


_MESSAGES = (BoxHears, EventSaid, PastEventSaid, AudioSaid, CaptureSaid, HealthSaid, LogSaid, ReplySaid)

_HANDLERS: dict[type[Said], Callable[[Reception, BoxSession, Any, Instant], None]] = {
    HelloSaid: Reception._hear_hello,
    SessionEnded: Reception._hear_end,
    EventSaid: Reception._hear_event,
    PastEventSaid: Reception._hear_past_event,
    AudioSaid: Reception._hear_audio,
    CaptureSaid: Reception._hear_capture,
    HealthSaid: Reception._hear_health,
    LogSaid: Reception._hear_log,
    ReplySaid: Reception._hear_reply,
    BoxRefused: Reception._hear_refused,
}

"""Commands through the agent: judged, passed to the box, and answered exactly once (rules in `commands`)."""

import structlog

from host_agent.box_session import ReplySaid
from host_agent.boxes import Boxes
from host_agent.bridge import Bridge
from host_agent.commands import GRACE_MS, CommandTable, Reply, judge_command
from host_agent.ports import Instant
from host_agent.time_anchor import CloudOffset, RunTime
from protocol.errors import ProtocolError

CHECK_EVERY_MS = 1_000
KEEP_MS = 86_400_000
"""How long an answered command is remembered after its expiry, so that it is not done twice."""

log = structlog.get_logger()


class CommandFlow:
    """The core's thread owns it."""

    def __init__(
        self, table: CommandTable, boxes: Boxes, bridge: Bridge, offset: CloudOffset, run: RunTime
    ) -> None:
        self._table = table
        self._boxes = boxes
        self._bridge = bridge
        self._offset = offset
        self._run = run
        self._left_over = [(command_id, source) for command_id, source, _ in table.under_way()]
        self._due_ms = 0

    def handle_connected(self, now: Instant) -> None:
        """What became of commands that an earlier run passed on is not known; old ones are forgotten."""
        self._table.prune(now.unix_ms - KEEP_MS)
        for command_id, source in self._left_over:
            self._finish(command_id, source, "failed", "agent_restarted", now)
        self._left_over = []

    def handle_command(self, source: str, payload: bytes, now: Instant) -> None:
        """One message on a box's command topic.

        Raises:
            MessageError: it is nothing that could be replied to.
        """
        cloud_ms = self._offset.cloud_ms(now)
        session = self._boxes.session_of(source)
        is_attached = session is not None and session.is_open and session.is_ready
        judged = judge_command(payload, cloud_ms, is_attached)
        if self._table.is_known(judged.id):
            log.info("command.repeated", id=judged.id)
            return
        if isinstance(judged, Reply):
            self._table.refuse(judged, source, cloud_ms or now.unix_ms)
            self._bridge.reply(source, judged.id, judged.result, judged.reason, now)
            log.warning("command.refused", id=judged.id, result=judged.result, reason=judged.reason)
            return
        self._table.begin(judged, source)
        try:
            was_sent = session is not None and session.send(
                "command", judged.id, judged.name, judged.arguments
            )
        except ProtocolError:
            self._finish(judged.id, source, "refused", "not_encodable", now)
            return
        if not was_sent:
            self._finish(judged.id, source, "failed", "box_busy", now)

    def handle_reply(self, source: str, said: ReplySaid, now: Instant) -> None:
        """The box answered."""
        self._finish(said.command, source, said.result, said.reason, now)

    def handle_detached(self, source: str, now: Instant) -> None:
        """The box is gone with whatever it was doing."""
        for command_id, _, _ in self._table.under_way(source):
            self._finish(command_id, source, "failed", "box_detached", now)

    def advance(self, now: Instant) -> None:
        """Give up commands whose box does not answer."""
        if now.elapsed_ms < self._due_ms:
            return
        self._due_ms = now.elapsed_ms + CHECK_EVERY_MS
        cloud_ms = self._run.utc_ms(now)
        for command_id, source, expires_ms in self._table.under_way():
            if cloud_ms >= expires_ms + GRACE_MS:
                self._finish(command_id, source, "failed", "no_reply", now)

    def _finish(self, command_id: str, source: str, result: str, reason: str, now: Instant) -> None:
        if self._table.finish(command_id, result) is not None:
            self._bridge.reply(source, command_id, result, reason, now)

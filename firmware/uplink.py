"""The uplink: journal and recorder out, commands in, over the link to the desk PC.

A block in which nothing arrived, nothing is due and nothing waits costs a comparison and allocates nothing.
"""

import gc

from micropython import const

from firmware.board.clock import since_ms
from protocol.errors import MessageError, ProtocolError
from protocol.framing import AUDIO, CONTROL
from protocol.link import CLOSED, OPENED, LinkEnd
from protocol.messages import (
    decode_audio,
    decode_host_hello,
    decode_message,
    encode_audio,
    encode_message,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from firmware.board.clock import Clock
    from firmware.board.link_port import Port
    from firmware.journal import Journal
    from firmware.line.state import LineState
    from firmware.recorder import Recorder

_HEALTH_MS = const(10_000)
_WRITE_BYTES = const(768)
"""Three full frames in one piece: three times what audio needs in a block. Twice as much asks for 1,600 bytes
in one piece, which a heap that is nearly full does not have."""
_WRITES = const(2)
"""Pieces a block while a backlog waits: half of the UART at 921,600 baud. On a wire that loses 40 % of the
frames one piece is 14 kB/s, of which 8 are the call itself: a full ring would take 11 s to come up."""
_MAX_REPLIES = const(8)
_AUDIO_FRAMES = const(10)
_CONTROL_FRAMES = const(8)
"""Frames under way at most: less than the link's windows, because each costs 400 bytes of heap."""
_PAST_EVENTS = const(2)
"""Of the backlog in one pass of a call: control goes before audio, and each costs 4 ms of the pass."""


class Uplink:
    """The board's end of the link and what feeds it.

    Args:
        port: `read()` gives bytes or None, `write(data)` how many it took.
        line: its `call` is None while the line rests.
        build_hello: makes the payload of this board's hello from its uptime. draw_session: 1..65535 at
        random.
        read_health: returns the numbers of a health message.
        handle_command: called with (id, name, arguments); may answer at once by `reply`.
    """

    def __init__(
        self,
        port: "Port",
        journal: "Journal",
        recorder: "Recorder",
        line: "LineState",
        build_hello: "Callable[[int], bytes]",
        draw_session: "Callable[[], int]",
        read_health: "Callable[[], dict[str, int]]",
        handle_command: "Callable[[str, str, dict[str, Any]], None]",
    ) -> None:
        self.link = LinkEnd(True, build_hello(0), draw_session)
        self.refused = 0
        self._port = port
        self._build_hello = build_hello
        self._journal = journal
        self._recorder = recorder
        self._line = line
        self._read_health = read_health
        self._handle_command = handle_command
        self._replies: "list[bytes]" = []
        self._unwritten = b""
        self._idle_since = 0
        self._idle_ms = 0
        self._health_at = 0

    def reply(self, command_id: str, result: str, reason: str) -> None:
        """Queue the one reply to a command; a host that fetches none loses the oldest."""
        if len(self._replies) >= _MAX_REPLIES:
            self._replies.pop(0)
        self._replies.append(encode_message("reply", command_id, result, reason))

    def step(self, now: int, clock: "Clock") -> None:
        """One block.

        Args:
            now: tick. clock: maps it to the uptime.
        """
        data = self._port.read()
        if not data and not self.is_due(now):
            return
        now_ms = clock.uptime_ms(now)
        try:
            self._exchange(data, now, now_ms, clock)
        except MemoryError:  # a frame may have been lost between two hands: begin anew from the journal
            self.link.give_up(now_ms)
            raise
        self._idle_since = now
        if self.link.is_open and not self._recorder.is_idle:
            self._idle_ms = 0  # the next block has audio to send, or to see acknowledged
        else:
            self._idle_ms = self.link.next_deadline_ms(now_ms) - now_ms

    def _exchange(self, data: "bytes | None", now: int, now_ms: int, clock: "Clock") -> None:
        if data:
            self.link.receive(data, now_ms)
            for kind, payload in self.link.take():
                self._handle_input(kind, payload)
        if self.link.is_open:
            self._fill_control(now)
            self._fill_audio(clock)
        else:
            self.link.hello = self._build_hello(now_ms)
        self._write(now_ms)

    @property
    def is_drained(self) -> bool:
        """Nothing that was said waits to arrive, or nobody is there."""
        if not self.link.is_open:
            return True
        return not (self._replies or self._unwritten) and not self.link.under_way(CONTROL)

    def is_due(self, now: int) -> bool:
        """True when this block has something to say, or must listen to a deadline."""
        if self._unwritten or since_ms(now, self._idle_since) >= self._idle_ms:
            return True
        if not self.link.is_open:
            return False
        return (
            self._journal.unsent > 0
            or not self._recorder.is_idle
            or since_ms(now, self._health_at) >= _HEALTH_MS
            or len(self._replies) > 0
        )

    # -- in

    def _handle_input(self, kind: int, payload: bytes) -> None:
        try:
            if kind == OPENED:
                self._handle_hello(payload)
            elif kind == CONTROL:
                self._handle_message(payload)
            elif kind == CLOSED:
                gc.collect()
        except ProtocolError:  # a peer's mistake: counted, told in health, nothing else
            self.refused += 1

    def _handle_hello(self, payload: bytes) -> None:
        self._journal.rewind()
        self._recorder.rewind(_AUDIO_FRAMES)
        oldest = self.link.undelivered
        if oldest is not None:
            self.link.undelivered = None
            call, first, _ = decode_audio(oldest)
            self._recorder.rewind_to(call, first)
        _, _, _, held = decode_host_hello(payload)
        for entry in held:
            if len(entry) != 3:
                raise MessageError("shape")
            self._journal.acknowledge(entry[0], [entry[1:]])

    def _handle_message(self, payload: bytes) -> None:
        message = decode_message(payload)
        kind = message[0]
        if kind == "journal_ack":
            self._journal.acknowledge(message[1], message[2])
        elif kind == "command":
            self._handle_command(message[1], message[2], message[3])

    # -- out

    def _fill_control(self, now: int) -> None:
        link = self.link
        while self._replies and link.room(CONTROL):
            link.send(CONTROL, self._replies.pop(0))
        is_calm = self._line.call is None and self._recorder.is_idle
        past_left = _CONTROL_FRAMES if is_calm else _PAST_EVENTS
        while link.room(CONTROL) and link.under_way(CONTROL) < _CONTROL_FRAMES:
            message = self._journal.next_event()
            if message is None and past_left:
                past_left -= 1
                message = self._journal.next_past_event()
            if message is None:
                break
            link.send(CONTROL, message)
        if since_ms(now, self._health_at) >= _HEALTH_MS and link.room(CONTROL):
            self._health_at = now
            link.send(CONTROL, encode_message("health", self._read_health()))

    def _fill_audio(self, clock: "Clock") -> None:
        link = self.link
        while link.room(AUDIO) and link.under_way(AUDIO) < _AUDIO_FRAMES:
            audio = self._recorder.next_audio()
            if audio is None:
                break
            link.send(AUDIO, encode_audio(*audio))
        if not link.under_way(AUDIO):
            self._recorder.acknowledged()
        captured = self._recorder.captured
        if captured and link.room(CONTROL):
            call, tick, samples, loop = captured
            self._recorder.captured = None
            link.send(CONTROL, encode_message("capture", call, clock.uptime_ms(tick), samples, loop))

    def _write(self, now_ms: int) -> None:
        for _ in range(_WRITES):
            if not self._unwritten:
                self._unwritten = self.link.poll(now_ms, _WRITE_BYTES)
            size = len(self._unwritten)
            if not size:
                return
            taken = self._port.write(self._unwritten) or 0
            self._unwritten = self._unwritten[taken:]
            if self._unwritten or size < _WRITE_BYTES:
                return

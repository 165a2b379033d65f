"""The uplink: journal and recorder out, commands in, over the link to the desk PC.

A block in which nothing arrived, nothing is due and nothing waits costs a comparison and allocates nothing.
"""

import gc

from firmware.board.clock import since_ms
from protocol.errors import MessageError, ProtocolError
from protocol.framing import AUDIO, CONTROL
from protocol.link import CLOSED, OPENED, LinkEnd
from protocol.messages import (
    decode_host_hello,
    decode_message,
    encode_audio,
    encode_message,
)

HEALTH_MS = 10_000
WRITE_BYTES = 2944
"""What the UART carries in one block of 32 ms at 921,600 baud."""
MAX_REPLIES = 16
_REPLY_ROOM = 2


class Uplink:
    """The board's end of the link and what feeds it.

    Args:
        port: `read()` gives bytes or None, `write(data)` how many it took.
        build_hello: makes the payload of this board's hello from its uptime. draw_session: 1..65535 at random.
        read_health: returns the numbers of a health message.
        handle_command: called with (id, name, arguments); may answer at once by `reply`.
    """

    def __init__(self, port, journal, recorder, build_hello, draw_session, read_health, handle_command):
        self.link = LinkEnd(True, build_hello(0), draw_session)
        self.refused = 0
        self._port = port
        self._build_hello = build_hello
        self._journal = journal
        self._recorder = recorder
        self._read_health = read_health
        self._handle_command = handle_command
        self._replies = []
        self._unwritten = b""
        self._idle_since = 0
        self._idle_ms = 0
        self._health_at = 0
        self._window = 0

    def reply(self, command_id, result, reason):
        """Queue the one reply to a command; a host that fetches none loses the oldest."""
        if len(self._replies) >= MAX_REPLIES:
            self._replies.pop(0)
        self._replies.append(encode_message("reply", command_id, result, reason))

    def step(self, now, clock):
        """One block.

        Args:
            now: tick. clock: maps it to the uptime.
        """
        data = self._port.read()
        if not data and not self.is_due(now):
            return
        now_ms = clock.uptime_ms(now)
        if data:
            self.link.receive(data, now_ms)
            for kind, payload in self.link.take():
                self._handle_input(kind, payload)
        if self.link.is_open:
            self._fill_control(now)
            self._fill_audio()
        else:
            self.link.hello = self._build_hello(now_ms)
        self._write(now_ms)
        self._idle_since = now
        self._idle_ms = self.link.next_deadline_ms(now_ms) - now_ms

    def is_due(self, now):
        """True when this block has something to say, or must listen to a deadline."""
        if self._unwritten or since_ms(now, self._idle_since) >= self._idle_ms:
            return True
        if not self.link.is_open:
            return False
        return (
            self._journal.unsent > 0
            or not self._recorder.is_idle
            or since_ms(now, self._health_at) >= HEALTH_MS
            or len(self._replies) > 0
        )

    # -- in

    def _handle_input(self, kind, payload):
        try:
            if kind == OPENED:
                self._handle_hello(payload)
            elif kind == CONTROL:
                self._handle_message(payload)
            elif kind == CLOSED:
                gc.collect()
        except ProtocolError:  # a peer's mistake: counted, told in health, nothing else
            self.refused += 1

    def _handle_hello(self, payload):
        self._window = self.link.room(AUDIO)
        self._journal.rewind()
        self._recorder.rewind(self._window)
        _, _, _, held = decode_host_hello(payload)
        for entry in held:
            if len(entry) != 3:
                raise MessageError("shape")
            self._journal.acknowledge(entry[0], [entry[1:]])

    def _handle_message(self, payload):
        message = decode_message(payload)
        kind = message[0]
        if kind == "journal_ack":
            self._journal.acknowledge(message[1], message[2])
        elif kind == "command":
            self._handle_command(message[1], message[2], message[3])

    # -- out

    def _fill_control(self, now):
        link = self.link
        while self._replies and link.room(CONTROL):
            link.send(CONTROL, self._replies.pop(0))
        while link.room(CONTROL) > _REPLY_ROOM:
            message = self._journal.next_event()
            if message is None:
                break
            link.send(CONTROL, message)
        if since_ms(now, self._health_at) >= HEALTH_MS and link.room(CONTROL) > _REPLY_ROOM:
            self._health_at = now
            link.send(CONTROL, encode_message("health", self._read_health()))

    def _fill_audio(self):
        link = self.link
        while link.room(AUDIO):
            audio = self._recorder.next_audio()
            if audio is None:
                break
            link.send(AUDIO, encode_audio(audio[0], audio[1], audio[2]))
        if link.room(AUDIO) == self._window:
            self._recorder.acknowledged()

    def _write(self, now_ms):
        if not self._unwritten:
            self._unwritten = self.link.poll(now_ms, WRITE_BYTES)
        if self._unwritten:
            taken = self._port.write(self._unwritten) or 0
            self._unwritten = self._unwritten[taken:]

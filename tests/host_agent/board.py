"""The board's end of a real pseudo-terminal: protocol.link in the board's role, and a journal that forgets
what is acknowledged."""

import contextlib
import os
import pty
import threading
import time
import tty
from typing import Any

from protocol.framing import AUDIO, CONTROL
from protocol.link import OPENED, LinkEnd
from protocol.messages import (
    decode_host_hello,
    decode_message,
    encode_audio,
    encode_board_hello,
    encode_message,
)


class Board:
    """One box as the agent sees it. Pure: bytes in with `receive`, bytes out with `poll`.

    Attributes:
        journal: seq → payload of events not acknowledged yet.
        commands: (id, name, arguments) received.
    """

    def __init__(self, source: str = "a1b2c3d4e5f6", boot: str = "1f2e3d4c-7") -> None:
        self.source = source
        self.boot = boot
        self.journal: dict[int, bytes] = {}
        self.commands: list[list[Any]] = []
        self.held: list[list[Any]] = []
        self.hellos = 0
        self._sessions = 0
        self._seq = 0
        self._control: list[bytes] = []
        self._audio: list[bytes] = []
        self._audio_sent = 0
        self.link = LinkEnd(True, encode_board_hello(source, boot, "0.1.0", 0), self._draw_session)

    def _draw_session(self) -> int:
        self._sessions += 1
        return (os.getpid() * 7 + self._sessions) % 65535 + 1

    def state(self, event_type: str, uptime_ms: int, **fields: Any) -> int:
        """Journal one event and send it; returns its seq."""
        seq = self._seq
        self._seq += 1
        self.journal[seq] = encode_message("event", seq, uptime_ms, event_type, fields)
        self._control.append(self.journal[seq])
        return seq

    def say(self, *parts: Any) -> None:
        """Any other control message."""
        self._control.append(encode_message(*parts))

    def play(self, call: int, first_sample: int, alaw: bytes) -> None:
        """Audio, in frames of at most 248 samples."""
        for at in range(0, len(alaw), 248):
            self._audio.append(encode_audio(call, first_sample + at, alaw[at : at + 248]))

    @property
    def is_idle(self) -> bool:
        """All is sent and every event acknowledged."""
        return self.link.is_open and not (self._control or self._audio or self.journal)

    def receive(self, data: bytes, now_ms: int) -> None:
        self.link.receive(data, now_ms)
        for kind, payload in self.link.take():
            if kind == OPENED:
                self.hellos += 1
                _, _, _, self.held = decode_host_hello(payload)
                events = self.journal.values()
                others = [payload for payload in self._control if decode_message(payload)[0] != "event"]
                self._control = [*events, *others]
                self._audio_sent = 0
            elif kind == CONTROL:
                self._hear(decode_message(payload))

    def _hear(self, message: list[Any]) -> None:
        if message[0] == "journal_ack":
            for first, last in message[2] if message[1] == self.boot else []:
                for seq in range(first, last + 1):
                    self.journal.pop(seq, None)
        elif message[0] == "command":
            self.commands.append(message[1:])

    def poll(self, now_ms: int) -> bytes:
        self.link.hello = encode_board_hello(self.source, self.boot, "0.1.0", now_ms & 0xFFFFFFFF)
        out = self.link.poll(now_ms)
        while self._control and self.link.send(CONTROL, self._control[0]):
            del self._control[0]
        if self.link.is_open:
            self._send_audio()
        return out + self.link.poll(now_ms)

    def _send_audio(self) -> None:
        """Audio is kept until the link has it acknowledged: a new session sends the rest again."""
        under_way = self.link.under_way(AUDIO)
        acknowledged = self._audio_sent - under_way
        del self._audio[:acknowledged]
        self._audio_sent = under_way
        while self._audio_sent < len(self._audio) and self.link.send(AUDIO, self._audio[self._audio_sent]):
            self._audio_sent += 1


class Cable:
    """A pty with the board on one end, pumped by a thread in wall time. `path` is what the agent opens."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.lock = threading.Lock()
        self._board_end, self._agent_end = pty.openpty()
        tty.setraw(self._agent_end)
        os.set_blocking(self._board_end, False)
        self.path = os.ttyname(self._agent_end)
        self._start = time.monotonic()
        self._pending = b""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._pump, daemon=True)
        self._thread.start()

    def _pump(self) -> None:
        while not self._stopping.wait(0.002):
            with self.lock:
                with contextlib.suppress(BlockingIOError):
                    self.board.receive(os.read(self._board_end, 65536), self._now_ms())
                self.write_now()

    def write_now(self) -> None:
        """Let the board write what it has to say; the caller holds the lock."""
        self._pending = self._pending or self.board.poll(self._now_ms())
        if self._pending:
            with contextlib.suppress(BlockingIOError):
                self._pending = self._pending[os.write(self._board_end, self._pending) :]

    def _now_ms(self) -> int:
        return round((time.monotonic() - self._start) * 1000)

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        os.close(self._board_end)
        os.close(self._agent_end)

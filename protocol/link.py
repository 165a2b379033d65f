"""The serial link: two ordered, reliable channels over a line that drops, damages and doubles bytes.

A pure state machine: bytes and the time go in, bytes and inputs come out; it owns no port and no clock.

States of an end, and what moves it:

    state    | hello received            | nothing heard for PEER_TIMEOUT_MS | bytes of another session
    CLOSED   | board: OPEN if it is its  | -                                 | dropped; a host asks for a
             | session; host: answers,   |                                   | hello each KEEPALIVE_MS
             | OPEN                      |                                   |
    OPEN     | host: the same again:     | CLOSED; the board says hello with | dropped
             | answers; another: CLOSED, | a new session                     |
             | then OPEN                 |                                   |

The board chooses the session (16 random bits) and says hello each HELLO_MS until the host's hello carries it.
A hello of session 0 with no payload asks the board for a new session (a host that has restarted).
Sequence numbers start at 0 in each session. CONTROL goes before AUDIO. Each channel has its own window of
selective retransmission; the line keeps order, so a frame is lost as soon as one sent after it is
acknowledged; else the timer (RFC 6298 with milliseconds) says so.
"""

from protocol.framing import (
    ACK_AUDIO,
    ACK_CONTROL,
    AUDIO,
    CONTROL,
    HELLO,
    FrameDecoder,
    encode_frame,
)
from protocol.window import Receiver, Sender

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

HELLO_MS = 500
KEEPALIVE_MS = 1000
PEER_TIMEOUT_MS = 3000

OPENED = 100
"""Input kind: the session is open; the payload is the peer's hello. Nothing sent before is still under way."""
CLOSED = 101
"""Input kind: the session is over; what was not delivered must be sent again in the next one."""

_ACKS = {CONTROL: ACK_CONTROL, AUDIO: ACK_AUDIO}
_CHANNELS = {ACK_CONTROL: CONTROL, ACK_AUDIO: AUDIO}
MAX_INPUTS = 256


class LinkEnd:
    """One end of the link.

    Args:
        is_board: True for the end that opens sessions.
        hello: payload of this end's hello (protocol.messages), at most 256 bytes.
        draw_session: returns a random integer 1..65535 (the board's; a host never calls it).
    """

    def __init__(self, is_board: bool, hello: bytes, draw_session: "Callable[[], int]") -> None:
        self.is_open = False
        self.hello = hello
        self.decoder = FrameDecoder()
        self.foreign_frames = 0
        self._is_board = is_board
        self._draw_session = draw_session
        self._session = 0
        self._peer_hello = b""
        self._inputs: "list[tuple[int, bytes]]" = []
        self._heard_ms = 0
        self._said_ms: "int | None" = None
        self._hello_due = False
        self._asked_ms: "int | None" = None
        self._reset_channels()

    def _reset_channels(self) -> None:
        self._senders = {CONTROL: Sender(16), AUDIO: Sender(32)}
        self._receivers = {CONTROL: Receiver(16), AUDIO: Receiver(32)}

    # -- what comes in

    def receive(self, data: bytes, now_ms: int) -> None:
        """Feed bytes from the line, in any portions. Collect what they mean with `take`."""
        for session, frame_type, seq, ack, payload in self.decoder.feed(data):
            if frame_type == HELLO:
                self._handle_hello(session, payload, now_ms)
            elif not self.is_open or session != self._session:
                self.foreign_frames += 1
            else:
                self._heard_ms = now_ms
                self._handle_frame(frame_type, seq, ack, payload, now_ms)

    def take(self) -> "list[tuple[int, bytes]]":
        """The inputs since the last call, in order: (OPENED | CLOSED | CONTROL | AUDIO, payload)."""
        inputs, self._inputs = self._inputs, []
        return inputs

    def _handle_hello(self, session: int, payload: bytes, now_ms: int) -> None:
        if self._is_board:
            if not payload:
                self._close()
                self._said_ms = None
            elif session == self._session and not self.is_open:
                self._open(payload, now_ms)
            return
        if not payload or session == 0:
            return
        if session != self._session or payload != self._peer_hello or not self.is_open:
            self._close()
            self._session = session
            self._open(payload, now_ms)
        self._heard_ms = now_ms
        self._hello_due = True

    def _handle_frame(self, frame_type: int, seq: int, ack: int, payload: bytes, now_ms: int) -> None:
        if frame_type in _CHANNELS:
            self._senders[_CHANNELS[frame_type]].acknowledge(ack, payload, now_ms)
            return
        self._senders[frame_type].acknowledge(ack, b"", now_ms)
        if len(self._inputs) < MAX_INPUTS:
            for delivered in self._receivers[frame_type].accept(seq, payload):
                self._inputs.append((frame_type, delivered))

    def _open(self, peer_hello: bytes, now_ms: int) -> None:
        self._reset_channels()
        self._peer_hello = peer_hello
        self._heard_ms = now_ms
        self._said_ms = now_ms
        self.is_open = True
        self._inputs.append((OPENED, peer_hello))

    def _close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._inputs.append((CLOSED, b""))
            self._session = 0
            self._said_ms = None

    # -- what goes out

    def room(self, channel: int) -> int:
        """How many payloads `send` takes now on CONTROL or AUDIO; 0 while the session is closed."""
        return self._senders[channel].room() if self.is_open else 0

    def send(self, channel: int, payload: bytes) -> bool:
        """Queue one payload of at most 256 bytes; False when there is no room (nothing is kept then)."""
        if not self.room(channel):
            return False
        self._senders[channel].append(payload)
        return True

    def poll(self, now_ms: int, budget: int = 4096) -> bytes:
        """The bytes to write now: hello, acknowledgements, control, audio, in this order.

        Args:
            budget: about how many bytes the port takes without waiting; frames begun are finished.
        """
        out = bytearray()
        self._say_hello(out, now_ms)
        if self.is_open:
            if now_ms - self._heard_ms > PEER_TIMEOUT_MS:
                self._close()
                return bytes(out)
            for channel in (CONTROL, AUDIO):
                self._say_ack(out, channel, now_ms)
            for channel in (CONTROL, AUDIO):
                self._say_frames(out, channel, now_ms, budget)
        return bytes(out)

    def _say_hello(self, out: bytearray, now_ms: int) -> None:
        if self._is_board:
            if not self.is_open and (self._said_ms is None or now_ms - self._said_ms >= HELLO_MS):
                self._session = self._session or self._draw_session() & 0xFFFF or 1
                self._say(out, HELLO, 0, 0, self.hello, now_ms)
        elif self.is_open and self._hello_due:
            self._hello_due = False
            self._say(out, HELLO, 0, 0, self.hello, now_ms)
        elif not self.is_open and (self._asked_ms is None or now_ms - self._asked_ms >= KEEPALIVE_MS):
            self._asked_ms = now_ms
            out.extend(encode_frame(0, HELLO, 0, 0, b""))

    def _say_ack(self, out: bytearray, channel: int, now_ms: int) -> None:
        receiver = self._receivers[channel]
        quiet = channel == CONTROL and self._said_ms is not None and now_ms - self._said_ms >= KEEPALIVE_MS
        if receiver.ack_due or quiet:
            receiver.ack_due = False
            self._say(out, _ACKS[channel], 0, receiver.expected, receiver.build_bitmap(), now_ms)

    def _say_frames(self, out: bytearray, channel: int, now_ms: int, budget: int) -> None:
        sender, receiver = self._senders[channel], self._receivers[channel]
        while len(out) < budget:
            frame = sender.next_frame(now_ms)
            if frame is None:
                return
            self._say(out, channel, frame.seq, receiver.expected, frame.payload, now_ms)

    def _say(self, out: bytearray, frame_type: int, seq: int, ack: int, payload: bytes, now_ms: int) -> None:
        self._said_ms = now_ms
        out.extend(encode_frame(self._session, frame_type, seq, ack, payload))

    def next_deadline_ms(self, now_ms: int) -> int:
        """When `poll` must be called again though nothing arrived and nothing was sent."""
        if not self.is_open:
            return now_ms + HELLO_MS
        deadline = self._heard_ms + PEER_TIMEOUT_MS + 1
        if self._said_ms is not None:
            deadline = min(deadline, self._said_ms + KEEPALIVE_MS)
        for sender in self._senders.values():
            due = sender.next_deadline_ms()
            if due is not None:
                deadline = min(deadline, due)
        return max(deadline, now_ms)

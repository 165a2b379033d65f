"""The serial link: two ordered, reliable channels over a line that drops, damages and doubles bytes.

A pure state machine: bytes and the time go in, bytes and inputs come out; it owns no port and no clock.
`TRANSITIONS` is the one table of what opens and closes a session. The rules behind it:

1. The board draws 16 random bits and says hello with them each HELLO_MS; a host says hello with the same bits
   and 16 of its own in the sequence field. Every other frame carries the exclusive-or of both. So neither a
   replayed hello nor a restart of either end brings two ends with different counts into one session.
2. A hello of session 0 without payload asks the board for a hello (a host without a session, each ASK_MS).
3. The payload of a board's hello does not change while it repeats it. A host that hears another session, or
   the same with another payload, follows it. A board that hears a host in another session starts anew.
4. Sequence numbers start at 0 in each session; frames of other sessions are dropped and counted.
5. A peer silent for PEER_TIMEOUT_MS is gone; each end speaks at least each KEEPALIVE_MS. Time in which
   this end itself was not polled does not count as silence (a PC that slept, a simulator that skipped).

CONTROL goes before AUDIO; each channel has its own window of selective retransmission (protocol.window).
"""

from protocol.const import MAX_PAYLOAD
from protocol.errors import FrameError
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
ASK_MS = 250
KEEPALIVE_MS = 1000
PEER_TIMEOUT_MS = 3000

CONTROL_WINDOW = 16
AUDIO_WINDOW = 32
"""Frames under way on each channel. Payload bytes held at most, each direction: 4,096 and 8,192."""

LOSSY_MS = 1000
"""For so long after a frame was lost each control frame is written twice: the word that it was lost takes a
round trip, and a bad line damages few control frames two times."""

MAX_INPUTS = 256
"""Inputs kept for `take`; beyond, frames are left unacknowledged and the peer sends them again."""

OPENED = 100
"""Input kind: the session is open; payload: the peer's hello. Nothing sent before is still under way."""
CLOSED = 101
"""Input kind: the session is over; what was not delivered must be sent again in the next one."""

TRANSITIONS = {
    # (end, state, event): (actions in order, next state). What is not here is ignored.
    # tick: it is time to repeat a hello or an ask. ask: a host asks for a hello. ours: a hello of the session
    # this end has; other: of another. silence: nothing heard for PEER_TIMEOUT_MS, or `give_up`.
    ("board", "closed", "tick"): (("draw", "say"), "calling"),
    ("board", "calling", "tick"): (("say",), "calling"),
    ("board", "calling", "ask"): (("say",), "calling"),
    ("board", "calling", "ours"): (("open",), "open"),
    ("board", "open", "ask"): (("close",), "closed"),
    ("board", "open", "other"): (("close",), "closed"),
    ("board", "open", "silence"): (("close",), "closed"),
    ("host", "closed", "tick"): (("say",), "closed"),
    ("host", "closed", "other"): (("open", "say"), "open"),
    ("host", "open", "ours"): (("hear", "say"), "open"),
    ("host", "open", "other"): (("close", "open", "say"), "open"),
    ("host", "open", "silence"): (("close",), "closed"),
}

_ACKS = {CONTROL: ACK_CONTROL, AUDIO: ACK_AUDIO}
_CHANNELS = {ACK_CONTROL: CONTROL, ACK_AUDIO: AUDIO}


class LinkEnd:
    """One end of the link.

    Args:
        is_board: True for the end that opens sessions.
        hello: payload of this end's hello (protocol.messages), 1..256 bytes. May be set anew: a board's holds
            from the next session on; a host's may be empty until OPENED, and must be set before `poll` then.
        draw_session: returns a random integer 1..65535 (the board's; a host never calls it).

    Attributes:
        is_open: a session is open. foreign_frames: dropped, for they were of other sessions.
        undelivered: oldest audio payload that the sessions before this one left; whoever reads it clears it.
    """

    def __init__(self, is_board: bool, hello: bytes, draw_session: "Callable[[], int]") -> None:
        self.hello = hello
        self.decoder = FrameDecoder()
        self.foreign_frames = 0
        self.is_open = False
        self._end = "board" if is_board else "host"
        self._state = "closed"
        self._draw_session = draw_session
        self._drawn = 0  # the board's half of the session
        self._nonce = 0  # the host's half
        self._openings = 0
        self._said_hello = b""
        self._peer_hello = b""
        self._inputs: "list[tuple[int, bytes]]" = []
        self._heard_ms = 0
        self._polled_ms = 0
        self._said_ms = 0
        self._hello_ms: "int | None" = None  # when the last hello or ask was said in this state
        self._hello_due = False
        self.undelivered: "bytes | None" = None
        self._reset_channels()

    @property
    def retransmitted(self) -> int:
        """Frames transmitted more than once in this session."""
        return self._senders[CONTROL].retransmitted + self._senders[AUDIO].retransmitted

    def _reset_channels(self) -> None:
        self._order = 0
        self._loss_ms = -LOSSY_MS  # when a frame was last transmitted again
        self._senders = {CONTROL: Sender(CONTROL_WINDOW), AUDIO: Sender(AUDIO_WINDOW)}
        self._receivers = {CONTROL: Receiver(CONTROL_WINDOW), AUDIO: Receiver(AUDIO_WINDOW)}

    # -- transitions

    def _handle(
        self, event: str, now_ms: int, session: int = 0, nonce: int = 0, payload: bytes = b""
    ) -> None:
        transition = TRANSITIONS.get((self._end, self._state, event))
        if transition is None:
            return
        actions, next_state = transition
        for action in actions:
            _ACTIONS[action](self, now_ms, session, nonce, payload)
        if next_state != self._state and next_state == "closed":
            self._hello_ms = None
        self._state = next_state
        self.is_open = next_state == "open"

    def _draw(self, now_ms: int, session: int, nonce: int, payload: bytes) -> None:
        self._drawn = self._draw_session() & 0xFFFF or 1
        self._said_hello = self.hello

    def _say_hello(self, now_ms: int, session: int, nonce: int, payload: bytes) -> None:
        self._hello_due = True
        self._hello_ms = now_ms

    def _open(self, now_ms: int, session: int, nonce: int, payload: bytes) -> None:
        if self._end == "host":
            self._openings += 1
            self._drawn = session
            self._nonce = (now_ms ^ 40503 * self._openings) & 0xFFFF
        else:
            self._nonce = nonce
        self.undelivered = self._senders[AUDIO].oldest() or self.undelivered
        self._reset_channels()
        self._peer_hello = payload
        self._heard_ms = now_ms
        self._said_ms = now_ms
        self._inputs.append((OPENED, payload))

    def _hear(self, now_ms: int, session: int, nonce: int, payload: bytes) -> None:
        self._heard_ms = now_ms

    def _close(self, now_ms: int, session: int, nonce: int, payload: bytes) -> None:
        self._inputs.append((CLOSED, b""))

    def give_up(self, now_ms: int) -> None:
        """This end can no longer keep its word: end the session; what was under way goes into the next."""
        self._handle("silence", now_ms)

    # -- what comes in

    def receive(self, data: bytes, now_ms: int) -> None:
        """Feed bytes from the line, in any portions. Collect what they mean with `take`."""
        for session, frame_type, seq, ack, payload in self.decoder.feed(data):
            if frame_type == HELLO:
                if len(self._inputs) < MAX_INPUTS:
                    self._handle(self._classify(session, seq, payload), now_ms, session, seq, payload)
            elif not self.is_open or session != self._drawn ^ self._nonce:
                self.foreign_frames += 1
            else:
                self._heard_ms = now_ms
                self._handle_frame(frame_type, seq, ack, payload, now_ms)

    def take(self) -> "list[tuple[int, bytes]]":
        """The inputs since the last call, in order: (OPENED | CLOSED | CONTROL | AUDIO, payload)."""
        inputs, self._inputs = self._inputs, []
        return inputs

    def _classify(self, session: int, nonce: int, payload: bytes) -> str:
        """The event a hello is, as `TRANSITIONS` names it."""
        if not payload or not session:
            return "ask"
        if session != self._drawn or self._state == "closed":
            return "other"
        if not self.is_open:
            return "ours"
        same = payload == self._peer_hello if self._end == "host" else nonce == self._nonce
        return "ours" if same else "other"

    def _handle_frame(self, frame_type: int, seq: int, ack: int, payload: bytes, now_ms: int) -> None:
        channel = _CHANNELS.get(frame_type, frame_type)
        bitmap = payload if frame_type in _CHANNELS else b""
        sender = self._senders[channel]
        newest = sender.acknowledge(ack, bitmap, now_ms)
        if newest:
            sender.lose_before(newest)
            if channel == AUDIO:  # the peer acknowledges control first, so this speaks for both
                self._senders[CONTROL].lose_before(newest)
        if frame_type == channel and len(self._inputs) < MAX_INPUTS:
            for delivered in self._receivers[channel].accept(seq, payload):
                self._inputs.append((channel, delivered))

    # -- what goes out

    def room(self, channel: int) -> int:
        """How many payloads `send` takes now on CONTROL or AUDIO; 0 while the session is closed."""
        return self._senders[channel].room if self.is_open else 0

    def under_way(self, channel: int) -> int:
        """How many payloads of CONTROL or AUDIO are held: queued, or not acknowledged."""
        return self._senders[channel].under_way

    def send(self, channel: int, payload: bytes) -> bool:
        """Queue one payload of at most 256 bytes; False when there is no room (nothing is kept then).

        Raises:
            FrameError: `long`.
        """
        if len(payload) > MAX_PAYLOAD:
            raise FrameError("long")
        sender = self._senders[channel]
        if not (self.is_open and sender.room):
            return False
        sender.append(bytes(payload))
        return True

    def poll(self, now_ms: int, budget: int = 4096) -> bytes:
        """The bytes to write now: hello, acknowledgements, control, audio, in this order.

        Args:
            budget: about how many bytes the port takes without waiting; frames begun are finished. What the
                port holds is before any later control frame: 1,024 bytes are 11 ms at 921,600 baud.
        """
        self._keep_time(now_ms)
        out = bytearray()
        if self._hello_due and (self.hello or not self.is_open):
            self._hello_due = False
            out.extend(self._build_hello())
            self._said_ms = now_ms
        if self.is_open:
            self._say_ack(out, CONTROL, now_ms)
            self._say_ack(out, AUDIO, now_ms)
            self._say_frames(out, CONTROL, now_ms, budget)
            self._say_frames(out, AUDIO, now_ms, budget)
        return bytes(out)

    def _keep_time(self, now_ms: int) -> None:
        not_looking_ms = now_ms - self._polled_ms - KEEPALIVE_MS
        if not_looking_ms > 0:
            self._heard_ms = min(self._heard_ms + not_looking_ms, now_ms)
        self._polled_ms = now_ms
        if self.is_open and now_ms - self._heard_ms > PEER_TIMEOUT_MS:
            self._handle("silence", now_ms)
        if not self.is_open and now_ms >= self._next_hello_ms(now_ms):
            self._handle("tick", now_ms)

    def _next_hello_ms(self, now_ms: int) -> int:
        if self._hello_ms is None:
            return now_ms
        return self._hello_ms + (HELLO_MS if self._end == "board" else ASK_MS)

    def _build_hello(self) -> bytes:
        """A zero first: what noise or another program left on the line ends before it."""
        if self._end == "board":
            return b"\0" + encode_frame(self._drawn, HELLO, 0, 0, self._said_hello)
        if self.is_open:
            return b"\0" + encode_frame(self._drawn, HELLO, self._nonce, 0, self.hello)
        return b"\0" + encode_frame(0, HELLO, 0, 0, b"")

    def _say_ack(self, out: bytearray, channel: int, now_ms: int) -> None:
        receiver = self._receivers[channel]
        if receiver.ack_due or (channel == CONTROL and now_ms - self._said_ms >= KEEPALIVE_MS):
            receiver.ack_due = False
            self._say(out, _ACKS[channel], 0, receiver.expected, receiver.build_bitmap(), now_ms)

    def _say_frames(self, out: bytearray, channel: int, now_ms: int, budget: int) -> None:
        sender, receiver = self._senders[channel], self._receivers[channel]
        while len(out) < budget:
            frame = sender.next_frame(now_ms, self._order + 1)
            if frame is None:
                return
            self._order += 1
            if frame.tries > 1:
                self._loss_ms = now_ms
            self._say(out, channel, frame.seq, receiver.expected, frame.payload, now_ms)
            if channel == CONTROL and now_ms - self._loss_ms < LOSSY_MS:
                self._say(out, channel, frame.seq, receiver.expected, frame.payload, now_ms)

    def _say(self, out: bytearray, frame_type: int, seq: int, ack: int, payload: bytes, now_ms: int) -> None:
        self._said_ms = now_ms
        out.extend(encode_frame(self._drawn ^ self._nonce, frame_type, seq, ack, payload))

    def next_deadline_ms(self, now_ms: int) -> int:
        """When `poll` must be called again though nothing arrived and nothing was sent."""
        if self._hello_due:
            return now_ms
        if not self.is_open:
            return max(self._next_hello_ms(now_ms), now_ms)
        deadline = min(self._heard_ms + PEER_TIMEOUT_MS + 1, self._said_ms + KEEPALIVE_MS)
        for sender in self._senders.values():
            due = sender.next_deadline_ms()
            if due is not None:
                deadline = min(deadline, due)
        return max(deadline, now_ms)


_ACTIONS = {
    "draw": LinkEnd._draw,
    "say": LinkEnd._say_hello,
    "hear": LinkEnd._hear,
    "open": LinkEnd._open,
    "close": LinkEnd._close,
}

"""Two link ends over a line that forgets, damages, doubles and replays bytes, in virtual time.

The pair checks at every step what the link promises: within one session the payloads of a channel arrive in
the order they were sent, each exactly once, and none of another session.
"""

import random

from protocol.framing import AUDIO, CONTROL
from protocol.link import CLOSED, OPENED, LinkEnd

CHANNELS = {CONTROL: "control", AUDIO: "audio"}
HISTORY_BYTES = 20_000


class Wire:
    """One direction. `history` and `hellos` keep what was written, for replays."""

    def __init__(self) -> None:
        self.flying = bytearray()
        self.history = bytearray()
        self.hellos: list[bytes] = []
        self.is_cut = False
        self.error_rate = 0.0

    def write(self, data: bytes) -> None:
        self.history += data
        del self.history[:-HISTORY_BYTES]
        if data.startswith(b"\0"):  # only a hello begins so
            self.hellos.append(data[: data.index(b"\0", 1) + 1])
        if not self.is_cut:
            self.flying += data

    def read(self, draw: random.Random) -> bytes:
        data = self.flying
        self.flying = bytearray()
        if self.error_rate:
            for at in range(len(data)):
                if draw.random() < self.error_rate:
                    data[at] ^= 1 << draw.randrange(8)
        return bytes(data)


class Party:
    """One end with the application above it.

    Attributes:
        session: counts this party's sessions over all its restarts; payloads carry the sender's.
    """

    def __init__(self, name: str, draw: random.Random) -> None:
        self.name = name
        self.draw = draw
        self.session = 0
        self.starts = 0
        self.received: list[bytes] = []
        self.is_asleep = False
        self.start()

    def start(self) -> None:
        """As after power-on: nothing is remembered."""
        self.starts += 1
        hello = b"%s %d" % (self.name.encode(), self.starts)
        self.link = LinkEnd(self.name == "board", hello, lambda: self.draw.randrange(1, 1 << 16))
        self._sent = {CONTROL: 0, AUDIO: 0}
        self._expected: dict[int, tuple[bytes, int] | None] = {CONTROL: None, AUDIO: None}
        self._told_open = False

    def send(self, channel: int) -> bool:
        payload = b"%d %d %d" % (channel, self.session, self._sent[channel])
        if not self.link.send(channel, payload):
            return False
        self._sent[channel] += 1
        return True

    def take(self) -> None:
        for kind, payload in self.link.take():
            if kind in CHANNELS:
                self._check(kind, payload)
                self.received.append(payload)
                continue
            assert self._told_open == (kind == CLOSED), f"{self.name}: opened and closed take turns"
            self._told_open = kind == OPENED
            self.session += kind == OPENED
            self._sent = {CONTROL: 0, AUDIO: 0}
            self._expected = {CONTROL: None, AUDIO: None}
        assert self._told_open == self.link.is_open

    def count_undelivered(self, sender: "Party") -> int:
        """Payloads that `sender` sent in its session and this party has not had."""
        undelivered = 0
        for channel in CHANNELS:
            expected = self._expected[channel]
            undelivered += sender._sent[channel] - (expected[1] if expected else 0)
        return undelivered

    def _check(self, channel: int, payload: bytes) -> None:
        assert self._told_open, f"{self.name}: a payload outside a session"
        sent_on, session, number = payload.split()
        assert int(sent_on) == channel
        expected = self._expected[channel] or (session, 0)
        assert (session, int(number)) == expected, (
            f"{self.name} {CHANNELS[channel]}: {payload!r}, not {expected}"
        )
        self._expected[channel] = (session, int(number) + 1)


class Pair:
    """Board and host, a wire each way, and the clock."""

    def __init__(self, seed: int = 0, now_ms: int = 1_000_000) -> None:
        self.draw = random.Random(seed)
        self.board = Party("board", self.draw)
        self.host = Party("host", self.draw)
        self.up, self.down = Wire(), Wire()
        self.now_ms = now_ms

    def step(self, ms: int = 1) -> None:
        """Let time pass, then each party that is awake reads and writes once."""
        self.now_ms += ms
        for party, inward, outward in ((self.board, self.down, self.up), (self.host, self.up, self.down)):
            if party.is_asleep:
                continue
            party.link.receive(inward.read(self.draw), self.now_ms)
            party.take()
            outward.write(party.link.poll(self.now_ms))
            party.take()

    def run(self, ms: int, each_ms: int = 5) -> None:
        for _ in range(ms // each_ms):
            self.step(each_ms)

    def heal(self) -> None:
        """The line is good and both parties are awake."""
        for wire in (self.up, self.down):
            wire.is_cut = False
            wire.error_rate = 0.0
        self.board.is_asleep = self.host.is_asleep = False

    @property
    def is_open(self) -> bool:
        return self.board.link.is_open and self.host.link.is_open


def open_pair(seed: int = 0) -> Pair:
    """A pair with a session."""
    pair = Pair(seed)
    pair.run(50)
    assert pair.is_open
    return pair

"""The link under everything a line can do, found by hypothesis.

What `Pair` checks at every step holds throughout; at the end the line heals, and the link must be open again
and carry both ways.
"""

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from protocol.framing import AUDIO, CONTROL
from protocol.link import ASK_MS, PEER_TIMEOUT_MS
from protocol.window import Receiver, Sender
from tests.protocol.pair import Pair, Party, Wire

PARTIES = st.sampled_from(["board", "host"])
WIRES = st.sampled_from(["up", "down"])
CHANNELS = st.sampled_from([CONTROL, AUDIO])


class LinkOverABadLine(RuleBasedStateMachine):
    """Any mixture of traffic, faults and restarts."""

    @initialize(seed=st.integers(0, 1 << 32))
    def start(self, seed: int) -> None:
        self.pair = Pair(seed)

    def party(self, name: str) -> Party:
        return self.pair.board if name == "board" else self.pair.host

    def wire(self, name: str) -> Wire:
        return self.pair.up if name == "up" else self.pair.down

    @rule(ms=st.integers(1, 60), times=st.integers(1, 40))
    def pass_time(self, ms: int, times: int) -> None:
        for _ in range(times):
            self.pair.step(ms)

    @rule(name=PARTIES, channel=CHANNELS, count=st.integers(1, 40))
    def send(self, name: str, channel: int, count: int) -> None:
        for _ in range(count):
            self.party(name).send(channel)
        self.pair.step()

    @rule(name=WIRES, at=st.integers(0, 4000), count=st.integers(1, 600))
    def forget(self, name: str, at: int, count: int) -> None:
        del self.wire(name).flying[at : at + count]

    @rule(name=WIRES, at=st.integers(0, 4000), count=st.integers(1, 600))
    def double(self, name: str, at: int, count: int) -> None:
        flying = self.wire(name).flying
        flying[at:at] = flying[at : at + count]

    @rule(name=WIRES, at=st.integers(0, 20_000), count=st.integers(1, 3000))
    def replay(self, name: str, at: int, count: int) -> None:
        wire = self.wire(name)
        wire.flying += wire.history[at : at + count]

    @rule(name=WIRES, back=st.integers(1, 6))
    def replay_hello(self, name: str, back: int) -> None:
        wire = self.wire(name)
        wire.flying += b"".join(wire.hellos[-back:][:1])

    @rule(name=WIRES, noise=st.binary(min_size=1, max_size=300))
    def insert_noise(self, name: str, noise: bytes) -> None:
        self.wire(name).flying += noise

    @rule(name=WIRES, rate=st.sampled_from([0.0, 0.0, 0.001, 0.01]))
    def damage(self, name: str, rate: float) -> None:
        self.wire(name).error_rate = rate

    @rule(name=WIRES, ms=st.sampled_from([20, 300, 1500, 4000]))
    def cut(self, name: str, ms: int) -> None:
        self.wire(name).is_cut = True
        self.pair.run(ms, each_ms=10)
        self.wire(name).is_cut = False

    @rule(name=PARTIES)
    def restart(self, name: str) -> None:
        self.party(name).start()

    @rule(name=PARTIES, ms=st.sampled_from([20, 300, 1500, 4000]))
    def sleep(self, name: str, ms: int) -> None:
        self.party(name).is_asleep = True
        self.pair.run(ms, each_ms=10)
        self.party(name).is_asleep = False

    @rule(ms=st.sampled_from([500, 3001, 60_000, 8 * 3600 * 1000]))
    def skip(self, ms: int) -> None:
        self.pair.step(ms)

    @invariant()
    def memory_is_bounded(self) -> None:
        for party in (self.pair.board, self.pair.host):
            assert len(party.link.decoder._pending) < 300
            assert all(len(receiver._early) < 64 for receiver in party.link._receivers.values())

    def teardown(self) -> None:
        if not hasattr(self, "pair"):
            return
        pair = self.pair
        pair.heal()
        pair.run(2 * PEER_TIMEOUT_MS + 2 * ASK_MS, each_ms=10)
        assert pair.is_open
        assert pair.host.count_undelivered(pair.board) == pair.board.count_undelivered(pair.host) == 0
        for sender, receiver in ((pair.board, pair.host), (pair.host, pair.board)):
            before = len(receiver.received)
            assert sender.send(CONTROL) and sender.send(AUDIO)
            pair.run(1000)
            assert len(receiver.received) == before + 2


TestLinkOverABadLine = LinkOverABadLine.TestCase
TestLinkOverABadLine.settings = settings(max_examples=150, stateful_step_count=40)


def deliver_doubles(real: Callable[..., Any]) -> Callable[..., Any]:
    """What has arrived already is handed on again."""

    def accept(self: Receiver, seq: int, payload: bytes) -> Any:
        return real(self, seq, payload) or ([payload] if seq == self.expected - 1 else [])

    return accept


def take_any_order(_real: Callable[..., Any]) -> Callable[..., Any]:
    """What comes early goes first, and what is missing is not waited for."""

    def accept(self: Receiver, seq: int, payload: bytes) -> Any:
        self.ack_due, self.expected = True, (seq + 1) & 0xFFFF
        return [payload]

    return accept


def never_send_again(_real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *_: None


@pytest.mark.parametrize(
    ("where", "name", "make"),
    [
        (Receiver, "accept", deliver_doubles),
        (Receiver, "accept", take_any_order),
        (Sender, "_time_out", never_send_again),
    ],
)
def test_the_machine_finds_a_link_that_does_not_keep_its_word(
    where: type, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> None:
    """Without shrinking: that it is found is enough."""
    quick = settings(
        max_examples=600,
        stateful_step_count=40,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    with patch.object(where, name, make(getattr(where, name))), pytest.raises(AssertionError):
        run_state_machine_as_test(LinkOverABadLine, settings=quick)

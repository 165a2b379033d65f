"""The link by its rules: its table, its limits, and the races that the session numbers are there for."""

import pytest

from protocol import link as link_module
from protocol.errors import FrameError
from protocol.framing import AUDIO, CONTROL, HELLO, FrameDecoder, encode_frame
from protocol.link import (
    ASK_MS,
    AUDIO_WINDOW,
    CLOSED,
    CONTROL_WINDOW,
    HELLO_MS,
    KEEPALIVE_MS,
    LOSSY_MS,
    MAX_INPUTS,
    OPENED,
    PEER_TIMEOUT_MS,
    TRANSITIONS,
    LinkEnd,
)
from protocol.window import FIRST_TIMEOUT_MS
from tests.protocol.pair import open_pair

T0 = 5_000_000


def draw_sessions(*sessions: int) -> LinkEnd:
    left = list(sessions)
    return LinkEnd(True, b"board", lambda: left.pop(0))


def hellos(data: bytes) -> list[tuple[int, int, bytes]]:
    frames = FrameDecoder().feed(data)
    return [(frame[0], frame[2], frame[4]) for frame in frames if frame[1] == HELLO]


def test_the_table_names_known_ends_states_actions() -> None:
    states = {"board": {"closed", "calling", "open"}, "host": {"closed", "open"}}
    for (end, state, event), (actions, next_state) in TRANSITIONS.items():
        assert {state, next_state} <= states[end]
        assert event in {"tick", "ask", "ours", "other", "silence"}
        assert set(actions) <= set(link_module._ACTIONS)
        assert ("open" in actions) <= (next_state == "open")
        assert ("close" in actions) <= (state == "open")


def test_opens_within_one_exchange_and_says_who_the_peer_is() -> None:
    board, host = draw_sessions(0x1234), LinkEnd(False, b"host", lambda: 0)
    ask = host.poll(T0)
    assert hellos(ask) == [(0, 0, b"")]
    host.receive(board.poll(T0), T0)
    assert host.take() == [(OPENED, b"board")]
    answer = host.poll(T0)
    ((session, _, payload),) = hellos(answer)
    assert (session, payload) == (0x1234, b"host")
    board.receive(ask + answer, T0)
    assert board.take() == [(OPENED, b"host")]
    assert board.is_open and host.is_open


def test_a_host_may_say_its_hello_after_it_heard_the_boards() -> None:
    board, host = draw_sessions(5), LinkEnd(False, b"", lambda: 0)
    host.receive(board.poll(T0), T0)
    assert hellos(host.poll(T0)) == []
    host.hello = b"you are box 7"
    board.receive(host.poll(T0 + 1), T0 + 1)
    assert board.take() == [(OPENED, b"you are box 7")]


def test_the_board_repeats_one_hello_until_it_is_answered() -> None:
    board = draw_sessions(9)
    first = board.poll(T0)
    board.hello = b"changed"
    assert board.poll(T0 + HELLO_MS - 1) == b""
    assert board.next_deadline_ms(T0) == T0 + HELLO_MS
    assert board.poll(T0 + HELLO_MS) == first


def test_a_host_asks_until_it_hears_a_hello() -> None:
    host = LinkEnd(False, b"host", lambda: 0)
    asks = [now for now in range(T0, T0 + 3 * ASK_MS, 10) if host.poll(now)]
    assert asks == [T0, T0 + ASK_MS, T0 + 2 * ASK_MS]


def test_a_hello_after_noise_is_heard() -> None:
    host = LinkEnd(False, b"host", lambda: 0)
    host.receive(b"ets Jul 29 2019 rst:0x1 (POWERON)\r\n" + draw_sessions(3).poll(T0), T0)
    assert host.take() == [(OPENED, b"board")]


@pytest.mark.parametrize("who", ["board", "host"])
def test_a_restart_is_noticed_and_a_new_session_opens_at_once(who: str) -> None:
    pair = open_pair()
    getattr(pair, who).start()
    pair.run(2 * ASK_MS)
    assert pair.is_open
    other = pair.host if who == "board" else pair.board
    assert other.session == 2


@pytest.mark.parametrize("who", ["board", "host"])
def test_a_silent_peer_is_gone_after_the_timeout(who: str) -> None:
    pair = open_pair()
    getattr(pair, who).is_asleep = True
    other = pair.host if who == "board" else pair.board
    pair.run(PEER_TIMEOUT_MS - 100)
    assert other.link.is_open
    pair.run(200)
    assert not other.link.is_open
    pair.heal()
    pair.run(2 * ASK_MS)
    assert pair.is_open


def test_keep_alive_holds_an_idle_session() -> None:
    pair = open_pair()
    pair.run(60_000, each_ms=50)
    assert pair.is_open and pair.board.session == pair.host.session == 1


def test_next_deadline_is_enough_to_hold_a_session() -> None:
    pair = open_pair()
    for _ in range(200):
        due = min(party.link.next_deadline_ms(pair.now_ms) for party in (pair.board, pair.host))
        assert due - pair.now_ms <= KEEPALIVE_MS
        pair.step(max(due - pair.now_ms, 1))
    assert pair.board.session == pair.host.session == 1


def test_time_in_which_an_end_was_not_polled_is_no_silence() -> None:
    pair = open_pair()
    pair.step(8 * 3600 * 1000)
    pair.run(100)
    assert pair.board.session == pair.host.session == 1 and pair.is_open


def test_a_replayed_hello_never_joins_two_counts_in_one_session() -> None:
    """A host starts anew, and hears the old hello of the session that the board is still in."""
    pair = open_pair()
    hello = bytes(pair.up.history[:40])
    assert hellos(hello)
    for _ in range(5):
        pair.host.send(CONTROL)
        pair.board.send(CONTROL)
    pair.run(50)
    assert len(pair.board.received) == len(pair.host.received) == 5
    pair.host.start()
    pair.down.is_cut = True
    pair.step()  # the host's ask is lost
    pair.down.is_cut = False
    pair.up.flying += hello
    pair.step()
    assert pair.host.link.is_open and pair.board.session == 1
    pair.host.send(CONTROL)
    pair.run(100)
    assert pair.is_open and pair.board.session == 2 and pair.host.session == 3
    pair.host.send(CONTROL)
    pair.run(100)
    assert pair.board.received[5:] == [b"%d 3 0" % CONTROL]


def test_frames_of_another_session_are_dropped_and_counted() -> None:
    pair = open_pair()
    pair.board.link.receive(encode_frame(1, CONTROL, 0, 0, b"stray"), pair.now_ms)
    assert pair.board.link.take() == []
    assert pair.board.link.foreign_frames == 1


def test_room_ends_with_the_window_and_with_the_session() -> None:
    pair = open_pair()
    for channel, window in ((CONTROL, CONTROL_WINDOW), (AUDIO, AUDIO_WINDOW)):
        assert pair.board.link.room(channel) == window
        assert [pair.board.send(channel) for _ in range(window + 1)] == [True] * window + [False]
    pair.board.start()
    assert pair.board.link.room(CONTROL) == 0
    assert not pair.board.link.send(CONTROL, b"x")


def test_a_payload_that_no_frame_carries_is_refused_when_it_is_sent() -> None:
    pair = open_pair()
    with pytest.raises(FrameError, match="long"):
        pair.board.link.send(CONTROL, bytes(257))
    assert pair.board.link.send(CONTROL, bytes(256))


def test_control_goes_before_audio() -> None:
    pair = open_pair()
    while pair.board.send(AUDIO):
        pass
    pair.board.link.poll(pair.now_ms, budget=100)
    pair.board.send(CONTROL)
    frames = FrameDecoder().feed(pair.board.link.poll(pair.now_ms, budget=10_000))
    assert [frame[1] for frame in frames][:2] == [CONTROL, AUDIO]


def test_control_is_written_twice_for_a_while_after_a_loss_and_arrives_once() -> None:
    pair = open_pair()

    def frames_of_one() -> int:
        pair.board.send(CONTROL)
        data = pair.board.link.poll(pair.now_ms)
        pair.up.write(data)
        pair.step()
        return [frame[1] for frame in FrameDecoder().feed(data)].count(CONTROL)

    assert frames_of_one() == 1
    pair.up.is_cut = True
    pair.board.send(AUDIO)
    pair.step()
    pair.up.is_cut = False
    pair.run(2 * FIRST_TIMEOUT_MS)
    assert pair.board.link.retransmitted == 1
    assert frames_of_one() == 2
    pair.run(LOSSY_MS)
    assert frames_of_one() == 1
    pair.run(100)
    assert [payload[:1] for payload in pair.host.received].count(b"%d" % CONTROL) == 3


def test_budget_bounds_what_is_written_at_once() -> None:
    pair = open_pair()
    while pair.board.link.send(AUDIO, b"x" * 256):
        pass
    assert len(pair.board.link.poll(pair.now_ms, budget=1000)) <= 1000 + 270
    assert pair.board.link.poll(pair.now_ms, budget=0) == b""


def test_an_owner_that_does_not_take_stops_the_peer_and_loses_nothing() -> None:
    board, host = draw_sessions(77), LinkEnd(False, b"host", lambda: 0)
    board.receive(host.poll(T0), T0)
    sent = 0
    taken: list[bytes] = []
    for now in range(T0, T0 + 10_000, 5):
        while board.send(CONTROL, b"%d" % sent):
            sent += 1
        host.receive(board.poll(now), now)
        board.receive(host.poll(now), now)
        if now >= T0 + 5000:
            taken += [payload for kind, payload in host.take() if kind == CONTROL]
        else:
            assert sent <= MAX_INPUTS + 2 * CONTROL_WINDOW
    assert len(taken) > 1000
    assert taken == [b"%d" % number for number in range(len(taken))]


def test_a_flood_of_hellos_is_bounded() -> None:
    host = LinkEnd(False, b"host", lambda: 0)
    flood = b"".join(encode_frame(session, HELLO, 0, 0, b"x") for session in range(1, 2000))
    host.receive(flood, T0)
    inputs = host.take()
    assert len(inputs) <= MAX_INPUTS + 2
    assert [kind for kind, _ in inputs][:3] == [OPENED, CLOSED, OPENED]


@pytest.mark.parametrize("channel", [CONTROL, AUDIO])
def test_sequence_numbers_wrap(channel: int) -> None:
    pair = open_pair()
    for party in (pair.board, pair.host):
        for sender in party.link._senders.values():
            sender._next_seq = 0xFFF0
        for receiver in party.link._receivers.values():
            receiver.expected = 0xFFF0
    pair.up.error_rate = 0.002
    sent = 0
    while sent < 100:
        sent += pair.board.send(channel)
        pair.step()
    pair.heal()
    pair.run(1000)
    assert len(pair.host.received) == 100


def test_an_end_that_gives_up_begins_a_new_session() -> None:
    pair = open_pair()
    assert pair.board.send(CONTROL)
    pair.board.link.give_up(pair.now_ms)
    pair.board.take()
    assert not pair.board.link.is_open
    pair.run(2 * HELLO_MS)
    assert pair.is_open
    assert (pair.board.session, pair.host.session) == (2, 2)

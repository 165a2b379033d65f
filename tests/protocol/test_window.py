"""The window alone: what is lost, what is free, and numbers no honest peer sends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.window import FIRST_TIMEOUT_MS, MAX_TIMEOUT_MS, MIN_TIMEOUT_MS, Receiver, Sender


def build_sender(count: int, size: int = 8) -> Sender:
    """A sender whose first `count` frames went out as transmissions 1..count at 0 ms."""
    sender = Sender(size)
    for number in range(count):
        sender.append(b"%d" % number)
    for order in range(1, count + 1):
        assert sender.next_frame(0, order) is not None
    return sender


def drain(sender: Sender, now_ms: int, order: int = 100) -> list[int]:
    """Sequence numbers of what is to be transmitted now."""
    found: list[int] = []
    while frame := sender.next_frame(now_ms, order + len(found)):
        found.append(frame.seq)
    return found


def test_a_later_acknowledgement_says_what_is_lost() -> None:
    sender = build_sender(5)
    assert sender.acknowledge(1, b"\x02", 10) == 4  # frames 0 and 3 have arrived
    sender.lose_before(4)
    assert drain(sender, 10) == [1, 2]
    assert sender.retransmitted == 2


def test_an_acknowledgement_that_comes_after_all_saves_the_retransmission() -> None:
    sender = build_sender(3)
    sender.lose_before(3)
    sender.acknowledge(2, b"", 10)
    assert sender.next_deadline_ms() == 10 + sender._timeout_ms
    assert drain(sender, 10) == []
    assert sender.room == 7


def test_no_frame_is_sent_that_the_peer_would_not_keep() -> None:
    """Frame 0 is lost, all after it arrive: the peer keeps 8, counted from 0."""
    sender = build_sender(8)
    sender.acknowledge(0, b"\x7f", 10)
    assert sender.under_way == 1
    assert sender.room == 0
    assert sender.acknowledge(8, b"", 20)
    assert sender.room == 8


def test_a_frame_never_transmitted_cannot_be_acknowledged() -> None:
    sender = Sender(8)
    sender.append(b"0")
    assert sender.acknowledge(1, b"\xff", 0) == 0
    assert drain(sender, 0) == [0]


def test_the_timer_sends_the_oldest_and_backs_off_once() -> None:
    sender = build_sender(4)
    assert drain(sender, FIRST_TIMEOUT_MS - 1) == []
    assert drain(sender, FIRST_TIMEOUT_MS) == [0]
    assert sender.next_deadline_ms() == FIRST_TIMEOUT_MS + 2 * FIRST_TIMEOUT_MS
    now_ms = FIRST_TIMEOUT_MS
    for _ in range(5):
        now_ms += MAX_TIMEOUT_MS
        assert drain(sender, now_ms) == [0]
    assert sender.next_deadline_ms() == now_ms + MAX_TIMEOUT_MS


@pytest.mark.parametrize(
    ("rtt_ms", "least", "most"), [(1, MIN_TIMEOUT_MS, 60), (30, 40, 80), (2000, 500, 500)]
)
def test_the_timer_follows_the_round_trip(rtt_ms: int, least: int, most: int) -> None:
    sender = Sender(8)
    now_ms = 0
    for number in range(50):
        sender.append(b"x")
        sender.next_frame(now_ms, number + 1)
        now_ms += rtt_ms
        sender.acknowledge(number + 1, b"", now_ms)
    assert least <= sender._timeout_ms <= most


def test_a_retransmitted_frame_gives_no_round_trip() -> None:
    """Karn: it is not known which transmission was acknowledged."""
    sender = build_sender(1)
    drain(sender, FIRST_TIMEOUT_MS)
    before = sender._timeout_ms
    sender.acknowledge(1, b"", FIRST_TIMEOUT_MS + 1)
    assert sender._timeout_ms == before
    assert sender.next_deadline_ms() is None


@given(st.integers(0, 0xFFFF), st.binary(max_size=256))
def test_any_acknowledgement_leaves_the_counts_right(expected: int, bitmap: bytes) -> None:
    sender = build_sender(6)
    sender.lose_before(3)
    sender.acknowledge(expected, bitmap, 5)
    assert sender._due == sum(slot.order == 0 for slot in sender._slots)
    assert 0 <= 8 - sender.room <= 6


@given(st.lists(st.integers(0, 0xFFFF), max_size=40))
def test_the_receiver_keeps_at_most_a_window(numbers: list[int]) -> None:
    receiver = Receiver(8)
    for number in numbers:
        receiver.accept(number, b"x")
        assert all(0 < (seq - receiver.expected) & 0xFFFF < 8 for seq in receiver._early)
    assert len(receiver.build_bitmap()) <= 1


@given(st.permutations(range(8)), st.integers(0, 0xFFFF))
def test_any_order_within_the_window_is_delivered_in_order(order: list[int], first: int) -> None:
    receiver = Receiver(8)
    receiver.expected = first
    delivered = []
    for number in order:
        delivered += receiver.accept((first + number) & 0xFFFF, bytes([number]))
        assert receiver.accept((first + number) & 0xFFFF, bytes([number])) == []
    assert delivered == [bytes([number]) for number in range(8)]
    assert receiver.build_bitmap() == b""


def test_the_bitmap_is_what_the_sender_reads() -> None:
    receiver, sender = Receiver(8), build_sender(8)
    for seq in (0, 2, 3, 7):
        receiver.accept(seq, b"x")
    sender.acknowledge(receiver.expected, receiver.build_bitmap(), 1)
    assert [slot.seq for slot in sender._slots] == [1, 4, 5, 6]


def test_what_the_timer_sent_again_says_nothing_of_what_went_between() -> None:
    sender = build_sender(4)
    assert drain(sender, FIRST_TIMEOUT_MS) == [0]
    assert sender.acknowledge(1, b"", FIRST_TIMEOUT_MS + 5) == 1


def test_a_burst_that_is_lost_comes_again_with_the_second_timer() -> None:
    sender = build_sender(6)
    assert drain(sender, FIRST_TIMEOUT_MS) == [0]
    acknowledged_ms = FIRST_TIMEOUT_MS + 5
    sender.lose_before(sender.acknowledge(1, b"", acknowledged_ms))
    assert drain(sender, acknowledged_ms) == []
    assert drain(sender, acknowledged_ms + 2 * FIRST_TIMEOUT_MS, order=200) == [1, 2, 3, 4, 5]


def test_what_was_lost_and_sent_again_says_that_what_went_between_is_lost() -> None:
    sender = build_sender(2)
    sender.lose_before(2)
    assert drain(sender, 10) == [0]
    assert sender.acknowledge(1, b"", 20) == 100

"""The buffer of events against a plain list that does the same."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from firmware.event_buffer import EventBuffer
from tests.firmware.bench import run_probe

SIZE = 200
HEAD = 6


class Beside(RuleBasedStateMachine):
    """Every rule is done to the buffer and to `held`, of which the first `sent` were handed out."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = EventBuffer(SIZE)
        self.held: list[tuple[int, bytes]] = []
        self.sent = 0
        self.seq = 0

    @rule(message=st.binary(min_size=1, max_size=60))
    def append(self, message: bytes) -> None:
        self.seq += 1
        fits = sum(HEAD + len(kept) for _, kept in self.held) + HEAD + len(message) <= SIZE
        assert self.buffer.append(self.seq, message) is fits
        if fits:
            self.held.append((self.seq, message))

    @rule()
    def hand_out(self) -> None:
        expected = self.held[self.sent][1] if self.sent < len(self.held) else None
        assert self.buffer.next_event() == expected
        self.sent += expected is not None

    @rule()
    def rewind(self) -> None:
        self.buffer.rewind()
        self.sent = 0

    @rule(first=st.integers(1, 30), length=st.integers(0, 8), also=st.integers(1, 30))
    def drop(self, first: int, length: int, also: int) -> None:
        ranges = [[first, first + length], [also, also]]

        def goes(event: tuple[int, bytes]) -> bool:
            return first <= event[0] <= first + length or event[0] == also

        assert self.buffer.drop(ranges) == sum(map(goes, self.held))
        self.sent -= sum(map(goes, self.held[: self.sent]))
        self.held = [event for event in self.held if not goes(event)]

    @rule(seq=st.integers(0, 30), most_bytes=st.integers(1, 100))
    def read_newer(self, seq: int, most_bytes: int) -> None:
        messages, last = self.buffer.newer_than(seq, most_bytes)
        newer = [event for event in self.held if event[0] > seq]
        assert messages == [message for _, message in newer[: len(messages)]]
        assert last == (newer[len(messages) - 1][0] if messages else 0)
        assert len(messages) == len(newer) or sum(map(len, messages)) >= most_bytes

    @invariant()
    def says_what_it_holds(self) -> None:
        assert self.buffer.count == len(self.held)
        assert self.buffer.unsent == len(self.held) - self.sent
        assert self.buffer.first == (self.held[0][0] if self.held else 0)
        assert self.buffer.newest == (self.held[-1][0] if self.held else 0)


TestBeside = Beside.TestCase


def count_bytecodes(act: Callable[[], object]) -> int:
    """Bytecodes of this interpreter, about as many as of the board's."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return count


def test_giving_up_the_oldest_of_a_full_buffer_costs_by_the_event_and_not_by_the_byte() -> None:
    buffer = EventBuffer(5120)
    seq = 1
    while buffer.append(seq, bytes(100)):
        seq += 1
    assert count_bytecodes(lambda: buffer.drop([[1, 1]])) < 150 * seq
    assert buffer.count == seq - 2


def test_the_board_keeps_what_it_does_not_drop_with_memory_and_without(tmp_path: Path) -> None:
    rows = [list(map(int, line.split())) for line in run_probe(tmp_path, "buffer_probe.py").splitlines()]
    gone: set[int] = set()
    for row, dropped in zip(
        rows[:5], ([1], range(2, 10), [12, 20, 21, 30], [59, 60], range(1, 61)), strict=True
    ):
        gone |= set(dropped)
        assert row[1:] == [seq for seq in range(1, 61) if seq not in gone]
        assert row[0] == len([seq for seq in row[1:] if seq > 25])
    assert rows[5:] == rows[:5]

"""A bench for the box: its line (a scenario, or loop voltages by hand) on one side, a desk PC's link on the
other."""

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.framing import AUDIO, CONTROL
from protocol.link import OPENED, LinkEnd
from protocol.messages import (
    decode_audio,
    decode_board_hello,
    decode_message,
    encode_host_hello,
    encode_message,
)
from sim.board import Board, BoardOutput, BoardSettings
from sim.chaos.wire import WiredBoard
from sim.line import LineBlock
from sim.scenario import ScenarioRun, read_scenario

SOURCE = "a1b2c3d4e5f6"
AGENT = "0f0e0d0c0b0a"
BLOCK = 256
BLOCK_MS = 32
HERE = Path(__file__).parent
IDLE_MV = 48_000
LIFTED_MV = 7_900


@dataclass(frozen=True)
class Event:
    """One event as it came over the link."""

    boot: str
    seq: int
    uptime_ms: int
    type: str
    fields: dict[str, Any]


@dataclass
class Desk:
    """The desk PC's end: keeps what arrives, acknowledges the journal, answers the hello."""

    acknowledges: bool = True
    events: list[Event] = field(default_factory=list)
    past: list[Event] = field(default_factory=list)
    audio: dict[int, dict[int, bytes]] = field(default_factory=dict)
    health: list[dict[str, Any]] = field(default_factory=list)
    replies: list[tuple[str, str, str]] = field(default_factory=list)
    captures: list[tuple[int, int, int, bytes]] = field(default_factory=list)
    boots: list[str] = field(default_factory=list)
    to_board: bytes = b""

    def __post_init__(self) -> None:
        self.link = LinkEnd(False, encode_host_hello(AGENT, 0, {}, []), lambda: 1)
        self._ranges: dict[str, list[list[int]]] = {}

    def take(self, data: bytes, now_ms: int) -> None:
        """Bytes from the board."""
        self.link.receive(data, now_ms)
        for kind, payload in self.link.take():
            if kind == OPENED:
                self.boots.append(decode_board_hello(payload)[1])
            elif kind == CONTROL:
                self._take_message(decode_message(payload))
            elif kind == AUDIO:
                call, first, codes = decode_audio(payload)
                self.audio.setdefault(call, {})[first] = codes
        for boot, ranges in self._ranges.items():
            self.link.send(CONTROL, encode_message("journal_ack", boot, ranges))
        self._ranges = {}
        self.to_board += self.link.poll(now_ms)

    def command(self, name: str, **arguments: Any) -> None:
        """Send a command; its id is its name."""
        assert self.link.send(CONTROL, encode_message("command", name, name, arguments))

    def recording(self, call: int) -> bytes:
        """The samples of a call that arrived, in order; they must have no hole."""
        codes = b""
        for first, piece in sorted(self.audio.get(call, {}).items()):
            assert first <= len(codes), f"samples {len(codes)}..{first} are missing"
            codes += piece[len(codes) - first :]
        return codes

    def types(self) -> list[str]:
        """Types of the events, in order."""
        return [event.type for event in self.events]

    def only(self, kind: str) -> Event:
        """The one event of this type."""
        found = [event for event in self.events if event.type == kind]
        assert len(found) == 1, (kind, self.types())
        return found[0]

    def _take_message(self, message: list[Any]) -> None:
        kind = message[0]
        if kind == "event":
            self._keep(Event(self.boots[-1], *message[1:]))
        elif kind == "past_event":
            self._acknowledge(message[1], message[2])
            self.past.append(Event(*message[1:]))
        elif kind == "health":
            self.health.append(message[1])
        elif kind == "capture":
            self.captures.append((message[1], message[2], message[3], message[4]))
        elif kind == "reply":
            self.replies.append((message[1], message[2], message[3]))

    def _keep(self, event: Event) -> None:
        if (event.boot, event.seq) not in {(kept.boot, kept.seq) for kept in self.events}:
            self.events.append(event)
        self._acknowledge(event.boot, event.seq)

    def _acknowledge(self, boot: str, seq: int) -> None:
        ranges = self._ranges.setdefault(boot, [])
        if ranges and ranges[-1][1] + 1 == seq:
            ranges[-1][1] = seq
        elif self.acknowledges:
            ranges.append([seq, seq])


def run_probe(folder: Path, name: str, **words: str) -> str:
    """What a program on the board has written into its NOTES before it reset."""
    notes, main = folder / "notes", folder / "main.py"
    program = (HERE / name).read_text()
    for word, value in {"NOTES": str(notes), **words}.items():
        program = program.replace(word, value)
    main.write_text(program)
    board = Board(BoardSettings(SOURCE, folder / "flash.bin", main=main, hang_s=120.0))
    try:
        while not board.restarts:
            board.skip(32)
    finally:
        board.close()
    return notes.read_text()


class Bench:
    """One box between a line and a desk; time passes by `run`."""

    def __init__(self, flash: Path, **settings: Any) -> None:
        self.board = Board(BoardSettings(SOURCE, flash, seed=7, **settings))
        self.wire = WiredBoard(self.board, random.Random(3))
        self.desk = Desk()
        self.is_plugged = True
        self.is_seized = False
        self.now_ms = 0
        self._noise = np.random.default_rng(5).normal(0, 8, BLOCK).astype(np.int16)

    def step(self, block: LineBlock) -> BoardOutput:
        """One block of the line through the box, and the cable."""
        to_board = self.desk.to_board if self.is_plugged else b""
        self.desk.to_board = b""
        self.wire.begin_step(block, to_board)
        output = self.wire.finish()
        self.now_ms += len(block.loop_mv)
        if self.is_plugged:
            self.desk.take(output.serial_out, self.now_ms)
        self.is_seized = output.seized
        return output

    def play(self, scenario: str, limit_s: float = 300.0, rest_ms: int = 1000) -> ScenarioRun:
        """Play a scenario to its end, and `rest_ms` beyond."""
        play = ScenarioRun(read_scenario(scenario))
        left_ms = rest_ms
        while left_ms > 0:
            self.step(play.line.step(BLOCK))
            if play.is_over:
                left_ms -= BLOCK_MS
            assert self.now_ms < limit_s * 1000
        return play

    def hold(self, loop_mv: int | NDArray[np.int32], duration_ms: int) -> None:
        """Let a loop voltage stand for a while, with a little noise to hear."""
        done_ms = 0
        whole = np.broadcast_to(np.asarray(loop_mv, dtype=np.int32), duration_ms)
        while done_ms < duration_ms:
            part = whole[done_ms : done_ms + BLOCK_MS]
            self.step(LineBlock(self._noise[: 8 * len(part)], part))
            done_ms += len(part)

    def hear(self, audio: NDArray[np.int16], loop_mv: int) -> None:
        """Whole blocks of sound while a loop voltage stands."""
        for block in audio.reshape(-1, BLOCK):
            self.step(LineBlock(block, np.full(BLOCK_MS, loop_mv, dtype=np.int32)))

    def ring(self, duration_ms: int = 1000) -> None:
        """One burst of ringing, 25 Hz, 90 V."""
        angle = 2 * np.pi * 25 * np.arange(duration_ms) / 1000
        self.hold(np.rint(IDLE_MV + 127_000 * np.sin(angle)).astype(np.int32), duration_ms)

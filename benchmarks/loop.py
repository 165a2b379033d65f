"""The firmware's whole loop on CPython, on a board whose parts only hand over what they are given.

Between the codec's frames and the serial port all is the firmware's own. This process becomes the board: it
gets the modules and the functions that CPython lacks, so whoever imports this does nothing else.
"""

import builtins
import gc
import select
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from firmware.dsp import portable
from protocol.framing import CONTROL
from protocol.link import OPENED, LinkEnd
from protocol.messages import decode_board_hello, decode_message, encode_host_hello, encode_message

BLOCK_MS = 32
READING_MS = 5
AGENT = "0a0b0c0d0e0f"


class Board:
    """Time, pins, codec and port. Made once, before anything of the firmware that touches hardware.

    Args:
        flash: folder that holds its files.
    """

    def __init__(self, flash: Path) -> None:
        self.now_ms = 1000
        self.loop_mv = 0
        self.frames = b""
        self.sent = bytearray()
        self.to_board = b""
        self.timer: Any = None
        sys.modules["machine"] = _machine(self)
        sys.modules["micropython"] = _micropython()
        vars(builtins).update({name: getattr(portable, name) for name in ("ptr8", "ptr16", "ptr32")})
        gc.mem_free = lambda: 0  # type: ignore[attr-defined]
        time.ticks_ms = lambda: self.now_ms  # type: ignore[attr-defined]
        poller = SimpleNamespace(register=lambda *_: None, ipoll=lambda _: ())
        select.poll = lambda: poller  # type: ignore[assignment, return-value]
        from firmware.board import storage

        storage.DATA = str(flash)

    def pass_block(self, frames: bytes, loop_mv: int) -> None:
        """The next 512 frames at 16 kHz, int16, and the timer's interrupts meanwhile."""
        self.frames, self.loop_mv = frames, loop_mv
        for _ in range(BLOCK_MS):
            self.now_ms += 1
            if self.now_ms % READING_MS == 0:
                self.timer(None)


class Desk:
    """The host's end of the link: acknowledges everything. `events` are the types it was told."""

    def __init__(self, board: Board) -> None:
        self.events: list[str] = []
        self._board = board
        self._boot = ""
        self._link = LinkEnd(False, encode_host_hello(AGENT, 0, {}, []), lambda: 1)

    def serve(self) -> None:
        """Take what the board sent, answer with the next block."""
        self._link.receive(bytes(self._board.sent), self._board.now_ms)
        self._board.sent.clear()
        for kind, payload in self._link.take():
            if kind == OPENED:
                self._boot = decode_board_hello(payload)[1]
            elif kind == CONTROL and (message := decode_message(payload))[0] == "event":
                self.events.append(message[3])
                seq = message[1]
                self._link.send(CONTROL, encode_message("journal_ack", self._boot, [[seq, seq]]))
        self._board.to_board += self._link.poll(self._board.now_ms)


class _Part:
    """A pin, a bus, a converter: takes every setting and does nothing."""

    OUT = IN = RX = TX = MONO = PERIODIC = ATTN_11DB = 0

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __getattr__(self, _name: str) -> Any:
        return lambda *_, **__: 0


def _machine(board: Board) -> ModuleType:
    class Adc(_Part):
        made = 0

        def __init__(self, *_: object, **__: object) -> None:
            self._sign = -1 if Adc.made % 2 else 1
            Adc.made += 1

        def read_uv(self) -> int:
            return 1_250_000 + self._sign * board.loop_mv * 1000 // 300

    class Pin(_Part):
        def value(self, *_: int) -> int:
            return 1

    class Stream(_Part):
        def readinto(self, buffer: memoryview) -> int:
            frames, board.frames = board.frames, b""
            buffer[: len(frames)] = frames
            return len(frames)

    class Timer(_Part):
        def init(self, callback: Any, **_: object) -> None:
            board.timer = callback

    class Uart(_Part):
        def read(self) -> bytes | None:
            data, board.to_board = board.to_board, b""
            return data or None

        def write(self, data: bytes) -> int:
            board.sent += data
            return len(data)

    module = ModuleType("machine")
    parts = {"ADC": Adc, "Pin": Pin, "I2S": Stream, "Timer": Timer, "UART": Uart, "I2C": _Part, "WDT": _Part}
    rest = {"PWRON_RESET": 1, "WDT_RESET": 3, "reset_cause": lambda: 1, "unique_id": lambda: bytes(6)}
    vars(module).update(parts | rest)
    return module


def _micropython() -> ModuleType:
    module = ModuleType("micropython")
    vars(module).update({"const": portable.const, "viper": portable.micropython.viper})
    return module

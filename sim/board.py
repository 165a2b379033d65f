"""The box: the firmware's own files on MicroPython as a child process, one grant of samples at a time.

The child's stand-in for `machine` (sim/machine/) talks over an inherited socket: a request is one block of
32 ms as the board's parts see it, the answer is what the firmware sent meanwhile. The board never runs
ahead, so the caller is its clock and a run gives the same bytes every time.
"""

import socket
import struct
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sim.compiled import build_rom
from sim.errors import SimulatorError
from sim.front_end import BLOCK_MS, FRAMES_PER_MS, ROW_BYTES, FrontEnd
from sim.signals.levels import SAMPLES_PER_MS

ROOT = Path(__file__).resolve().parent.parent
INTERPRETER = ROOT / "sim" / "interpreter.py"
CACHE = ROOT / "build" / "sim-firmware"
BLOCK = 256
FLASH_BYTES = 1 << 20
HEAP = "288k"
"""256 kB for the firmware, and 32 kB for what C does on a board: the stand-ins of sim/machine take 19 kB, and
their 108 names make MicroPython's table of names grow by a step of 15 kB."""
_REQUEST = struct.Struct("<BxHIII")
_ANSWER = struct.Struct("<IHBB")
_SAMPLES, _QUIET = 0, 1
_RESTARTS = {1: 5, 2: 3}
"""State of an answer (reset, watchdog) to the reset cause of the next boot."""
_POWER_CUT = 3
_POWER_ON = 1
SERIAL_BYTES_PER_MS = 92
"""921,600 baud."""


class Samples(Protocol):
    """What stood on the pair for a while; `sim.line.LineBlock` is one."""

    @property
    def audio(self) -> NDArray[np.int16]: ...
    @property
    def loop_mv(self) -> NDArray[np.int32]: ...


@dataclass(frozen=True, slots=True)
class BoardOutput:
    """What the box did during one step.

    Attributes:
        serial_out: bytes for the serial port.
        audio_out: samples at 8 kHz for the line, None when it played nothing.
        seized: it holds the line.
    """

    serial_out: bytes
    audio_out: NDArray[np.int16] | None
    seized: bool


@dataclass(frozen=True, slots=True)
class _Grant:
    """One request to the board: `duration_ms` of time, and its bytes."""

    duration_ms: int
    request: bytes


@dataclass(frozen=True)
class BoardSettings:
    """How the box is made.

    Attributes:
        source: 12 hex digits.
        flash: file that holds its flash chip; made when it is absent.
        root: folder whose `firmware` and `protocol` run on it.
        main: the program to run; a test may put its own in place of main.py.
        start_ms: uptime at power-on.
        seed: of the board's random numbers (0: its own), so that a run gives the same bytes again.
        cut_at: (operation, bytes of it that still reach the chip) at which the flash loses power in the first
            boot, operations counted from 1; (0, 0) never.
        hang_s: seconds of wall time after which a silent board counts as hung, and its watchdog bites.
        grant_ms: samples come in pieces of so long. A block is 32 ms: with 32 its readings end where it ends;
            with less, as on a board, they may be ahead of it and a block ends between two.
    """

    source: str
    flash: Path
    root: Path = ROOT
    main: Path | None = None
    heap: str = HEAP
    start_ms: int = 0
    seed: int = 0
    cut_at: tuple[int, int] = (0, 0)
    hang_s: float = 20.0
    grant_ms: int = BLOCK_MS
    flash_bytes: int = FLASH_BYTES


class Board:
    """One box under power. `step` and `skip` let time pass; `kill` pulls the plug, `restart` puts it back.

    Attributes:
        now_ms: uptime of this boot.
        restarts: how often the board reset itself (watchdog or reboot).
        exit_status: of the child that ended last.
        is_cut: power was lost inside a flash operation, as `cut_flash` asked; `restart` brings it back.
    """

    def __init__(self, settings: BoardSettings) -> None:
        self.settings = settings
        self.restarts = 0
        self.is_cut = False
        self.exit_status: int | None = None
        self.now_ms = settings.start_ms
        self._front_end = FrontEnd()
        self._rom = build_rom(settings.root, CACHE)
        self._power_ons = 0
        self._cut = settings.cut_at
        self._grants: list[_Grant] = []
        self._serial_in = b""
        self._process: subprocess.Popen[bytes] | None = None
        if not settings.flash.exists():
            settings.flash.write_bytes(b"\xff" * settings.flash_bytes)
        self._power_on(_POWER_ON)

    def begin_step(self, block: Samples, serial_in: bytes = b"") -> None:
        """Let the samples of `block` pass; whole milliseconds. `finish` gives what the box did meanwhile.

        A board without power answers nothing, and bytes for it are lost.
        """
        self._serial_in += serial_in
        pcm, rows = self._front_end.codec_frames(block.audio), self._front_end.rows(block.loop_mv)
        for first_ms in range(0, len(block.loop_mv), self.settings.grant_ms):
            duration_ms = min(self.settings.grant_ms, len(block.loop_mv) - first_ms)
            last_ms = first_ms + duration_ms
            serial = self._take_serial(duration_ms)
            head = _REQUEST.pack(_SAMPLES, FRAMES_PER_MS * duration_ms, duration_ms, len(serial), 0)
            body = rows[ROW_BYTES * first_ms : ROW_BYTES * last_ms] + serial
            body += pcm[2 * FRAMES_PER_MS * first_ms : 2 * FRAMES_PER_MS * last_ms]
            self._grant(duration_ms, head + body)

    def begin_skip(self, ms: int, serial_in: bytes = b"") -> None:
        """Let quiet time pass without samples: the board sees the sample index jump, as after an overrun."""
        self._serial_in += serial_in
        serial = self._take_serial(ms)
        head = _REQUEST.pack(_QUIET, 0, ms, len(serial), 0)
        self._grant(ms, head + self._front_end.last_row + serial)

    def finish(self) -> BoardOutput:
        """Wait until the box has lived through what was begun."""
        grants, self._grants = self._grants, []
        return _join(grants, self._take_answers(grants))

    def step(self, block: Samples, serial_in: bytes = b"") -> BoardOutput:
        """`begin_step` and `finish` in one."""
        self.begin_step(block, serial_in)
        return self.finish()

    def skip(self, ms: int, serial_in: bytes = b"") -> BoardOutput:
        """`begin_skip` and `finish` in one."""
        self.begin_skip(ms, serial_in)
        return self.finish()

    def kill(self) -> None:
        """Pull the plug: the process ends between two instructions; the flash file keeps what was written."""
        if self._process is not None:
            self._process.kill()
            self._end_process()

    def restart(self) -> None:
        """Power off and on again."""
        self.kill()
        self.is_cut = False
        self._power_on(_POWER_ON)

    def cut_flash(self, operation: int, reached: int = 0) -> None:
        """From the next power-on, lose power in flash `operation` (from 1) after `reached` of its bytes."""
        self._cut = (operation, reached)

    @property
    def pid(self) -> int:
        """Of its child; 0 without power."""
        return 0 if self._process is None else self._process.pid

    @property
    def is_powered(self) -> bool:
        """True while its child runs."""
        return self._process is not None

    def close(self) -> None:
        """End the child; harmless twice."""
        self.kill()

    def _take_serial(self, ms: int) -> bytes:
        size = SERIAL_BYTES_PER_MS * ms
        now, self._serial_in = self._serial_in[:size], self._serial_in[size:]
        return now

    def _power_on(self, cause: int) -> None:
        here, there = socket.socketpair()
        settings = self.settings
        self._power_ons += 1
        arguments = {
            "fd": there.fileno(),
            "source": settings.source,
            "cause": cause,
            "flash": settings.flash,
            "main": settings.main or "/rom/main.py",
            "start_ms": settings.start_ms,
            "seed": settings.seed and settings.seed + self._power_ons,
            "cut_at": self._cut[0],
            "cut_bytes": self._cut[1],
        }
        self._cut = (0, 0)
        command = [sys.executable, str(INTERPRETER), str(self._rom), settings.heap, "power_on"]
        self._process = subprocess.Popen(
            command + [f"{name}={value}" for name, value in arguments.items()],
            pass_fds=(there.fileno(),),
            stdin=subprocess.DEVNULL,
        )
        there.close()
        here.settimeout(settings.hang_s)
        self._socket = here
        self._serial_in = b""
        self.now_ms = settings.start_ms

    def _end_process(self) -> None:
        assert self._process is not None
        self.exit_status = self._process.wait()
        self._process = None
        self._socket.close()

    def _grant(self, duration_ms: int, request: bytes) -> None:
        self._grants.append(_Grant(duration_ms, request))
        self._send(self._grants[-1])

    def _send(self, grant: _Grant) -> None:
        """Grants may be sent ahead of their answers: the board takes one after the other.

        A board that has ended refuses it; its last answer says why.
        """
        if self._process is not None:
            with suppress(OSError):
                self._socket.sendall(grant.request)

    def _take_answers(self, grants: list[_Grant]) -> list[BoardOutput]:
        """An answer to each grant that was sent; what the board did not live to see goes to its next life."""
        outputs: list[BoardOutput] = []
        life = self._process
        for index, grant in enumerate(grants):
            if self._process is None:
                outputs.append(_SILENT)
                continue
            if self._process is not life:
                for again in grants[index:]:
                    self._send(again)
                return outputs + self._take_answers(grants[index:])
            outputs.append(self._take_answer(grant))
        return outputs

    def _take_answer(self, grant: _Grant) -> BoardOutput:
        self.now_ms += grant.duration_ms
        try:
            serial_size, out_frames, seized, state = _ANSWER.unpack(self._receive(_ANSWER.size))
            serial_out = self._receive(serial_size)
            played = self._receive(2 * out_frames)
        except TimeoutError:
            self.kill()
            self._restart_itself(2)
            return _SILENT
        except OSError:
            raise SimulatorError(self._last_words()) from None
        if state:
            self._end_process()
            self._restart_itself(state)
        audio_out = self._front_end.line_samples(played) if out_frames else None
        return BoardOutput(serial_out, audio_out, bool(seized) and not state)

    def _restart_itself(self, state: int) -> None:
        if state == _POWER_CUT:
            self.is_cut = True
            return
        self.restarts += 1
        self._power_on(_RESTARTS[state])

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self._socket.recv(size - len(data))
            if not piece:
                raise ConnectionResetError
            data += piece
        return data

    def _last_words(self) -> str:
        self.kill()
        return "the firmware ended by itself; its traceback stands above"


_SILENT = BoardOutput(b"", None, False)


def _join(grants: list[_Grant], outputs: list[BoardOutput]) -> BoardOutput:
    """One output of several. The converter's buffer evens out pieces that come up to a block late where
    grants and blocks do not end together."""
    if len(outputs) < 2:
        return outputs[0] if outputs else _SILENT
    pieces: list[NDArray[np.int16]] = []
    played = begins = 0
    for grant, output in zip(grants, outputs, strict=True):
        if output.audio_out is not None:
            slack = BLOCK if grant.duration_ms % BLOCK_MS else 0
            pieces += [np.zeros(max(0, begins - slack - played), dtype=np.int16), output.audio_out]
            played = sum(map(len, pieces))
        begins += SAMPLES_PER_MS * grant.duration_ms
    audio_out = np.concatenate(pieces) if pieces else None
    return BoardOutput(b"".join(output.serial_out for output in outputs), audio_out, outputs[-1].seized)

"""The simulator's grants of time: one request a block from `sim.board`, one answer back.

A request is one datagram's worth of bytes on the inherited stream socket, little-endian:

    kind u8 (0 samples, 1 quiet time) | pad u8 | frames u16 | duration_ms u32 | serial bytes u32 | pad u32
    rows: (ADC code + u16, ADC code - u16, pin levels u16) for each ms of a block; a single one for quiet time
    serial bytes
    frames x int16: the codec's samples at 16 kHz

and the answer to it, sent when the firmware comes back for more:

    serial bytes u32 | frames u16 | flags u8 (bit 0: seized) | state u8 (0 running, else why it ended)
    serial bytes | frames x int16 at 16 kHz

Reading a whole block of 32 ms allocates nothing, so a test may lock the heap around it.
"""

import struct
from array import array

from micropython import const

_SAMPLES = const(0)
_QUIET = const(1)
_REQUEST = "<BBHIII"
_ANSWER = "<IHBB"
_BLOCK_MS = const(32)

ENDED_RESET = 1
ENDED_WATCHDOG = 2
ENDED_POWER_CUT = 3


class Clock:
    """Time, and what stands at the pins while it passes.

    Attributes:
        now_ms: since power-on.
        plus, minus, pins: ADC codes (12 bits) and pin levels (bit = `PIN_BITS` of machine.py) at `now_ms`.
        frames_left: 16 kHz frames of this grant that the codec has not handed over yet.
    """

    def __init__(self, stream, start_ms=0):
        self.now_ms = start_ms
        self.plus = self.minus = self.pins = 0
        self.frames_left = 0
        self.seized = 0
        self.timers = []
        self.watchdog = None
        self.received = bytearray()
        self.to_send = bytearray()
        self.played = bytearray()
        self._stream = stream
        self._started = False
        self._head = bytearray(16)
        self._rows = array("H", [0] * (3 * _BLOCK_MS))

    def read_frames(self, buffer):
        """Move granted frames into `buffer`, waiting for the next grant when there are none.

        Returns:
            Bytes written; 0 after quiet time.
        """
        if not self.frames_left:
            self._next_grant()
        size = 2 * self.frames_left
        if size == 0:
            return 0
        if size >= len(buffer):
            size = len(buffer)
            self._read_exactly(buffer)
        else:
            self._read_exactly(memoryview(buffer)[:size])
        self.frames_left -= size >> 1
        return size

    def end(self, state):
        """Answer the open request with `state` and leave the process."""
        self._answer(state)
        raise SystemExit

    def _next_grant(self):
        if self._started:
            self._answer(0)
        self._started = True
        head = self._head
        self._read_exactly(head)
        kind = head[0]
        self.frames_left = head[2] | head[3] << 8
        duration_ms = head[4] | head[5] << 8 | head[6] << 16 | head[7] << 24
        serial = head[8] | head[9] << 8 | head[10] << 16
        count = duration_ms if kind == _SAMPLES else 1
        rows = self._rows
        if count == _BLOCK_MS:
            self._read_exactly(rows)
        else:
            rows = array("H", bytes(6 * count))
            self._read_exactly(rows)
        if serial:
            data = bytearray(serial)
            self._read_exactly(data)
            self.received.extend(data)
        if kind == _SAMPLES:
            self._pass_block(rows, count)
        else:
            self._pass_quiet(rows, duration_ms)

    def _pass_block(self, rows, count):
        start_ms = self.now_ms
        at = 0
        while at < count:
            step = count - at
            for timer in self.timers:
                step = min(step, timer.wait_ms(start_ms + at))
            at += step
            self.now_ms = start_ms + at
            self._set_row(rows, at - 1)
            for timer in self.timers:
                timer.run_due(self.now_ms)
        if self.watchdog is not None and self.watchdog.is_late(self.now_ms):
            self.end(ENDED_WATCHDOG)

    def _pass_quiet(self, rows, duration_ms):
        """Interrupts of the time between are lost, as when the processor stalls; the watchdog forgives it."""
        self.now_ms += duration_ms
        self._set_row(rows, 0)
        for timer in self.timers:
            timer.restart(self.now_ms)
        if self.watchdog is not None:
            self.watchdog.fed_ms = self.now_ms

    def _set_row(self, rows, at):
        at *= 3
        self.plus, self.minus, self.pins = rows[at], rows[at + 1], rows[at + 2]

    def _answer(self, state):
        serial, played = self.to_send, self.played
        if serial or played or state or self.seized:
            frames = len(played) // 2
            self._write(struct.pack(_ANSWER, len(serial), frames, self.seized, state))
            if serial:
                self._write(serial)
                self.to_send = bytearray()
            if played:
                self._write(played)
                self.played = bytearray()
        else:
            self._write(b"\0\0\0\0\0\0\0\0")

    def _write(self, answer):
        try:
            self._stream.write(answer)
        except OSError:
            raise SystemExit from None  # the simulator has gone; an error the firmware would survive

    def _read_exactly(self, buffer):
        """The simulator sends a grant whole, so less than the buffer means that it has gone."""
        size = len(buffer) * (2 if isinstance(buffer, array) else 1)
        try:
            count = self._stream.readinto(buffer)
        except OSError:
            count = 0
        if count != size:
            raise SystemExit


clock = None
"""The one clock of this process; `power_on` sets it."""


def power_on(stream, start_ms=0):
    """Start the clock on the socket to `sim.board`."""
    global clock
    clock = Clock(stream, start_ms)
    return clock

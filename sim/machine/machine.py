"""A stand-in for MicroPython's `machine` on the ESP32-S3, over the simulator's grants (granted.py).

Only what `firmware/board/` uses. Names, arguments and return values as in MicroPython 1.29's ESP32 port; what
the real part does wrong is kept: reads come back short, a full FIFO drops, a late watchdog resets.
"""

import io

import granted
from micropython import const

_POLL = const(3)
_FILENO = const(10)
_READ = const(1)
_WRITE = const(4)
PIN_BITS = {10: 0, 11: 1, 12: 2, 13: 3}
"""GPIO to its bit in a row: ring, line in use (DET1), battery (DET2), polarity."""
_SEIZE_PIN = const(14)
_MICROVOLTS_PER_CODE = const(800)
"""12 bits over 3.3 V."""

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
_settings = {"cause": PWRON_RESET, "source": b"\0" * 6}


def configure(source, cause):
    """What `unique_id` and `reset_cause` answer; called by the runner, not by firmware."""
    _settings["source"] = source
    _settings["cause"] = cause


def unique_id():
    return _settings["source"]


def reset_cause():
    return _settings["cause"]


def reset():
    granted.clock.end(granted.ENDED_RESET)


class Pin:
    """Inputs come from the rows; the seize output goes into the answers."""

    IN, OUT, PULL_UP, PULL_DOWN = 1, 3, 2, 1

    def __init__(self, number, mode=IN, pull=None, value=None):
        self._number = number
        self._bit = PIN_BITS.get(number, -1)
        self._level = 1 if pull == Pin.PULL_UP else 0
        if value is not None:
            self.value(value)

    def value(self, level=None):
        if level is not None:
            self._level = 1 if level else 0
            if self._number == _SEIZE_PIN:
                granted.clock.seized = self._level
            return None
        return granted.clock.pins >> self._bit & 1 if self._bit >= 0 else self._level


class ADC:
    """GPIO 1 and 2 see the two halves of the line monitor's output."""

    ATTN_11DB = 3

    def __init__(self, pin, atten=ATTN_11DB):
        self._is_plus = pin._number == 1

    def read_uv(self):
        clock = granted.clock
        return (clock.plus if self._is_plus else clock.minus) * _MICROVOLTS_PER_CODE


class Timer:
    """Periodic callbacks, run at their time while a grant passes."""

    ONE_SHOT, PERIODIC = 0, 1

    def __init__(self, number):
        self._callback = None
        self._period_ms = 0
        self._due_ms = 0

    def init(self, *, period, mode=PERIODIC, callback=None):
        self.deinit()
        self._period_ms = period
        self._callback = callback
        self._due_ms = granted.clock.now_ms + period
        granted.clock.timers.append(self)

    def deinit(self):
        if self in granted.clock.timers:
            granted.clock.timers.remove(self)

    def wait_ms(self, now_ms):
        return max(1, self._due_ms - now_ms)

    def run_due(self, now_ms):
        if now_ms >= self._due_ms:
            self._due_ms += self._period_ms
            self._callback(self)

    def restart(self, now_ms):
        self._due_ms = now_ms
        self.run_due(now_ms)


class WDT:
    """Cannot be stopped; the board is reset when it was not fed for `timeout` ms of its own time."""

    def __init__(self, timeout=5000):
        self._timeout_ms = timeout
        self.fed_ms = granted.clock.now_ms
        granted.clock.watchdog = self

    def feed(self):
        self.fed_ms = granted.clock.now_ms

    def is_late(self, now_ms):
        return now_ms - self.fed_ms > self._timeout_ms


class I2S(io.IOBase):
    """The codec at 16 kHz, one direction a port. Always readable: the wait for the next grant is in the
    read."""

    RX, TX, MONO, STEREO = 0, 1, 0, 1

    def __init__(self, number, *, sck, ws, sd, mode, bits, format, rate, ibuf):
        if rate != 16000 or bits != 16:
            raise ValueError("the simulated codec runs at 16 kHz, 16 bits")
        self._mode = mode
        self._zero = open("/dev/zero", "rb") if mode == I2S.RX else None

    def ioctl(self, request, argument):
        """A file that is always ready lets `poll` return without its 1 ms wait for objects without one."""
        if request == _FILENO and self._zero is not None:
            return self._zero.fileno()
        if request == _POLL:
            return argument & (_READ if self._mode == I2S.RX else _WRITE)
        return -1

    def readinto(self, buffer):
        return granted.clock.read_frames(buffer)

    def write(self, buffer):
        granted.clock.played.extend(buffer)
        return len(buffer)

    def deinit(self):
        pass


class UART(io.IOBase):
    """The link's port: a FIFO of `rxbuf` bytes that drops what does not fit, and a bounded send buffer."""

    def __init__(self, number, baudrate=115200, *, tx=None, rx=None, txbuf=256, rxbuf=256, timeout=0):
        self._txbuf, self._rxbuf = txbuf, rxbuf

    def ioctl(self, request, argument):
        if request != _POLL:
            return -1
        ready = _READ if granted.clock.received else 0
        if len(granted.clock.to_send) < self._txbuf:
            ready |= _WRITE
        return argument & ready

    def any(self):
        return min(len(granted.clock.received), self._rxbuf)

    def read(self, count=-1):
        clock = granted.clock
        if not clock.received:
            return None
        kept = clock.received[: self._rxbuf]
        data = bytes(kept if count < 0 else kept[:count])
        clock.received = kept[len(data) :]
        return data

    def write(self, data):
        clock = granted.clock
        room = self._txbuf - len(clock.to_send)
        taken = data if len(data) <= room else data[: max(0, room)]
        clock.to_send.extend(taken)
        return len(taken)


class I2C:
    """The codec's control port: every register write is accepted."""

    def __init__(self, number, *, scl, sda, freq):
        pass

    def writeto_mem(self, address, register, data):
        pass

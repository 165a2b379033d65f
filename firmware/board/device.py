"""The board as the rest of the firmware sees it: six calls about the line, and its clock, port and
watchdog."""

import machine
from machine import ADC, WDT, Pin, Timer
from micropython import const

from firmware.board import pins
from firmware.board.clock import Clock, since_ms
from firmware.board.codec import Codec
from firmware.board.link_port import open_port
from firmware.board.readings import PERIOD_MS, Readings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

_WATCHDOG_MS = const(8000)
_MAX_SEIZE_MS = const(90_000)
"""The contact opens after this whatever the rest of the firmware wants; the timer interrupt sees to it."""

_CAUSES = {machine.PWRON_RESET: "power_on", machine.WDT_RESET: "watchdog"}


class Device:
    """The hardware of one box."""

    def __init__(self) -> None:
        self._seize_pin = Pin(pins.SEIZE, Pin.OUT, value=0)
        self._plus = ADC(Pin(pins.LINE_PLUS), atten=ADC.ATTN_11DB)
        self._minus = ADC(Pin(pins.LINE_MINUS), atten=ADC.ATTN_11DB)
        self._ring_pin = Pin(pins.RING, Pin.IN)
        self._polarity_pin = Pin(pins.POLARITY, Pin.IN)
        self._seized_at = 0
        self.is_seized = False
        self.clock = Clock()
        self.codec = Codec()
        self.port = open_port()
        self.readings = Readings(self.line_mv, self._ring_pin.value)
        self._watchdog = WDT(timeout=_WATCHDOG_MS)
        self._timer = Timer(0)
        self._timer.init(period=PERIOD_MS, mode=Timer.PERIODIC, callback=self._on_timer)

    # The six calls.

    def line_mv(self) -> int:
        """Loop voltage now, signed by polarity, in mV."""
        return (self._plus.read_uv() - self._minus.read_uv()) * pins.MONITOR_DIVISOR // 1000

    def polarity(self) -> bool:
        """True while the first wire is positive."""
        return self._polarity_pin.value() == 1

    def ring(self) -> bool:
        """True while alternating voltage stands on the line."""
        return self._ring_pin.value() == 0

    def audio_read(self) -> bool:
        """True when a block of 256 samples is complete; it stands in `codec.samples`."""
        return self.codec.read()

    def audio_write(self, samples: "array[int]") -> None:
        """Play one block of 256 samples; heard only while the line is seized."""
        self.codec.write(samples)

    def seize(self, closed: bool) -> None:
        """Close or open the contact that holds the line. It opens by itself after _MAX_SEIZE_MS."""
        if closed and not self.is_seized:
            self._seized_at = self.clock.read()
        self.is_seized = closed
        self._seize_pin.value(1 if closed else 0)

    # What else a board is.

    def feed_watchdog(self) -> None:
        """Say that the loop lives."""
        self._watchdog.feed()

    def reset(self) -> None:
        """Start again; does not return."""
        self.seize(False)
        machine.reset()

    @property
    def source(self) -> str:
        """This box's id: 12 hex digits."""
        return machine.unique_id().hex()

    @property
    def boot_reason(self) -> str:
        """Why this boot happened, a word of the boot event."""
        return _CAUSES.get(machine.reset_cause(), "software")

    def _on_timer(self, timer: Timer) -> None:
        if self.is_seized and since_ms(self.clock.read(), self._seized_at) > _MAX_SEIZE_MS:
            self.seize(False)
        self.readings.on_timer(timer)
